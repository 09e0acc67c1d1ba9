"""What a register access means, in a phrase a person reads: looks at the transport, changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.regs import Reg, show
from virtio.config_fields import CONFIG_FIELDS
from virtio.queue_registers import AREAS
from virtio.registers import CONFIG, VirtioMmio
from virtio.spec import MAGIC, DeviceStatus, Interrupt, device_name, feature_names
from virtio.status import DRIVER_BITS, FEATURES_OK

if TYPE_CHECKING:
    from virtio.mmio import MmioTransport

Phrase = Callable[["MmioTransport", str, int], str]
"""From the transport, the direction and the value to a phrase."""

AREA_NAMES = {"descriptor_area": "descriptor table", "driver_area": "avail ring", "device_area": "used ring"}


def describe(transport: MmioTransport, op: str, offset: int, width: int, value: int) -> tuple[str, str]:
    """The register's name (empty: a hole) and what the access means; ask before a store takes effect."""
    if offset >= CONFIG and transport.device is not None:
        return _config(transport, offset - CONFIG, width, value)
    register = VirtioMmio.containing(offset)
    if register is None:
        return "", "no register here"
    if width != register.width or offset != register.offset:
        return register.name, f"{width}-byte access; registers take aligned 4-byte accesses"
    if op == "r" and not register.readable:
        return register.name, "write-only, reads 0"
    if op == "w" and not register.writable:
        return register.name, f"read-only, {value:#x} is ignored"
    phrase = PHRASES.get(register)
    return register.name, phrase(transport, op, value) if phrase else register.show(value)


def _config(transport: MmioTransport, at: int, width: int, value: int) -> tuple[str, str]:
    name = f"config+{at:#x}"
    for offset, size, field, _ in CONFIG_FIELDS.get(transport.model.device_id, ()):
        if offset <= at < offset + size:
            part = "" if (at, width) == (offset, size) else f", bytes {at - offset} to {at - offset + width - 1}"
            return name, f"{field}{part}: {value if value < 0x10000 else hex(value)}"
    if at + width > len(transport.model.config):
        return name, f"past the configuration's {len(transport.model.config)} bytes"
    return name, f"{value:#x}"


def _features(transport: MmioTransport, word: int, value: int) -> str:
    # a selector is any 32-bit number: only its first words can name a bit
    names = feature_names(transport.model.device_id, value << 32 * word) if word < 4 else [f"{value:#x}"]
    return f"word {word}: {', '.join(names) if names and value else 'none'}"


def _status(transport: MmioTransport, op: str, value: int) -> str:
    flags = show(DeviceStatus, value)
    if op == "r":
        return flags
    if value == 0:
        return "0: reset"
    gained, lost = value & ~transport.status & DRIVER_BITS, transport.status & ~value & DRIVER_BITS
    changes = []
    if gained & FEATURES_OK and not transport.agreeable():
        gained &= ~FEATURES_OK
        changes.append("FEATURES_OK refused")
    if gained:
        changes.insert(0, f"{show(DeviceStatus, gained)} set")
    if lost:
        changes.append(f"{show(DeviceStatus, lost)} cleared")
    return f"{flags}: {', '.join(changes) or 'nothing changes'}"


def _queue(transport: MmioTransport, index: int) -> str:
    known = index < len(transport.queues)
    return f"queue {index}" if known else f"queue {index} (not there)"


def _selected(transport: MmioTransport) -> str:
    return _queue(transport, transport.queue_sel)


def _queue_sel(transport: MmioTransport, op: str, value: int) -> str:
    name = f" ({transport.queues[value].name})" if value < len(transport.queues) else ""
    return _queue(transport, value) + name


def _size_max(transport: MmioTransport, op: str, value: int) -> str:
    return f"{_selected(transport)}: " + (f"at most {value} descriptors" if value else "not available")


def _ready(transport: MmioTransport, op: str, value: int) -> str:
    queue = _selected(transport)
    if op == "r":
        return f"{queue} is {'ready' if value else 'not ready'}"
    return f"{queue} is to be {'used' if value else 'stopped'}"


def _notify(transport: MmioTransport, op: str, value: int) -> str:
    if value >= len(transport.queues):
        return _queue(transport, value)
    queue = transport.queues[value]
    if not queue.ready:
        return f"queue {value}: not ready"
    return f"queue {value}: {queue.available} chain{'s' * (queue.available != 1)} available"


def _area(register: Reg) -> Phrase:
    attribute, shift = AREAS[register]
    half = f"{AREA_NAMES[attribute]}'s address, {'high' if shift else 'low'} half"
    return lambda transport, op, value: f"{_selected(transport)}: {half}"


PHRASES: dict[Reg, Phrase] = {
    VirtioMmio.MagicValue: lambda t, op, value: '"virt"' if value == MAGIC else f"{value:#x}, not VirtIO",
    VirtioMmio.Version: lambda t, op, value: "2: modern" if value == 2 else f"{value}: not supported",
    VirtioMmio.DeviceID: lambda t, op, value: device_name(value) if value else "0: nothing in this slot",
    VirtioMmio.DeviceFeatures: lambda t, op, value: _features(t, t.device_features_sel, value),
    VirtioMmio.DriverFeatures: lambda t, op, value: _features(t, t.driver_features_sel, value),
    VirtioMmio.DeviceFeaturesSel: lambda t, op, value: f"feature bits {32 * value} to {32 * value + 31}",
    VirtioMmio.DriverFeaturesSel: lambda t, op, value: f"feature bits {32 * value} to {32 * value + 31}",
    VirtioMmio.QueueSel: _queue_sel,
    VirtioMmio.QueueSizeMax: _size_max,
    VirtioMmio.QueueSize: lambda t, op, value: f"{_selected(t)}: {value} descriptors",
    VirtioMmio.QueueReady: _ready,
    VirtioMmio.QueueNotify: _notify,
    VirtioMmio.InterruptStatus: lambda t, op, value: show(Interrupt, value) if value else "nothing pending",
    VirtioMmio.InterruptACK: lambda t, op, value: f"{show(Interrupt, value)}: acknowledged",
    VirtioMmio.Status: _status,
    VirtioMmio.QueueReset: lambda t, op, value: f"{_selected(t)}: {'reset' if value and op == 'w' else value}",
    VirtioMmio.ConfigGeneration: lambda t, op, value: f"generation {value}",
    **{register: _area(register) for register in AREAS},
}
