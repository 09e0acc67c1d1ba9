"""The tools of `make bench`, and that what is compared does the same work."""

from __future__ import annotations

import pytest

from bench import bare, mmio, report, requests, speed
from bench.__main__ import main
from bench.measure import Section, interleaved, median, ratio
from emu.trace import Event, RegisterAccess


def test_cases_take_turns_and_keep_their_figures() -> None:
    order: list[str] = []

    def case(name: str, figures: list[float]) -> float:
        order.append(name)
        return figures.pop(0)

    ours, theirs = [2.0, 9.0, 4.0], [1.0, 3.0, 4.0]
    samples = interleaved({"ours": lambda: case("ours", ours), "theirs": lambda: case("theirs", theirs)}, 3)
    assert order == ["ours", "theirs"] * 3
    assert (median(samples, "ours"), ratio(samples, "ours", "theirs")) == (4.0, "2.00x")


def test_a_section_becomes_a_markdown_table() -> None:
    section = Section("Speed", ("/ bare",), notes=["A note."])
    section.add("ours", "5 ns", "2.00x")
    section.add("  part", "1 ns")
    text = report.markdown([section])
    assert "## Speed\n\n| what | figure | / bare |\n|---|---:|---:|\n" in text
    assert "| ours | 5 ns | 2.00x |\n| part | 1 ns |  |\n\n* A note.\n" in text


def test_an_unknown_section_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", "sped"]) == 2
    known = "mmio, speed, startup, firmware, linux, requests"
    assert capsys.readouterr().err == f"bench: no section sped; there are {known}\n"


def test_bare_unicorn_and_the_hart_run_the_whole_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "ROUNDS", 1000)
    for body in speed.BODY.values():
        assert len(body) + 2 == speed.PER_ROUND
        code = speed.program(body)
        uc = bare.instance(code)
        bare.run(uc)
        assert uc.reg_read(bare.rc.UC_RISCV_REG_PC) == bare.RAM_BASE + len(code)
        for helper in (True, False):
            speed.hart_case(code, helper)()  # raises if it does not come to the end


@pytest.mark.parametrize("what", mmio.ACCESS)
def test_every_access_that_is_timed_reaches_the_device(what: str) -> None:
    base, access = mmio.ACCESS[what]
    machine = mmio.machine_with(mmio.program(access, base), recorded=True)
    events: list[Event] = []
    machine.trace.subscribe(events.append)
    mmio.machine_case(machine)()
    assert sum(isinstance(event, RegisterAccess) for event in events) == mmio.ACCESSES


@pytest.mark.parametrize("recorded", [False, True])
def test_requests_are_served(monkeypatch: pytest.MonkeyPatch, recorded: bool) -> None:
    monkeypatch.setattr(requests, "READS", 3)
    monkeypatch.setattr(requests, "REQUESTS", 300)  # more than the queue has entries
    requests.blk_case(recorded)()  # both raise if one is not
    requests.rng_case(recorded)()
