"""The bus: regions of physical addresses that belong to devices. It publishes the accesses of traced regions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from emu.memory import BadAddress
from emu.trace import RegisterAccess, Trace

MASKS = tuple((1 << 8 * width) - 1 for width in range(9))
"""All ones of a width in bytes."""


class BusDevice(Protocol):
    """A device with registers: offsets and widths (1, 2, 4 or 8) in bytes. It answers every offset and never raises."""

    def load(self, offset: int, width: int) -> int: ...

    def store(self, offset: int, width: int, value: int) -> None: ...


@runtime_checkable
class Describes(Protocol):
    """A device that can say what an access means: the register's name (empty for a hole) and a short phrase."""

    def describe(self, op: str, offset: int, width: int, value: int) -> tuple[str, str]: ...


class Region:
    """`device` at physical `base`, `size` bytes, known in the trace as `name`."""

    def __init__(self, name: str, base: int, size: int, device: BusDevice, trace: Trace, traced: bool) -> None:
        self.name = name
        self.base = base
        self.size = size
        self.device = device
        self.trace = trace
        self.traced = traced
        self._load, self._store = device.load, device.store
        self._describe = device.describe if isinstance(device, Describes) else None  # isinstance costs 3 us

    def withhold(self, withheld: bool) -> None:
        """Whether a store raises `Withheld` and does nothing."""

        def refuse(offset: int, width: int, value: int) -> None:
            raise Withheld(self.name, offset)

        self._store = refuse if withheld else self.device.store

    def load(self, offset: int, width: int) -> int:
        value = self._load(offset, width) & MASKS[width]
        if self.traced and self.trace.on:
            self._publish("r", offset, width, value)
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        if self.traced and self.trace.on:
            self._publish("w", offset, width, value)
        self._store(offset, width, value)

    def _publish(self, op: str, offset: int, width: int, value: int) -> None:
        name, detail = self._describe(op, offset, width, value) if self._describe else ("", "")
        self.trace.publish(RegisterAccess(self.name, op, offset, width, value, name, detail))


class Withheld(Exception):
    """A store to `region` at `offset` that was not to have an effect."""

    def __init__(self, region: str, offset: int) -> None:
        super().__init__(f"a store to {region} at {offset:#x} was withheld")
        self.region = region
        self.offset = offset


class Bus:
    """Devices by physical address. `load` and `store` take physical addresses; no device there raises `BadAddress`."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.regions: list[Region] = []

    def add(self, name: str, base: int, size: int, device: BusDevice, *, traced: bool = False) -> Region:
        for other in self.regions:
            if base < other.base + other.size and other.base < base + size:
                raise ValueError(f"{name} at {base:#x} overlaps {other.name} at {other.base:#x}")
        region = Region(name, base, size, device, self.trace, traced)
        self.regions.append(region)
        return region

    @contextmanager
    def withhold_stores(self) -> Iterator[None]:
        """Let every store to a device raise `Withheld` instead of having an effect."""
        for region in self.regions:
            region.withhold(True)
        try:
            yield
        finally:
            for region in self.regions:
                region.withhold(False)

    def find(self, address: int, width: int) -> Region:
        for region in self.regions:
            if region.base <= address and address + width <= region.base + region.size:
                return region
        raise BadAddress(address, width)

    def load(self, address: int, width: int) -> int:
        region = self.find(address, width)
        return region.load(address - region.base, width)

    def store(self, address: int, width: int, value: int) -> None:
        region = self.find(address, width)
        region.store(address - region.base, width, value)
