"""The native helper and the engine's own count give the same numbers: counts, and the instruction of every access."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from asm import assemble
from bare import XLEN, Guest
from guest_run import Guest as Run

from emu import native
from emu.config import Stop
from emu.trace import Event

pytestmark = pytest.mark.skipif(native.load() is None, reason=native.ABSENT)

PLACES = {
    "the same register twice in a block": "lw a0, 0(t0)\nlw a1, 0(t0)\nlw a2, 0(t0)\n",
    "a pointer followed through its own register": "lx t1, 0(t1)\nlw a0, 0(t1)\n",
    "a pointer followed twice": "lx t2, 8(t1)\nlx t2, 0(t2)\nlw a0, 0(t2)\n",
    "a base register loaded anew between two stores": "sw s0, 16(t0)\nlx t0, 0(t1)\nsw s1, 16(t0)\nlw a0, 16(t0)\n",
    "two loads over a base that is loaded anew": "lx t2, 0(t1)\nlw t2, 0(t2)\nlx t2, 0(t1)\nlw t2, 0(t2)\n",
    "two loads over a base that is computed anew": "li a4, 0x10000000\nlw a4, 4(a4)\nli a4, 0x10000000\nlw a4, 4(a4)\n",
    "two loads over a base that is copied anew": "mv a4, t0\nlw a4, 4(a4)\n.word 0x00018716\nlw a4, 4(a4)\n",  # C.MV
    "a load over its own base": "mv a4, t0\nlw a4, 0(a4)\nlw a5, 4(t0)\n",
    "loads and stores at one address": "sw s0, 0(t0)\nlw a0, 0(t0)\nsw a0, 0(t0)\nlw a1, 0(t0)\n",
    "narrow accesses": "lbu a0, 1(t0)\nlhu a1, 2(t0)\nsb s0, 1(t0)\nsh s0, 2(t0)\n",
    "an atomic": "amoadd.w a0, s0, (t0)\nlw a1, 0(t0)\n",
    "a base that moves": "lw a0, 0(t0)\naddi t0, t0, 4\nlw a1, 0(t0)\naddi t0, t0, -4\nlw a2, 0(t0)\n",
}
DATA = """
    li t0, 0x10000000
    la t1, cell
    li s0, 1
    li s1, 2
{body}
    wfi
    .org 0x1000
    cell: .{word} 0x10000000
    .org 0x1008
    .{word} 0x80001000
"""


COUNT, CALLS, HELPER = "0", "calls", "1"
"""The engine's count, and the helper without and with changing the engine's code."""


def accesses(program: str, xlen: int, monkeypatch: pytest.MonkeyPatch, way: str) -> list[tuple[int, ...]]:
    monkeypatch.setenv("VIRTSCOPE_NATIVE", way)
    guest = Guest(program, xlen)
    seen: list[tuple[int, ...]] = []

    def load(offset: int, width: int) -> int:
        seen.append((guest.hart.pc, guest.hart.instructions, offset, width))
        return 0x10000000

    def store(offset: int, width: int, value: int) -> None:
        seen.append((guest.hart.pc, guest.hart.instructions, offset, width, value))

    guest.device(load, store)
    assert guest.run() is Stop.WAITING
    return [*seen, (guest.hart.instructions,)]


@XLEN
@pytest.mark.parametrize("what", PLACES)
def test_the_instruction_of_an_access_is_found_from_the_registers(
    xlen: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = DATA.format(body=PLACES[what], word="dword" if xlen == 64 else "word")
    exact = accesses(program, xlen, monkeypatch, COUNT)
    assert len(exact) > 1
    assert accesses(program, xlen, monkeypatch, HELPER) == exact
    assert accesses(program, xlen, monkeypatch, CALLS) == exact


@XLEN
def test_random_straight_code_is_counted_and_placed_alike(xlen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(40):
        chance = random.Random(seed)
        lines = []
        for _ in range(60):
            offset = 4 * chance.randrange(4)
            lines.append(
                chance.choice([
                    f"lw a{chance.randrange(6)}, {offset}(t0)", f"sw s{chance.randrange(2)}, {offset}(t0)",
                    f"lbu a0, {offset + chance.randrange(4)}(t0)", "addi a1, a1, 1", "c.nop", "lx t0, 0(t1)",
                    "mv t2, t0", f"lw a3, {offset}(t2)" if "mv t2, t0" in lines else "nop",
                ])
            )  # fmt: skip
        program = DATA.format(body="\n".join(lines), word="dword" if xlen == 64 else "word")
        exact = accesses(program, xlen, monkeypatch, COUNT)
        assert accesses(program, xlen, monkeypatch, HELPER) == exact, f"seed {seed}"
        assert accesses(program, xlen, monkeypatch, CALLS) == exact, f"seed {seed}"


def test_loops_traps_and_waits_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
    la t0, handler
    csrw mtvec, t0
    li t1, 50
    loop: ecall
    lw a0, 0(zero)
    c.ebreak
    csrr a1, time
    addi t1, t1, -1
    bnez t1, loop
    wfi
    .align 2
    handler: csrr t2, mepc
    csrr t3, mcause
    addi t2, t2, 2
    li t4, 3
    beq t3, t4, back
    addi t2, t2, 2
    back: csrw mepc, t2
    mret
    """
    counts = []
    for way in (COUNT, CALLS, HELPER):
        monkeypatch.setenv("VIRTSCOPE_NATIVE", way)
        guest = Guest(program, 64)
        assert guest.run() is Stop.WAITING
        counts.append(guest.hart.instructions)
    assert counts[0] == counts[1] == counts[2]


@XLEN
@pytest.mark.parametrize("name", ["rng", "blk", "console", "demo"])
def test_the_traces_of_a_guest_are_the_same(
    xlen: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trace(way: str) -> list[Event]:
        monkeypatch.setenv("VIRTSCOPE_NATIVE", way)
        disk = tmp_path / f"{way}.img"
        disk.write_bytes(bytes(65536))
        run = Run(f"{name}-rv{xlen}", "rng", f"blk,file={disk}", "console")
        return [event.to_json() for event in run.run(20).events]  # type: ignore[misc]

    exact = trace(COUNT)
    assert trace(HELPER) == exact
    assert trace(CALLS) == exact


def test_a_device_may_rewrite_code_without_being_miscounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTSCOPE_NATIVE", "1")
    guest = Guest("li a0, 1\nli a1, 1\nwfi", 64)
    guest.run()
    assert guest.hart.instructions == 3
    guest.ram.write(guest.ram.base, assemble("c.nop\nc.nop\nli a1, 1\nwfi"))
    guest.hart.reset(guest.ram.base)
    guest.run()
    assert guest.hart.instructions == 3 + 4
