"""Probes of empty slots: something is there that a driver has to leave alone."""

from __future__ import annotations

from emu.regs import Reg
from virtio.device import Device
from virtio.mmio import MmioTransport
from virtio.probes.probe import Choice, Probe
from virtio.registers import VirtioMmio
from virtio.spec import MAGIC, VERSION_MODERN, DeviceId

KINDS = (DeviceId.NETWORK, DeviceId.BLOCK, DeviceId.CONSOLE, DeviceId.ENTROPY)
"""What DeviceID of such a slot reads as, so that a driver which does not look at the rest takes it."""
VERSIONS = (0, 3, 4, 0x10002)
"""Not 1: a driver may know the legacy interface too."""


class Decoy(Probe):
    """Base: `answers` are the registers that do not read as 0."""

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.said = False
        self.wrong, value = self.lie()
        self.answers = {VirtioMmio.MagicValue: MAGIC, VirtioMmio.Version: VERSION_MODERN,
                        VirtioMmio.DeviceID: int(KINDS[choose(len(KINDS))]), self.wrong: value}  # fmt: skip

    @classmethod
    def fits(cls, device: Device | None) -> bool:
        return device is None

    def lie(self) -> tuple[Reg, int]:
        """The register that is wrong, and what it reads as."""
        raise NotImplementedError

    def read(self, register: Reg, value: int) -> int:
        answer = self.answers.get(register, 0)
        if register is self.wrong and not self.said:
            self.said = True
            self.say(f"{register.name} reads {answer:#x} here")
        return answer


class BadMagic(Decoy):
    name = "bad-magic"
    summary = "in an empty slot, MagicValue is wrong"

    def lie(self) -> tuple[Reg, int]:
        return VirtioMmio.MagicValue, MAGIC ^ 1 << self.choose(32)


class BadVersion(Decoy):
    name = "bad-version"
    summary = "in an empty slot, Version is neither 2 nor 1"

    def lie(self) -> tuple[Reg, int]:
        return VirtioMmio.Version, VERSIONS[self.choose(len(VERSIONS))]
