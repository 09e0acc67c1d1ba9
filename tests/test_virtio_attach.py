"""A device on a Unicorn instance that somebody else made: guests of other architectures drive it."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from attach_guests import ARM, ARM64, X86
from unicorn import UC_ARCH_ARM, UC_ARCH_ARM64, UC_ARCH_X86, UC_MODE_64, UC_MODE_ARM, Uc
from unicorn.x86_const import UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_RSP

import virtio
from emu.trace import Event, RegisterAccess, Trace
from virtio.devices.rng import Rng
from virtio.events import SpecViolation
from virtio.queue.split import Queue

ROOT = Path(__file__).parent.parent
SLOT, CODE, BUFFER = 0x1000_1000, 0x1000, 0x8000
SECRET = bytes(range(100, 132))

guests = pytest.mark.parametrize(
    ("arch", "mode", "code"),
    [(UC_ARCH_ARM, UC_MODE_ARM, ARM), (UC_ARCH_ARM64, UC_MODE_ARM, ARM64), (UC_ARCH_X86, UC_MODE_64, X86)],
    ids=["arm", "arm64", "x86-64"],
)


def machine(arch: int, mode: int, code: bytes) -> Uc:
    uc = Uc(arch, mode)
    uc.mem_map(0, 0x10000)
    uc.mem_write(CODE, code)
    return uc


def run(uc: Uc, code: bytes) -> None:
    uc.emu_start(CODE, CODE + len(code), timeout=5_000_000)


@guests
def test_a_guest_of_another_architecture_gets_its_entropy(arch: int, mode: int, code: bytes) -> None:
    uc = machine(arch, mode, code)
    levels: list[bool] = []
    trace, events = Trace(), list[Event]()
    trace.subscribe(events.append)
    slot = virtio.attach(uc, Rng(lambda n: SECRET[:n]), base=SLOT, irq=levels.append, trace=trace, name="entropy")
    run(uc, code)
    assert uc.mem_read(BUFFER, 32) == SECRET
    assert levels == [True, False]
    assert (slot.status, slot.interrupt_status) == (0x0F, 0)
    assert [e for e in events if isinstance(e, SpecViolation)] == []
    accesses = [(e.source, e.op, e.name, e.detail) for e in events if isinstance(e, RegisterAccess)]
    assert ("entropy", "w", "QueueNotify", "queue 0: 1 chain available") in accesses
    assert accesses[-1] == ("entropy", "w", "InterruptACK", "USED_BUFFER: acknowledged")


def test_an_interrupt_callback_and_a_trace_are_not_needed() -> None:
    uc = machine(UC_ARCH_X86, UC_MODE_64, X86)
    virtio.attach(uc, Rng(), base=SLOT)
    run(uc, X86)
    assert uc.mem_read(BUFFER, 32) != bytes(32)


def test_two_devices_on_one_machine_do_not_disturb_each_other() -> None:
    uc = machine(UC_ARCH_X86, UC_MODE_64, X86)
    first = virtio.attach(uc, Rng(lambda n: SECRET[:n]), base=SLOT)
    second = virtio.attach(uc, Rng(), base=SLOT + 0x1000)
    run(uc, X86)
    assert uc.mem_read(BUFFER, 32) == SECRET
    assert (first.status, second.status) == (0x0F, 0)


class Bad(Rng):
    """A device model with a bug of its own."""

    def on_notify(self, queue: Queue, name: str) -> None:
        raise ZeroDivisionError("a bug in the model")


def test_a_bug_in_a_device_model_is_logged_and_does_not_cross_unicorn(caplog: pytest.LogCaptureFixture) -> None:
    code = X86[: X86.index(bytes.fromhex("6683be"))]  # without waiting for an answer that will not come
    uc = machine(UC_ARCH_X86, UC_MODE_64, code)
    slot = virtio.attach(uc, Bad(), base=SLOT)
    with caplog.at_level(logging.ERROR, logger="virtio"):
        run(uc, code)
    assert slot.status == 0x4F
    assert [r.getMessage() for r in caplog.records] == ["virtio0 at 0x10001000: a bug in the model"]
    assert caplog.records[0].exc_info is not None


def test_a_bug_while_reading_reads_0(caplog: pytest.LogCaptureFixture) -> None:
    code = bytes.fromhex("b870100010 8b18".replace(" ", ""))  # mov eax, 0x10001070; mov ebx, [rax]
    uc = machine(UC_ARCH_X86, UC_MODE_64, code)
    slot = virtio.attach(uc, Rng(), base=SLOT)
    slot._loads[0x70] = lambda: 1 // 0
    run(uc, code)
    assert "integer division" in caplog.text
    assert slot.status == 0x40


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (0x8000, SLOT + 0x100, "inv.buffer-in-ram"),  # the buffer in the device's own registers
        (0x8000, 0xFFF0, "inv.buffer-in-ram"),  # 32 bytes of which 16 are RAM
    ],
)
def test_device_memory_is_not_ram(old: int, new: int, rule: str) -> None:
    code = X86.replace(b"\xc7\x06" + old.to_bytes(4, "little"), b"\xc7\x06" + new.to_bytes(4, "little"))
    code = code[: code.index(bytes.fromhex("6683be"))]
    uc = machine(UC_ARCH_X86, UC_MODE_64, code)
    trace, events = Trace(), list[Event]()
    trace.subscribe(events.append)
    slot = virtio.attach(uc, Rng(), base=SLOT, trace=trace)
    run(uc, code)
    assert [e.rule for e in events if isinstance(e, SpecViolation)] == [rule]
    assert slot.status == 0x4F


def test_code_that_a_device_brings_replaces_what_was_translated() -> None:
    """The guest runs the buffer, lets the device overwrite it, and runs it again."""
    # call 0x8000; mov ecx, eax; <the driver>; call 0x8000
    def call(at: int) -> bytes:
        return b"\xe8" + (BUFFER - (at + 5)).to_bytes(4, "little", signed=True)

    head = call(CODE) + b"\x89\xc1"
    code = head + X86 + call(CODE + len(head) + len(X86))
    uc = machine(UC_ARCH_X86, UC_MODE_64, code)

    uc.reg_write(UC_X86_REG_RSP, 0xF000)
    uc.mem_write(BUFFER, bytes.fromhex("b801000000c3"))  # mov eax, 1; ret
    virtio.attach(uc, Rng(lambda n: bytes.fromhex("b802000000c3")), base=SLOT)
    run(uc, code)
    assert (uc.reg_read(UC_X86_REG_ECX), uc.reg_read(UC_X86_REG_EAX)) == (1, 2)


def test_the_example_of_the_readme_runs() -> None:
    path = ROOT / "tests" / "readme_attach.py"
    assert len(path.read_text().splitlines()) <= 25
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == ""
    interrupt, got = done.stdout.splitlines()
    assert interrupt == "interrupt raised"
    assert got.startswith("the guest got ")
    assert len(bytes.fromhex(got.split()[-1])) == 16


def test_attaching_imports_no_unicorn() -> None:
    code = "import sys, virtio, virtio.attach; sys.exit('unicorn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode == 0
