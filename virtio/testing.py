"""For tests: a device on a bus with RAM beside it, and a driver's bare hands to make rings with, good ones and bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from emu.bus import Bus, Region
from emu.irq import Line
from emu.memory import Memory, Ram
from emu.regs import Reg
from emu.trace import Event, Trace
from virtio.device import Device
from virtio.events import SpecViolation
from virtio.mmio import MmioTransport
from virtio.queue.walk import DESCRIPTOR
from virtio.registers import SLOT_SIZE, VirtioMmio
from virtio.spec import DescFlag, Feature, mask

E = TypeVar("E", bound=Event)

SLOT_BASE = 0x1000_1000
RAM_BASE = 0x8000_0000
VERSION_1 = mask(Feature.VERSION_1)


@dataclass
class Pair:
    """A device in a slot, reached by `port` (offsets in the slot); `events` holds everything that was published."""

    device: Device | None
    transport: MmioTransport
    bus: Bus
    port: Region
    memory: Ram
    irq: Line
    trace: Trace
    events: list[Event]

    def read(self, register: Reg) -> int:
        """What the driver reads from `register`."""
        return self.port.load(register.offset, register.width)

    def write(self, register: Reg, value: int) -> None:
        """The driver writes `value` to `register`."""
        self.port.store(register.offset, register.width, value)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one class so far."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def violations(self) -> list[str]:
        """The rules broken so far."""
        return [event.rule for event in self.of(SpecViolation)]

    @property
    def complaints(self) -> list[str]:
        """What was said about the rules broken so far."""
        return [event.text for event in self.of(SpecViolation)]


def pair(
    device: Device | None,
    *,
    ram_base: int = RAM_BASE,
    ram_size: int = 0x10_0000,
    name: str = "virtio0",
    slot: Callable[[Device | None, Memory, Line, Trace, str], MmioTransport] = MmioTransport,
) -> Pair:
    """`device` (None: an empty slot) at 0x10001000 of a bus of its own, with `ram_size` bytes of RAM.

    `slot` makes the transport: a `ProbedTransport`, say.
    """
    trace, irq, memory = Trace(), Line(), Ram(ram_base, ram_size)
    events: list[Event] = []
    trace.subscribe(events.append)
    transport = slot(device, memory, irq, trace, name)
    bus = Bus(trace)
    port = bus.add(name, SLOT_BASE, SLOT_SIZE, transport, traced=True)
    return Pair(device, transport, bus, port, memory, irq, trace, events)


def negotiate(p: Pair, accepted: int = VERSION_1) -> None:
    """Look at the device, reset it and go on to FEATURES_OK with these features (4.2.3.1.1; 3.1.1, steps 1 to 6)."""
    for register in (VirtioMmio.MagicValue, VirtioMmio.Version, VirtioMmio.DeviceID):
        p.read(register)
    p.write(VirtioMmio.Status, 0)
    p.read(VirtioMmio.Status)
    for status in (1, 3):
        p.write(VirtioMmio.Status, status)
    for word in (0, 1):
        p.write(VirtioMmio.DeviceFeaturesSel, word)
        p.read(VirtioMmio.DeviceFeatures)
        p.write(VirtioMmio.DriverFeaturesSel, word)
        p.write(VirtioMmio.DriverFeatures, accepted >> 32 * word & 0xFFFFFFFF)
    p.write(VirtioMmio.Status, 11)
    p.read(VirtioMmio.Status)


def driver_ok(p: Pair) -> None:
    """The last step of initialization (3.1.1, step 8)."""
    p.write(VirtioMmio.Status, 15)


class RawQueue:
    """Queue `index` of a pair, laid out at `at` by hand; nothing that is put into it is checked.

    The three areas take 0x100 bytes each for up to 16 descriptors; buffers that `add` makes come after 0x1000.
    """

    def __init__(self, p: Pair, index: int = 0, size: int = 8, at: int = RAM_BASE) -> None:
        self.pair = p
        self.memory = p.memory
        self.index = index
        self.size = size
        self.desc, self.avail, self.used_ring = at, at + 0x100, at + 0x200
        self.free = at + 0x1000
        self.next_descriptor = 0
        self.avail_idx = 0
        self._seen = 0

    def enable(self) -> RawQueue:
        """Tell the device where everything is and make the queue ready (4.2.3.2)."""
        self.pair.write(VirtioMmio.QueueSel, self.index)
        self.pair.read(VirtioMmio.QueueReady)
        self.pair.read(VirtioMmio.QueueSizeMax)
        self.pair.write(VirtioMmio.QueueSize, self.size)
        for low, high, area in (
            (VirtioMmio.QueueDescLow, VirtioMmio.QueueDescHigh, self.desc),
            (VirtioMmio.QueueDriverLow, VirtioMmio.QueueDriverHigh, self.avail),
            (VirtioMmio.QueueDeviceLow, VirtioMmio.QueueDeviceHigh, self.used_ring),
        ):
            self.pair.write(low, area & 0xFFFFFFFF)
            self.pair.write(high, area >> 32)
        self.pair.write(VirtioMmio.QueueReady, 1)
        return self

    def place(self, data: bytes) -> int:
        """`data` in fresh RAM; returns its address."""
        address = self.free
        self.memory.write(address, data)
        self.free = (address + len(data) + 15) & ~15
        return address

    def descriptor(
        self, index: int, address: int, length: int, flags: int = 0, next: int = 0, *, table: int | None = None
    ) -> None:
        """Write descriptor `index` of the table (or of the indirect one at `table`) as it is given."""
        entry = DESCRIPTOR.pack(address, length, flags, next)
        self.memory.write((self.desc if table is None else table) + 16 * index, entry)

    def add(self, *buffers: bytes | int, indirect: bool = False) -> list[int]:
        """Make a chain available: bytes are readable data, a number is so much room. Returns the buffers' addresses."""
        places = [self.place(b if isinstance(b, bytes) else bytes(b)) for b in buffers]
        head = 0 if indirect else self.next_descriptor
        table = self.place(bytes(16 * len(buffers))) if indirect else None
        for i, (address, buffer) in enumerate(zip(places, buffers, strict=True)):
            more = i + 1 < len(buffers)
            flags = (DescFlag.NEXT if more else 0) | (0 if isinstance(buffer, bytes) else DescFlag.WRITE)
            length = len(buffer) if isinstance(buffer, bytes) else buffer
            size = len(buffers) if indirect else self.size
            here, following = (head + i) % size, (head + i + 1) % size if more else 0
            self.descriptor(here, address, length, flags, following, table=table)
        if table is not None:
            head = self.next_descriptor
            self.descriptor(head, table, 16 * len(buffers), DescFlag.INDIRECT)
        self.next_descriptor = (head + (1 if indirect else len(buffers))) % self.size
        self.offer(head)
        return places

    def offer(self, head: int) -> None:
        """Put a head into the avail ring."""
        self.memory.put16(self.avail + 4 + 2 * (self.avail_idx % self.size), head)
        self.avail_idx = (self.avail_idx + 1) & 0xFFFF
        self.memory.put16(self.avail + 2, self.avail_idx)

    def notify(self) -> None:
        """Kick the device."""
        self.pair.write(VirtioMmio.QueueNotify, self.index)

    def used(self) -> list[tuple[int, int]]:
        """The (head, length) that came back since the last look."""
        found = []
        while self._seen != self.memory.get16(self.used_ring + 2):
            element = self.used_ring + 4 + 8 * (self._seen % self.size)
            found.append((self.memory.get32(element), self.memory.get32(element + 4)))
            self._seen = (self._seen + 1) & 0xFFFF
        return found
