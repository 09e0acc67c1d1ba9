"""The block device (VirtIO 5.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import ClassVar

from emu.snapshot import Part, Same
from virtio.device import Device
from virtio.devices.blk_misuse import misuse
from virtio.devices.disk import PIECE, SECTOR, Backend, Disk
from virtio.queue.chain import Chain
from virtio.queue.split import Queue
from virtio.spec import BlkFeature, BlkRequest, BlkStatus, DeviceId, mask

HEADER = struct.Struct("<IIQ")
RANGE = struct.Struct("<QII")
CONFIG = struct.Struct("<QIIHBBIBBHIBBHIIIIIB3xIIIIIIIIB3x")
WRITEBACK = 32
"""Offset of the configuration field that says whether writes may wait for a FLUSH."""
MOST_SECTORS, MOST_RANGES = 0x2000, 16
"""The most sectors of one range to discard or to zero, and the most ranges of a request."""
ID_SIZE = 20
UNMAP = 1
OK, IOERR, UNSUPP = BlkStatus.OK, BlkStatus.IOERR, BlkStatus.UNSUPP
Ranges = list[tuple[int, int]]


class Blk(Device):
    """A disk in `backend`, a seekable binary file that the caller opened; raises ValueError if it ends inside a sector.

    `serial` has up to 20 ASCII characters. `seg_max` is the most data descriptors of a request and `size_max` the
    most bytes of one; 0: not announced. Only FLUSH waits for the host's disk; a write waits for the host's file.
    """

    device_id = DeviceId.BLOCK
    queue_names = ("requestq",)
    config_writable = (range(WRITEBACK, WRITEBACK + 1),)
    saved: ClassVar = {"serial": Same(), "disk": Part()}

    def __init__(
        self, backend: Backend, *, readonly: bool = False, serial: str = "", size_max: int = 0, seg_max: int = 254
    ) -> None:
        super().__init__()
        if not serial.isascii() or len(serial) > ID_SIZE:
            raise ValueError(f"serial {serial!r} is not up to {ID_SIZE} ASCII characters")
        self.disk = Disk(backend)
        self.readonly = readonly
        self.serial = serial
        self.size_max = size_max
        self.seg_max = seg_max
        self.features |= mask(BlkFeature.BLK_SIZE, BlkFeature.FLUSH, BlkFeature.TOPOLOGY, BlkFeature.CONFIG_WCE)
        self.features |= mask(BlkFeature.RO) if readonly else mask(BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES)
        self.features |= (size_max and mask(BlkFeature.SIZE_MAX)) | (seg_max and mask(BlkFeature.SEG_MAX))
        sectors = self.disk.sectors
        # drivers read fields without a look at the features: each holds something that makes sense
        geometry, topology = (min(sectors // (16 * 63), 0xFFFF), 16, 63), (0, 0, 1, 1)
        limits, most = (MOST_SECTORS, MOST_RANGES, 1), (size_max or PIECE, seg_max or 1)
        self.config = bytearray(
            CONFIG.pack(sectors, *most, *geometry, SECTOR, *topology, 1, 0, 1, *limits, *limits[:2], 0, *(0,) * 9)
        )
        self._requests: dict[int, Callable[[int, Chain], BlkStatus]] = {
            BlkRequest.IN: self._read,
            BlkRequest.OUT: self._write,
            BlkRequest.FLUSH: self._flush,
            BlkRequest.GET_ID: self._get_id,
            BlkRequest.DISCARD: self._discard,
            BlkRequest.WRITE_ZEROES: self._write_zeroes,
        }

    def on_reset(self) -> None:
        self.config[WRITEBACK] = 1

    def on_notify(self, queue: Queue, name: str) -> None:
        for chain in queue:
            if chain.hold_back(1):
                chain.write_held(bytes([self._serve(chain)]))
            else:
                self._wrong("inv.reqhdr-layout", "5.2.6", f"chain {chain.head} has no writable byte for the status")
            queue.push(chain)

    def _serve(self, chain: Chain) -> BlkStatus:
        """Do the request of `chain`, whose status byte is held back already."""
        header = chain.read(HEADER.size)
        if len(header) < HEADER.size:
            return self._wrong("inv.reqhdr-layout", "5.2.6", f"header of {len(header)} bytes instead of {HEADER.size}")
        kind, _, sector = HEADER.unpack(header)
        for wrong in misuse(kind, chain.readable_size, chain.room):
            self._wrong(*wrong)
        request = self._requests.get(kind)
        if request is None:
            return UNSUPP
        try:
            return request(sector, chain)
        except OSError as error:
            self.notice(f"{BlkRequest(kind).name} at sector {sector} failed: {error}")
            return IOERR

    def _read(self, sector: int, chain: Chain) -> BlkStatus:
        if not self._fits(sector, chain.room, chain.writable_pieces):
            return IOERR
        at = sector * SECTOR
        while size := min(chain.room, PIECE):
            at += chain.write(self.disk.read(at, size))
        return OK

    def _write(self, sector: int, chain: Chain) -> BlkStatus:
        if self.readonly:
            return self._wrong("inv.blk-unsupported-cmd", "5.2.6", "OUT to a read-only disk")
        if not self._fits(sector, chain.readable_size, chain.readable_pieces):
            return IOERR
        at = sector * SECTOR
        while data := chain.read(PIECE):
            self.disk.write(at, data)
            at += len(data)
        return self._written()

    def _flush(self, sector: int, chain: Chain) -> BlkStatus:
        if not self.has(BlkFeature.FLUSH):
            self._wrong("inv.blk-unsupported-cmd", "5.2.6", "FLUSH without the feature")
        if sector:
            self._wrong("blk.flush-sector-zero", "5.2.6.1", f"FLUSH of sector {sector}")
        if not self.readonly:
            self.disk.sync()
        return OK

    def _get_id(self, sector: int, chain: Chain) -> BlkStatus:
        if chain.room != ID_SIZE:
            self._wrong("blk.getid-len-20", "5.2.6.1", f"GET_ID into {chain.room} bytes instead of {ID_SIZE}")
        chain.write(self.serial.encode("ascii").ljust(ID_SIZE, b"\0"))
        return OK

    def _discard(self, sector: int, chain: Chain) -> BlkStatus:
        """Checked, and then nothing: what a discarded sector holds is not defined (5.2.6.1)."""
        status, _ = self._ranges(chain, BlkFeature.DISCARD, "blk.discard-seg-max", 0)
        return status

    def _write_zeroes(self, sector: int, chain: Chain) -> BlkStatus:
        status, ranges = self._ranges(chain, BlkFeature.WRITE_ZEROES, "blk.write-zeroes-seg-max", UNMAP)
        for first, count in ranges:
            self.disk.zero(first * SECTOR, count * SECTOR)
        return self._written() if status is OK else status

    def _ranges(self, chain: Chain, feature: BlkFeature, most: str, allowed: int) -> tuple[BlkStatus, Ranges]:
        """The (first sector, number of sectors) of a request, if all of it is in order: flags are in `allowed`,
        the number of ranges does not break the rule `most`."""
        name, size = feature.name, chain.readable_size
        if not self.has(feature):
            self._wrong("inv.blk-unsupported-cmd", "5.2.6", f"{name} without the feature")
            return UNSUPP, []
        if size == 0 or size % RANGE.size:
            return self._wrong("blk.dwz-data-multiple-seg", "5.2.6.1", f"{name} with {size} bytes of segments"), []
        if size > MOST_RANGES * RANGE.size:
            message = f"{name} of {size // RANGE.size} segments, {MOST_RANGES} are allowed"
            return self._wrong(most, "5.2.6.1", message), []
        ranges: Ranges = []
        for first, count, flags in RANGE.iter_unpack(chain.read(size)):
            if flags & ~allowed:
                if flags & UNMAP & ~allowed:
                    self._wrong("blk.discard-unmap-zero", "5.2.6.1", f"{name} with unmap set")
                return UNSUPP, []
            if count > MOST_SECTORS:
                message = f"{name} of {count} sectors in a segment, {MOST_SECTORS} are allowed"
                return self._wrong("inv.blk-unsupported-cmd", "5.2.6", message), []
            if not self._inside(first, count):
                return IOERR, []
            ranges.append((first, count))
        return OK, ranges

    def _fits(self, sector: int, size: int, pieces: tuple[int, ...]) -> bool:
        """Whether `size` bytes at `sector`, in descriptors of `pieces` bytes, can be moved."""
        if self.has(BlkFeature.SEG_MAX) and len(pieces) > self.seg_max:
            message = f"{len(pieces)} data descriptors, seg_max is {self.seg_max}"
            self._wrong("inv.blk-unsupported-cmd", "5.2.6", message)
        if self.has(BlkFeature.SIZE_MAX) and max(pieces, default=0) > self.size_max:
            message = f"a data descriptor of {max(pieces)} bytes, size_max is {self.size_max}"
            self._wrong("inv.blk-unsupported-cmd", "5.2.6", message)
        if size % SECTOR:
            self._wrong("blk.rw-data-multiple-512", "5.2.6.1", f"{size} bytes of data at sector {sector}")
            return False
        return self._inside(sector, size // SECTOR)

    def _inside(self, sector: int, count: int) -> bool:
        if sector + count <= self.disk.sectors:
            return True
        message = f"sectors {sector} to {sector + count - 1} of a disk of {self.disk.sectors}"
        self._wrong("blk.no-io-beyond-capacity", "5.2.6.1", message)
        return False

    def _written(self) -> BlkStatus:
        """A driver that cannot FLUSH, or switched the cache off, has its data in the file by now (5.2.6.2)."""
        if not self.has(BlkFeature.FLUSH) or not self.config[WRITEBACK]:
            self.disk.flush()
        return OK

    def _wrong(self, rule: str, section: str, message: str) -> BlkStatus:
        self.violation(rule, section, message)
        return IOERR
