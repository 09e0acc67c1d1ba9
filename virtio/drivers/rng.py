"""A driver of the entropy device (5.4): one queue, into which it puts writable buffers only (5.4.6.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from virtio.drivers.base import QueueDriver
from virtio.drivers.types import VirtIODeviceType
from virtio.errors import BadAnswer, DriverMisuse


class RngDriver(QueueDriver):
    """`read` waits for bytes; `request` and `take` do not, and `on_bytes(data)` hears of them from the interrupt."""

    TYPE: ClassVar[VirtIODeviceType] = VirtIODeviceType.EntropySource

    chunk: int = 4096
    """The largest buffer that `read` gives the device, in bytes."""
    on_bytes: Callable[[bytes], object] | None = None

    def pre_device_initialization(self) -> None:
        super().pre_device_initialization()
        self.queues[0].client = self._used

    def request(self, size: int) -> None:
        """Give the device a buffer of `size` bytes; raises QueueFull."""
        if size <= 0:
            raise DriverMisuse(f"cannot ask for {size} random bytes")
        buffer = self.buffer(size)
        try:
            self.queues[0].add([], [(buffer, size)], token=buffer)
        except DriverMisuse:
            self.free(buffer)
            raise
        self.queues[0].notify()

    def take(self) -> bytes | None:
        """The bytes of the next buffer that came back, or None; raises BadAnswer for a buffer of none (5.4.6.2)."""
        used = self.queues[0].pop_used()
        if used is None:
            return None
        data = self.memory.read(used.token, used.length)  # not beyond used.len
        self.free(used.token)
        if not data:
            raise BadAnswer("the entropy device returned a buffer without a single byte (5.4.6.2)")
        return data

    def read(self, size: int) -> bytes:
        """`size` random bytes; the device may need several buffers for them."""
        data = b""
        while len(data) < size:
            self.request(min(self.chunk, size - len(data)))
            self.queues[0].wait()
            data += self.take() or b""
        return data

    def _used(self) -> None:
        while self.on_bytes is not None and (data := self.take()) is not None:
            self.on_bytes(data)
