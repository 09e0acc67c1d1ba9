"""Trap entry as the privileged architecture defines it (RISC-V privileged 1.12, 3.1.6 to 3.1.16 and 4.1)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any, Protocol

U, S, M = 0, 1, 3


class Cause(IntEnum):
    """Synchronous exceptions (mcause without the interrupt bit)."""

    FETCH_MISALIGNED = 0
    FETCH_ACCESS = 1
    ILLEGAL_INSTRUCTION = 2
    BREAKPOINT = 3
    LOAD_MISALIGNED = 4
    LOAD_ACCESS = 5
    STORE_MISALIGNED = 6
    STORE_ACCESS = 7
    ECALL_U = 8
    ECALL_S = 9
    ECALL_M = 11
    FETCH_PAGE_FAULT = 12
    LOAD_PAGE_FAULT = 13
    STORE_PAGE_FAULT = 15


class Irq(IntFlag):
    """Bits of mip and mie."""

    SSIP = 1 << 1
    MSIP = 1 << 3
    STIP = 1 << 5
    MTIP = 1 << 7
    SEIP = 1 << 9
    MEIP = 1 << 11


class Mstatus(IntFlag):
    """The bits of mstatus that trap entry touches."""

    SIE = 1 << 1
    MIE = 1 << 3
    SPIE = 1 << 5
    MPIE = 1 << 7
    SPP = 1 << 8
    MPRV = 1 << 17
    SUM = 1 << 18
    MXR = 1 << 19


MPP_SHIFT = 11
WITH_ADDRESS = frozenset((0, 1, 4, 5, 6, 7, 12, 13, 15))
"""Causes whose xtval is an address that the core recorded."""


class TrapState(Protocol):
    """The registers that trap entry reads and writes; each has `.value`."""

    pc: Any
    priv: Any
    mstatus: Any
    medeleg: Any
    reservation: Any
    mtvec: Any
    mepc: Any
    mcause: Any
    mtval: Any
    stvec: Any
    sepc: Any
    scause: Any
    stval: Any


def takes_interrupt(core: Any) -> bool:
    """Whether a pending interrupt is enabled, and the mode lets it in (3.1.6.1)."""
    pending, delegated = core.mip.value & core.mie.value, core.mideleg.value
    priv, status = core.priv.value, core.mstatus.value
    in_m = priv < M or status & Mstatus.MIE
    in_s = priv < S or (priv == S and status & Mstatus.SIE)
    return bool((pending & ~delegated and in_m) or (pending & delegated and in_s))


def enter(core: TrapState, cause: int, pc: int, tval: int) -> None:
    """Take the synchronous exception `cause` of the instruction at `pc`: delegated to S by medeleg, else to M.

    Exceptions always go to the base of xtvec; only interrupts are vectored, and those the core delivers itself.
    """
    priv = core.priv.value
    status = core.mstatus.value
    if priv <= S and core.medeleg.value >> cause & 1:
        keep = ~(Mstatus.SIE | Mstatus.SPIE | Mstatus.SPP)
        status = status & keep | (status & Mstatus.SIE) << 4 | (priv & 1) << 8
        core.sepc.value, core.scause.value, core.stval.value = pc, cause, tval
        core.pc.value = core.stvec.value & ~3
        core.priv.value = S
    else:
        keep = ~(Mstatus.MIE | Mstatus.MPIE | 3 << MPP_SHIFT)
        status = status & keep | (status & Mstatus.MIE) << 4 | priv << MPP_SHIFT
        core.mepc.value, core.mcause.value, core.mtval.value = pc, cause, tval
        core.pc.value = core.mtvec.value & ~3
        core.priv.value = M
    core.mstatus.value = status
    core.reservation.value = -1  # an LR/SC pair does not survive a trap
