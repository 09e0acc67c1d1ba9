"""A slot whose memory notes every byte that a device touched without leave."""

from __future__ import annotations

import struct
from typing import Any

from emu.irq import Line
from emu.memory import Ram
from emu.trace import Event, Trace
from virtio.device import Device
from virtio.devices.console import Console
from virtio.events import ChainPopped, QueueConfigured
from virtio.mmio import MmioTransport
from virtio.spec import BlkRequest, DescFlag
from virtio.testing import RAM_BASE, VERSION_1, Pair, RawQueue, driver_ok, negotiate

RAM_SIZE = 0x10000
RINGS = (RAM_BASE, RAM_BASE + 0x2000)
HEADERS = RAM_BASE + 0x6000
"""Where block requests of every type lie ready, 16 bytes each."""


class FencedRam(Ram):
    """RAM that notes what a device touched outside of it, and what it wrote that was not its to write.

    A device may write the used rings and the writable buffers of the chains it took, and nothing else.
    """

    def __init__(self) -> None:
        super().__init__(RAM_BASE, RAM_SIZE)
        self.trespasses: list[tuple[str, int, int]] = []
        self.allowed: list[tuple[int, int]] = []
        self.watching = False

    def _offset(self, address: int, size: int) -> int:
        if self.watching and not self.contains(address, size):
            self.trespasses.append(("outside", address, size))
        return super()._offset(address, size)

    def _check(self, address: int, size: int) -> None:
        if self.watching and not any(a <= address and address + size <= a + n for a, n in self.allowed):
            self.trespasses.append(("write", address, size))

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        super().write(address, data)

    def put16(self, address: int, value: int) -> None:
        self._check(address, 2)
        super().put16(address, value)

    def put32(self, address: int, value: int) -> None:
        self._check(address, 4)
        super().put32(address, value)

    def put64(self, address: int, value: int) -> None:
        self._check(address, 8)
        super().put64(address, value)

    def hear(self, event: Event) -> None:
        """Learn from the events what may be written."""
        if isinstance(event, QueueConfigured) and event.ready:
            self.allowed.append((event.device_area, 6 + 8 * event.size))
        elif isinstance(event, ChainPopped):
            self.allowed += [(a, n) for a, n, flags, _ in event.descriptors if flags & DescFlag.WRITE]


class Bench:
    """A device in a slot and somebody at the keyboard who means no good."""

    def __init__(self, device: Device) -> None:
        self.memory = FencedRam()
        trace = Trace()
        trace.subscribe(self.memory.hear)
        events: list[Event] = []
        self.device = device
        self.transport = MmioTransport(device, self.memory, Line(), trace)
        port: Any = self
        bus: Any = None
        irq = self.transport.pending.irq
        self.pair = Pair(device, self.transport, bus, port, self.memory, irq, trace, events)
        self.queues: list[RawQueue] = []
        for i, kind in enumerate(BlkRequest):
            self.memory.write(HEADERS + 16 * i, struct.pack("<IIQ", kind, 0, i))

    def load(self, offset: int, width: int) -> int:
        self.transport.describe("r", offset, width, 0)
        self.memory.watching = True
        value = self.transport.load(offset, width)
        self.memory.watching = False
        assert 0 <= value < 1 << 8 * width
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        self.memory.watching = True
        name, phrase = self.transport.describe("w", offset, width, value)
        self.transport.store(offset, width, value)
        self.memory.watching = False
        assert isinstance(name, str)
        assert phrase

    def live(self, features: int, size: int) -> None:
        """A good initialization."""
        self.memory.allowed.clear()
        negotiate(self.pair, self.device.features & (features | VERSION_1))
        self.queues = []
        for index, at in zip(range(len(self.transport.queues)), RINGS, strict=False):
            self.memory.write(at, bytes(0x300))
            self.queues.append(RawQueue(self.pair, index, size, at).enable())
        driver_ok(self.pair)

    def feed(self, data: bytes) -> None:
        if isinstance(self.device, Console):
            self.memory.watching = True
            self.device.feed(data)
            self.memory.watching = False

    def check(self) -> None:
        """The device is in order whatever happened, and serves the next driver that means well."""
        assert self.memory.trespasses == []
        assert self.transport.pending.irq.level == (self.transport.interrupt_status != 0)
        self.live(0, 8)
        queue = self.queues[-1]
        parts: tuple[bytes | int, ...] = {
            "rng": (4,), "blk": (struct.pack("<IIQ", BlkRequest.IN, 0, 0), 512, 1), "console": (b"hello",),
        }[self.device.name]  # fmt: skip
        queue.add(*parts)
        queue.notify()
        assert [length for _, length in queue.used()] == [{"rng": 4, "blk": 513, "console": 0}[self.device.name]]
        assert self.memory.trespasses == []
