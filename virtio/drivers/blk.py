"""A driver of the block device (5.2): one request queue. Sectors have 512 bytes (5.2.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import ClassVar

from virtio.drivers.base import QueueDriver
from virtio.drivers.queue import Piece
from virtio.drivers.types import VirtIODeviceType
from virtio.errors import BadAnswer, DriverMisuse, RequestFailed
from virtio.spec import BlkFeature, BlkRequest, BlkStatus, mask

SECTOR = 512
HEADER = struct.Struct("<IIQ")
SEGMENT = struct.Struct("<QII")
ID_SIZE = 20


class BlkDriver(QueueDriver):
    """Requests one at a time; each raises RequestFailed for a status other than OK.

    After `start`: `capacity` in sectors, `size_max` and `seg_max` (0: not limited).
    """

    TYPE: ClassVar[VirtIODeviceType] = VirtIODeviceType.BlockDevice
    FEATURES: ClassVar[int] = mask(
        BlkFeature.SIZE_MAX, BlkFeature.SEG_MAX, BlkFeature.RO, BlkFeature.BLK_SIZE,
        BlkFeature.FLUSH, BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES,
    )  # fmt: skip

    capacity: int = 0
    size_max: int = 0
    seg_max: int = 0

    @property
    def readonly(self) -> bool:
        return self.has(BlkFeature.RO)

    def pre_device_initialization(self) -> None:
        """Read the configuration: a field exists only if its feature does (2.5.1)."""
        super().pre_device_initialization()
        self.config_changed()
        if self.has(BlkFeature.SIZE_MAX):
            (self.size_max,) = self.transport.read_config((8, 4))
        if self.has(BlkFeature.SEG_MAX):
            (self.seg_max,) = self.transport.read_config((12, 4))

    def config_changed(self) -> None:
        (self.capacity,) = self.transport.read_config((0, 8))

    def read(self, sector: int, count: int) -> bytes:
        """`count` sectors from `sector` on."""
        self._check_range(sector, count)
        data = b""
        for first, size in self._batches(count * SECTOR):
            data += self.request(BlkRequest.IN, sector + first // SECTOR, room=size)
        return data

    def write(self, sector: int, data: bytes) -> None:
        """Write whole sectors from `sector` on."""
        if len(data) % SECTOR:
            raise DriverMisuse(f"{len(data)} bytes are no whole number of sectors of {SECTOR} (5.2.6.1)")
        self._check_writable()
        self._check_range(sector, len(data) // SECTOR)
        for first, size in self._batches(len(data)):
            self.request(BlkRequest.OUT, sector + first // SECTOR, data[first : first + size])

    def flush(self) -> None:
        """Make everything written so far stay."""
        self._need(BlkFeature.FLUSH)
        self.request(BlkRequest.FLUSH, 0)

    def get_id(self) -> str:
        """The serial number of the disk: at most 20 bytes."""
        return self.request(BlkRequest.GET_ID, 0, room=ID_SIZE).split(b"\0")[0].decode("latin-1")

    def discard(self, sector: int, count: int) -> None:
        """The device may forget `count` sectors from `sector` on."""
        self._need(BlkFeature.DISCARD)
        self._segments(BlkRequest.DISCARD, sector, count, limit_at=36, flags=0)

    def write_zeroes(self, sector: int, count: int, *, unmap: bool = False) -> None:
        """Zero `count` sectors from `sector` on; `unmap` lets the device forget them where it may."""
        self._need(BlkFeature.WRITE_ZEROES)
        self._segments(BlkRequest.WRITE_ZEROES, sector, count, limit_at=48, flags=int(unmap))

    def request(
        self, kind: int, sector: int, data: bytes = b"", room: int = 0, *,
        cuts: Iterable[int] | None = None, room_cuts: Iterable[int] | None = None,
    ) -> bytes:  # fmt: skip
        """Send one request with `data` to the device and `room` bytes back, and wait for the `room` bytes.

        `cuts` says where the readable bytes (header, data) are cut into descriptors, `room_cuts` the writable ones
        (room, status): byte positions; by default between their parts and at `size_max` (2.7.4: any cut will do).
        """
        name = BlkRequest(kind).name if kind in BlkRequest._value2member_map_ else f"request type {kind}"
        readable, writable = HEADER.size + len(data), room + 1
        out, back = self.buffer(readable), self.buffer(writable)
        self.memory.write(out, HEADER.pack(kind, 0, sector) + data)
        self.memory.write(back + room, b"\xff")
        cuts = self._usual_cuts(HEADER.size, readable) if cuts is None else cuts
        room_cuts = self._usual_cuts(0, room) if room_cuts is None else room_cuts
        queue = self.queues[0]
        try:
            queue.add(_pieces(out, readable, cuts), _pieces(back, writable, room_cuts))
        except DriverMisuse:
            self.free(out)
            self.free(back)
            raise
        queue.notify()
        queue.wait()  # should that fail, the buffers are still the device's
        used = queue.pop_used()
        answer, status = self.memory.read(back, room), self.memory.read(back + room, 1)[0]
        self.free(out)
        self.free(back)
        what = f"{name} at sector {sector}"
        if status != BlkStatus.OK or used is None:
            raise RequestFailed(what, status, BlkStatus(status).name if status in BlkStatus._value2member_map_ else "?")
        if used.length != writable:
            raise BadAnswer(f"{what}: OK, but {used.length} of {writable} bytes were written")
        return answer

    def _usual_cuts(self, start: int, end: int) -> list[int]:
        """Cuts around the data, which lies from `start` to `end`, and within it at every `size_max` bytes."""
        return [*range(start, end, self.size_max or max(end - start, 1)), end]

    def _batches(self, size: int) -> Iterable[tuple[int, int]]:
        """Cut `size` bytes into requests, each (first byte, bytes) within `seg_max` and the queue's own size."""
        segments = self.queues[0].size - 2  # header and status take one each
        segments = min(segments, self.seg_max or segments)
        largest = segments * self.size_max // SECTOR * SECTOR if self.size_max else size
        if segments <= 0 or (size and largest <= 0):
            raise DriverMisuse(f"a queue of {self.queues[0].size} with size_max {self.size_max} has no room for data")
        return ((first, min(largest, size - first)) for first in range(0, size, largest or 1))

    def _segments(self, kind: BlkRequest, sector: int, count: int, *, limit_at: int, flags: int) -> None:
        self._check_writable()
        self._check_range(sector, count)
        (limit,) = self.transport.read_config((limit_at, 4))
        if limit == 0:
            raise DriverMisuse(f"{kind.name}: the device allows 0 sectors")
        for first in range(sector, sector + count, limit):
            self.request(kind, 0, SEGMENT.pack(first, min(limit, sector + count - first), flags))

    def _need(self, feature: BlkFeature) -> None:
        if not self.has(feature):
            raise DriverMisuse(f"{feature.name} was not negotiated: the device does not offer it")

    def _check_writable(self) -> None:
        if self.readonly:
            raise DriverMisuse("the disk is read-only (RO was negotiated)")

    def _check_range(self, sector: int, count: int) -> None:
        if sector < 0 or count <= 0 or sector + count > self.capacity:  # (5.2.6.1)
            raise DriverMisuse(f"{count} sectors from {sector} on do not fit a disk of {self.capacity}")


def _pieces(address: int, size: int, cuts: Iterable[int]) -> Sequence[Piece]:
    """The `size` bytes at `address`, cut at the positions `cuts`."""
    edges = sorted({0, size, *(cut for cut in cuts if 0 < cut < size)})
    return [(address + start, end - start) for start, end in pairwise(edges)]
