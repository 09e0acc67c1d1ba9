"""Puts 8-byte accesses to devices together again."""

from __future__ import annotations

from typing import Protocol

from emu.bus import Region


class Executing(Protocol):
    """What tells one instruction from the next, and whether it loads or stores eight bytes at once."""

    @property
    def instructions(self) -> int: ...

    def moves_eight_bytes(self) -> bool: ...


class Halves:
    """The engine hands an 8-byte access over as two of four bytes by one instruction, the low half first."""

    def __init__(self, hart: Executing, region: Region) -> None:
        self.hart = hart
        self.region = region
        self._when, self._where, self._half = -1, -1, 0

    def load(self, offset: int, width: int) -> int:
        if width == 4:
            if offset & 7 == 0:
                if self.hart.moves_eight_bytes():
                    value = self.region.load(offset, 8)
                    self._when, self._where, self._half = self.hart.instructions, offset + 4, value >> 32
                    return value & 0xFFFFFFFF
            elif self._second_half(offset):
                return self._half
        return self.region.load(offset, width)

    def store(self, offset: int, width: int, value: int) -> None:
        if width == 4:
            if offset & 7 == 0:
                if self.hart.moves_eight_bytes():
                    self._when, self._where, self._half = self.hart.instructions, offset + 4, value
                    return
            elif self._second_half(offset):
                self.region.store(offset - 4, 8, value << 32 | self._half)
                return
        self.region.store(offset, width, value)

    def _second_half(self, offset: int) -> bool:
        if offset != self._where or self.hart.instructions != self._when:
            return False
        self._when = -1
        return True
