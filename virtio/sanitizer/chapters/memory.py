"""Ownership of memory, with `--watch rings`: what the driver stores into, and reads from, before it has it back."""

from __future__ import annotations

from emu.trace import RegisterAccess
from virtio.events import ChainUsed, QueueConfigured
from virtio.ownership import Ownership
from virtio.registers import VirtioMmio
from virtio.ring_layout import Areas, word_of
from virtio.sanitizer.chapter import Chapter, events, follow, rule, writes
from virtio.watched import AVAIL, BUFFER, DESCRIPTORS, USED, ChainAvailable, MemoryAccess

ACCESS = events(MemoryAccess)


class Memory(Chapter):
    """Looks at each queue as its driver can know it: a chain is given away with avail.idx, and back with used.idx.

    By queue: `left` counts the chains that were out when it was stopped, `gained` the elements that the driver's last
    look at used.idx brought.
    """

    def reset(self) -> None:
        self.owners: dict[int, Ownership] = {}
        self.left: dict[int, int] = {}
        self.gained: dict[int, int] = {}

    def owners_of(self, queue: int) -> Ownership:
        found = self.owners.get(queue)
        if found is None:
            found = self.owners[queue] = Ownership()
        return found

    @rule("ring.no-alter-exposed", on=ACCESS)
    def no_alter_exposed(self, event: MemoryAccess) -> str | None:
        """Descriptors, and entries of the avail ring that the device may not have read yet."""
        if event.op != "w" or event.area not in (DESCRIPTORS, AVAIL):
            return None
        owners, areas = self.owners_of(event.queue), self.slot.queue(event.queue).areas
        if event.area == DESCRIPTORS:
            first, last = (at - areas.descriptors >> 4 for at in (event.address, event.address + event.width - 1))
            found = [owners.owner_of_descriptor(index) for index in range(first, last + 1)]
        else:
            entries = areas.avail + 4
            first = max(event.address - entries >> 1, 0)
            last = min(event.address + event.width - 1 - entries >> 1, areas.size - 1)
            found = [owners.owner_of_entry(slot, areas.size) for slot in range(first, last + 1)]
        for chain in found:
            if chain is not None:
                return f"queue {event.queue}: {event.name} was stored to while the device has chain {chain.head}"
        return None

    @rule("inv.driver-writes-used", on=ACCESS)
    def driver_writes_used(self, event: MemoryAccess) -> str | None:
        if event.op != "w" or event.area != USED:
            return None
        return f"queue {event.queue}: the driver stored {event.value:#x} to {event.name}, which is the device's"

    @rule("inv.freed-while-live", on=ACCESS)
    def freed_while_live(self, event: MemoryAccess) -> str | None:
        if event.op != "w" or event.area != BUFFER:
            return None
        for chain, writable in self.owners_of(event.queue).buffers_at(event.address, event.width):
            kind = "device-writable" if writable else "device-readable"
            what = f"{event.width}-byte store to {event.address:#x}"
            return f"queue {event.queue}: {what}, in a {kind} buffer of chain {chain.head}, which the device has"
        return None

    @rule("inv.used-before-idx", on=ACCESS)
    def used_before_idx(self, event: MemoryAccess) -> str | None:
        """The next element before used.idx has said that it is there, or a buffer that the device may be writing."""
        if event.op != "r":
            return None
        owners, areas = self.owners_of(event.queue), self.slot.queue(event.queue).areas
        seen = f"the driver last read used.idx as {owners.seen}"
        if event.area == BUFFER:
            for chain, writable in owners.buffers_at(event.address, event.width):
                if writable:
                    return f"queue {event.queue}: a buffer of chain {chain.head} was read before it came back; {seen}"
        access = event.address, event.width, event.value
        idx = word_of(*access, areas.used_idx) if event.area == USED else None
        if event.area != USED or idx is not None or self.gained.get(event.queue, 0) >= areas.size:
            return None
        if self.is_element(event, areas, owners.seen % areas.size):
            return f"queue {event.queue}: {event.name} was read before it is there: {seen}"
        return None

    def is_element(self, event: MemoryAccess, areas: Areas, index: int) -> bool:
        """Whether the access touches element `index` of the used ring."""
        start = areas.used + 4 + 8 * index
        return start < event.address + event.width and event.address < start + 8

    @rule("ring.reset-before-remove", on=events(ChainAvailable))
    def reset_before_remove(self, event: ChainAvailable) -> str | None:
        """A buffer that the device may write is in one chain at a time: whoever uses it again has taken it back.

        A descriptor in two chains is the business of another rule.
        """
        owners, indices = self.owners_of(event.queue), {entry[0] for entry in event.descriptors}
        for start, length, writable in event.buffers:
            if writable and length:
                for chain, also in owners.buffers_at(start, length):
                    if also and not indices & {entry[0] for entry in chain.descriptors}:
                        what = f"the buffer at {start:#x} of chain {chain.head}, which the device has"
                        return f"queue {event.queue}: {what}, was made available again in chain {event.head}"
        return None

    @rule("ring.reset-before-remove", on=events(QueueConfigured))
    def reset_before_restart(self, event: QueueConfigured) -> str | None:
        """QueueReady = 0 stops a queue; what the device had in it is given back by a reset only."""
        had = self.left.get(event.queue, 0) if event.ready else 0
        if not had:
            return None
        return f"queue {event.queue} was set up again with {had} chains of before outstanding, and no reset in between"

    @follow(events(ChainAvailable))
    def made_available(self, event: ChainAvailable) -> None:
        self.owners_of(event.queue).available(event)

    @follow(events(ChainUsed))
    def used(self, event: ChainUsed) -> None:
        self.owners_of(event.queue).returned(event.head, event.used_idx)

    @follow(ACCESS)
    def accessed(self, event: MemoryAccess) -> None:
        areas, access = self.slot.queue(event.queue).areas, (event.address, event.width, event.value)
        if event.area == USED and event.op == "r":
            idx, owners = word_of(*access, areas.used_idx), self.owners_of(event.queue)
            if idx is not None and idx != owners.seen:
                self.gained[event.queue] = idx - owners.seen & 0xFFFF
                owners.looked(idx)

    @follow(events(QueueConfigured))
    def configured(self, event: QueueConfigured) -> None:
        owners = self.owners.pop(event.queue, None)
        self.gained.pop(event.queue, None)
        if event.ready:
            self.left.pop(event.queue, None)
        elif owners is not None:
            self.left[event.queue] = owners.outstanding

    @follow(writes(VirtioMmio.QueueReset))
    def queue_reset(self, event: RegisterAccess) -> None:
        """The queue is reset (2.6.1): what it had is the driver's."""
        if event.value & 1 and self.slot.queue_sel is not None:
            self.left.pop(self.slot.queue_sel, None)
            self.owners.pop(self.slot.queue_sel, None)
