"""Guests that mean harm: each run ends in time, raises nothing in the host, and leaves the machine usable."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from asm import assemble
from guest_run import Guest, program

from emu.machine import End, Machine

LOST = {
    "jumps to an empty vector": "li t0, 0x1000\njr t0",
    "traps into nowhere": "la t0, h\ncsrw mtvec, t0\nh: li t0, 0x1000\njr t0",
    "executes zeros": ".word 0",
    "loads from nowhere": "la t0, h\ncsrw mtvec, t0\nh: li t0, 0x1000\nlw t1, 0(t0)\nj h",
    "stores over its own code": "la t0, l\nla t1, l\nlw t2, 0(t1)\nl: sw t2, 0(t0)\nj l",
    "ecalls for ever": "la t0, h\ncsrw mtvec, t0\nh: ecall",
}
FLOOD = "li t0, 0x10000000\nli t1, 65\nl: sb t1, 0(t0)\nj l"
DRIVER = """
    li s0, 0x10001000
    li s1, 0x80010000       # descriptors
    li s2, 0x80011000       # avail ring
    li s3, 0x80012000       # used ring
    sw zero, 0x70(s0)
    li t0, 1
    sw t0, 0x70(s0)
    li t0, 3
    sw t0, 0x70(s0)
    li t1, 1
    sw t1, 0x24(s0)         # DriverFeaturesSel
    sw t1, 0x20(s0)         # VERSION_1
    li t0, 11
    sw t0, 0x70(s0)
    sw zero, 0x30(s0)
    lw t0, 0x34(s0)         # QueueSizeMax
    li t0, 8
    sw t0, 0x38(s0)
    sw s1, 0x80(s0)
    sw s2, 0x90(s0)
    sw s3, 0xa0(s0)
    sw t1, 0x44(s0)
    li t0, 15
    sw t0, 0x70(s0)
"""
KICK_AND_END = """
    sw zero, 0x50(s0)       # QueueNotify
    lw s4, 0x70(s0)         # Status afterwards
    slli s4, s4, 16
    li t0, 0x3333
    add s4, s4, t0
    li t0, 0x100000
    sw s4, 0(t0)
    l: j l
"""
DESCRIBE = """
    li t0, {address}
    sw t0, 0(s1)
    li t0, {length}
    sw t0, 8(s1)
    li t0, {flags}          # flags, next in the upper half
    sw t0, 12(s1)
    li t0, 0x10000          # flags 0, idx 1
    sw t0, 0(s2)
"""
WRITE = 2
NEEDS_RESET = 0x4F


def usable(machine: Machine) -> bool:
    """Whether the same machine runs a good program afterwards."""
    machine.exit_code = None
    machine.ram.write(0x80000000, assemble("li t0, 0x100000\nli t1, 0x73333\nsw t1, 0(t0)\nl: j l"))
    machine.hart.reset(0x80000000)
    return machine.run(10) is End.EXIT and machine.exit_code == 7


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("xlen", [32, 64])
def test_a_lost_guest_is_stopped_in_time(name: str, xlen: int, tmp_path: Path) -> None:
    guest = Guest(program(tmp_path, LOST[name], xlen), xlen=xlen)
    started = time.monotonic()
    assert guest.run(0.2).end is End.TIMEOUT
    assert time.monotonic() - started < 2
    assert usable(guest.machine)


def test_waiting_for_ever_is_noticed_at_once(tmp_path: Path) -> None:
    guest = Guest(program(tmp_path, "l: wfi\nj l"))
    started = time.monotonic()
    assert guest.run(20).end is End.STUCK
    assert time.monotonic() - started < 2
    assert usable(guest.machine)


def test_a_flood_on_the_uart_is_all_handed_on(tmp_path: Path) -> None:
    guest = Guest(program(tmp_path, FLOOD))
    ran = guest.run(0.3)
    assert ran.end is End.TIMEOUT
    assert len(ran.text) > 1000 and set(ran.text) == {"A"}
    assert usable(guest.machine)


@pytest.mark.parametrize(
    ("address", "length", "flags", "rule"),
    [
        (0x80020000, 0, WRITE, "inv.buffer-in-ram"),
        (0x1000, 16, WRITE, "inv.buffer-in-ram"),
        (0x803FFFF8, 16, WRITE, "inv.buffer-in-ram"),
        (0x80020000, 0xFFFFFFFF, WRITE, "inv.buffer-in-ram"),
        (0x80020000, 16, 1 | WRITE, "split.chain-no-loop"),  # its next is itself
    ],
)
def test_a_wrong_descriptor_is_a_violation_and_nothing_worse(
    address: int, length: int, flags: int, rule: str, tmp_path: Path
) -> None:
    text = DRIVER + DESCRIBE.format(address=address, length=length, flags=flags) + KICK_AND_END
    guest = Guest(program(tmp_path, text), "rng")
    ran = guest.run(10)
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, NEEDS_RESET, [rule])
    assert usable(guest.machine)


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_device_that_writes_over_its_own_ring_hurts_the_guest_alone(xlen: int, tmp_path: Path) -> None:
    """The buffer is the descriptor table with both rings: 12 KiB of entropy over everything that the queue is."""
    text = DRIVER + DESCRIBE.format(address=0x80010000, length=0x3000, flags=WRITE) + KICK_AND_END.replace(
        "lw s4, 0x70(s0)", "sw zero, 0x50(s0)\nsw zero, 0x50(s0)\nlw s4, 0x70(s0)"
    )  # fmt: skip
    guest = Guest(program(tmp_path, text, xlen), "rng", xlen=xlen)
    ran = guest.run(10)
    assert (ran.end, ran.code) == (End.EXIT, NEEDS_RESET)
    assert ran.violations[0] == "inv.avail-idx-jump"
    assert set(ran.violations[1:]) == {"status.no-rely-after-needs-reset"}
    assert usable(guest.machine)
