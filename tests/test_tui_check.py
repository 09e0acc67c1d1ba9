"""`run --check` and `virtscope check`: what was found, live and from a recording, and what the exit code says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli import complaint, virtscope
from guest_run import Guest, program

from emu.recording import Header, Recorder, read_recording
from tui.baseline import text_of
from tui.check import Check, watch
from tui.cli import build_parser
from tui.guests import guest_path
from tui.sites import Sites

GUESTS = guest_path("rng-rv64").parent
MUSEUM = guest_path("museum/status-clears-bits-rv64")
INVARIANT = guest_path("museum/queue-size-3-rv64")
CLEAN = guest_path("rng-rv64")
RNG = ("--device", "rng")
NAMES = sorted(path.relative_to(GUESTS).with_suffix("").as_posix() for path in GUESTS.rglob("*.elf"))
OTHERS = [name for name in NAMES if "museum" in name and "rv32" in name]
"""Nothing is different in them."""
ALL = [pytest.param(name, marks=[pytest.mark.slow] if name in OTHERS else []) for name in NAMES]


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    return lambda *arguments: complaint(capsys, *arguments)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a driver that breaks one rule at three places."""
    path = tmp_path_factory.mktemp("recordings") / "museum.jsonl"
    assert virtscope("run", MUSEUM, *RNG, "--check=off", f"--trace={path}").code == 0
    return path


@pytest.mark.parametrize("name", ALL)
def test_a_recording_gives_the_findings_of_the_run(name: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(65536))
    guest = Guest(name, "rng", f"blk,file={disk}", "console")
    path = tmp_path / "r.jsonl"
    sites = Sites(guest.machine.hart, guest.session.boot)
    recorder = Recorder(open(path, "w"), Header("machine", 1, 64, name), sites)  # noqa: SIM115  (the recorder closes it)
    guest.machine.trace.subscribe(recorder)
    options = ["--advice", "--pedantic"]
    live = watch(build_parser().parse_args(["run", name, *options]), guest.session, [], list)
    assert live is not None
    guest.run(1.0)  # the one that hangs breaks no more rules later
    recorder.close()
    again = Check(build_parser().parse_args(["check", str(path), *options]), [])
    for event in read_recording(path):
        again.observe(event)
    for check in (live, again):
        check.finish()
    assert text_of(again.new) == text_of(live.new)


def test_findings_are_told_at_the_end_of_a_run_and_the_exit_code_is_the_guests() -> None:
    done = virtscope("run", MUSEUM, *RNG)
    assert (done.code, done.out.splitlines()[-1]) == (0, "museum: and yet the device answers")
    *report, last = done.err.splitlines()
    assert sum(line == "violation MUST NOT status.no-clear-bit · VirtIO 2.1.1 · virtio0-rng" for line in report) == 3
    assert "  at       main+0x3a status-clears-bits.c:25 · pc 0x80000082 · c.sw s1, 0x70(a0)" in report
    assert "           status-clears-bits.c:25  W Status = 0x2  DRIVER: DRIVER set, ACKNOWLEDGE cleared" in report
    assert last.startswith("virtscope: 3 violations of 1 rule; first: status.no-clear-bit at status-clears-bits.c:25: ")
    assert max(map(len, done.err.splitlines())) <= 100
    assert virtscope("run", INVARIANT, *RNG).code == 2


@pytest.mark.parametrize("check", ["report", "strict"])
def test_nothing_is_said_of_a_driver_without_findings(check: str) -> None:
    done = virtscope("run", CLEAN, *RNG, f"--check={check}")
    assert (done.code, done.err) == (0, "")


def test_check_off_says_nothing_of_any_driver() -> None:
    done = virtscope("run", MUSEUM, *RNG, "--check=off")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("guest", [MUSEUM, INVARIANT])
def test_strict_stops_at_the_first_finding_with_code_3(guest: Path, tmp_path: Path) -> None:
    trace = tmp_path / "r.jsonl"
    done = virtscope("run", guest, *RNG, "--check=strict", f"--trace={trace}")
    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines()[-1].startswith("virtscope: 1 ")
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    (violation,) = (n for n, event in enumerate(events) if event["kind"] == "violation")
    assert {event["pc"] for event in events[violation:]} == {events[violation]["pc"]}, "an instruction after it ran"


def test_strict_goes_on_after_advice(tmp_path: Path) -> None:
    done = virtscope("run", CLEAN, *RNG, "--check=strict", "--advice", "--findings", tmp_path / "f.json")
    found = json.loads((tmp_path / "f.json").read_text())["findings"]
    assert done.code == 0 and {finding["severity"] for finding in found} <= {"advice"}


