"""Where the words of a split queue lie (2.7): from an address to a name and back."""

from __future__ import annotations

from typing import NamedTuple

from virtio.watched import AVAIL, DESCRIPTORS, USED

DESCRIPTOR_FIELDS = ((0, "addr"), (8, "len"), (12, "flags"), (14, "next"))


class Areas(NamedTuple):
    """The three areas of a queue of `size` descriptors, at guest-physical addresses."""

    size: int
    descriptors: int
    avail: int
    used: int

    @property
    def ranges(self) -> tuple[tuple[str, int, int], ...]:
        """(area, start, end) of each, event words included."""
        size = self.size
        return (
            (DESCRIPTORS, self.descriptors, self.descriptors + 16 * size),
            (AVAIL, self.avail, self.avail + 6 + 2 * size),
            (USED, self.used, self.used + 6 + 8 * size),
        )

    @property
    def avail_flags(self) -> int:
        return self.avail

    @property
    def avail_idx(self) -> int:
        return self.avail + 2

    @property
    def used_event(self) -> int:
        return self.avail + 4 + 2 * self.size

    @property
    def used_idx(self) -> int:
        return self.used + 2

    @property
    def avail_event(self) -> int:
        return self.used + 4 + 8 * self.size

    def name(self, area: str, address: int) -> str:
        """What the word at `address` in `area` is called."""
        size = self.size
        if area == DESCRIPTORS:
            index, at = divmod(address - self.descriptors, 16)
            field = next(name for start, name in reversed(DESCRIPTOR_FIELDS) if at >= start)
            return f"desc[{index}].{field}"
        at = address - (self.avail if area == AVAIL else self.used)
        if at < 4:
            return f"{area}.{'flags' if at < 2 else 'idx'}"
        if area == AVAIL:
            return f"avail.ring[{(at - 4) // 2}]" if at < 4 + 2 * size else "used_event"
        if at >= 4 + 8 * size:
            return "avail_event"
        return f"used.ring[{(at - 4) // 8}].{'id' if at % 8 == 4 else 'len'}"


def word_of(address: int, width: int, value: int, at: int, old: int = 0) -> int | None:
    """The 16-bit word at `at` as an access of `width` bytes at `address` has it; None if it does not touch it.

    Bytes that the access leaves out are those of `old`.
    """
    if not (address < at + 2 and at < address + width):
        return None
    word = old
    for i in (0, 1):
        place = at + i - address
        if 0 <= place < width:
            word = word & ~(0xFF << 8 * i) | (value >> 8 * place & 0xFF) << 8 * i
    return word
