"""What the native helper changes in the engine's code: blocks count themselves, accesses are checked in place."""

from __future__ import annotations

import platform
import sys

import pytest
from bare import HANDLER, TO_M, XLEN, Guest

from emu import native
from emu.config import Stop
from emu.pace import BlockPace

pytestmark = [
    pytest.mark.skipif(native.load() is None, reason=native.ABSENT),
    pytest.mark.skipif(
        platform.machine() != "x86_64" or sys.platform != "linux", reason="code is changed on x86-64 Linux only"
    ),
]
YES = 1
LOOP = """
    li t0, {start}
    li t1, 1000
    loop: lw a0, 0(t0)
    sw a0, 4(t0)
    addi t1, t1, -1
    bnez t1, loop
    wfi
"""


def helped(program: str, xlen: int) -> tuple[Guest, native.State]:
    guest = Guest(program, xlen)
    assert isinstance(guest.hart.pace, BlockPace)
    return guest, guest.hart.pace.state


@XLEN
def test_blocks_count_themselves(xlen: int) -> None:
    guest, state = helped(LOOP.format(start=0x80002000), xlen)
    assert guest.run() is Stop.WAITING
    assert (state.inlining, state.checking) == (YES, YES)
    assert guest.hart.instructions == 4 * 1000 + len(guest.program) // 4 - 4


@XLEN
def test_a_run_stops_at_its_limit_in_blocks_that_count_themselves(xlen: int) -> None:
    guest, state = helped("loop: addi a0, a0, 1\nnop\nj loop", xlen)
    for _ in range(3):  # the first run finds the block, the others its changed code
        before = guest.hart.instructions
        assert guest.hart.run(3000) is Stop.LIMIT
        assert guest.hart.instructions - before == 3000
    assert guest.hart.core.x[10] == 3000
    assert state.inlining == YES


@XLEN
def test_a_store_to_nowhere_stops_before_the_next_instruction_though_the_check_was_changed(xlen: int) -> None:
    program = f"""
        {TO_M}
        li t0, 0x80002000
        li t1, 3
        again: sw a1, 0(t0)
        addi a2, a2, 1
        sw a2, 8(t0)
        addi t1, t1, -1
        li t3, 1
        bne t1, t3, next
        li t0, 0x40000000
        next: bnez t1, again
        wfi
        {HANDLER}
    """
    guest, state = helped(program, xlen)
    guest.run()
    core = guest.hart.core
    assert state.checking == YES
    assert core.mcause.value == 7
    assert core.mtval.value == 0x40000000
    assert core.x[12] == 2
    assert guest.hart.fetch(core.mepc.value) == 0x00B2A023  # sw a1, 0(t0)


@XLEN
def test_the_helper_can_leave_the_code_alone(xlen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTSCOPE_NATIVE", "calls")
    guest, state = helped(LOOP.format(start=0x80002000), xlen)
    assert guest.run() is Stop.WAITING
    assert (state.inlining, state.checking, state.stub) == (native.NOT, native.NOT, 0)
