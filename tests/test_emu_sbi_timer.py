"""emu/sbi.py: time, with Sstc and without, and a hart that waits for it."""

from __future__ import annotations

import pytest
from s_mode import CALL, HANDLER, TO_HANDLER, s_mode

from emu.machine import End
from emu.sbi_spec import Extension
from emu.traps import Irq

XLEN = pytest.mark.parametrize("xlen", [32, 64])
TIMER = """
    li t0, 0x20
    csrw sie, t0
    csrsi sstatus, 2
    csrr s0, time
    li a1, 0
    li a0, 5000
    add a0, a0, s0
    {call}
    {wait}
    .align 2
    handler:
    csrr s1, scause
    csrr s4, time
    csrr s5, sip
    li a0, -1
    li a1, -1
    {call}
    csrr s6, sip
    wfi
"""


@XLEN
@pytest.mark.parametrize("extension", [Extension.SET_TIMER, Extension.TIME])
@pytest.mark.parametrize("wait", ["loop: j loop", "loop: wfi\nj loop"])
@pytest.mark.parametrize("sstc", [True, False])
def test_the_timer_interrupts_s_mode_once(xlen: int, extension: int, wait: str, sstc: bool) -> None:
    program = TO_HANDLER + TIMER.format(call=CALL.format(extension, 0), wait=wait)
    machine, _ = s_mode(program, xlen, sstc)
    assert machine.run(5) is End.STUCK, "nothing is armed any more"
    x = machine.hart.core.x
    assert x[9] == 1 << xlen - 1 | 5
    assert 5000 <= x[20] - x[8] < 5100
    assert (x[21] & Irq.STIP, x[22] & Irq.STIP) == (Irq.STIP, 0)
    assert not machine.hart.core.mip.value & Irq.MTIP


STIMECMP = """
    li t0, 0x20
    csrw sie, t0
    li t0, 3000
    csrw 0x14d, t0
    {high}
    wfi
    csrr s2, time
    csrw sie, zero
    wfi
"""


@XLEN
def test_a_guest_may_use_sstc_where_it_is(xlen: int) -> None:
    high = "csrw 0x15d, zero" if xlen == 32 else "nop"
    program = TO_HANDLER + STIMECMP.format(high=high) + HANDLER
    machine, _ = s_mode(program, xlen)
    assert machine.run(5) is End.STUCK
    assert 3000 <= machine.hart.core.x[18] < 3010
    machine, _ = s_mode(program, xlen, sstc=False)
    assert machine.run(5) is End.STUCK
    assert machine.hart.core.x[9] == 2, "an illegal instruction"


SUSPEND = """
    li t0, 0x20
    csrw sie, t0
    li a0, 1000000
    li a1, 0
    {}
    li a0, 0
    {}
    mv s1, a0
    csrr s2, time
    csrw sie, zero
    wfi
"""


@XLEN
def test_a_suspended_hart_waits_for_its_timer(xlen: int) -> None:
    machine, _ = s_mode(SUSPEND.format(CALL.format(Extension.TIME, 0), CALL.format(Extension.HSM, 3)), xlen)
    assert machine.run(5) is End.STUCK
    x = machine.hart.core.x
    assert x[9] == 0 and 1_000_000 <= x[18] < 1_000_010
    assert machine.hart.instructions < 50
