"""Which interrupts come, to which mode, and in which order (privileged 3.1.9, 4.1.3)."""

from __future__ import annotations

from itertools import combinations

import pytest
from bare import HANDLER, TO_M, XLEN, Guest, drop_to
from interrupts import COLLECT, OF_S, ORDER, number, order_of

from emu.traps import Irq, M, S
from emu.traps import U as USER

pytestmark = pytest.mark.usefixtures("pace")


def taken_by_m(xlen: int, pending: tuple[Irq, ...]) -> list[int]:
    """The causes that M mode sees, in their order, where all of `pending` are when it sets MIE."""
    code = "la t0, collect\ncsrw mtvec, t0\nla s0, results\nli t0, 0xaaa\ncsrw mie, t0\ncsrsi mstatus, 8\nnop\nnop\nwfi"
    guest = Guest(code + COLLECT + HANDLER, xlen)
    for irq in pending:
        guest.hart.set_mip(irq, True)
    guest.run(200)
    return order_of(guest, xlen)


LOWEST_FIRST = pytest.mark.xfail(strict=True, reason="QEMU 5.0 takes the pending interrupt of the lowest number first")


@XLEN
@LOWEST_FIRST
@pytest.mark.parametrize("count", [2, 3, 6])
def test_m_mode_takes_interrupts_in_the_order_of_their_priority(xlen: int, count: int) -> None:
    for chosen in combinations(ORDER, count):
        assert taken_by_m(xlen, chosen) == [number(irq) for irq in chosen]


@XLEN
def test_each_pending_interrupt_is_taken_once(xlen: int) -> None:
    for count in range(1, 7):
        for chosen in combinations(ORDER, count):
            assert sorted(taken_by_m(xlen, chosen)) == sorted(map(number, chosen))


def taken_by_s(xlen: int) -> list[int]:
    handler = COLLECT.replace("mcause", "scause").replace("csrc mie", "csrc sie").replace("mret", "sret")
    code = """
        la t0, collect
        csrw stvec, t0
        la s0, results
        li t0, 0x222
        csrw mideleg, t0
        csrw mie, t0
        csrsi mstatus, 2
    """
    guest = Guest(code + drop_to(S) + "nop\nnop\nloop: j loop" + handler + HANDLER, xlen)
    for irq in OF_S:
        guest.hart.set_mip(irq, True)
    guest.run(400)
    return order_of(guest, xlen)


@XLEN
@LOWEST_FIRST
def test_s_mode_takes_its_interrupts_in_the_order_of_their_priority(xlen: int) -> None:
    assert taken_by_s(xlen) == [9, 1, 5]


@XLEN
def test_s_mode_takes_each_pending_interrupt_once(xlen: int) -> None:
    assert sorted(taken_by_s(xlen)) == [1, 5, 9]


def enabled(priv: int, mideleg: int, sie: bool, mie: bool, xlen: int, irq: Irq) -> tuple[int, int]:
    """(cause without its highest bit or 0, whether the S handler ran) with `irq` pending."""
    status = (2 if sie else 0) | (0x80 if mie and priv != M else 8 if mie else 0)
    code = f"""
        la t0, s_handler
        csrw stvec, t0
        li t0, {mideleg}
        csrw mideleg, t0
        li t0, 0xaaa
        csrw mie, t0
        li t0, {status}
        csrs mstatus, t0
    """
    guest = Guest(TO_M + code + (drop_to(priv) if priv != M else "") + "loop: j loop" + HANDLER, xlen)
    guest.run(100)
    guest.hart.set_mip(irq, True)
    guest.run(50)
    return guest.result(0) & 0xFF, guest.result(4)


@XLEN
@pytest.mark.parametrize("irq", ORDER)
@pytest.mark.parametrize("mie", [False, True])
@pytest.mark.parametrize("priv", [USER, S, M])
def test_what_is_not_delegated_comes_to_m_mode_always_from_below_and_with_mie_from_itself(
    xlen: int, irq: Irq, mie: bool, priv: int
) -> None:
    taken = priv != M or mie
    assert enabled(priv, 0, True, mie, xlen, irq) == ((number(irq), 0) if taken else (0, 0))


@XLEN
@pytest.mark.parametrize("irq", OF_S)
@pytest.mark.parametrize("sie", [False, True])
@pytest.mark.parametrize("priv", [USER, S, M])
def test_what_is_delegated_comes_to_s_mode_always_from_below_with_sie_from_itself_and_never_from_m(
    xlen: int, irq: Irq, sie: bool, priv: int
) -> None:
    taken = priv == USER or (priv == S and sie)
    assert enabled(priv, 0x222, sie, True, xlen, irq) == ((number(irq), 1) if taken else (0, 0))


@XLEN
@pytest.mark.parametrize("irq", [Irq.MEIP, Irq.MSIP, Irq.MTIP])
def test_interrupts_of_m_mode_cannot_be_delegated(xlen: int, irq: Irq) -> None:
    assert enabled(S, 0xFFFF, True, False, xlen, irq) == (number(irq), 0)
