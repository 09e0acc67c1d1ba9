"""What a driver leaves undone before it waits, with `--watch rings`: kicks, and looks at queues that were answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emu.trace import Event, InterruptLine, RegisterAccess
from virtio.events import ChainUsed, QueueConfigured
from virtio.registers import VirtioMmio
from virtio.ring_layout import word_of
from virtio.sanitizer.chapter import Chapter, Earlier, events, follow, reads, rule, writes
from virtio.spec import AvailFlag, Feature, Interrupt
from virtio.status import DRIVER_OK, NEEDS_RESET
from virtio.watched import AVAIL, USED, ChainAvailable, DriverWaits, MemoryAccess

PATIENCE = 2_000_000
"""Instructions after which a driver that was about to do something is not about to do it any more."""
LATER = (*reads(), *writes(), *events(MemoryAccess, DriverWaits))
"""By which events time is seen to pass."""
USED_BUFFER = int(Interrupt.USED_BUFFER)


@dataclass(slots=True)
class Acknowledged:
    """An InterruptACK that may have taken along the interrupt of what came back unseen."""

    event: Event
    seen: int
    used: int


class Waiting(Chapter):
    """By queue: `unkicked` the store of avail.idx that the device wanted to be told of, `seen` used.idx as the driver
    loaded it last, `used` as it is, `lost` the acknowledgement after which the driver has not looked again.
    """

    def reset(self) -> None:
        self.unkicked: dict[int, ChainAvailable] = {}
        self.seen: dict[int, int] = {}
        self.used: dict[int, int] = {}
        self.flags: dict[int, int] = {}
        self.used_event: dict[int, int] = {}
        self.watching = False
        self.looked: set[int] = set()
        self.lost: dict[int, Acknowledged] = {}
        self.forgotten: tuple[Event, set[int]] | None = None

    def waited(self, since: Event, now: Event) -> str:
        """How it is known that nothing more comes: the words for it, empty if it still can."""
        if isinstance(now, DriverWaits) and not now.ended:
            return "the driver waits for an interrupt"
        passed = now.time - since.time
        return f"{passed:,} instructions went by" if passed >= PATIENCE else ""

    def missing_kicks(self, event: Event, event_idx: bool) -> Iterator[Earlier]:
        live = self.slot.status & (DRIVER_OK | NEEDS_RESET) == DRIVER_OK
        if not self.unkicked or not live or self.slot.has(Feature.EVENT_IDX) != event_idx:
            return
        if isinstance(event, RegisterAccess) and event.op == "w" and event.name == VirtioMmio.QueueNotify.name:
            return
        for queue, chain in list(self.unkicked.items()):
            how = self.waited(chain, event)
            if how:
                del self.unkicked[queue]
                wanted = "avail.idx passed avail_event" if event_idx else "used.flags was 0"
                yield Earlier(f"queue {queue}: chain {chain.head} was made available, {wanted}; {how}, no kick", chain)

    @rule("split.kick-when-required", on=LATER)
    def kick_when_required(self, event: Event) -> Iterator[Earlier]:
        return self.missing_kicks(event, event_idx=False)

    @rule("evidx.kick-on-crossing", on=LATER)
    def kick_on_crossing(self, event: Event) -> Iterator[Earlier]:
        return self.missing_kicks(event, event_idx=True)

    @rule("inv.ack-race", on=LATER)
    def ack_race(self, event: Event) -> Iterator[Earlier]:
        for queue, ack in list(self.lost.items()):
            how = self.waited(ack.event, event)
            if how:
                del self.lost[queue]
                moved = f"used.idx went from {ack.seen} to {ack.used} between the driver's look and InterruptACK"
                yield Earlier(f"queue {queue}: {moved}; {how}", ack.event)

    @rule("mmio.irq-used-all-queues", on=LATER)
    def irq_used_all_queues(self, event: Event) -> Iterator[Earlier]:
        if self.forgotten is not None:
            ack, queues = self.forgotten
            how = self.waited(ack, event) if queues else ""
            if how:
                self.forgotten = None
                named = ", ".join(map(str, sorted(queues)))
                yield Earlier(f"used.idx of queue {named} was not read around this interrupt; {how}", ack)

    @follow(events(ChainAvailable))
    def made_available(self, event: ChainAvailable) -> None:
        if event.kick:
            self.unkicked[event.queue] = event

    @follow(writes(VirtioMmio.QueueNotify))
    def kicked(self, event: RegisterAccess) -> None:
        self.unkicked.pop(event.value & 0xFFFF, None)

    @follow(events(ChainUsed))
    def returned(self, event: ChainUsed) -> None:
        self.used[event.queue] = event.used_idx

    @follow(events(MemoryAccess))
    def accessed(self, event: MemoryAccess) -> None:
        self.watching = True
        queue, areas = event.queue, self.slot.queue(event.queue).areas
        access = event.address, event.width, event.value
        if event.area == AVAIL and event.op == "w":
            for at, kept in ((areas.avail_flags, self.flags), (areas.used_event, self.used_event)):
                word = word_of(*access, at, kept.get(queue, 0))
                if word is not None:
                    kept[queue] = word
        elif event.area == USED and event.op == "r":
            idx = word_of(*access, areas.used_idx)
            if idx is not None:
                self.seen[queue] = idx
                self.lost.pop(queue, None)
                if self.slot.interrupt & USED_BUFFER:
                    self.looked.add(queue)
                if self.forgotten is not None:
                    self.forgotten[1].discard(queue)

    @follow(events(InterruptLine))
    def raised(self, event: InterruptLine) -> None:
        if event.level:
            self.looked.clear()

    @follow(writes(VirtioMmio.InterruptACK))
    def acknowledged(self, event: RegisterAccess) -> None:
        """A driver that has looked before it acknowledges is done, unless it looks once more."""
        if not event.value & self.slot.interrupt & USED_BUFFER:
            return
        for queue in self.looked:
            seen, used = self.seen.get(queue, 0), self.used.get(queue, 0)
            if seen != used and self.wants_interrupt(queue, seen, used):
                self.lost[queue] = Acknowledged(event, seen, used)
        if self.watching:
            self.forgotten = event, {index for index in self.slot.queues if self.active(index)} - self.looked
        self.looked.clear()

    def active(self, queue: int) -> bool:
        """Whether there is something in it for the driver, or will be."""
        state = self.slot.queues[queue]
        return state.ready and (bool(state.out) or self.used.get(queue, 0) != self.seen.get(queue, 0))

    def wants_interrupt(self, queue: int, seen: int, used: int) -> bool:
        """Whether the driver asked for an interrupt for what came back from `seen` to `used` (2.7.7)."""
        if self.slot.has(Feature.EVENT_IDX):
            return (used - self.used_event.get(queue, 0) - 1) & 0xFFFF < (used - seen) & 0xFFFF
        return not self.flags.get(queue, 0) & AvailFlag.NO_INTERRUPT

    @follow(events(QueueConfigured))
    def configured(self, event: QueueConfigured) -> None:
        for kept in (self.unkicked, self.seen, self.used, self.flags, self.used_event, self.lost):
            kept.pop(event.queue, None)
        self.looked.discard(event.queue)
        if self.forgotten is not None:
            self.forgotten[1].discard(event.queue)
