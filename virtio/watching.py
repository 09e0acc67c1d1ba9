"""`--watch rings`: has the memory of live queues watched, and tells what the driver does there as events of the trace.

It listens to the trace for where queues are, so nothing else needs to know of it. What is watched: the three areas of
every queue that is ready, and the buffers of chains that are the device's, as far as there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Protocol

from emu.fences import fence_of
from emu.memory import BadAddress, Memory
from emu.trace import Event, RegisterAccess, Trace
from virtio.events import ChainUsed, FeaturesNegotiated, QueueConfigured, SpecViolation, StatusChanged
from virtio.ownership import Ownership, reached
from virtio.queue.chain import WRITE
from virtio.queue.walk import DESCRIPTOR, INDIRECT, MAX_CHAIN, NEXT
from virtio.registers import VirtioMmio
from virtio.ring_layout import Areas, word_of
from virtio.spec import Feature, UsedFlag, mask
from virtio.watched import (
    AVAIL,
    BUFFER,
    DESCRIPTORS,
    FOLLOWED,
    REPEATED,
    USED,
    ChainAvailable,
    DriverWaits,
    FenceExecuted,
    MemoryAccess,
)

BUFFERS = 48
"""Chains whose buffers are watched, the newest ones: every load and store of the guest looks through all ranges."""
PIECES = 16
"""Buffers of one chain that are watched, the first ones."""


class MemoryWatcher(Protocol):
    """What is needed of the hart (`emu.watch.Watcher`)."""

    accesses: int
    instructions: int
    seconds: float

    def watch(self, ranges: Iterable[tuple[int, int]], accessed: Callable[[str, int, int, int], object]) -> None: ...

    def follow(self, executed: Callable[[int, int], object]) -> None: ...

    def unfollow(self) -> None: ...


@dataclass(slots=True)
class Watched:
    """A queue that is ready."""

    source: str
    index: int
    areas: Areas
    event_idx: bool
    owners: Ownership = field(default_factory=Ownership)


class RingWatch:
    """Subscribe it to `trace`, into which it publishes. `fetch(pc)` gives an instruction, `memory` is the guest's."""

    def __init__(self, trace: Trace, memory: Memory, watcher: MemoryWatcher, fetch: Callable[[int], int]) -> None:
        self._trace = trace
        self._memory = memory
        self._watcher = watcher
        self._fetch = fetch
        self._queues: dict[tuple[str, int], Watched] = {}
        self._event_idx: dict[str, bool] = {}
        self._last: dict[str, MemoryAccess] = {}
        self._active: set[str] = set()
        self._open: set[tuple[str, int, str]] = set()
        self._left = 0
        self._began = monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, MemoryAccess | FenceExecuted | ChainAvailable | DriverWaits):
            return
        self._last.pop(event.source, None)
        if self._queues and event.source not in self._active:
            self._active.add(event.source)
        if isinstance(event, RegisterAccess):
            if event.op == "w" and event.name == VirtioMmio.QueueNotify.name:
                self._close(event.source, event.value & 0xFFFF, AVAIL)
        elif isinstance(event, QueueConfigured):
            self._configured(event)
        elif isinstance(event, ChainUsed):
            queue = self._queues.get((event.source, event.queue))
            if queue is not None:
                queue.owners.returned(event.head, event.used_idx)
        elif isinstance(event, FeaturesNegotiated):
            self._event_idx[event.source] = event.ok and bool(event.accepted & mask(Feature.EVENT_IDX))
        elif isinstance(event, StatusChanged) and event.new == 0:
            for key in [key for key in self._queues if key[0] == event.source]:
                del self._queues[key]
            self._watch()

    def waits(self, *, ended: bool = False) -> None:
        """The guest waits for an interrupt, or will never do anything more: tell those devices that have been busy."""
        sources = {source for source, _ in self._queues} & self._active
        self._active.clear()
        for source in sorted(sources):
            self._trace.publish(DriverWaits(source, ended))

    def end(self, instructions: int) -> str:
        """The run is over after so many instructions; returns a sentence on what watching took."""
        self.waits(ended=True)
        watcher, seconds = self._watcher, monotonic() - self._began
        told = f"{watcher.accesses:,} accesses and {watcher.instructions:,} instructions looked at"
        rate = instructions / max(seconds, 1e-6) / 1e6
        return f"watching rings: {told} in {watcher.seconds:.2f} s of {seconds:.2f} s; {rate:,.1f} M instructions/s"

    # which memory

    def _configured(self, event: QueueConfigured) -> None:
        key = event.source, event.queue
        self._queues.pop(key, None)
        if event.ready:
            areas = Areas(event.size, event.descriptor_area, event.driver_area, event.device_area)
            self._queues[key] = Watched(event.source, event.queue, areas, self._event_idx.get(event.source, False))
        self._watch()

    def _watch(self) -> None:
        ranges = [(start, end) for queue in self._queues.values() for _, start, end in queue.areas.ranges]
        for queue in self._queues.values():
            for chain in islice(reversed(queue.owners.chains.values()), BUFFERS):
                ranges += [(start, start + length) for start, length, _ in chain.buffers[:PIECES]]
        self._watcher.watch(ranges, self._accessed)

    # loads and stores

    def _accessed(self, op: str, address: int, width: int, value: int) -> None:
        for queue in list(self._queues.values()):
            for area, start, end in queue.areas.ranges:
                if start < address + width and address < end:
                    self._ring_access(queue, area, max(address, start), MemoryAccess(
                        queue.source, op, address, width, value, area, queue.index, ""))  # fmt: skip
        for queue in self._queues.values():
            for chain, writable in queue.owners.buffers_at(address, width)[:1]:
                if op == "w" or writable:
                    name = f"buffer of chain {chain.head}"
                    self._tell(MemoryAccess(queue.source, op, address, width, value, BUFFER, queue.index, name))

    def _ring_access(self, queue: Watched, area: str, first: int, event: MemoryAccess) -> None:
        areas = queue.areas
        access = event.address, event.width, event.value
        store = event.op == "w"
        idx = areas.used_idx if area == USED else areas.avail_idx
        old = self._memory.get16(idx)
        new = None if area == DESCRIPTORS else word_of(*access, idx, old)
        event.name = areas.name(area, idx if new is not None else first)
        self._tell(event)
        key = queue.source, queue.index, area
        if area == USED and not store:
            if new is None:
                if first >= areas.used_idx + 2:
                    self._close(*key)
            elif new != queue.owners.seen:
                self._follow(key)
                if queue.owners.looked(new):
                    self._watch()
        elif store and area != USED:
            self._follow((queue.source, queue.index, AVAIL))
            if area == AVAIL and new is not None and new != old:
                self._made_available(queue, old, new, access)

    def _tell(self, event: MemoryAccess) -> None:
        """Publish, unless it is a poll that found the same as a moment ago."""
        last = self._last.get(event.source)
        trace = self._trace
        if last is not None and event.op == "r" == last.op and event.address == last.address:
            same = event.value == last.value and event.width == last.width and trace.pc() == last.pc
            if same and trace.now() - last.time < REPEATED:
                return
        self._active.add(event.source)
        self._last[event.source] = event
        trace.publish(event)

    # chains

    def _made_available(self, queue: Watched, old: int, new: int, store: tuple[int, int, int]) -> None:
        areas = queue.areas
        if not reached(old, new):
            message = f"queue {queue.index}: avail.idx went back from {old} to {new}"
            rule = "split.avail-idx-no-decrement", "2.7.6.1"
            self._trace.publish(SpecViolation(queue.source, *rule, message, queue.index))
        if (new - old) & 0xFFFF > areas.size:
            return
        if queue.event_idx:
            kick = (new - self._memory.get16(areas.avail_event) - 1) & 0xFFFF < (new - old) & 0xFFFF
        else:
            kick = not self._memory.get16(areas.used) & UsedFlag.NO_NOTIFY
        for step in range((new - old) & 0xFFFF):
            position = (old + step) & 0xFFFF
            at = areas.avail + 4 + 2 * (position % areas.size)
            there = self._memory.get16(at)
            head = word_of(*store, at, there)
            chain = self._chain(queue, position, there if head is None else head, kick)
            self._trace.publish(chain)
            queue.owners.available(chain)
        self._watch()

    def _chain(self, queue: Watched, position: int, head: int, kick: bool) -> ChainAvailable:
        """What can be read of a chain, right or wrong: others judge it."""
        found: list[tuple[int, int, int, int, int]] = []
        buffers: list[tuple[int, int, bool]] = []
        size, index = queue.areas.size, head
        while index < size and len(found) < size:
            entry = self._descriptor(queue.areas.descriptors + 16 * index)
            found.append((index, *entry))
            address, length, flags, index = entry
            buffers.append((address, length, bool(flags & WRITE) and not flags & INDIRECT))
            if flags & INDIRECT:
                buffers += self._table(address, min(length // 16, MAX_CHAIN))
            if not flags & NEXT:
                break
        return ChainAvailable(queue.source, queue.index, position, head, tuple(found), tuple(buffers), kick)

    def _table(self, address: int, entries: int) -> list[tuple[int, int, bool]]:
        found = []
        try:
            for at in range(address, address + 16 * entries, 16):
                start, length, flags, _ = self._descriptor(at)
                found.append((start, length, bool(flags & WRITE)))
                if not flags & NEXT:
                    break
        except BadAddress:
            pass
        return found

    def _descriptor(self, at: int) -> tuple[int, int, int, int]:
        address, length, flags, following = DESCRIPTOR.unpack(self._memory.read(at, 16))
        return address, length, flags, following

    # fences

    def _follow(self, key: tuple[str, int, str]) -> None:
        """Look for fences for a while: until a kick, or until an element of the used ring is loaded."""
        self._left = FOLLOWED
        if not self._open:
            self._watcher.follow(self._executed)
        self._open.add(key)

    def _close(self, *key: object) -> None:
        if key in self._open:
            self._open -= {key}
            if not self._open:
                self._watcher.unfollow()

    def _executed(self, pc: int, size: int) -> None:
        self._left -= 1
        if self._left < 0:
            self._open.clear()
            self._watcher.unfollow()
        elif size == 4:
            fence = fence_of(self._fetch(pc))
            if fence is not None:
                for source in sorted({source for source, _, _ in self._open}):
                    self._trace.publish(FenceExecuted(source, *fence))
