"""Memory barriers, with `--watch rings`: what a RISC-V hart may see in another order than the driver has written it.

The hart here does everything in order, so nothing goes wrong because of a missing fence: what is looked for is the
instruction. Nothing is said of accesses that lie further apart than instructions are followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.trace import Event, RegisterAccess
from virtio.events import QueueConfigured
from virtio.registers import VirtioMmio
from virtio.ring_layout import word_of
from virtio.sanitizer.chapter import Chapter, events, follow, rule, writes
from virtio.spec import Feature
from virtio.watched import AVAIL, DESCRIPTORS, FOLLOWED, USED, FenceExecuted, MemoryAccess

ACCESS = events(MemoryAccess)


@dataclass(slots=True)
class Since:
    """An access that something has to be kept behind, and the fences since."""

    event: Event
    what: str
    fences: set[tuple[str, str, bool]] = field(default_factory=set)

    def unordered(self, before: str, after: str, now: Event) -> str | None:
        """That no fence was executed since that orders `before` before `after`, said in words; None if one was."""
        if now.time - self.event.time > FOLLOWED or any(
            FenceExecuted("", *fence).orders(before, after) for fence in self.fences
        ):
            return None
        others = " but " + " and ".join(sorted(_written(*fence) for fence in self.fences)) if self.fences else ""
        return f"no fence {before},{after} was executed between {self.what}{others}"


def _written(before: str, after: str, total: bool) -> str:
    return FenceExecuted("", before, after, total).text.removeprefix("fence ")


class Fences(Chapter):
    """By queue: `filled` is the last store to descriptors or avail ring, `published` that of avail.idx, `looked` the
    load of used.idx that showed something new."""

    def reset(self) -> None:
        self.filled: dict[int, Since] = {}
        self.published: dict[int, Since] = {}
        self.looked: dict[int, Since] = {}
        self.used_idx: dict[int, int] = {}

    def moves_avail_idx(self, event: MemoryAccess) -> bool:
        at = self.slot.queue(event.queue).areas.avail_idx
        return event.op == "w" and event.area == AVAIL and event.address < at + 2 and at < event.address + event.width

    @rule("split.barrier-before-idx", on=ACCESS)
    def barrier_before_idx(self, event: MemoryAccess) -> str | None:
        filled = self.filled.get(event.queue) if self.moves_avail_idx(event) else None
        missing = filled.unordered("w", "w", event) if filled is not None else None
        return f"queue {event.queue}: {missing} and the store to avail.idx" if missing else None

    @rule("split.barrier-before-suppress-read", on=ACCESS)
    def barrier_before_suppress_read(self, event: MemoryAccess) -> str | None:
        """Of used.flags, or with EVENT_IDX of avail_event; as a word of its own: a wider load is one of used.idx."""
        if event.op != "r" or event.area != USED or event.width > 2:
            return None
        areas, event_idx = self.slot.queue(event.queue).areas, self.slot.has(Feature.EVENT_IDX)
        if event.address != (areas.avail_event if event_idx else areas.used):
            return None
        published = self.published.get(event.queue)
        missing = published.unordered("w", "r", event) if published is not None else None
        return f"queue {event.queue}: {missing} and the load of {event.name}" if missing else None

    @rule("inv.kick-barrier", on=writes(VirtioMmio.QueueNotify))
    def kick_barrier(self, event: RegisterAccess) -> str | None:
        queue = event.value & 0xFFFF
        published = self.published.get(queue)
        missing = published.unordered("w", "o", event) if published is not None else None
        return f"queue {queue}: {missing} and the write to QueueNotify" if missing else None

    @rule("inv.used-before-idx", on=ACCESS)
    def barrier_after_used_idx(self, event: MemoryAccess) -> str | None:
        """The element may be loaded before the index that says it is there; a branch in between does not help."""
        looked = self.looked.get(event.queue) if self.is_element(event) else None
        missing = looked.unordered("r", "r", event) if looked is not None else None
        return f"queue {event.queue}: {missing} and that of {event.name}" if missing else None

    def is_element(self, event: MemoryAccess) -> bool:
        areas = self.slot.queue(event.queue).areas
        behind_idx, end = areas.used_idx + 2, areas.avail_event
        return event.op == "r" and event.area == USED and behind_idx <= event.address < end

    @follow(ACCESS)
    def accessed(self, event: MemoryAccess) -> None:
        queue = event.queue
        if self.moves_avail_idx(event):
            self.filled.pop(queue, None)
            self.published[queue] = Since(event, "the store to avail.idx")
        elif event.op == "w" and (event.area == DESCRIPTORS or event.name.startswith("avail.ring")):
            self.filled[queue] = Since(event, f"the store to {event.name}")
        elif self.is_element(event):
            self.looked.pop(queue, None)
        elif event.op == "r" and event.area == USED:
            access = event.address, event.width, event.value
            idx = word_of(*access, self.slot.queue(queue).areas.used_idx)
            if idx is not None and idx != self.used_idx.get(queue, 0):
                self.used_idx[queue] = idx
                self.looked[queue] = Since(event, "the load of used.idx")

    @follow(events(FenceExecuted))
    def fenced(self, event: FenceExecuted) -> None:
        for waiting in (self.filled, self.published, self.looked):
            for since in waiting.values():
                since.fences.add((event.before, event.after, event.total))

    @follow(writes(VirtioMmio.QueueNotify))
    def kicked(self, event: RegisterAccess) -> None:
        self.published.pop(event.value & 0xFFFF, None)

    @follow(events(QueueConfigured))
    def configured(self, event: QueueConfigured) -> None:
        for kept in (self.filled, self.published, self.looked, self.used_idx):
            kept.pop(event.queue, None)
