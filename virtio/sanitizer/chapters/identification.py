"""Finding a device (4.2.3.1.1), and the registers that pick what others show (4.2.2.2)."""

from __future__ import annotations

from emu.trace import RegisterAccess
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import Chapter, follow, reads, rule, writes
from virtio.sanitizer.slot import Slot
from virtio.spec import MAGIC, VERSION_MODERN, DeviceId

ANY = (*reads(), *writes())
VALID = {VirtioMmio.MagicValue.name: MAGIC, VirtioMmio.Version.name: VERSION_MODERN}
"""What the first two reads have to find."""
MAY_FOLLOW = (VirtioMmio.DeviceID.name, VirtioMmio.VendorID.name)
SHM = (VirtioMmio.SHMLenLow, VirtioMmio.SHMLenHigh, VirtioMmio.SHMBaseLow, VirtioMmio.SHMBaseHigh)
WITHOUT_SHARED_MEMORY = (
    DeviceId.NETWORK, DeviceId.BLOCK, DeviceId.CONSOLE, DeviceId.ENTROPY, DeviceId.BALLOON, DeviceId.SCSI,
    DeviceId.RTC, DeviceId.INPUT, DeviceId.SOCKET, DeviceId.CRYPTO, DeviceId.IOMMU, DeviceId.MEMORY,
)  # fmt: skip
"""Device types whose chapters define no shared memory region (2.10)."""


class Identification(Chapter):
    """The first look at a slot is judged once: a second driver that comes later cannot be told from the first.

    `known` is what MagicValue and Version read as, `past_two` and `past_id`: that the driver went on from there.
    """

    past_two = past_id = False

    def __init__(self, slot: Slot) -> None:
        self.known: dict[str, int] = {}
        super().__init__(slot)

    @rule("mmio.magic-version-first", on=ANY)
    def magic_version_first(self, event: RegisterAccess) -> str | None:
        if self.past_two or self.is_read_of(event, *VALID):
            return None
        missing = " and ".join(name for name in VALID if name not in self.known)
        verb = "read" if event.op == "r" else "written"
        return f"{event.name or 'the configuration'} was {verb} before {missing} was read" if missing else None

    @rule("mmio.devid-read-next", on=ANY)
    def devid_read_next(self, event: RegisterAccess) -> str | None:
        if self.past_id or self.is_read_of(event, *VALID, *MAY_FOLLOW) or self.known != VALID:
            return None
        return f"{event.name} was {'read' if event.op == 'r' else 'written'} before DeviceID was read"

    @follow(ANY)
    def accessed(self, event: RegisterAccess) -> None:
        if self.past_id:
            return
        if self.is_read_of(event, *VALID):
            self.known[event.name] = event.value
            return
        self.past_two = True
        self.past_id = not self.is_read_of(event, VirtioMmio.VendorID.name)

    def is_read_of(self, event: RegisterAccess, *names: str) -> bool:
        return event.op == "r" and event.name in names

    @rule("mmio.devfeat-sel-first", on=reads(VirtioMmio.DeviceFeatures))
    def device_sel_first(self, event: RegisterAccess) -> str | None:
        if self.slot.device_sel is None:
            return "DeviceFeatures was read before DeviceFeaturesSel was written"
        return None

    @rule("mmio.drvfeat-sel-first", on=writes(VirtioMmio.DriverFeatures))
    def driver_sel_first(self, event: RegisterAccess) -> str | None:
        if self.slot.driver_sel is None:
            return f"DriverFeatures was written as {event.value:#x} before DriverFeaturesSel was written"
        return None

    @rule("mmio.shm-only-if-expected", on=(*reads(*SHM), *writes(VirtioMmio.SHMSel)))
    def shared_memory(self, event: RegisterAccess) -> str | None:
        if self.slot.device_id not in WITHOUT_SHARED_MEMORY:
            return None
        verb = "read" if event.op == "r" else "written"
        return f"{event.name} was {verb}, and {self.slot.device_id.name} devices have no shared memory"
