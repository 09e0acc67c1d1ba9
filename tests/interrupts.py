"""What tests of interrupts share: their order, and a handler that collects their causes."""

from __future__ import annotations

from bare import Guest

from emu.traps import Irq

ORDER = [Irq.MEIP, Irq.MSIP, Irq.MTIP, Irq.SEIP, Irq.SSIP, Irq.STIP]
"""The highest priority first (3.1.9)."""
OF_S = ORDER[3:]


def number(irq: Irq) -> int:
    return int(irq).bit_length() - 1


def order_of(found: Guest, xlen: int) -> list[int]:
    """The causes that the handler stored, without the interrupt bit; it must have been set in each."""
    causes = []
    for i in range(found.hart.core.x[21]):
        assert found.result(i) >> xlen - 1 == 1
        causes.append(found.result(i) & 0xFF)
    return causes


COLLECT = """
    .align 2
    collect: csrr s1, mcause
    sx s1, 0(s0)
    addi s0, s0, 8
    addi s5, s5, 1
    li t0, 1
    j shift
    again: slli t0, t0, 1
    addi s1, s1, -1
    shift: andi t1, s1, 15
    bnez t1, again
    csrc mie, t0
    mret
"""
"""Stores each cause, disables its interrupt, and lets the next one come."""
