"""Interrupts (4.2.2.2, 4.2.3.4.1): read why, handle it, acknowledge what was handled.

When a driver acknowledges is its own business: before the rings are drained loses nothing, after is what the text says.
A driver that polls and never looks at InterruptStatus is left alone.
"""

from __future__ import annotations

from emu.regs import show
from emu.trace import RegisterAccess
from virtio.events import InterruptStatusChanged
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import AT_END, Chapter, Earlier, Ended, events, follow, reads, rule, writes
from virtio.spec import Interrupt

DEFINED = int(Interrupt.USED_BUFFER | Interrupt.CONFIG_CHANGE)
MOST_LOOKS = 8
"""Reads that show the same event without an acknowledgement; a handler and the thread it wakes make two."""
MOST_EVENTS = 1000
"""Events between such a read and a notification; a handler that acknowledges last may send a queue's worth before."""


class Interrupts(Chapter):
    """`looked`: InterruptStatus was read since it left 0; `seen`: what those reads showed since the last
    acknowledgement. `owed` is what was shown and not acknowledged, since the read `since`, in `looks` reads.
    """

    def reset(self) -> None:
        self.looked = self.acknowledged = False
        self.seen = self.owed = self.looks = 0
        self.since: RegisterAccess | None = None

    @rule("mmio.irq-read-status", on=writes(VirtioMmio.InterruptACK))
    def read_status(self, event: RegisterAccess) -> str | None:
        if self.looked or not event.value & self.slot.interrupt:
            return None
        pending = show(Interrupt, self.slot.interrupt)
        return f"InterruptACK was written as {event.value:#x} without a read of InterruptStatus ({pending})"

    @rule("mmio.irq-ack-handled", on=writes(VirtioMmio.InterruptACK))
    def ack_handled(self, event: RegisterAccess) -> str | None:
        extra = event.value & DEFINED & ~self.seen
        if not self.looked or not extra:
            return None
        names = show(Interrupt, extra)
        return f"InterruptACK {event.value:#x} acknowledges {names}, but InterruptStatus read {self.seen:#x}"

    @rule("mmio.irq-ack-after", on=(*reads(VirtioMmio.InterruptStatus), *writes(VirtioMmio.QueueNotify), *AT_END))
    def ack_after(self, event: RegisterAccess | Ended) -> Earlier | None:
        if self.since is None:
            return None
        if isinstance(event, RegisterAccess):
            late = self.looks >= MOST_LOOKS if event.op == "r" else event.seq - self.since.seq >= MOST_EVENTS
            if not late:
                return None
        message = f"InterruptStatus showed {show(Interrupt, self.owed)}, which was never acknowledged"
        return Earlier(message, self.since)

    @follow(events(InterruptStatusChanged))
    def changed(self, event: InterruptStatusChanged) -> None:
        if not self.slot.interrupt:
            self.looked = False

    @follow(reads(VirtioMmio.InterruptStatus))
    def status_read(self, event: RegisterAccess) -> None:
        bits = event.value & DEFINED
        self.looked = True
        self.seen = bits if self.acknowledged else self.seen | bits
        self.acknowledged = False
        if bits:
            self.owed |= bits
            self.since = self.since or event
            self.looks += 1

    @follow(writes(VirtioMmio.InterruptACK))
    def acknowledge(self, event: RegisterAccess) -> None:
        self.acknowledged = True
        self.owed &= ~event.value
        if not self.owed:
            self.since, self.looks = None, 0
