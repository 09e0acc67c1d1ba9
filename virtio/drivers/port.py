"""Ports: what a host-side driver can load and store on. Offsets are from the base of a slot, widths in bytes.

A device on a bus, the slot of a running guest machine, any pair of functions, or a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from emu.bus import Bus
from emu.regs import Port
from emu.trace import Event, RegisterAccess
from virtio.errors import TraceMismatch
from virtio.registers import VirtioMmio

QUEUE_ADDRESSES = frozenset(
    register.offset
    for register in (
        VirtioMmio.QueueDescLow, VirtioMmio.QueueDescHigh, VirtioMmio.QueueDriverLow,
        VirtioMmio.QueueDriverHigh, VirtioMmio.QueueDeviceLow, VirtioMmio.QueueDeviceHigh,
    )
)  # fmt: skip
"""Registers whose values depend on where the rings happen to lie."""


def notation(op: str, offset: int, width: int, value: int, *, values: bool = True) -> str:
    """An access in short: `R044`, `W070=b`, `R108/8` where the width is not four."""
    size = "" if width == 4 else f"/{width}"
    return f"{op.upper()}{offset:03x}{size}" + (f"={value:x}" if op == "w" and values else "")


class FunctionPort:
    """A slot at `base`, reached by `load(address, width)` and `store(address, width, value)`."""

    def __init__(self, load: Callable[[int, int], int], store: Callable[[int, int, int], None], base: int = 0) -> None:
        self._load = load
        self._store = store
        self.base = base

    def load(self, offset: int, width: int) -> int:
        return self._load(self.base + offset, width)

    def store(self, offset: int, width: int, value: int) -> None:
        self._store(self.base + offset, width, value)


class BusPort(FunctionPort):
    """The device at physical `base` of `bus`."""

    def __init__(self, bus: Bus, base: int) -> None:
        super().__init__(bus.load, bus.store, base)


class HasBus(Protocol):
    """A machine, as far as a port cares."""

    @property
    def bus(self) -> Bus: ...


class MachinePort(BusPort):
    """The slot at physical `base` of a running guest machine: the host plays driver while the hart stands still."""

    def __init__(self, machine: HasBus, base: int) -> None:
        super().__init__(machine.bus, base)


class RecordingPort:
    """Passes everything on to `port` and lists it in `accesses`, as `notation` writes it.

    The values stored at the offsets in `hidden` are left out.
    """

    def __init__(self, port: Port, hidden: frozenset[int] = QUEUE_ADDRESSES) -> None:
        self.port = port
        self.hidden = hidden
        self.accesses: list[str] = []

    def load(self, offset: int, width: int) -> int:
        value = self.port.load(offset, width)
        self.accesses.append(notation("r", offset, width, value))
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        self.accesses.append(notation("w", offset, width, value, values=offset not in self.hidden))
        self.port.store(offset, width, value)


class ReplayPort:
    """The accesses to `source` (a slot's name) in a recording: loads answer what was read, stores are compared.

    A driver that does anything else gets `TraceMismatch`; after that every access repeats the same mismatch.
    """

    def __init__(self, events: Iterable[Event], source: str) -> None:
        self.recorded = [e for e in events if isinstance(e, RegisterAccess) and e.source == source]
        self.position = 0
        self._mismatch: TraceMismatch | None = None

    @property
    def remaining(self) -> int:
        """Recorded accesses that were not replayed yet."""
        return len(self.recorded) - self.position

    def load(self, offset: int, width: int) -> int:
        return self._next("r", offset, width, 0).value

    def store(self, offset: int, width: int, value: int) -> None:
        self._next("w", offset, width, value)

    def finish(self) -> None:
        """Raise `TraceMismatch` unless the whole recording was replayed."""
        if self._mismatch is None and self.remaining:
            event = self.recorded[self.position]
            expected = notation(event.op, event.offset, event.width, event.value)
            self._mismatch = TraceMismatch(event.seq, expected, "nothing more")
        if self._mismatch is not None:
            raise self._mismatch

    def _next(self, op: str, offset: int, width: int, value: int) -> RegisterAccess:
        if self._mismatch is not None:
            raise self._mismatch
        got = notation(op, offset, width, value)
        if not self.remaining:
            end = self.recorded[-1].seq + 1 if self.recorded else 0
            self._mismatch = TraceMismatch(end, "the end", got)
            raise self._mismatch
        event = self.recorded[self.position]
        same_place = (event.op, event.offset, event.width) == (op, offset, width)
        if not same_place or (op == "w" and event.value != value):
            expected = notation(event.op, event.offset, event.width, event.value)
            self._mismatch = TraceMismatch(event.seq, expected, got)
            raise self._mismatch
        self.position += 1
        return event
