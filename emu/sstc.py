"""Sstc: the supervisor's own timer comparator (RISC-V Sstc 1.0; privileged 1.13, 12.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emu.alarms import Alarms
from emu.clint import NEVER
from emu.csr import Csrs
from emu.envcfg import Envcfg
from emu.snapshot import Part, Saved, bits
from emu.traps import M

STIMECMP, STIMECMPH = 0x14D, 0x15D


class SupervisorTimer(Saved):
    """`stimecmp`: while menvcfg.STCE is set, STIP says whether mtime has reached it.

    `set_stip(bool)` drives mip.STIP. M mode can still write STIP itself (the core lets it), until the timer's next
    change. S mode may use it where STCE and mcounteren.TM are set.
    """

    saved: ClassVar = {"stimecmp": bits(64), "_alarm": Part()}

    def __init__(self, csrs: Csrs, alarms: Alarms, set_stip: Callable[[bool], object], priv: Callable[[], int]) -> None:
        self.stimecmp = NEVER
        self._env = csrs.environment
        self._env.writable |= Envcfg.STCE
        self._env.on_stce = self._switched
        self._alarm = alarms.new(self.update)
        self._set_stip = set_stip

        def allowed() -> bool:
            return priv() == M or (self.enabled and csrs.may_use_time())

        if csrs.xlen == 32:
            csrs.add_wide(STIMECMP, STIMECMPH, lambda: self.stimecmp, self.set, allowed)
        else:
            csrs.add(STIMECMP, lambda: self.stimecmp, self.set, allowed)

    @property
    def enabled(self) -> bool:
        """menvcfg.STCE."""
        return bool(self._env.menvcfg & Envcfg.STCE)

    def reset(self) -> None:
        """Never due."""
        self.set(NEVER)

    def set(self, at: int) -> None:
        """Be due at mtime `at` (ticks)."""
        self.stimecmp = at
        self.update()

    def update(self) -> None:
        """Let STIP follow the comparator, and wait for it if it is not due."""
        if not self.enabled:
            return
        due = self._alarm.ticks() >= self.stimecmp
        self._set_stip(due)
        self._alarm.alarm(None if due or self.stimecmp == NEVER else self.stimecmp)

    def _switched(self, on: bool) -> None:
        """STCE changed: without it STIP is M mode's again, and clear."""
        if on:
            self.update()
        else:
            self._set_stip(False)
            self._alarm.alarm(None)
