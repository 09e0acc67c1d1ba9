"""The block device (5.2): what its driver does outside of requests, which the device itself judges."""

from __future__ import annotations

from emu.trace import RegisterAccess
from virtio.events import FeaturesNegotiated
from virtio.registers import CONFIG
from virtio.sanitizer.chapter import Chapter, events, reads, rule
from virtio.spec import BlkFeature, DeviceId
from virtio.status import FEATURES_OK

WRITEBACK = CONFIG + 32


class Block(Chapter):
    """Judges block devices; quiet on all others."""

    @rule("blk.writeback-read-after-features-ok", on=reads())
    def writeback_read_after_features_ok(self, event: RegisterAccess) -> str | None:
        if event.offset > WRITEBACK or event.offset + event.width <= WRITEBACK or self.slot.status & FEATURES_OK:
            return None
        if self.slot.device_id != DeviceId.BLOCK:
            return None
        return f"writeback was read while Status is {self.slot.status:#04x}, before FEATURES_OK"

    @rule("blk.accept-ro", on=events(FeaturesNegotiated))
    def accept_ro(self, event: FeaturesNegotiated) -> str | None:
        if self.slot.device_id != DeviceId.BLOCK or not event.offered & ~event.accepted & 1 << BlkFeature.RO:
            return None
        return f"the disk is read-only (RO is offered) and the driver accepted {event.accepted:#x} without it"
