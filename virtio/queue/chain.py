"""A chain: one request of the driver, as bytes to read and room to write, however it was cut into descriptors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from emu.memory import Memory
from virtio.spec import DescFlag

WRITE = int(DescFlag.WRITE)  # arithmetic on flags costs a microsecond


class Descriptor(NamedTuple):
    """One descriptor (2.7.5): guest-physical `address`, `length` in bytes, `flags`, `next` (an index)."""

    address: int
    length: int
    flags: int
    next: int

    @property
    def writable(self) -> bool:
        return bool(self.flags & WRITE)


class Segment:
    """A run of guest memory that was not read or written yet."""

    __slots__ = ("address", "length")

    def __init__(self, address: int, length: int) -> None:
        self.address = address
        self.length = length


class Chain:
    """The buffers of one chain whose descriptors were checked already: `head` is its id, the index of the first.

    Reading and writing walk forward; where one descriptor ends and the next begins cannot be seen (2.7.4.1).
    `written` counts the bytes that the device wrote and becomes `used.len` (2.7.8.2). `epoch` ties the chain to
    one life of its queue: pushed after a reset it goes nowhere.
    """

    __slots__ = ("_held", "_memory", "_readable", "_writable", "epoch", "head", "written")

    def __init__(self, memory: Memory, head: int, descriptors: Iterable[Descriptor], epoch: int = 0) -> None:
        self.head = head
        self.epoch = epoch
        self.written = 0
        self._memory = memory
        self._readable: list[Segment] = []
        self._writable: list[Segment] = []
        self._held: list[Segment] = []
        for descriptor in descriptors:
            segments = self._writable if descriptor.writable else self._readable
            segments.append(Segment(descriptor.address, descriptor.length))
        self._readable.reverse()  # the next segment is popped from the end
        self._writable.reverse()

    @property
    def readable_size(self) -> int:
        """Bytes that were not read yet."""
        return sum(segment.length for segment in self._readable)

    @property
    def room(self) -> int:
        """Bytes that can still be written, without those held back."""
        return sum(segment.length for segment in self._writable)

    @property
    def readable_pieces(self) -> tuple[int, ...]:
        """The sizes in bytes of the descriptors' parts that were not read yet, in order."""
        return tuple(segment.length for segment in reversed(self._readable))

    @property
    def writable_pieces(self) -> tuple[int, ...]:
        """The sizes in bytes of the descriptors' parts that were not written yet, in order."""
        return tuple(segment.length for segment in reversed(self._writable))

    def read(self, size: int | None = None) -> bytes:
        """The next `size` bytes (None: all that are left); fewer if the driver gave fewer."""
        left = self.readable_size if size is None else size
        parts: list[bytes] = []
        while left > 0 and self._readable:
            segment = self._readable[-1]
            step = min(left, segment.length)
            parts.append(self._memory.read(segment.address, step))
            left -= step
            if step == segment.length:
                self._readable.pop()
            else:
                segment.address += step
                segment.length -= step
        return b"".join(parts)

    def write(self, data: bytes) -> int:
        """Write as much of `data` as there is room for; returns the number of bytes written."""
        return self._scatter(self._writable, data)

    def hold_back(self, size: int) -> bool:
        """Keep the last `size` writable bytes for `write_held` (a status); False if there are not that many."""
        if self.room < size:
            return False
        while size > 0:
            segment = self._writable[0]  # the last one in the driver's order
            step = min(size, segment.length)
            segment.length -= step
            self._held.append(Segment(segment.address + segment.length, step))
            if not segment.length:
                self._writable.pop(0)
            size -= step
        return True

    def write_held(self, data: bytes) -> int:
        """Write into the bytes held back; returns the number of bytes written."""
        return self._scatter(self._held, data)

    def _scatter(self, segments: list[Segment], data: bytes) -> int:
        view = memoryview(data)
        done = 0
        while done < len(view) and segments:
            segment = segments[-1]
            step = min(len(view) - done, segment.length)
            self._memory.write(segment.address, bytes(view[done : done + step]))
            done += step
            if step == segment.length:
                segments.pop()
            else:
                segment.address += step
                segment.length -= step
        self.written += done
        return done
