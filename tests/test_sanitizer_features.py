"""Rules of the first look, of reset and of features (2.2.1, 2.4, 4.2.2.2, 4.2.3.1.1, 6.1)."""

from __future__ import annotations

import pytest
from hands import Hands, Make, Script, Scripts

from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.features import Features
from virtio.sanitizer.chapters.identification import Identification
from virtio.sanitizer.chapters.reset import Reset
from virtio.spec import DeviceId, Feature, mask
from virtio.testing import VERSION_1

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys


class Offering(Rng):
    """An entropy device with more features."""

    def __init__(self, *more: int) -> None:
        super().__init__(bytes)
        self.features |= mask(*more)


class Net(Device):
    """As much of a network device as negotiation needs: it offers every bit of its type."""

    device_id = DeviceId.NETWORK
    queue_names = ("receiveq1", "transmitq1")

    def __init__(self) -> None:
        super().__init__()
        self.features |= mask(*range(24), *range(50, 72))


def platform() -> Hands:
    return Hands(Offering(Feature.ACCESS_PLATFORM, Feature.ORDER_PLATFORM), "rng")


def unknown() -> Hands:
    return Hands(Offering(3, 45), "rng")


def net() -> Hands:
    return Hands(Net())


@breaks("mmio.magic-version-first", "Status was written before MagicValue and Version was read")
def _(h: Hands) -> None:
    h.write(R.Status, 0)
    h.read(R.Status)
    h.live()


@breaks("mmio.magic-version-first", "DeviceID was read before Version was read")
def _(h: Hands) -> None:
    h.read(R.MagicValue, R.DeviceID)
    h.live()


@obeys("mmio.magic-version-first", "mmio.devid-read-next")
def _(h: Hands) -> None:
    h.read(R.Version, R.MagicValue, R.MagicValue, R.VendorID, R.DeviceID)
    h.live()
    h.live()


@breaks("mmio.devid-read-next", "Status was written before DeviceID was read")
def _(h: Hands) -> None:
    h.read(R.MagicValue, R.Version, R.VendorID)
    h.write(R.Status, 0)
    h.read(R.Status)
    h.live()


@breaks("mmio.devfeat-sel-first", "DeviceFeatures was read before DeviceFeaturesSel was written")
def _(h: Hands) -> None:
    h.begin()
    h.read(R.DeviceFeatures)
    h.offer(1)
    h.accept()
    h.agreed()


@breaks("mmio.devfeat-sel-first", "DeviceFeatures was read")
def _(h: Hands) -> None:
    """The selector was written, and a reset came after it, while Status was 0 anyway."""
    h.find()
    h.write(R.DeviceFeaturesSel, 0)
    h.begin()
    h.read(R.DeviceFeatures)
    h.offer(1)
    h.accept()
    h.agreed()


@obeys("mmio.devfeat-sel-first", "mmio.drvfeat-sel-first")
def _(h: Hands) -> None:
    h.begin()
    h.write(R.DeviceFeaturesSel, 1)
    h.read(R.DeviceFeatures, R.DeviceFeatures)
    h.write(R.DriverFeaturesSel, 1)
    h.write(R.DriverFeatures, 1)
    h.agreed()


@breaks("mmio.drvfeat-sel-first", "DriverFeatures was written as 0x0 before DriverFeaturesSel was written")
def _(h: Hands) -> None:
    h.begin()
    h.offer()
    h.write(R.DriverFeatures, 0)
    h.accept()
    h.agreed()


@breaks("mmio.shm-only-if-expected", "SHMSel was written, and ENTROPY devices have no shared memory")
def _(h: Hands) -> None:
    h.live()
    h.write(R.SHMSel, 0)


@obeys("mmio.shm-only-if-expected", on=lambda: Hands(Offering(), "gpu"))
def _(h: Hands) -> None:
    h.live()
    h.write(R.SHMSel, 0)
    h.read(R.SHMLenLow)


@breaks("reset.poll-status-zero", "Status was written as 0, and Status was written before Status read 0")
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0, 1, 3)
    h.offer()
    h.accept()
    h.agreed()


@obeys("reset.poll-status-zero")
def _(h: Hands) -> None:
    """The last reset needs no answer: the driver does not go on."""
    h.live()
    h.write(R.Status, 0, 0)


