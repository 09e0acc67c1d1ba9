"""Vectored and nested handlers, WFI, and LR/SC across interrupts."""

from __future__ import annotations

import pytest
from asm import BASE
from bare import HANDLER, TO_M, XLEN, Guest, drop_to
from interrupts import COLLECT, OF_S, number, order_of

from emu.config import Stop
from emu.traps import Irq, M, S
from emu.traps import U as USER

pytestmark = pytest.mark.usefixtures("pace")


@XLEN
@pytest.mark.parametrize("irq", OF_S)
def test_a_vectored_stvec_sends_each_interrupt_to_its_own_entry(xlen: int, irq: Irq) -> None:
    table = "\n.align 8\nvectors:\n" + "".join(f"j entry{i}\n" for i in range(12))
    table += "".join(f"entry{i}: li a0, {100 + i}\nj s_handler\n" for i in range(12))
    code = """
        la t0, vectors
        addi t0, t0, 1
        csrw stvec, t0
        li t0, 0x222
        csrw mideleg, t0
        csrw mie, t0
        csrsi mstatus, 2
    """
    guest = Guest(TO_M + code + drop_to(S) + "loop: j loop" + table + HANDLER, xlen)
    guest.run(100)
    guest.hart.set_mip(irq, True)
    guest.run(40)
    assert guest.hart.core.x[10] == 100 + number(irq)
    assert (guest.result(0) & 0xFF, guest.result(4)) == (number(irq), 1)


@XLEN
def test_exceptions_go_to_the_base_of_a_vectored_stvec(xlen: int) -> None:
    code = "la t0, vectors\naddi t0, t0, 1\ncsrw stvec, t0\nli t0, 0x100\ncsrw medeleg, t0\n"
    table = "\n.align 8\nvectors: j base\n" + "j wrong\n" * 12 + "wrong: li a0, 1\nbase: li a0, 2\nj s_handler\n"
    guest = Guest(TO_M + code + drop_to(USER) + "ecall" + table + HANDLER, xlen)
    assert guest.trap()[0] == 8
    assert guest.hart.core.x[10] == 2


NESTED = """
    la t0, outer
    csrw mtvec, t0
    li t0, 0x880
    csrw mie, t0
    csrsi mstatus, 8
    loop: addi a0, a0, 1
    j loop
    .align 2
    outer: csrr s7, mcause
    andi s7, s7, 15
    li t1, 11
    beq s7, t1, inner
    csrr s1, mepc
    addi s5, s5, 1
    li t0, 0x80
    csrc mie, t0
    csrsi mstatus, 8
    hold: addi s6, s6, 1
    beqz s8, hold
    csrrci zero, mstatus, 8
    csrw mepc, s1
    li t0, 0x1880
    csrs mstatus, t0
    mret
    inner: li s8, 1
    csrr s9, mepc
    li t0, 0x800
    csrc mie, t0
    mret
"""


@XLEN
def test_a_handler_that_enables_interrupts_is_interrupted_and_goes_on(xlen: int) -> None:
    """The timer's handler waits for the external interrupt."""
    guest = Guest(NESTED + HANDLER, xlen)
    core = guest.hart.core
    guest.run(50)
    guest.hart.set_mip(Irq.MTIP, True)
    guest.run(50)
    assert core.x[21] == 1 and core.x[22] > 3 and core.x[24] == 0, "the timer's handler waits"
    before = core.x[10]
    guest.hart.set_mip(Irq.MEIP, True)
    guest.run(100)
    assert core.x[24] == 1 and core.x[21] == 1
    assert core.x[10] > before, "the loop goes on"
    assert core.x[25] > core.x[9] > BASE, "the inner trap came from the outer's handler, which comes behind the loop"


@XLEN
def test_m_mode_interrupts_a_handler_of_s_mode_and_returns_into_it(xlen: int) -> None:
    code = """
        la t0, collect
        csrw mtvec, t0
        la t0, slow
        csrw stvec, t0
        la s0, results
        li t0, 0x20
        csrw mideleg, t0
        li t0, 0xa0
        csrw mie, t0
        csrsi mstatus, 2
    """
    slow = "\n.align 2\nslow: csrr s9, scause\nspin: addi s6, s6, 1\nj spin\n"
    guest = Guest(code + drop_to(S) + "loop: j loop" + slow + COLLECT + HANDLER, xlen)
    guest.hart.set_mip(Irq.STIP, True)
    guest.run(100)
    core = guest.hart.core
    assert core.x[25] == 1 << xlen - 1 | 5
    guest.hart.set_mip(Irq.MTIP, True)
    guest.run(100)
    assert order_of(guest, xlen) == [7]
    before = core.x[22]
    guest.run(100)
    assert core.x[22] > before and core.priv.value == S
    assert core.scause.value == 1 << xlen - 1 | 5, "M mode's interrupt leaves S mode's registers alone"


@XLEN
@pytest.mark.parametrize("priv", [S, M])
def test_wfi_goes_on_without_a_trap_where_the_pending_interrupt_is_enabled_locally_only(xlen: int, priv: int) -> None:
    setup = "li t0, 0x20\ncsrw mideleg, t0\ncsrw mie, t0\n" + (drop_to(S) if priv == S else "")
    guest = Guest(TO_M + setup + "wfi\nli a0, 7\nloop: j loop" + HANDLER, xlen)
    assert guest.run() is Stop.WAITING
    assert not guest.hart.interrupt_pending
    guest.hart.set_mip(Irq.SEIP, True)
    assert not guest.hart.interrupt_pending, "SEIE is off"
    guest.hart.set_mip(Irq.STIP, True)
    assert guest.hart.interrupt_pending
    assert guest.run(100) is Stop.LIMIT
    assert (guest.hart.core.x[10], guest.result(0)) == (7, 0)


@XLEN
def test_mepc_of_an_interrupt_that_ends_wfi_is_behind_it(xlen: int) -> None:
    guest = Guest(TO_M + "li t0, 0x80\ncsrw mie, t0\ncsrsi mstatus, 8\nwfi\nafter: j after" + HANDLER, xlen)
    assert guest.run() is Stop.WAITING
    after = guest.hart.pc
    guest.hart.set_mip(Irq.MTIP, True)
    guest.run(20)
    assert (guest.hart.core.mepc.value, guest.result(0) & 0xFF) == (after, 7)


@XLEN
def test_sc_fails_after_an_interrupt_and_the_loop_around_it_loses_nothing(xlen: int) -> None:
    program = """
        la t0, count
        csrw mtvec, t0
        la a2, results
        li a1, 2000
        csrwi mie, 8
        csrsi mstatus, 8
        loop: lr.w t1, (a2)
        j on  # so that there is an end of a block, where interrupts come, between LR and SC
        on: addi t1, t1, 1
        sc.w t2, t1, (a2)
        add s7, s7, t2
        bnez t2, loop
        addi a1, a1, -1
        bnez a1, loop
        wfi
        .align 2
        count: csrrci zero, mie, 8
        addi s5, s5, 1
        mret
    """
    guest = Guest(program + "\n.org 0x8000\nresults:\n", xlen)
    core = guest.hart.core
    guest.run(30)
    interrupts = 0
    while guest.run(37) is Stop.LIMIT:
        core.mie.value = int(Irq.MSIP)
        guest.hart.set_mip(Irq.MSIP, False)
        guest.hart.set_mip(Irq.MSIP, True)
        interrupts += 1
    assert guest.ram.get32(BASE + 0x8000) == 2000
    assert core.x[21] >= interrupts - 1 > 100
    assert core.x[23] > 20, "some SCs failed"
