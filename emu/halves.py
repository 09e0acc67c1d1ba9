"""Puts 8-byte accesses to devices together again."""

from __future__ import annotations

from typing import Protocol

from emu.bus import Region
from emu.decode import is_wide


class Executing(Protocol):
    """What tells one instruction from the next."""

    @property
    def instructions(self) -> int: ...

    @property
    def pc(self) -> int: ...

    def fetch(self, pc: int) -> int: ...


class Halves:
    """The engine hands an 8-byte access over as two of four bytes by one instruction, the low half first."""

    def __init__(self, hart: Executing, region: Region) -> None:
        self.hart = hart
        self.region = region
        self._when, self._where, self._half = -1, -1, 0

    def _first_half(self, offset: int, width: int) -> bool:
        return width == 4 and offset % 8 == 0 and is_wide(self.hart.fetch(self.hart.pc))

    def _second_half(self, offset: int) -> bool:
        return offset == self._where and self.hart.instructions == self._when

    def load(self, offset: int, width: int) -> int:
        if self._second_half(offset):
            self._when = -1
            return self._half
        if not self._first_half(offset, width):
            return self.region.load(offset, width)
        value = self.region.load(offset, 8)
        self._when, self._where, self._half = self.hart.instructions, offset + 4, value >> 32
        return value & 0xFFFFFFFF

    def store(self, offset: int, width: int, value: int) -> None:
        if self._second_half(offset):
            self._when = -1
            self.region.store(offset - 4, 8, value << 32 | self._half)
        elif self._first_half(offset, width):
            self._when, self._where, self._half = self.hart.instructions, offset + 4, value
        else:
            self.region.store(offset, width, value)
