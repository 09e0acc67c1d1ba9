"""menvcfg, senvcfg and mseccfg: what M mode allows to S, and S to U (privileged 3.1.18, 3.1.19, 4.1.10)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag
from typing import ClassVar

from emu.snapshot import BadState, Saved, bits


class Envcfg(IntFlag):
    """Bits of menvcfg; senvcfg has all but STCE."""

    FIOM = 1 << 0
    CBIE_FLUSH = 1 << 4
    CBIE_INVAL = 1 << 5
    CBCFE = 1 << 6
    CBZE = 1 << 7
    STCE = 1 << 63


class Mseccfg(IntFlag):
    """Bits of mseccfg (Smepmp)."""

    MML = 1 << 0
    MMWP = 1 << 1
    RLB = 1 << 2


CBIE = Envcfg.CBIE_FLUSH | Envcfg.CBIE_INVAL
CACHE = CBIE | Envcfg.CBCFE | Envcfg.CBZE


class Environment(Saved):
    """The three registers as 64-bit values. Only the bits in `writable` can be set; others are of what is not there.

    FIOM holds and changes nothing: every fence orders everything. `on_stce(bool)` hears STCE change,
    `on_mseccfg(value)` a bit of mseccfg being set.
    """

    saved: ClassVar = {"menvcfg": bits(64), "senvcfg": bits(64), "mseccfg": bits(3)}

    def __init__(self) -> None:
        self.menvcfg = self.senvcfg = self.mseccfg = 0
        self.writable = int(Envcfg.FIOM)
        self.on_stce: Callable[[bool], object] = lambda on: None
        self.on_mseccfg: Callable[[int], object] = lambda value: None

    def reset(self) -> None:
        """As after power-on."""
        self.senvcfg = self.mseccfg = 0
        self.set_menvcfg(0)

    def restored(self) -> None:
        for name in ("menvcfg", "senvcfg"):
            value = getattr(self, name)
            if value & ~self.writable or value & CBIE == Envcfg.CBIE_INVAL:
                raise BadState(f"{value:#x} is more than this hart has", name)

    def set_menvcfg(self, value: int) -> None:
        """WARL; CBIE = 2 is reserved and keeps what was there."""
        old = self.menvcfg
        self.menvcfg = self._legal(value, old)
        if (old ^ self.menvcfg) & Envcfg.STCE:
            self.on_stce(bool(self.menvcfg & Envcfg.STCE))

    def set_senvcfg(self, value: int) -> None:
        """WARL as menvcfg."""
        self.senvcfg = self._legal(value & ~Envcfg.STCE, self.senvcfg)

    def set_mseccfg(self, value: int) -> None:
        """MML and MMWP stay set once they are (Smepmp 2.1). Nothing follows from them: see the notice."""
        old = self.mseccfg
        sticky = old & (Mseccfg.MML | Mseccfg.MMWP)
        self.mseccfg = int(value & (Mseccfg.MML | Mseccfg.MMWP | Mseccfg.RLB) | sticky)
        if self.mseccfg & ~old:
            self.on_mseccfg(self.mseccfg)

    def _legal(self, value: int, old: int) -> int:
        if value & CBIE == Envcfg.CBIE_INVAL:
            value = value & ~CBIE | old & CBIE
        return int(value & self.writable)

    def allows(self, bit: Envcfg, priv: int) -> bool:
        """Whether the mode `priv` may do what `bit` is for: M always, S by menvcfg, U by senvcfg as well."""
        if priv == 3:
            return True
        return bool(self.menvcfg & bit) and (priv == 1 or bool(self.senvcfg & bit))
