"""Feature negotiation (2.2.1, 3.1.1 step 4, 6.1): what was read before what was accepted, and what goes together."""

from __future__ import annotations

from collections.abc import Iterator

from emu.trace import RegisterAccess
from virtio.events import FeaturesNegotiated
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import Chapter, Earlier, events, follow, reads, rule, writes
from virtio.sanitizer.needs import NEEDS, name_of
from virtio.spec import DEVICE_FEATURES, DeviceId, Feature, mask, name_features
from virtio.status import DRIVER, FEATURES_OK

NOT_ON_MMIO = mask(Feature.NOTIF_CONFIG_DATA, Feature.ADMIN_VQ)
FOR_DEVICES = mask(*range(24), 41, 42, *range(50, 128))
"""Bits that belong to device types (2.2)."""
NEGOTIATED = events(FeaturesNegotiated)


def undefined(device_id: int, features: int) -> int:
    """Those of `features` that mean nothing in a device of this type on MMIO; SR_IOV has a rule of its own."""
    known = mask(*Feature) & ~NOT_ON_MMIO
    own = DEVICE_FEATURES.get(device_id)
    if own is not None:
        known |= mask(*own)
    elif device_id != DeviceId.ENTROPY:
        known |= FOR_DEVICES & ~NOT_ON_MMIO
    return features & ~known


class Features(Chapter):
    """Words of DeviceFeatures read since the reset: `looked` those that count, `early` those before DRIVER was set."""

    def reset(self) -> None:
        self.looked: set[int] = set()
        self.early: dict[int, RegisterAccess] = {}

    @rule("init.driver-before-features", on=writes(VirtioMmio.DriverFeatures))
    def driver_before_features(self, event: RegisterAccess) -> str | Earlier | None:
        """Step 3, then step 4. Who looked early and looks again has done no harm."""
        if not self.slot.status & DRIVER:
            return f"DriverFeatures was written while Status is {self.slot.status:#04x}: DRIVER is not set yet"
        word = self.slot.driver_sel or 0
        if word in self.looked or word not in self.early:
            return None
        message = f"DeviceFeatures word {word} was read before DRIVER was set, and not again until it was answered"
        return Earlier(message, self.early[word])

    @rule("feat.validate-offer", on=writes(VirtioMmio.DriverFeatures))
    def validate_offer(self, event: RegisterAccess) -> str | None:
        word = self.slot.driver_sel or 0
        if not event.value or word in self.looked or word in self.early:
            return None
        return f"word {word} was accepted as {event.value:#x}, and its DeviceFeatures was never read"

    @rule("init.features-before-features-ok", on=writes(VirtioMmio.Status))
    def features_before_features_ok(self, event: RegisterAccess) -> str | None:
        if not event.value & ~self.slot.status & FEATURES_OK:
            return None
        missing = ["DeviceFeatures was read"] if not self.looked and not self.early else []
        missing += ["DriverFeatures was written"] if not self.slot.accepted else []
        return f"FEATURES_OK was set before {' and before '.join(missing)}" if missing else None

    @rule("feat.accept-deps", on=NEGOTIATED)
    def accept_deps(self, event: FeaturesNegotiated) -> Iterator[str]:
        for bit, needed in NEEDS.get(self.slot.device_id, {}).items():
            if event.accepted >> bit & 1:
                for any_of in needed:
                    if not event.accepted & mask(*any_of):
                        names = " or ".join(name_of(other) for other in any_of)
                        yield f"{name_of(bit)} was accepted without {names}, which it requires"

    @rule("feat.ignore-unknown", on=NEGOTIATED)
    def ignore_unknown(self, event: FeaturesNegotiated) -> str | None:
        bits = undefined(self.slot.device_id, event.accepted)
        if not bits:
            return None
        names = name_features(self.slot.device_id, bits)
        return f"accepted {names}: not defined for {self.slot.device_id.name} devices on MMIO"

    @rule("feat.sriov-pci-only", on=NEGOTIATED)
    def sriov_pci_only(self, event: FeaturesNegotiated) -> str | None:
        return "SR_IOV (bit 37) was accepted; only PCI has it" if event.accepted >> Feature.SR_IOV & 1 else None

    @rule("feat.accept-access-platform", on=NEGOTIATED)
    def accept_access_platform(self, event: FeaturesNegotiated) -> str | None:
        return self.left_out(event, Feature.ACCESS_PLATFORM)

    @rule("feat.accept-order-platform", on=NEGOTIATED)
    def accept_order_platform(self, event: FeaturesNegotiated) -> str | None:
        return self.left_out(event, Feature.ORDER_PLATFORM)

    def left_out(self, event: FeaturesNegotiated, feature: Feature) -> str | None:
        if event.offered & ~event.accepted & mask(feature):
            return f"{feature.name} (bit {feature:d}) is offered and was not accepted"
        return None

    @follow(reads(VirtioMmio.DeviceFeatures))
    def features_read(self, event: RegisterAccess) -> None:
        word = self.slot.device_sel or 0
        if self.slot.status & DRIVER:
            self.looked.add(word & 0xFF)
        else:
            self.early[word & 0xFF] = event
