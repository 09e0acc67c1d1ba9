"""CSRs that the core does not have, by trap-and-emulate."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from emu.core import Core
from emu.decode import CsrOp
from emu.envcfg import Environment
from emu.snapshot import Part, Saved, bits
from emu.traps import M, S

TIME, TIMEH = 0xC01, 0xC81
MENVCFG, MENVCFGH, SENVCFG, MCOUNTINHIBIT, MCONFIGPTR = 0x30A, 0x31A, 0x10A, 0x320, 0xF15
MSECCFG, MSECCFGH = 0x747, 0x757
MINSTRETCFG, MCYCLECFGH, MINSTRETCFGH = 0x322, 0x721, 0x722
COUNTER_TM = 2
LOW = 0xFFFFFFFF


class Csr(NamedTuple):
    """How to read and write a CSR, and a condition beside its number's (privilege, read-only) for the access."""

    read: Callable[[], int]
    write: Callable[[int], object]
    allowed: Callable[[], bool]


def zero() -> int:
    return 0


def ignore(value: int) -> None:
    """WARL: no bit can be set."""


def always() -> bool:
    return True


class Csrs(Saved):
    """Number -> `Csr`. `time` gives mtime in ticks; `environment` holds what M mode allows to the others."""

    saved: ClassVar = {"_granted": bits(32), "environment": Part()}

    def __init__(self, core: Core, time: Callable[[], int]) -> None:
        self._core = core
        self.xlen = core.xlen
        self._mask = (1 << core.xlen) - 1
        self._table: dict[int, Csr] = {}
        self._granted = 0
        self.environment = env = Environment()
        self.add(TIME, time, allowed=self._may_look_at_time)
        self.add(MCOUNTINHIBIT, zero)  # every field may be read-only zero (privileged 3.1.12)
        self.add(MCONFIGPTR, zero)
        self.add(MINSTRETCFG, zero, self._set_minstretcfg)
        self.add(SENVCFG, lambda: env.senvcfg, env.set_senvcfg)
        if core.xlen == 32:
            self.add(MCYCLECFGH, zero)
            self.add(MINSTRETCFGH, zero)
            self.add(TIMEH, lambda: time() >> 32, allowed=self._may_look_at_time)
            self.add_wide(MENVCFG, MENVCFGH, lambda: env.menvcfg, env.set_menvcfg)
            self.add_wide(MSECCFG, MSECCFGH, lambda: env.mseccfg, env.set_mseccfg)
        else:
            self.add(MENVCFG, lambda: env.menvcfg, env.set_menvcfg)
            self.add(MSECCFG, lambda: env.mseccfg, env.set_mseccfg)

    def add(
        self,
        number: int,
        read: Callable[[], int],
        write: Callable[[int], object] = ignore,
        allowed: Callable[[], bool] = always,
    ) -> None:
        """One more CSR; what its number says about privilege and writing is looked at first."""
        self._table[number] = Csr(read, write, allowed)

    def add_wide(
        self,
        low: int,
        high: int,
        read: Callable[[], int],
        write: Callable[[int], object],
        allowed: Callable[[], bool] = always,
    ) -> None:
        """A 64-bit CSR that rv32 sees in two halves."""
        self.add(low, read, lambda value: write(read() & ~LOW | value), allowed)
        self.add(high, lambda: read() >> 32, lambda value: write(value << 32 | read() & LOW), allowed)

    def reset(self) -> None:
        """As after power-on: nothing is allowed."""
        self._granted = 0
        self.environment.reset()

    def execute(self, op: CsrOp) -> bool:
        """Do the access and write rd; False if it is an illegal instruction here (absent, read-only, privilege)."""
        csr = self._table.get(op.csr)
        if csr is None or self._core.priv.value < op.csr >> 8 & 3 or not csr.allowed():
            return False
        if op.writes and op.csr >> 10 == 3:  # read-only by its number
            return False
        value = csr.read() & self._mask
        self._granted = self._core.mcounteren.value & LOW or self._granted
        if op.writes:
            csr.write(op.result(value) & self._mask)
        if op.rd:
            self._core.x[op.rd] = value
        return True

    def may_use_time(self) -> bool:
        """Whether mcounteren lets this mode use the time (3.1.11)."""
        return self._core.priv.value == M or bool(self._core.mcounteren.value & COUNTER_TM)

    def _may_look_at_time(self) -> bool:
        core = self._core
        return self.may_use_time() and (core.priv.value >= S or bool(core.scounteren.value & COUNTER_TM))

    def _set_minstretcfg(self, value: int) -> None:
        """No bit can be set. OpenSBI 1.6 has just written mcyclecfg, 0x321, which the core takes for mcounteren."""
        self._core.mcounteren.value = self._core.mcounteren.value & LOW or self._granted
