"""Suspending a device (3.4). No device here offers it, so all there is to judge is that it is asked for."""

from __future__ import annotations

from emu.trace import RegisterAccess
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import Chapter, rule, writes
from virtio.spec import Feature
from virtio.status import DRIVER_OK

SUSPEND = 16
"""The Status bit of VirtIO 1.4."""


class Suspend(Chapter):
    """Judges the request."""

    @rule("suspend.only-when-live", on=writes(VirtioMmio.Status))
    def only_when_live(self, event: RegisterAccess) -> str | None:
        if not event.value & SUSPEND or (self.slot.status & DRIVER_OK and self.slot.has(Feature.SUSPEND)):
            return None
        live = "" if self.slot.status & DRIVER_OK else f" while Status is {self.slot.status:#04x}, without DRIVER_OK"
        feature = "" if self.slot.has(Feature.SUSPEND) else " without the feature SUSPEND"
        return f"SUSPEND was written to Status{live}{' and' * bool(live and feature)}{feature}"
