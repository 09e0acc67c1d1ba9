"""Notifications both ways (2.7.7, 2.7.10): kicks that are missing or not wanted, interrupts that can never come."""

from __future__ import annotations

from collections.abc import Iterator

from emu.trace import RegisterAccess
from virtio.events import (
    ChainUsed,
    InterruptStatusChanged,
    Probed,
    QueueConfigured,
    QueueNotified,
    RingWords,
    StatusChanged,
)
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import About, Chapter, events, follow, reads, rule, writes
from virtio.spec import Feature, Interrupt, UsedFlag
from virtio.status import DRIVER_OK, NEEDS_RESET

PATIENCE = 20_000_000
"""Instructions after which a driver that was about to do something is not about to do it any more."""
ANY = (*reads(), *writes())
ENDS = events(StatusChanged, QueueConfigured)
"""When a queue's rings are left for good."""
AVAIL_EVENT = "avail-event"
"""The probe that puts garbage there."""
USED_BUFFER = int(Interrupt.USED_BUFFER)


class Notifications(Chapter):
    """`kicked`: avail.idx at the last kick, by queue. `late`: since when the device has been seen to find chains there
    that it asked to be told of and was not. `missed`: since when a chain lies returned without an interrupt.
    `planted`: the queues where a probe put garbage in the place of avail_event.
    """

    def reset(self) -> None:
        self.planted: set[int] = set()
        self.kicked: dict[int, int] = {}
        self.late: dict[int, tuple[int, RingWords]] = {}
        self.missed: dict[int, int] = {}
        self.acknowledges = False

    def published(self, queue: int, words: RingWords) -> int:
        """How many chains were made available since the last kick; 0 if that cannot be told."""
        new = (words.avail_idx - self.kicked.get(queue, 0)) & 0xFFFF if words.avail_idx >= 0 else 0
        return new if new <= self.slot.queue(queue).size else 0

    def asked(self, queue: int, words: RingWords) -> bool:
        """Whether the device wanted to be told of what was made available since the last kick."""
        if self.slot.has(Feature.EVENT_IDX):
            return (words.avail_idx - words.avail_event - 1) & 0xFFFF < self.published(queue, words)
        return bool(self.published(queue, words)) and not words.used_flags & UsedFlag.NO_NOTIFY

    @property
    def live(self) -> bool:
        return self.slot.status & (DRIVER_OK | NEEDS_RESET) == DRIVER_OK

    def untold(self, queue: int, words: RingWords, so_far: str) -> About:
        """A sentence on chains of which the device was not told."""
        new, wanted = self.published(queue, words), f"used.flags is {words.used_flags}"
        if self.slot.has(Feature.EVENT_IDX):
            wanted = f"avail.idx passed avail_event {words.avail_event}"
        chains = f"{new} chain{'s' * (new != 1)}"
        return About(queue, f"queue {queue}: {chains} made available, {wanted}, and {so_far} without a kick")

    def left(self, event: StatusChanged | QueueConfigured) -> Iterator[tuple[int, RingWords]]:
        """The queues that a reset or QueueReady = 0 ends, and how their rings were left."""
        if isinstance(event, QueueConfigured):
            if not event.ready:
                yield event.queue, RingWords(*event.ring)
        elif event.new == 0:
            for queue, *words in event.rings:
                yield queue, RingWords(*words)

    def unkicked(self, event: StatusChanged | QueueConfigured, event_idx: bool) -> Iterator[About]:
        if self.live and self.slot.has(Feature.EVENT_IDX) == event_idx:
            for queue, words in self.left(event):
                if self.asked(queue, words):
                    yield self.untold(queue, words, "the queue was given up")

    def overdue(self, event: RegisterAccess, event_idx: bool) -> Iterator[About]:
        if self.late and self.live and self.slot.has(Feature.EVENT_IDX) == event_idx:
            for queue, (since, words) in list(self.late.items()):
                kick = event.name == VirtioMmio.QueueNotify.name and event.op == "w" and event.value == queue
                if event.time - since >= PATIENCE and not kick:
                    del self.late[queue]
                    yield self.untold(queue, words, f"{event.time - since} instructions passed")

    @rule("split.kick-when-required", on=ENDS)
    def kick_when_required(self, event: StatusChanged | QueueConfigured) -> Iterator[About]:
        return self.unkicked(event, event_idx=False)

    @rule("split.kick-when-required", on=ANY)
    def kick_overdue(self, event: RegisterAccess) -> Iterator[About]:
        return self.overdue(event, event_idx=False)

    @rule("evidx.kick-on-crossing", on=ENDS)
    def kick_on_crossing(self, event: StatusChanged | QueueConfigured) -> Iterator[About]:
        return self.unkicked(event, event_idx=True)

    @rule("evidx.kick-on-crossing", on=ANY)
    def crossing_overdue(self, event: RegisterAccess) -> Iterator[About]:
        return self.overdue(event, event_idx=True)

    @rule("evidx.ignore-used-flags-bit0", on=ENDS)
    def ignore_used_flags(self, event: StatusChanged | QueueConfigured) -> Iterator[About]:
        """Who lets used.flags keep it from kicking though there is an event index."""
        if self.live and self.slot.has(Feature.EVENT_IDX):
            for queue, words in self.left(event):
                if words.used_flags > 0 and words.used_flags & UsedFlag.NO_NOTIFY and self.asked(queue, words):
                    passed = f"avail.idx {words.avail_idx} passed avail_event {words.avail_event}"
                    yield About(queue, f"queue {queue}: {passed}, used.flags is {words.used_flags}, and no kick came")

    @rule("split.ignore-avail-event-no-evidx", on=ENDS)
    def ignore_avail_event(self, event: StatusChanged | QueueConfigured) -> Iterator[About]:
        """Who lets the garbage that a probe put there keep it from kicking."""
        if self.live and not self.slot.has(Feature.EVENT_IDX):
            for queue, words in self.left(event):
                new = self.published(queue, words)
                unpassed = (words.avail_idx - words.avail_event - 1) & 0xFFFF >= new
                if queue in self.planted and unpassed and self.asked(queue, words):
                    said = f"avail.idx {words.avail_idx} did not pass avail_event {words.avail_event}"
                    yield About(queue, f"queue {queue}: {said}, without EVENT_IDX, and no kick came")

    @rule("split.no-kick-when-no-notify", on=events(QueueNotified))
    def no_kick_when_no_notify(self, event: QueueNotified) -> str | None:
        flags = RingWords(*event.ring).used_flags
        if flags <= 0 or not flags & UsedFlag.NO_NOTIFY or self.slot.has(Feature.EVENT_IDX):
            return None
        return f"queue {event.queue} was kicked while used.flags is {flags}: the device does not want to be told"

    @rule("evidx.no-kick-otherwise", on=events(QueueNotified))
    def no_kick_otherwise(self, event: QueueNotified) -> str | None:
        words = RingWords(*event.ring)
        if words.avail_idx < 0 or not self.slot.has(Feature.EVENT_IDX) or not self.live:
            return None
        if event.available > self.slot.queue(event.queue).size or self.asked(event.queue, words):
            return None
        went = f"avail.idx went from {self.kicked.get(event.queue, 0)} to {words.avail_idx}"
        return f"queue {event.queue} was kicked, but {went} and did not pass avail_event {words.avail_event}"

    @rule("inv.used-event-stale", on=events(QueueNotified))
    def used_event_stale(self, event: QueueNotified) -> About | None:
        """It used to acknowledge interrupts, then left a chain that came back without one alone for long."""
        return self.stale(event.queue, RingWords(*event.ring), event.time)

    @rule("inv.used-event-stale", on=ENDS)
    def used_event_left_stale(self, event: StatusChanged | QueueConfigured) -> list[About]:
        said = [self.stale(queue, words, event.time) for queue, words in self.left(event)]
        return [message for message in said if message]

    def stale(self, queue: int, words: RingWords, now: int) -> About | None:
        since, used = self.missed.get(queue), self.slot.queue(queue).used_idx
        if since is None or now - since < PATIENCE or words.used_event < 0:
            return None
        if not 0 < (used - words.used_event) & 0xFFFF < 0x8000:
            return None
        where = f"used_event is {words.used_event} while used.idx is {used}"
        return About(queue, f"queue {queue}: {where}: no interrupt came for a chain that was returned")

    @follow(events(Probed))
    def probed(self, event: Probed) -> None:
        if event.name == AVAIL_EVENT:
            self.planted.add(event.queue)

    @follow(events(QueueConfigured))
    def configured(self, event: QueueConfigured) -> None:
        self.planted.discard(event.queue)
        self.kicked.pop(event.queue, None)
        self.late.pop(event.queue, None)
        self.missed.pop(event.queue, None)

    @follow(events(QueueNotified))
    def notified(self, event: QueueNotified) -> None:
        self.late.pop(event.queue, None)
        self.missed.pop(event.queue, None)
        if event.ring[1] >= 0:
            self.kicked[event.queue] = event.ring[1]

    @follow(events(ChainUsed))
    def used(self, event: ChainUsed) -> None:
        words = RingWords(*event.ring)
        if event.queue not in self.late and self.asked(event.queue, words):
            self.late[event.queue] = (event.time, words)
        waits = self.acknowledges and self.slot.has(Feature.EVENT_IDX) and not self.slot.interrupt & USED_BUFFER
        if waits and words.used_event >= 0 and 0 < (event.used_idx - words.used_event - 1) & 0xFFFF < 0x7FFF:
            self.missed.setdefault(event.queue, event.time)

    @follow(events(InterruptStatusChanged))
    def interrupted(self, event: InterruptStatusChanged) -> None:
        if event.status & USED_BUFFER:
            self.missed.clear()

    @follow(ANY)
    def acted(self, event: RegisterAccess) -> None:
        if self.missed:
            self.missed = {queue: since for queue, since in self.missed.items() if event.time - since >= PATIENCE}

    @follow(writes(VirtioMmio.InterruptACK))
    def acknowledged(self, event: RegisterAccess) -> None:
        if event.value & self.slot.interrupt & USED_BUFFER:
            self.acknowledges = True
