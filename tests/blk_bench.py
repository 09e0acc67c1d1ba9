"""A block device with its driver's hands, request by request."""

from __future__ import annotations

import io
import struct

from virtio.devices.blk import Blk
from virtio.registers import VirtioMmio as R
from virtio.spec import BlkRequest, BlkStatus
from virtio.testing import Pair, RawQueue, driver_ok, negotiate, pair

IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES = BlkRequest
OK, IOERR, UNSUPP = BlkStatus
SECTORS = 64
CONTENT = bytes(i * 7 % 251 for i in range(SECTORS * 512))


class Bench:
    """A live disk, and one request at a time."""

    def __init__(self, device: Blk, accepted: int | None = None) -> None:
        self.p: Pair = pair(device)
        self.accepted = device.features if accepted is None else accepted
        negotiate(self.p, self.accepted)
        assert self.p.read(R.Status) == 11
        self.queue = RawQueue(self.p, size=16).enable()
        driver_ok(self.p)
        self.length = -1

    def ask(self, kind: int, sector: int = 0, data: bytes = b"", room: int = 0) -> tuple[int, bytes]:
        """One request in the usual cut; returns the status and the answer."""
        parts: list[bytes | int] = [struct.pack("<IIQ", kind, 0, sector)]
        parts += ([data] if data else []) + ([room] if room else []) + [1]
        return self.raw(*parts)

    def raw(self, *parts: bytes | int, indirect: bool = False) -> tuple[int, bytes]:
        """One request in any cut: the writable bytes are the answer and, at the end, the status."""
        places = self.queue.add(*parts, indirect=indirect)
        writable = [(at, part) for at, part in zip(places, parts, strict=True) if isinstance(part, int)]
        for at, size in writable:
            self.p.memory.write(at, b"\xee" * size)
        self.queue.notify()
        ((_, self.length),) = self.queue.used()
        back = b"".join(self.p.memory.read(at, size) for at, size in writable)
        return (back[-1], back[:-1]) if back else (-1, b"")

    @property
    def rules(self) -> list[str]:
        return self.p.violations


def disk(content: bytes = CONTENT, **options: object) -> tuple[io.BytesIO, Bench]:
    backend = io.BytesIO(content)
    return backend, Bench(Blk(backend, **options))  # type: ignore[arg-type]


def ranges(*segments: tuple[int, int, int]) -> bytes:
    return b"".join(struct.pack("<QII", *segment) for segment in segments)
