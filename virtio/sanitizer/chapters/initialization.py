"""General initialization (3.1.1): the eight steps in their order."""

from __future__ import annotations

from emu.trace import RegisterAccess
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import Chapter, follow, reads, rule, writes
from virtio.status import FEATURES_OK


class Initialization(Chapter):
    """Judges the order of the steps; what a Status write says by itself is judged where Status is."""

    was_reset = False

    def reset(self) -> None:
        self.asked_for_features_ok = False

    @rule("init.reset-first", on=writes(VirtioMmio.Status))
    def reset_first(self, event: RegisterAccess) -> str | None:
        """Step 1; a driver that takes over a device has to begin with it."""
        if self.was_reset or event.value == 0:
            return None
        return f"Status {event.value:#04x} was written before the device was reset by writing 0"

    @rule("init.reread-features-ok", on=writes(VirtioMmio.QueueReady))
    def reread_features_ok(self, event: RegisterAccess) -> str | None:
        """Step 6: the device may have taken FEATURES_OK back."""
        if self.asked_for_features_ok and event.value:
            return "QueueReady was written before Status was read back to see that FEATURES_OK is still set"
        return None

    @follow(writes(VirtioMmio.Status))
    def status_written(self, event: RegisterAccess) -> None:
        if event.value == 0:
            self.was_reset = True
        elif event.value & FEATURES_OK and not self.slot.status & FEATURES_OK:
            self.asked_for_features_ok = True

    @follow(reads(VirtioMmio.Status))
    def status_read(self, event: RegisterAccess) -> None:
        self.asked_for_features_ok = False
