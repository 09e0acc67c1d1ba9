"""Split virtqueues (2.7): the flags of both rings, and how a request is cut into descriptors."""

from __future__ import annotations

from virtio.events import ChainPopped, QueueConfigured, QueueNotified, RingWords
from virtio.sanitizer.chapter import Chapter, events, rule
from virtio.spec import Feature

MANY, SMALL = 16, 16
"""More descriptors than this with fewer bytes each are too many for what they hold."""


class Split(Chapter):
    """Judges what the queue itself does not look at; chains are judged where they are followed."""

    @rule("split.used-flags-init-zero", on=events(QueueConfigured))
    def used_flags_init_zero(self, event: QueueConfigured) -> str | None:
        flags = RingWords(*event.ring).used_flags
        if not event.ready or flags <= 0:
            return None
        return f"queue {event.queue} became ready while used.flags at {event.device_area:#x} is {flags:#x} and not 0"

    @rule("split.avail-flags-0-or-1", on=events(QueueNotified))
    def avail_flags_0_or_1(self, event: QueueNotified) -> str | None:
        flags = RingWords(*event.ring).avail_flags
        if flags <= 1 or self.slot.has(Feature.EVENT_IDX):
            return None
        return f"queue {event.queue}: avail.flags is {flags:#x}; without EVENT_IDX it is 0 or 1"

    @rule("evidx.avail-flags-zero", on=events(QueueNotified))
    def avail_flags_zero(self, event: QueueNotified) -> str | None:
        flags = RingWords(*event.ring).avail_flags
        if flags <= 0 or not self.slot.has(Feature.EVENT_IDX):
            return None
        return f"queue {event.queue}: avail.flags is {flags:#x}; with EVENT_IDX it stays 0"

    @rule("split.no-excessive-descs", on=events(ChainPopped))
    def no_excessive_descs(self, event: ChainPopped) -> str | None:
        count = len(event.descriptors)
        total = sum(length for _, length, _, _ in event.descriptors)
        if count <= MANY or total >= SMALL * count:
            return None
        return f"queue {event.queue}, chain {event.head}: {count} descriptors for {total} bytes"