def test_without_symbols_the_offset_in_the_image_is_told_after_why_the_run_ended(tmp_path: Path) -> None:
    bare = program(tmp_path, "li t0, 0x10001000\nli t1, 2\nsw t1, 0x70(t0)\nl:\nj l")
    done = virtscope("run", bare, *RNG, "--timeout", "0.3")
    first, *report = done.err.splitlines()
    assert (done.code, first) == (124, "virtscope: timeout after 0.3 s at pc 0x80000010 program.bin+0x10 [j 0]")
    assert any("at       program.bin+0xc · pc 0x8000000c · sw t1, 0x70(t0)" in line for line in report)
    assert any("before   program.bin+0xc  W Status = 0x2  DRIVER: DRIVER set" in line for line in report)


def test_check_tells_the_findings_of_a_recording_and_ends_with_3(recording: Path) -> None:
    done = virtscope("check", recording)
    assert (done.code, done.err) == (3, "")
    assert done.out == virtscope("run", MUSEUM, *RNG).err


def test_check_of_a_recording_without_findings_says_so_and_ends_with_0(tmp_path: Path) -> None:
    path = tmp_path / "clean.jsonl"
    assert virtscope("run", CLEAN, *RNG, f"--trace={path}").code == 0
    done = virtscope("check", path)
    events = len(path.read_text().splitlines()) - 1  # the first is the header
    assert (done.code, done.out, done.err) == (0, f"virtscope: no findings in {events} events\n", "")


def test_check_prints_json_that_findings_would_hold(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    done = virtscope("check", recording, "--json", "--findings", path)
    assert (done.code, done.out) == (3, path.read_text())
    assert len(json.loads(done.out)["findings"]) == 3


def test_a_recording_cut_short_is_judged_up_to_there(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(recording.read_bytes()[:-10])
    done = virtscope("check", path)
    whole = path.read_bytes().count(b"\n")
    assert done.code == 2 and "3 violations of 1 rule" in done.out
    assert done.err == f"virtscope: {path}: line {whole + 1} is truncated: the recording stops in the middle of it\n"


def test_a_file_that_is_no_recording_is_named(says: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, message in [(b"", "the file is empty"), (b"hello\n", "line 1: not JSON: "), (b"[]\n", "line 1: ")]:
        path.write_bytes(content)
        assert says("check", path).startswith(f"{path}: {message}")
    assert says("check", tmp_path / "missing") == f"{tmp_path / 'missing'}: No such file or directory"


@pytest.mark.parametrize("command", ["run", "check"])
def test_known_findings_are_accepted_and_new_ones_are_not(command: str, recording: Path, tmp_path: Path) -> None:
    target = ("run", MUSEUM, *RNG, "--check=strict") if command == "run" else ("check", recording)
    known, left = tmp_path / "known.json", tmp_path / "left.json"
    virtscope("check", recording, "--findings", known)
    done = virtscope(*target, "--baseline", known, "--findings", left)
    assert (done.code, json.loads(left.read_text())["findings"]) == (0, [])
    assert done.out.endswith("answers\n" if command == "run" else " events\n") and done.err == ""
    data = json.loads(known.read_text())
    for finding in data["findings"]:
        finding["where"] = "elsewhere " + finding["where"]
    known.write_text(json.dumps(data))
    assert virtscope(*target, "--baseline", known).code == 3


def test_files_that_cannot_be_used_are_named_before_anything_runs(says: Callable[..., str], tmp_path: Path) -> None:
    known, full, text = tmp_path / "known.json", tmp_path / "full.json", tmp_path / "x.txt"
    run = ("run", CLEAN, *RNG)
    assert says(*run, "--findings", text) == f"--findings {text}: the name ends in neither .json nor .sarif"
    assert says(*run, "--findings", tmp_path / "no" / "f.json").endswith("f.json: No such file or directory")
    assert says(*run, "--baseline", known) == f"{known}: No such file or directory"
    assert says(*run, "--check=off", "--baseline", known) == "--baseline needs --check=report or strict"
    assert says(*run, "--check=off", "--findings", known) == "--findings needs --check=report or strict"
    known.write_text("{}")
    assert says(*run, "--baseline", known).startswith(f"{known}: not the findings of an earlier run")
    known.write_text(text_of([]))
    twice = (*run, "--baseline", known, "--findings", known)
    assert says(*twice) == f"{known}: --findings would overwrite {known}, which this run reads"
    full.symlink_to("/dev/full")
    done = virtscope(*run, "--findings", full)
    assert (done.code, done.err) == (2, f"virtscope: {full}: No space left on device\n")
