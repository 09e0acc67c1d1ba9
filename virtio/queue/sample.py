"""Looks at the rings of a split queue for those who judge by events; changes nothing and never raises."""

from __future__ import annotations

from typing import Protocol

from emu.memory import BadAddress, Memory
from virtio.events import UNREAD, RingWords

MOST_HEADS = 16
"""How many waiting chains a notification tells by their heads."""
CLEAN = (-1, -1, -1)


class Ring(Protocol):
    """A queue, as far as its avail ring goes."""

    memory: Memory
    driver_area: int
    size: int
    last_avail: int


def ring_words(memory: Memory, avail: int, used: int, size: int) -> RingWords:
    """Flags, index and event index of both rings of `size` entries, at these addresses; unread if one is not in RAM."""
    get = memory.get16
    try:
        return RingWords(
            get(avail), get(avail + 2), get(avail + 4 + 2 * size), get(used), get(used + 2), get(used + 4 + 8 * size)
        )
    except BadAddress:
        return UNREAD


def waiting_heads(ring: Ring, available: int) -> tuple[int, ...]:
    """The heads of the first of `available` chains that wait, as they stand in the avail ring."""
    entries, first = ring.driver_area + 4, ring.last_avail
    places = [entries + 2 * ((first + i) % ring.size) for i in range(min(available, ring.size, MOST_HEADS))]
    try:
        return tuple(ring.memory.get16(place) for place in places)
    except BadAddress:
        return ()


def first_dirty(memory: Memory, table: int, avail: int, used: int, size: int) -> tuple[int, int, int]:
    """Where in the descriptor table, the avail and the used ring the first byte lies that is not 0; -1: nowhere."""
    a, b, c = (
        _first(memory, address, length)
        for address, length in ((table, 16 * size), (avail, 6 + 2 * size), (used, 6 + 8 * size))
    )
    return a, b, c


def _first(memory: Memory, address: int, length: int) -> int:
    try:
        rest = memory.read(address, length).lstrip(b"\0")
    except BadAddress:
        return -1
    return address + length - len(rest) if rest else -1
