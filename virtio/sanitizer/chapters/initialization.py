"""General initialization (3.1.1): the eight steps in their order."""

from __future__ import annotations

from collections.abc import Iterator

from emu.trace import RegisterAccess
from virtio.registers import CONFIG, VirtioMmio
from virtio.sanitizer.chapter import AT_END, CONFIG_WRITES, Chapter, Earlier, Ended, follow, reads, rule, writes
from virtio.spec import DeviceId
from virtio.status import ACKNOWLEDGE, DRIVER, DRIVER_OK, FAILED, FEATURES_OK

EMERG_WR = range(CONFIG + 8, CONFIG + 12)
"""Of a console: may be written at any time (5.3.4)."""


class Initialization(Chapter):
    """Judges the order of the steps; what a Status write says by itself is judged where Status is.

    `unread`: FEATURES_OK was written and Status not read since. `kicked` is the first notification before DRIVER_OK,
    `last` the last write to Status.
    """

    was_reset = False
    last: RegisterAccess | None = None

    def reset(self) -> None:
        self.unread = self.asked = False
        self.kicked: RegisterAccess | None = None

    @rule("init.reset-first", on=writes(VirtioMmio.Status))
    def reset_first(self, event: RegisterAccess) -> str | None:
        """Step 1; a driver that takes over a device has to begin with it. Who resets after ACKNOWLEDGE begins anew."""
        if self.was_reset or not event.value & ~(ACKNOWLEDGE | FAILED):
            return None
        self.was_reset = True  # told at the first step, not at each
        return f"Status {event.value:#04x} was written before the device was reset by writing 0"

    @rule("mmio.follow-general-init", on=writes(VirtioMmio.Status))
    def one_step_at_a_time(self, event: RegisterAccess) -> str | None:
        """Steps 2 and 3 in one write lose nothing and are common: for a strict profile."""
        both = ACKNOWLEDGE | DRIVER
        if event.value & ~self.slot.status & both != both:
            return None
        return f"Status {self.slot.status:#04x} -> {event.value:#04x}: ACKNOWLEDGE and DRIVER are two steps"

    @rule("init.reread-features-ok", on=writes(VirtioMmio.QueueReady))
    def reread_before_queues(self, event: RegisterAccess) -> str | None:
        """Step 6: the device may have taken FEATURES_OK back."""
        return self.not_reread("QueueReady was written") if event.value else None

    @rule("init.reread-features-ok", on=writes(VirtioMmio.Status))
    def reread_before_driver_ok(self, event: RegisterAccess) -> str | None:
        return self.not_reread("DRIVER_OK was set") if event.value & ~self.slot.status & DRIVER_OK else None

    def not_reread(self, step: str) -> str | None:
        return f"{step} before Status was read back to see that FEATURES_OK is still set" if self.unread else None

    @rule("init.setup-before-driver-ok", on=writes(VirtioMmio.QueueReady))
    def setup_after_features(self, event: RegisterAccess) -> str | None:
        """Step 7 comes after 6; whether it comes before 8 is judged where queues are."""
        if not event.value or self.asked:
            return None
        queue = self.slot.queue_sel or 0
        return f"queue {queue} was made ready while Status is {self.slot.status:#04x}: FEATURES_OK was not set yet"

    @rule("init.no-config-write-in-negotiation", on=CONFIG_WRITES)
    def no_config_write(self, event: RegisterAccess) -> str | None:
        """Step 4."""
        if self.slot.status & (DRIVER | FEATURES_OK | FAILED) != DRIVER:
            return None
        if self.slot.device_id == DeviceId.CONSOLE and event.offset in EMERG_WR:
            return None
        at = event.offset - CONFIG
        return f"config+{at:#x} was written while features are negotiated (Status is {self.slot.status:#04x})"

    @rule("init.driver-ok-set", on=(*AT_END, *writes(VirtioMmio.Status)))
    def driver_ok_set(self, event: Ended | RegisterAccess) -> Earlier | None:
        """Step 8: a device that was put to use and then given up, or until the end, without it."""
        given_up = isinstance(event, Ended) or event.value == 0
        if not given_up or self.kicked is None or self.slot.status & (DRIVER_OK | FAILED):
            return None
        status = self.slot.status
        return Earlier(f"queue {self.kicked.value} was notified and DRIVER_OK never set: Status stayed {status:#04x}",
                       self.kicked)  # fmt: skip

    @rule("init.failed-on-giveup", on=AT_END)
    def failed_on_giveup(self, event: Ended) -> Iterator[Earlier]:
        status = self.slot.status
        if status & DRIVER and not status & (DRIVER_OK | FAILED) and self.kicked is None and self.last is not None:
            yield Earlier(f"initialization ended with Status {status:#04x}: neither DRIVER_OK nor FAILED", self.last)

    @follow(writes(VirtioMmio.Status))
    def status_written(self, event: RegisterAccess) -> None:
        self.last = event
        if event.value == 0:
            self.was_reset = True
        elif event.value & FEATURES_OK and not self.slot.status & FEATURES_OK:
            self.unread = self.asked = True
        if event.value & DRIVER_OK:
            self.kicked = None

    @follow(reads(VirtioMmio.Status))
    def status_read(self, event: RegisterAccess) -> None:
        self.unread = False

    @follow(writes(VirtioMmio.QueueReady))
    def queue_ready_written(self, event: RegisterAccess) -> None:
        if event.value:
            self.unread = False  # told once

    @follow(writes(VirtioMmio.QueueNotify))
    def notified(self, event: RegisterAccess) -> None:
        if not self.slot.status & DRIVER_OK and self.kicked is None:
            self.kicked = event
