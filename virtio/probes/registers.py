"""Probes of initialization, features, reset and configuration: what the registers say."""

from __future__ import annotations

from emu.regs import Reg
from virtio.device import Device
from virtio.mmio import MmioTransport
from virtio.probes.probe import Choice, Probe
from virtio.registers import VirtioMmio
from virtio.spec import DEVICE_FEATURES, Feature, mask
from virtio.status import ACKNOWLEDGE, DRIVER_OK, FEATURES_OK, NEEDS_RESET

RESERVED = (*range(18, 24), *range(44, 50))
"""Bits for devices and for later versions, from which the unknown one is taken (2.2)."""
MOST_READS = 5
"""Reads of Status that a slow reset takes."""


class RefuseFeatures(Probe):
    name = "refuse-features"
    summary = "FEATURES_OK does not stay set, whatever the driver accepted"
    alone = True

    def agrees(self) -> bool:
        return False

    def before_write(self, register: Reg, value: int) -> None:
        if register is VirtioMmio.Status and value & ~self.slot.status & FEATURES_OK:
            self.say("FEATURES_OK does not stay set")


class Offer(Probe):
    """Base of those that offer other features; said when the driver looks, once after each reset."""

    bits = (1 << 64) - 1
    """Whose words are looked at."""
    offer = ""

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.said = False

    def read(self, register: Reg, value: int) -> int:
        if register is VirtioMmio.DeviceFeatures and not self.said:
            word = self.slot.device_features_sel
            if word < 2 and self.bits >> 32 * word & 0xFFFFFFFF:
                self.said = True
                self.say(self.offer)
        return value

    def before_write(self, register: Reg, value: int) -> None:
        if register is VirtioMmio.Status and value == 0:
            self.said = False


class UnknownFeature(Offer):
    name = "unknown-feature"
    summary = "a feature is offered that no version of the specification has"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        known = DEVICE_FEATURES.get(int(slot.model.device_id), ())
        unknown = [bit for bit in RESERVED if bit not in [int(feature) for feature in known]]
        bit = unknown[choose(len(unknown))]
        self.bits, self.offer = 1 << bit, f"bit {bit} is offered, which no version of the specification defines"
        slot.model.features |= self.bits


class MinimalFeatures(Offer):
    name = "minimal-features"
    summary = "nothing but VERSION_1 is offered"
    alone = True
    offer = "nothing but VERSION_1 is offered"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        slot.model.features &= mask(Feature.VERSION_1)


class SlowReset(Probe):
    name = "slow-reset"
    summary = "a reset is over only after a few reads of Status"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.shown = self.left = 0

    def before_write(self, register: Reg, value: int) -> None:
        if register is VirtioMmio.Status:
            self.left = 0 if value else 1 + self.choose(MOST_READS)
            if not value:
                self.shown = self.slot.status or ACKNOWLEDGE
                self.say(f"Status reads {self.shown:#04x} {self.left} more times before the reset is over")

    def read(self, register: Reg, value: int) -> int:
        if register is not VirtioMmio.Status or not self.left:
            return value
        self.left -= 1
        return self.shown


class ConfigMoves(Probe):
    name = "config-moves"
    summary = "the configuration changes while it is read, once or twice after a reset"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.left = 1 + choose(2)

    @classmethod
    def fits(cls, device: Device | None) -> bool:
        return device is not None and bool(device.config)

    def config_read(self) -> None:
        if self.left:
            self.left -= 1
            self.say("the configuration changes while it is read")
            self.slot.config_changed()

    def before_write(self, register: Reg, value: int) -> None:
        if register is VirtioMmio.Status and value == 0:
            self.left = 1 + self.choose(2)


class ConfigInterrupt(Probe):
    name = "config-interrupt"
    summary = "the configuration changes while the device is in use, with an interrupt"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.acknowledged, self.next = 0, 2 + choose(2)

    def after_write(self, register: Reg, value: int) -> None:
        if register is not VirtioMmio.InterruptACK or self.slot.status & (DRIVER_OK | NEEDS_RESET) != DRIVER_OK:
            return
        self.acknowledged += 1
        if self.acknowledged == self.next:
            self.next *= 8  # seldom enough that the driver gets on with its work
            self.say("the configuration changes")
            self.slot.config_changed()
