"""The driver's end of a split virtqueue (2.7): add, notify, wait, pop_used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from emu.memory import Memory
from virtio.drivers.arena import Arena
from virtio.drivers.types import Transport, Virtqueue, VirtqueueAddresses
from virtio.errors import (
    BadUsedId,
    BadUsedLength,
    DeviceFault,
    DeviceNeedsReset,
    DeviceSilent,
    DriverMisuse,
    QueueFull,
    UsedIndexJumped,
)
from virtio.spec import AvailFlag, DescFlag, Feature, UsedFlag, mask

NEXT = int(DescFlag.NEXT)  # arithmetic on flags costs a microsecond
Piece = tuple[int, int]
"""Part of a buffer: guest-physical address, length in bytes."""


@dataclass(slots=True)
class Used:
    """A chain that came back: the `token` it was added with, and the bytes that the device wrote into it."""

    token: Any  # the driver's own
    head: int
    length: int


@dataclass(slots=True)
class _Outstanding:
    token: Any
    descriptors: list[int]
    writable: int
    table: int | None


class SplitVirtqueue(Virtqueue):
    """At most `size` elements in `memory`, laid out from `arena`.

    `indirect` and `event_idx` say what the queue would like; both need the device's consent. `idle()` is called while
    `wait` waits (run the machine, poll the device), `patience` times at most. `client` hears of used interrupts.
    After a DeviceFault the queue only repeats it, until it is initialized again.
    """

    def __init__(
        self,
        transport: Transport,
        memory: Memory,
        arena: Arena,
        size: int = 64,
        *,
        indirect: bool = True,
        event_idx: bool = True,
        idle: Callable[[], object] | None = None,
        patience: int = 1000,
    ) -> None:
        if not 0 < size <= 32768 or size & (size - 1):
            raise DriverMisuse(f"queue size {size} is no power of two up to 32768 (2.7)")
        self.transport = transport
        self.memory = memory
        self.arena = arena
        self.size = self.size_wanted = size
        self.features = mask(*[Feature.INDIRECT_DESC] * indirect, *[Feature.EVENT_IDX] * event_idx)
        self.idle = idle
        self.patience = patience
        self.client: Callable[[], object] | None = None
        self.number = -1
        self._areas: VirtqueueAddresses | None = None

    def negotiate_queue_size(self, device_max: int) -> int:
        """The largest power of two that device and driver can both live with."""
        self.size = 1 << (min(device_max, self.size_wanted).bit_length() - 1)
        return self.size

    def initialize(self, queue_number: int, queue_elements: int) -> None:
        """Lay the rings out anew, zeroed; chains that were outstanding are forgotten."""
        if self._areas is not None:
            for chain in self._outstanding.values():
                self._free_table(chain)
            for area in self._areas:
                self.arena.free(area)
        self.number, self.size = queue_number, queue_elements
        self.indirect = bool(self.transport.negotiated & self.features & mask(Feature.INDIRECT_DESC))
        self.event_idx = bool(self.transport.negotiated & self.features & mask(Feature.EVENT_IDX))
        parts = ((16 * self.size, 16), (6 + 2 * self.size, 2), (6 + 8 * self.size, 4))  # 2.7.1
        addresses = [self.arena.allocate(*part) for part in parts]
        for address, (length, _) in zip(addresses, parts, strict=True):
            self.memory.write(address, bytes(length))
        self._areas = VirtqueueAddresses(*addresses)
        self._desc, self._avail, self._used = addresses
        self._used_event = self._avail + 4 + 2 * self.size
        self._avail_event = self._used + 4 + 8 * self.size
        self._free = list(range(self.size - 1, -1, -1))
        self._outstanding: dict[int, _Outstanding] = {}
        self._avail_idx = self._notified_idx = self._last_used = 0
        self._interrupts = True
        self._fault: DeviceFault | None = None

    def physical_addresses(self) -> VirtqueueAddresses:
        """Where the three areas lie; raises DriverMisuse before `initialize`."""
        if self._areas is None:
            raise DriverMisuse("the queue was not initialized: it has no addresses")
        return self._areas

    def used_interrupt(self) -> None:
        """Tell `client`; spurious calls do no harm."""
        if self.client is not None and self._areas is not None:
            self.client()

    @property
    def free(self) -> int:
        """Free descriptors."""
        return len(self._free)

    @property
    def outstanding(self) -> int:
        """Chains that the device has."""
        return len(self._outstanding)

    def add(self, readable: Sequence[Piece], writable: Sequence[Piece], token: Any = None) -> int:
        """Make a chain available: what the device reads, then what it writes (2.7.4.2); returns its head.

        Nobody is notified. Raises QueueFull, DriverMisuse, or the DeviceFault that broke the queue.
        """
        self._check_usable()
        pieces = [(piece, 0) for piece in readable] + [(piece, int(DescFlag.WRITE)) for piece in writable]
        self._check_chain(pieces)
        indirect = self.indirect and len(pieces) > 1
        needed = 1 if indirect else len(pieces)
        if needed > self.free:
            raise QueueFull(self.number, needed, self.free)
        table = self.arena.allocate(16 * len(pieces), 16) if indirect else None
        descriptors = [self._free.pop() for _ in range(needed)]
        head = descriptors[0]
        if table is not None:
            self._write_chain(table, range(len(pieces)), pieces)
            self._write_chain(self._desc, [head], [((table, 16 * len(pieces)), int(DescFlag.INDIRECT))])
        else:
            self._write_chain(self._desc, descriptors, pieces)
        total = sum(length for _, length in writable)
        self._outstanding[head] = _Outstanding(token, descriptors, total, table)
        self.memory.put16(self._avail + 4 + 2 * (self._avail_idx % self.size), head)
        self._avail_idx = (self._avail_idx + 1) & 0xFFFF
        self.memory.put16(self._avail + 2, self._avail_idx)
        return head

    def notify(self) -> bool:
        """Notify the device of what was added since the last time, if it wants that (2.7.10.1); True if it did."""
        self._check_usable()
        old, self._notified_idx = self._notified_idx, self._avail_idx
        added = (self._avail_idx - old) & 0xFFFF
        if self.event_idx:
            event = self.memory.get16(self._avail_event)
            wanted = (self._avail_idx - event - 1) & 0xFFFF < added
        else:
            wanted = added > 0 and not self.memory.get16(self._used) & UsedFlag.NO_NOTIFY
        if wanted:
            self.transport.queue_notify(self.number)
        return wanted

    def has_used(self) -> bool:
        """Whether a used chain waits to be popped; raises UsedIndexJumped."""
        self._check_usable()
        idx = self.memory.get16(self._used + 2)
        if (idx - self._last_used) & 0xFFFF > self.outstanding:
            raise self._broken(UsedIndexJumped(self.number, self._last_used, idx, self.outstanding))
        return idx != self._last_used

    def wait(self) -> None:
        """Return when a used chain waits; raises DeviceNeedsReset, DeviceSilent after `patience` calls of `idle`."""
        looks = 0
        while not self.has_used():
            if self.transport.needs_reset():
                raise DeviceNeedsReset(self.number, self.outstanding)
            if self.idle is None or looks == self.patience:
                raise DeviceSilent(self.number, self.outstanding, looks + 1)
            looks += 1
            self.idle()

    def pop_used(self) -> Used | None:
        """The next used chain, or None; raises UsedIndexJumped, BadUsedId, BadUsedLength."""
        if not self.has_used():
            return None
        slot = self._last_used % self.size
        head = self.memory.get32(self._used + 4 + 8 * slot)
        length = self.memory.get32(self._used + 8 + 8 * slot)
        chain = self._outstanding.get(head)
        if chain is None:
            raise self._broken(BadUsedId(self.number, slot, head))
        if length > chain.writable:
            raise self._broken(BadUsedLength(self.number, slot, head, length, chain.writable))
        del self._outstanding[head]
        self._free.extend(reversed(chain.descriptors))
        self._free_table(chain)
        self._last_used = (self._last_used + 1) & 0xFFFF
        if self.event_idx and self._interrupts:
            self.memory.put16(self._used_event, self._last_used)
        return Used(chain.token, head, length)

    def want_interrupts(self, wanted: bool) -> bool:
        """Ask the device for used buffer notifications, or not to send any: a hint (2.7.7).

        Returns whether a used chain waits already, whose interrupt may never come: then pop first.
        """
        self._check_usable()
        self._interrupts = wanted
        if self.event_idx:  # not wanted: an index that was passed already, 65535 chains away
            self.memory.put16(self._used_event, self._last_used - (not wanted) & 0xFFFF)
        else:
            self.memory.put16(self._avail, 0 if wanted else int(AvailFlag.NO_INTERRUPT))
        return self.has_used()

    def _check_usable(self) -> None:
        if self._areas is None:
            raise DriverMisuse("the queue was not initialized")
        if self._fault is not None:
            raise self._fault

    def _broken(self, fault: DeviceFault) -> DeviceFault:
        self._fault = fault
        return fault

    def _check_chain(self, pieces: Sequence[tuple[Piece, int]]) -> None:
        if not pieces or any(length <= 0 for (_, length), _ in pieces):
            raise DriverMisuse(f"queue {self.number}: a chain needs pieces of at least one byte, not {pieces}")
        if len(pieces) > self.size:  # through an indirect table too (2.7.5.3.1)
            raise DriverMisuse(f"queue {self.number}: a chain of {len(pieces)} pieces is longer than {self.size}")
        if sum(length for (_, length), _ in pieces) > 1 << 32:
            raise DriverMisuse(f"queue {self.number}: a chain of more than 4 GiB (2.7.5.2)")

    def _write_chain(self, table: int, places: Sequence[int], pieces: Sequence[tuple[Piece, int]]) -> None:
        for i, (place, ((address, length), flags)) in enumerate(zip(places, pieces, strict=True)):
            last = i == len(places) - 1
            entry = table + 16 * place
            self.memory.put64(entry, address)
            self.memory.put32(entry + 8, length)
            self.memory.put16(entry + 12, flags if last else flags | NEXT)
            self.memory.put16(entry + 14, 0 if last else places[i + 1])

    def _free_table(self, chain: _Outstanding) -> None:
        if chain.table is not None:
            self.arena.free(chain.table)
