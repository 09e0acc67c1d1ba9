"""Where queues lie in memory (2.7): no two parts in the same place, of whichever queue or device."""

from __future__ import annotations

from collections.abc import Iterator

from virtio.events import QueueConfigured
from virtio.sanitizer.chapter import Chapter, events, rule
from virtio.sanitizer.slot import QueueState, Slot
from virtio.spec import Feature

Part = tuple[str, int, int]
"""What it is called, its first byte, and the one after its last."""


def parts(slot: Slot, queue: QueueState | QueueConfigured) -> list[Part]:
    """The three areas as long as this device uses them: without EVENT_IDX nobody looks at the last two bytes."""
    event = 2 if slot.has(Feature.EVENT_IDX) else 0
    return [
        ("descriptor table", queue.descriptor_area, queue.descriptor_area + 16 * queue.size),
        ("avail ring", queue.driver_area, queue.driver_area + 4 + 2 * queue.size + event),
        ("used ring", queue.device_area, queue.device_area + 4 + 8 * queue.size + event),
    ]


def overlap(a: Part, b: Part) -> bool:
    return a[1] < b[2] and b[1] < a[2]


class Areas(Chapter):
    """Asked when a queue became ready."""

    @rule("inv.rings-disjoint", on=events(QueueConfigured))
    def rings_disjoint(self, event: QueueConfigured) -> Iterator[str]:
        if not event.ready:
            return
        mine = parts(self.slot, event)
        for i, part in enumerate(mine):
            others = [(other, "its") for other in mine[i + 1 :]] + list(self.others(event.queue))
            for other, whose in others:
                if overlap(part, other):
                    places = f"{part[1]:#x} to {part[2] - 1:#x}, {other[1]:#x} to {other[2] - 1:#x}"
                    yield f"queue {event.queue}: the {part[0]} overlaps {whose} {other[0]} ({places})"

    def others(self, index: int) -> Iterator[tuple[Part, str]]:
        """The parts of all other queues in use, and whose they are."""
        for slot in self.slot.board.values():
            for queue in slot.queues.values():
                if queue.ready and (slot is not self.slot or queue.index != index):
                    owner = f"queue {queue.index}'s" if slot is self.slot else f"{slot.source} queue {queue.index}'s"
                    for part in parts(slot, queue):
                        yield part, owner
