"""Put a device on a Unicorn instance that somebody else made; nothing here imports unicorn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from emu.bus import Region
from emu.irq import Line
from emu.memory import BorrowedMemory
from emu.trace import NO_TRACE, Trace
from virtio.device import Device
from virtio.mmio import MmioTransport
from virtio.registers import SLOT_SIZE

_slots: WeakKeyDictionary[Any, list[int]] = WeakKeyDictionary()
"""Where the slots of each Unicorn instance are: device memory is not RAM, though Unicorn lists it beside RAM."""


class AttachedMemory(BorrowedMemory):
    """The memory of `uc` without the slots at `slots`: a ring cannot lie in a device's registers."""

    def __init__(self, uc: Any, slots: list[int]) -> None:
        super().__init__(uc)
        self.slots = slots

    def contains(self, address: int, size: int) -> bool:
        if any(address < slot + SLOT_SIZE and slot < address + size for slot in self.slots):
            return False
        return super().contains(address, size)


def attach(
    uc: Any,
    device: Device,
    *,
    base: int,
    irq: Callable[[bool], None] | None = None,
    trace: Trace = NO_TRACE,
    name: str = "virtio0",
) -> MmioTransport:
    """Map `device` at guest-physical `base` (a multiple of 4096) of `uc`, little-endian, of any architecture.

    `irq(level)` hears the device's wire go up and down; `trace` gets the register accesses and all other events.
    Rings and buffers are read through `uc`. What goes wrong inside a device model is logged (logger "virtio") and
    sets DEVICE_NEEDS_RESET: an exception never crosses Unicorn.
    """
    slots = _slots.setdefault(uc, [])
    transport = MmioTransport(device, AttachedMemory(uc, slots), Line(irq), trace, name)
    region = Region(name, base, SLOT_SIZE, transport, trace, traced=True)

    def failed(error: Exception) -> None:
        logging.getLogger("virtio").error("%s at %#x: %s", name, base, error, exc_info=error)
        transport.needs_reset(f"{type(error).__name__}: {error}")

    def load(_uc: Any, offset: int, width: int, _data: Any) -> int:
        try:
            return region.load(offset, width)
        except Exception as error:  # Unicorn's C frames are below
            failed(error)
            return 0

    def store(_uc: Any, offset: int, width: int, value: int, _data: Any) -> None:
        try:
            region.store(offset, width, value)
        except Exception as error:  # Unicorn's C frames are below
            failed(error)

    uc.mmio_map(base, SLOT_SIZE, load, None, store, None)
    slots.append(base)
    return transport
