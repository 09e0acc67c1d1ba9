"""The core-local interruptor of QEMU's `virt` board: software interrupt, timer and its comparator, for one hart."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from emu.snapshot import Flag, Part, Saved, bits

MSIP, MTIMECMP, MTIME, SIZE = 0x0, 0x4000, 0xBFF8, 0x10000
NEVER = (1 << 64) - 1


class Clock(Protocol):
    """Time in ticks of mtime (10 MHz)."""

    def ticks(self) -> int:
        """Now."""
        ...

    def read(self) -> int:
        """Now, as the guest asks for it: a clock may help a guest along that spins on it."""
        ...

    def set_ticks(self, value: int) -> None:
        """Let now be `value`."""
        ...

    def alarm(self, at: int | None) -> None:
        """Call `Clint.update` once `at` has come; it replaces the alarm before. None: no alarm."""
        ...


class Clint(Saved):
    """msip, mtimecmp and mtime, in accesses of 4 or 8 bytes; others read 0 and do nothing."""

    saved: ClassVar = {"msip": Flag(), "mtip": Flag(), "mtimecmp": bits(64), "clock": Part()}

    def __init__(self, clock: Clock, set_msip: Callable[[bool], None], set_mtip: Callable[[bool], None]) -> None:
        self.clock = clock
        self.msip = False
        self.mtip = False
        self.mtimecmp = NEVER
        self._set_msip = set_msip
        self._set_mtip = set_mtip

    def reset(self) -> None:
        """No interrupt pending, the comparator at its highest value; mtime goes on."""
        self.mtimecmp = NEVER
        self._msip(False)
        self._rearm()

    def update(self) -> None:
        """Let MTIP say whether mtime has reached mtimecmp. The machine calls it when the alarm may have passed."""
        due = self.clock.ticks() >= self.mtimecmp
        if due != self.mtip:
            self.mtip = due
            self._set_mtip(due)

    def load(self, offset: int, width: int) -> int:
        if width < 4 or offset % width:
            return 0
        if MTIME <= offset < MTIME + 8:
            return _part(self.clock.read(), offset - MTIME, width)
        if MTIMECMP <= offset < MTIMECMP + 8:
            return _part(self.mtimecmp, offset - MTIMECMP, width)
        return int(self.msip) if offset == MSIP else 0

    def store(self, offset: int, width: int, value: int) -> None:
        if width < 4 or offset % width:
            return
        if MTIMECMP <= offset < MTIMECMP + 8:
            self.mtimecmp = _with_part(self.mtimecmp, offset - MTIMECMP, width, value)
            self._rearm()
        elif MTIME <= offset < MTIME + 8:
            self.clock.set_ticks(_with_part(self.clock.ticks(), offset - MTIME, width, value))
            self._rearm()
        elif offset == MSIP:
            self._msip(bool(value & 1))

    def _msip(self, level: bool) -> None:
        if level != self.msip:
            self.msip = level
            self._set_msip(level)

    def _rearm(self) -> None:
        self.update()
        self.clock.alarm(None if self.mtip or self.mtimecmp == NEVER else self.mtimecmp)


def _part(whole: int, at: int, width: int) -> int:
    return whole >> 8 * at & ((1 << 8 * width) - 1)


def _with_part(whole: int, at: int, width: int, value: int) -> int:
    mask = (1 << 8 * width) - 1
    return whole & ~(mask << 8 * at) | (value & mask) << 8 * at
