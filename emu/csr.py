"""CSRs that the core does not have, by trap-and-emulate."""

from __future__ import annotations

from collections.abc import Callable

from emu.core import Core
from emu.decode import CsrOp
from emu.traps import M, S

TIME, TIMEH = 0xC01, 0xC81
MENVCFG, MENVCFGH, SENVCFG, MCOUNTINHIBIT, MCONFIGPTR = 0x30A, 0x31A, 0x10A, 0x320, 0xF15
HARDWIRED_ZERO = (MENVCFG, MENVCFGH, SENVCFG, MCOUNTINHIBIT, MCONFIGPTR)
"""Every field of these may be read-only zero (privileged 3.1.12, 3.1.17, 3.1.18, 4.1.10), and so they are."""
COUNTER_TM = 2


class Csrs:
    """Number -> how to read it. `time` is a callable that gives mtime in ticks."""

    def __init__(self, core: Core, time: Callable[[], int]) -> None:
        self._core = core
        self._mask = (1 << core.xlen) - 1
        self._read: dict[int, Callable[[], int]] = {number: lambda: 0 for number in HARDWIRED_ZERO}
        self._read[TIME] = time
        if core.xlen == 32:
            self._read[TIMEH] = lambda: time() >> 32
        else:
            del self._read[MENVCFGH]

    def execute(self, op: CsrOp) -> bool:
        """Do the access and write rd; False if it is an illegal instruction here (absent, read-only, privilege)."""
        read = self._read.get(op.csr)
        if read is None or not self._allowed(op):
            return False
        value = read() & self._mask
        if op.rd:
            self._core.x[op.rd] = value
        return True

    def _allowed(self, op: CsrOp) -> bool:
        core = self._core
        priv = core.priv.value
        if op.writes and op.csr >> 10 == 3:  # read-only by its number
            return False
        if priv < op.csr >> 8 & 3:
            return False
        if op.csr in (TIME, TIMEH) and priv < M:
            if not core.mcounteren.value & COUNTER_TM:
                return False
            return priv == S or bool(core.scounteren.value & COUNTER_TM)
        return True
