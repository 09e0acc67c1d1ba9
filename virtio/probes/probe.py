"""A probe: something rare that a device may do, done on purpose; the sanitizer judges how the driver takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emu.regs import Reg
from virtio.device import Device
from virtio.events import Probed
from virtio.mmio import MmioTransport
from virtio.queue.chain import Chain
from virtio.queue.split import Queue

Choice = Callable[[int], int]
"""`choose(n)` is one of 0 to n - 1, by the seed."""


class Probe:
    """One probe on one slot, asked by a `ProbedTransport` at each of its methods; what is not overridden does nothing.

    `alone`: a correct driver may give the device up, so that it is not among `all`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    alone: ClassVar[bool] = False

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        self.slot = slot
        self.choose = choose

    @classmethod
    def fits(cls, device: Device | None) -> bool:
        """Whether this can be done with what is in the slot."""
        return device is not None

    def say(self, message: str, queue: int = -1) -> None:
        """Publish what is provoked now."""
        if self.slot.trace.on:
            self.slot.trace.publish(Probed(self.slot.name, self.name, message, queue))

    def read(self, register: Reg, value: int) -> int:
        """What the driver reads from a register that has `value`."""
        return value

    def config_read(self) -> None:
        """The driver read a part of the configuration, and has not seen it yet."""

    def before_write(self, register: Reg, value: int) -> None:
        """The driver writes a register; it has no effect yet."""

    def after_write(self, register: Reg, value: int) -> None:
        """What was written has had its effect."""

    def agrees(self) -> bool:
        """Whether the device accepts the features that it otherwise would."""
        return True

    def kicked(self, queue: Queue) -> None:
        """The driver kicked a queue that is live; nothing was served yet."""

    def returning(self, queue: Queue, chain: Chain) -> None:
        """The device returns a chain to the driver."""