@breaks("init.driver-before-features", "DriverFeatures was written while Status is 0x01: DRIVER is not set yet")
def _(h: Hands) -> None:
    h.begin()
    h.write(R.Status, 0)
    h.read(R.Status)
    h.write(R.Status, 1)
    h.offer()
    h.accept()
    h.write(R.Status, 3)
    h.agreed()


@breaks("init.driver-before-features", "DeviceFeatures word 1 was read before DRIVER was set, and not again")
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0)
    h.read(R.Status)
    h.write(R.Status, 1)
    h.offer(1)
    h.write(R.Status, 3)
    h.offer(0)
    h.accept()
    h.agreed()


@obeys("init.driver-before-features")
def _(h: Hands) -> None:
    """A look before the reset, to print what is there."""
    h.find()
    h.offer()
    h.live()


@breaks("feat.validate-offer", "word 1 was accepted as 0x1, and its DeviceFeatures was never read")
def _(h: Hands) -> None:
    h.begin()
    h.offer(0)
    h.accept()
    h.agreed()


@obeys("feat.validate-offer", "init.features-before-features-ok")
def _(h: Hands) -> None:
    """Nothing of word 0 is accepted, so that it need not be read."""
    h.begin()
    h.offer(1)
    h.accept()
    h.agreed()


@breaks("feat.accept-deps", "GUEST_TSO4 (bit 7) was accepted without GUEST_CSUM (bit 1), which it requires", on=net)
def _(h: Hands) -> None:
    h.negotiate(VERSION_1 | mask(7))
    h.write(R.Status, 15)


@breaks("feat.accept-deps", "HOST_ECN (bit 13) was accepted without HOST_TSO4 (bit 11) or HOST_TSO6 (bit 12)", on=net)
def _(h: Hands) -> None:
    h.negotiate(VERSION_1 | mask(0, 13))
    h.write(R.Status, 15)


@obeys("feat.accept-deps", on=net)
def _(h: Hands) -> None:
    h.negotiate(VERSION_1 | mask(0, 12, 13, 17, 51, 60))
    h.write(R.Status, 15)


@breaks("feat.ignore-unknown", "accepted bit 3, bit 45: not defined for ENTROPY devices on MMIO", on=unknown)
def _(h: Hands) -> None:
    h.negotiate(VERSION_1 | mask(3, 45))
    h.write(R.Status, 15)


@obeys("feat.ignore-unknown", "feat.sriov-pci-only", on=unknown)
def _(h: Hands) -> None:
    h.live(VERSION_1 | mask(Feature.INDIRECT_DESC, Feature.EVENT_IDX, Feature.RING_RESET))


@breaks("feat.accept-access-platform", "ACCESS_PLATFORM (bit 33) is offered and was not accepted", on=platform)
def _(h: Hands) -> None:
    h.live(VERSION_1 | mask(Feature.ORDER_PLATFORM))


@breaks("feat.accept-order-platform", "ORDER_PLATFORM (bit 36) is offered and was not accepted", on=platform)
def _(h: Hands) -> None:
    h.live(VERSION_1 | mask(Feature.ACCESS_PLATFORM))


@obeys("feat.accept-access-platform", "feat.accept-order-platform", on=platform)
def _(h: Hands) -> None:
    h.live(VERSION_1 | mask(Feature.ACCESS_PLATFORM, Feature.ORDER_PLATFORM))


@breaks(
    "init.features-before-features-ok",
    "FEATURES_OK was set before DeviceFeatures was read and before DriverFeatures was written",
    "feat.accept-version-1",
)
def _(h: Hands) -> None:
    h.begin()
    h.agree()
    h.write(R.Status, 0x83)


@breaks("init.features-before-features-ok", "FEATURES_OK was set before DeviceFeatures was read", "feat.validate-offer")
def _(h: Hands) -> None:
    h.begin()
    h.accept()
    h.agreed()


@breaks("feat.sriov-pci-only", "SR_IOV (bit 37) was accepted; only PCI has it", "feat.accept-only-offered")
def _(h: Hands) -> None:
    h.negotiate(VERSION_1 | mask(Feature.SR_IOV))
    h.write(R.Status, 0x83)



@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_breaks_a_rule_is_told_so_with_the_values(
    rules: tuple[str, ...], says: str, script: Script, on: Make
) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_comes_close_is_left_alone(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_each_rule_has_a_script_of_both_kinds() -> None:
    scripts.check_complete([Identification, Reset, Features])
