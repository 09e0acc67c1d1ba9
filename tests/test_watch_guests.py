"""`--watch rings` on real programs: each bug is found at its instruction, drivers that work are told nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import complaint, virtscope
from firmware import UBoot
from guest_run import Guest, Ran, program
from museum import CATALOGUE, Exhibit
from test_guests_linux import APPEND, CONTENT, guest
from test_museum import SECONDS, TURNING, device
from test_uboot import CONTENT as DISK
from test_uboot import debian, power_off, read_and_write

import virtio.events  # noqa: F401  (registers its kinds of events)
from emu.boot import BootConfig
from emu.machine import End
from emu.recording import read_recording
from emu.trace import RegisterAccess
from tui.guests import guest_path
from tui.session import Session, SessionConfig, open_session
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.findings import Finding
from virtio.watched import ChainAvailable, FenceExecuted, MemoryAccess

XLEN = pytest.mark.parametrize("xlen", [32, 64])
RNG_DRIVER = """
    li s0, 0x10001000
    li s1, 0x80010000       # descriptors; avail ring, used ring and buffer a page further each
    li s2, 0x80011000
    li s3, 0x80012000
    li s4, 0x80013000
    lw t0, 0(s0)
    lw t0, 4(s0)
    lw t0, 8(s0)
    sw zero, 0x70(s0)
    lw t0, 0x70(s0)
    li t0, 1
    sw t0, 0x70(s0)
    li t0, 3
    sw t0, 0x70(s0)
    li t0, 1
    sw t0, 0x14(s0)
    lw t1, 0x10(s0)
    sw t0, 0x24(s0)
    sw t0, 0x20(s0)         # VERSION_1
    li t0, 11
    sw t0, 0x70(s0)
    lw t0, 0x70(s0)
    sw zero, 0x30(s0)
    lw t0, 0x44(s0)
    lw t0, 0x34(s0)
    li t0, 8
    sw t0, 0x38(s0)
    sw s1, 0x80(s0)
    sw zero, 0x84(s0)
    sw s2, 0x90(s0)
    sw zero, 0x94(s0)
    sw s3, 0xa0(s0)
    sw zero, 0xa4(s0)
    li t0, 1
    sw t0, 0x44(s0)
    li t0, 15
    sw t0, 0x70(s0)
    sw s4, 0(s1)
    li t0, 16
    sw t0, 8(s1)
    li t0, 2
    sh t0, 12(s1)
    sh zero, 4(s2)
    fence
    li t0, 1
    sh t0, 2(s2)
    {before_the_kick}
    fence
    sw zero, 0x50(s0)
    wait: lhu t0, 2(s3)
    beqz t0, wait
    {after_the_look}
    fence
    lw t0, 4(s3)
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    end: j end
"""
"""Asks an entropy device once, by polling."""


def judged(session: Session, seconds: float) -> tuple[End, list[Finding]]:
    """Run it; the findings of the rules, SHOULDs left out."""
    sanitizer = Sanitizer()
    session.machine.trace.subscribe(sanitizer)
    end = session.machine.run(seconds)
    assert session.rings is not None
    session.rings.end(session.machine.hart.instructions)
    sanitizer.finish()
    return end, list(sanitizer.findings)


def rng(folder: Path, xlen: int, before: str = "", after: str = "") -> tuple[Guest, list[Finding]]:
    text = RNG_DRIVER.format(before_the_kick=before, after_the_look=after)
    run = Guest(program(folder, text, xlen), "rng", xlen=xlen, watch_rings=True)
    end, findings = judged(run.session, SECONDS)
    assert end is End.EXIT
    return run, findings


@XLEN
def test_the_driver_that_all_these_are_made_from_is_told_nothing(xlen: int, tmp_path: Path) -> None:
    run, findings = rng(tmp_path, xlen)
    assert findings == []
    kinds = (MemoryAccess, FenceExecuted, ChainAvailable)
    said = [event.text for event in run.events if isinstance(event, kinds) and "desc" not in event.text]
    assert said[:4] == [
        "queue 0: stored to avail.ring[0]: 0x0",
        "fence iorw,iorw",
        "queue 0: stored to avail.idx: 0x1",
        "queue 0: chain 0 made available",
    ]
    assert said[-3:] == [
        "queue 0: loaded from used.idx: 0x1",
        "fence iorw,iorw",
        "queue 0: loaded from used.ring[0].id: 0x0",
    ]


@XLEN
@pytest.mark.parametrize(
    ("before", "after", "rule", "message"),
    [
        ("bug: sh zero, 2(s2)\nsh t0, 2(s2)", "", "split.avail-idx-no-decrement", "avail.idx went back from 1 to 0"),
        ("bug: sh zero, 2(s3)", "", "inv.driver-writes-used", "the driver stored 0x0 to used.idx"),
        ("bug: sb zero, 15(s4)", "", "inv.freed-while-live", "1-byte store to 0x8001300f, in a device-writable buffer"),
        ("bug: lw t1, 4(s4)", "", "inv.used-before-idx", "a buffer of chain 0 was read before it came back"),
        ("bug: lw t1, 8(s3)", "", "inv.used-before-idx", "used.ring[0].len was read before it is there"),
        ("bug: sh zero, 14(s1)", "", "ring.no-alter-exposed", "desc[0].next was stored to while the device has"),
        ("", "bug: lw t1, 4(s3)", "inv.used-before-idx", "no fence r,r was executed between the load of used.idx"),
    ],
)
def test_a_bug_is_found_at_its_instruction(
    before: str, after: str, rule: str, message: str, xlen: int, tmp_path: Path
) -> None:
    run, findings = rng(tmp_path, xlen, before, after)
    assert [finding.rule.id for finding in findings] == [rule]
    assert message in findings[0].message
    at = before.removeprefix("bug: ") or after.removeprefix("bug: ")
    place = [event for event in run.events if event.pc == findings[0].pc and isinstance(event, MemoryAccess)]
    assert {event.op for event in place} == {"r" if at.startswith("l") else "w"}


def watched(exhibit: Exhibit, xlen: int, folder: Path) -> None:
    name = f"museum/{exhibit.name}-rv{xlen}"
    run = Guest(name, device(exhibit.device, folder), watch_rings=True)
    end, findings = judged(run.session, TURNING if exhibit.ends is End.TIMEOUT else SECONDS)
    found = {finding.rule.id for finding in findings}
    assert found - {*exhibit.rules, *exhibit.late, *exhibit.watch} == set()
    assert {*exhibit.watch} - found == set()
    assert end is (exhibit.ends if isinstance(exhibit.ends, End) else End.EXIT)


@XLEN
@pytest.mark.parametrize("exhibit", [e for e in CATALOGUE if e.watch], ids=lambda exhibit: exhibit.name)
def test_a_museum_guest_that_needs_watching_is_found(exhibit: Exhibit, xlen: int, tmp_path: Path) -> None:
    watched(exhibit, xlen, tmp_path)


@pytest.mark.slow
@XLEN
@pytest.mark.parametrize("exhibit", [e for e in CATALOGUE if not e.watch], ids=lambda exhibit: exhibit.name)
def test_watching_adds_nothing_to_the_other_museum_guests(exhibit: Exhibit, xlen: int, tmp_path: Path) -> None:
    watched(exhibit, xlen, tmp_path)


@XLEN
@pytest.mark.parametrize("name", ["rng", "blk", "console", "demo"])
def test_a_good_guest_is_told_nothing_and_runs_the_same(name: str, xlen: int, tmp_path: Path) -> None:
    kinds = ["rng", "blk", "console"] if name == "demo" else [name]

    def accesses(**machine: object) -> tuple[Ran, list[tuple[int, int, str]]]:
        run = Guest(f"{name}-rv{xlen}", *(device(kind, tmp_path) for kind in kinds), **machine)
        sanitizer = Sanitizer()
        run.machine.trace.subscribe(sanitizer)
        ran = run.run()
        run.session.close()
        assert list(sanitizer.findings) == []
        return ran, [(e.time, e.pc, e.text) for e in run.events if isinstance(e, RegisterAccess)]

    plain, watching = accesses(), accesses(watch_rings=True)
    assert (plain[0].end, plain[0].code) == (watching[0].end, watching[0].code) == (End.EXIT, 0)
    assert plain[1] == watching[1], "time and pc of every register access"
    assert any(isinstance(event, MemoryAccess) for event in watching[0].events)


def test_the_command_says_what_watching_took_and_its_recording_gives_the_same_findings(tmp_path: Path) -> None:
    elf = guest_path("museum/kick-without-fence-rv64")
    record = tmp_path / "record.jsonl"
    done = virtscope("run", elf, "--device", "rng", "--watch", "rings", f"--trace={record}")
    assert done.code == 0
    assert "virtscope: watching rings: " in done.err and " accesses and " in done.err
    sanitizer = Sanitizer()
    for event in read_recording(record):
        sanitizer(event)
    assert [finding.rule.id for finding in sanitizer.findings] == ["inv.kick-barrier"]
    assert "kick-without-fence.c:" in next(iter(sanitizer.findings)).where


def test_a_restored_guest_cannot_be_watched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "saved"
    virtscope("run", guest_path("rng-rv64"), "--device", "rng", "--save-at", "status:DRIVER_OK", saved)
    said = complaint(capsys, "run", "--device", "rng", "--restore", saved, "--watch", "rings")
    assert "--watch rings: not with --restore, what was done to the rings before is not known" in said


@pytest.mark.slow
@XLEN
def test_linux_keeps_every_rule_of_memory_and_fences(xlen: int, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT)
    kernel, initrd = guest(f"Image-6.12-small-rv{xlen}.gz"), guest(f"ninit{xlen}.cpio")
    boot = BootConfig(kernel=str(kernel), initrd=str(initrd), append=APPEND)
    devices = [f"blk,file={disk}", "rng", f"console,output={tmp_path / 'hvc0'}"]
    end, findings = judged(open_session(SessionConfig(boot, devices, watch_rings=True)), 300)
    assert (end, [f.message for f in findings]) == (End.EXIT, [])


@pytest.mark.slow
def test_u_boot_has_no_fences_around_its_rings(tmp_path: Path) -> None:
    """True: docs/found-in-the-wild.md."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(DISK)
    boot = UBoot(debian(""), f"blk,file={disk}", watch_rings=True)
    sanitizer = Sanitizer()
    boot.machine.trace.subscribe(sanitizer)
    boot.start()
    read_and_write(boot, disk)
    power_off(boot)
    assert {f.rule.id for f in sanitizer.findings if f.rule.observed == "memory-watch"} == {
        "split.barrier-before-idx", "split.barrier-before-suppress-read", "inv.used-before-idx",
    }  # fmt: skip
