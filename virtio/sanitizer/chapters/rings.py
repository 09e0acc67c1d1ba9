"""What is implied for rings without a keyword: who owns a descriptor, and what a queue is like when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from virtio.events import ChainPopped, ChainUsed, QueueConfigured, RingWords
from virtio.sanitizer.chapter import Chapter, events, follow, rule


@dataclass(slots=True)
class Owners:
    """The descriptors of one queue: the head of the chain that each is in while the device has it, and `published`.

    That is how many chains had been made available when the descriptor last came back: the driver, which could not
    know of it yet, must not have used it in one of them.
    """

    chain: dict[int, int] = field(default_factory=dict)
    published: dict[int, int] = field(default_factory=dict)


class Rings(Chapter):
    """Chains as the device takes and returns them; positions are counted from when the queue became ready."""

    def reset(self) -> None:
        self.owners: dict[int, Owners] = {}

    def owners_of(self, queue: int) -> Owners:
        return self.owners.setdefault(queue, Owners())

    @rule("inv.head-not-outstanding", on=events(ChainPopped))
    def head_not_outstanding(self, event: ChainPopped) -> str | None:
        """A descriptor is in one chain at a time, from when it is made available until it was seen to be used."""
        owners, taken = self.owners_of(event.queue), self.slot.queue(event.queue).taken
        for index in event.indices or (event.head,):
            what = f"queue {event.queue}: descriptor {index} of chain {event.head}"
            other = owners.chain.get(index)
            if other is not None:
                whose = "the same chain" if other == event.head else f"chain {other}"
                return f"{what} is in {whose} already, which the device has not returned"
            if owners.published.get(index, 0) > taken:
                return f"{what} was made available again before the device had returned it"
        return None

    @rule("inv.avail-idx-starts-0", on=events(QueueConfigured))
    def avail_idx_starts_0(self, event: QueueConfigured) -> str | None:
        """Chains may wait already, but no more than fit, and none can have been used."""
        words = RingWords(*event.ring)
        if not event.ready or words.avail_idx <= 0 or (words.avail_idx <= event.size and words.used_idx <= 0):
            return None
        return f"queue {event.queue} became ready while avail.idx is {words.avail_idx}; the device counts from 0"

    @rule("inv.ring-zeroed", on=events(QueueConfigured))
    def ring_zeroed(self, event: QueueConfigured) -> str | None:
        """Nobody but the device writes the used ring. The descriptors and the avail ring may be prepared before."""
        at, idx = event.dirty[2], RingWords(*event.ring).used_idx
        if not event.ready or (at < event.device_area + 2 and idx <= 0):
            return None
        what = f"used.idx is {idx}" if idx > 0 else f"its used ring is not zero at {at:#x}"
        return f"queue {event.queue} became ready while {what}"

    @follow(events(QueueConfigured))
    def configured(self, event: QueueConfigured) -> None:
        self.owners.pop(event.queue, None)

    @follow(events(ChainPopped))
    def popped(self, event: ChainPopped) -> None:
        chain = self.owners_of(event.queue).chain
        for index in event.indices or (event.head,):
            chain[index] = event.head

    @follow(events(ChainUsed))
    def used(self, event: ChainUsed) -> None:
        queue, owners = self.slot.queue(event.queue), self.owners_of(event.queue)
        chain = queue.out.get(event.head)
        waiting = (RingWords(*event.ring).avail_idx - queue.last_avail) & 0xFFFF
        published = queue.taken + (waiting if event.ring[1] >= 0 and waiting <= queue.size else 0)
        for index in (chain.indices or (chain.head,)) if chain is not None else ():
            owners.chain.pop(index, None)
            owners.published[index] = published
