"""For tests: a device on a bus with RAM beside it, and a driver's hands to make rings with, good ones and bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from emu.bus import Bus, Region
from emu.irq import Line
from emu.memory import Ram
from emu.trace import Event, Trace
from virtio.device import Device
from virtio.events import SpecViolation
from virtio.mmio import MmioTransport
from virtio.registers import SLOT_SIZE

E = TypeVar("E", bound=Event)

SLOT_BASE = 0x1000_1000
RAM_BASE = 0x8000_0000


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

    def of(self, kind: type[E]) -> list[E]:
        """The events of one class so far."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def violations(self) -> list[str]:
        """The rules broken so far."""
        return [event.rule for event in self.of(SpecViolation)]


def pair(
    device: Device | None, *, ram_base: int = RAM_BASE, ram_size: int = 0x10_0000, name: str = "virtio0"
) -> Pair:
    """`device` (None: an empty slot) at 0x10001000 of a bus of its own, with `ram_size` bytes of RAM."""
    trace, irq, memory = Trace(), Line(), Ram(ram_base, ram_size)
    events: list[Event] = []
    trace.subscribe(events.append)
    transport = MmioTransport(device, memory, irq, trace, name)
    bus = Bus(trace)
    port = bus.add(name, SLOT_BASE, SLOT_SIZE, transport, traced=True)
    return Pair(device, transport, bus, port, memory, irq, trace, events)
