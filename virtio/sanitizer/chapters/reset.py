"""Device reset (2.4): it is over when Status reads 0."""

from __future__ import annotations

from emu.trace import RegisterAccess
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import Chapter, Earlier, follow, reads, rule, writes


class Reset(Chapter):
    """`waiting` is the write of 0 that was not seen to be over; a reset itself does not make it forget."""

    waiting: RegisterAccess | None = None

    @rule("reset.poll-status-zero", on=(*reads(), *writes()))
    def poll_status_zero(self, event: RegisterAccess) -> Earlier | None:
        begun = self.waiting
        if begun is None or (event.name == VirtioMmio.Status.name and (event.op == "r" or event.value == 0)):
            return None
        self.waiting = None
        verb = "read" if event.op == "r" else "written"
        what = event.name or "the configuration"
        return Earlier(f"Status was written as 0, and {what} was {verb} before Status read 0", begun)

    @follow(writes(VirtioMmio.Status))
    def status_written(self, event: RegisterAccess) -> None:
        self.waiting = event if event.value == 0 else None

    @follow(reads(VirtioMmio.Status))
    def status_read(self, event: RegisterAccess) -> None:
        if event.value == 0:
            self.waiting = None
