"""A driver of the console device's port 0 (5.3): a receive queue kept full of buffers, and a transmit queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from virtio.drivers.base import QueueDriver
from virtio.drivers.types import VirtIODeviceType
from virtio.errors import DriverMisuse
from virtio.spec import ConsoleFeature, mask

EMERG_WR = 8
"""Offset of emerg_wr in the configuration space (5.3.4)."""


class ConsoleDriver(QueueDriver):
    """`write` sends, `read` returns what arrived; `on_input(data)` hears of input from the interrupt.

    `size` is (columns, rows), or None where the device does not tell.
    """

    TYPE: ClassVar[VirtIODeviceType] = VirtIODeviceType.Console
    FEATURES: ClassVar[int] = mask(ConsoleFeature.SIZE, ConsoleFeature.EMERG_WRITE)
    queue_count: ClassVar[int] = 2

    chunk: int = 64
    """The size of a buffer, in bytes."""
    size: tuple[int, int] | None = None
    on_input: Callable[[bytes], object] | None = None

    def pre_device_initialization(self) -> None:
        super().pre_device_initialization()
        self.queues[0].client = self._received
        self.config_changed()

    def device_initialized(self) -> None:
        """Only now may the device be told of receive buffers (3.1.1)."""
        receive = self.queues[0]
        while receive.free:
            self._offer(self.buffer(self.chunk))
        receive.notify()

    def config_changed(self) -> None:
        if self.has(ConsoleFeature.SIZE):
            columns, rows = self.transport.read_config((0, 2), (2, 2))
            self.size = columns, rows

    def write(self, data: bytes) -> None:
        """Send `data` and wait until the device has it."""
        transmit = self.queues[1]
        for start in range(0, len(data), self.chunk):
            part = data[start : start + self.chunk]
            buffer = self.buffer(len(part))
            self.memory.write(buffer, part)
            transmit.add([(buffer, len(part))], [])
            transmit.notify()
            transmit.wait()
            transmit.pop_used()
            self.free(buffer)

    def read(self) -> bytes:
        """All input that arrived, perhaps none; its buffers go back to the device."""
        receive = self.queues[0]
        data = b""
        while (used := receive.pop_used()) is not None:
            data += self.memory.read(used.token, used.length)
            self._offer(used.token)
        receive.notify()
        return data

    def emergency_write(self, character: int) -> None:
        """Send one byte through the configuration space, without any queue (5.3.5)."""
        if not self.has(ConsoleFeature.EMERG_WRITE):
            raise DriverMisuse("EMERG_WRITE was not negotiated: the device does not offer it")
        self.transport.write_config(EMERG_WR, 4, character)

    def _offer(self, buffer: int) -> None:
        self.queues[0].add([], [(buffer, self.chunk)], token=buffer)

    def _received(self) -> None:
        if self.on_input is not None and (data := self.read()):
            self.on_input(data)
