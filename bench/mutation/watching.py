"""`--watch rings` without a hart: tells the driver's loads and stores as a watched hart would."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from emu.memory import Ram
from emu.trace import Trace
from virtio.watching import RingWatch

FENCE = 0x0FF0000F
"""`fence iorw, iorw`: the Python driver does one thing after the other."""
WORD = 8
"""Bytes of the widest store of a hart."""


class Watcher:
    """What a `RingWatch` needs of a hart; `told` hears of each access to memory."""

    def __init__(self) -> None:
        self.accesses = self.instructions = 0
        self.seconds = 0.0
        self._ranges: list[tuple[int, int]] = []
        self._accessed: Callable[[str, int, int, int], object] = lambda op, address, width, value: None
        self._executed: Callable[[int, int], object] | None = None

    def watch(self, ranges: Iterable[tuple[int, int]], accessed: Callable[[str, int, int, int], object]) -> None:
        self._ranges = list(ranges)
        self._accessed = accessed

    def follow(self, executed: Callable[[int, int], object]) -> None:
        self._executed = executed

    def unfollow(self) -> None:
        self._executed = None

    def told(self, op: str, address: int, data: bytes) -> None:
        """A load or store of `data` at `address`, in words; a store before its effect."""
        for at in range(0, len(data), WORD):
            word = data[at : at + WORD]
            start, end = address + at, address + at + len(word)
            if any(start < last and first < end for first, last in self._ranges):
                self._accessed(op, start, len(word), int.from_bytes(word, "little"))
                self.fence()

    def fence(self) -> None:
        """Everything before comes before everything after."""
        if self._executed is not None:
            self._executed(0, 4)


def watch_rings(trace: Trace, memory: Ram, watcher: Watcher) -> RingWatch:
    """A RingWatch that listens to `trace`."""
    rings = RingWatch(trace, memory, watcher, lambda pc: FENCE)
    trace.subscribe(rings)
    return rings
