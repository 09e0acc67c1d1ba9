"""The device side of the MMIO transport, Version 2 (4.2): registers on one side, a device model on the other.

It answers every access of any width at any offset, as the specification says, and as QEMU does where it says nothing.
What the driver does wrong is published as a `SpecViolation`; only what cannot work is refused.
"""

from __future__ import annotations

from emu.irq import Line
from emu.memory import BadAddress, Memory
from emu.regs import reads, writes
from emu.trace import NO_TRACE, Notice, Trace
from virtio import status as device_status
from virtio.accesses import misuse
from virtio.config_space import ConfigSpace
from virtio.describe import describe
from virtio.device import Device, NoDevice
from virtio.events import ConfigChanged, FeaturesNegotiated, QueueNotified, StatusChanged
from virtio.interrupt import Pending
from virtio.queue.sample import waiting_heads
from virtio.queue.split import Queue
from virtio.queue_registers import QueueRegisters
from virtio.registers import CONFIG, VirtioMmio
from virtio.spec import MAGIC, VENDOR_ID, VERSION_MODERN, Feature, Interrupt, mask, name_features
from virtio.status import DRIVER_BITS, DRIVER_OK, FEATURES_OK, NEEDS_RESET

ALL_ONES = 0xFFFFFFFF
ALL_INTERRUPTS = int(Interrupt.USED_BUFFER | Interrupt.CONFIG_CHANGE)
FEATURE_WORDS = 4
"""Words of DriverFeatures that are kept; only the first two can hold anything that was offered."""
NEVER_OFFERED = mask(
    Feature.RING_PACKED, Feature.SR_IOV, Feature.NOTIFICATION_DATA, Feature.NOTIF_CONFIG_DATA, Feature.ADMIN_VQ,
    Feature.SUSPEND,
)  # fmt: skip
"""Features that MMIO does not have (2.2.2) or this transport does not do."""
KNOWN_EMPTY = (VirtioMmio.MagicValue, VirtioMmio.Version, VirtioMmio.DeviceID, VirtioMmio.VendorID)
"""The registers of a slot without a device; everything else reads 0 there."""


class MmioTransport(QueueRegisters):
    """A slot: `device` in it (None: empty), the guest's `memory`, its interrupt wire `irq`, events named `name`.

    `reset_reason` says why DEVICE_NEEDS_RESET is set.
    """

    def __init__(
        self, device: Device | None, memory: Memory, irq: Line, trace: Trace = NO_TRACE, name: str = "virtio0"
    ) -> None:
        super().__init__(name, trace)
        self.device = device
        self.model = device or NoDevice()
        self.pending = Pending(irq, trace, name)
        self.status = 0
        self.reset_reason = ""
        self.generation = 0
        self.accepted = 0
        self.device_features_sel: int = 0
        self.driver_features_sel: int = 0
        self._serving = False
        self.config = ConfigSpace(self.model, self.violation)
        model = self.model
        if model.features & NEVER_OFFERED:
            names = name_features(model.device_id, model.features & NEVER_OFFERED)
            raise ValueError(f"{model.name} offers {names}, which the MMIO transport does not have")
        self.queues = [
            self.queue_class(i, memory, self, name=queue_name, size_max=model.queue_size_max, trace=trace, source=name)
            for i, queue_name in enumerate(model.queue_names)
        ]
        model.queues, model.host, model.trace, model.source = self.queues, self, trace, name
        self._loads = self.bound_readers()
        self._stores = self.bound_writers() | self.area_writers()
        if device is None:
            self._loads = {register.offset: self._loads[register.offset] for register in KNOWN_EMPTY}
            self._stores = {}

    @property
    def interrupt_status(self) -> int:
        """InterruptStatus: what the driver has not acknowledged."""
        return self.pending.status

    def load(self, offset: int, width: int) -> int:
        """Read `width` bytes at `offset` of the slot."""
        if width == 4:
            handler = self._loads.get(offset)
            if handler is not None:
                return handler()
        if offset >= CONFIG and self.device is not None:
            return self.config.load(offset - CONFIG, width)
        if self._odd("r", offset, width) and width == 8:
            return self.load(offset, 4) | self.load(offset + 4, 4) << 32
        return 0

    def store(self, offset: int, width: int, value: int) -> None:
        """Write the low `width` bytes of `value` at `offset` of the slot."""
        value &= (1 << 8 * width) - 1
        if width == 4:
            handler = self._stores.get(offset)
            if handler is not None:
                handler(value)
                return
        if offset >= CONFIG and self.device is not None:
            self.config.store(offset - CONFIG, width, value)
        elif self._odd("w", offset, width) and width == 8:
            self.store(offset, 4, value & ALL_ONES)
            self.store(offset + 4, 4, value >> 32)

    def describe(self, op: str, offset: int, width: int, value: int) -> tuple[str, str]:
        """The register's name, and in a phrase what the access means now, before a store takes effect."""
        return describe(self, op, offset, width, value)

    def config_changed(self) -> None:
        """The device changed its configuration (2.5): a new generation, and an interrupt once the driver is up."""
        self.generation = (self.generation + 1) & ALL_ONES
        if self.trace.on:
            self.trace.publish(ConfigChanged(self.name, self.generation))
        if self.status & DRIVER_OK:
            self.pending.add(Interrupt.CONFIG_CHANGE)

    def needs_reset(self, reason: str) -> None:
        """The device cannot go on (2.1.2): no ring is touched until the driver resets it."""
        if self.status & NEEDS_RESET:
            return
        if self.trace.on:
            self.trace.publish(Notice(self.name, f"{self.model.name} needs a reset: {reason}"))
        self.reset_reason = reason
        self._change_status(self.status | NEEDS_RESET)
        if self.status & DRIVER_OK:
            self.pending.add(Interrupt.CONFIG_CHANGE)

    def chain_used(self, queue: Queue) -> None:
        """A chain went back to the driver; during a notification the interrupt waits for its end."""
        if not self._serving and queue.interrupt_wanted():
            self.pending.add(Interrupt.USED_BUFFER)

    def ring_reset_negotiated(self) -> bool:
        return self.model.has(Feature.RING_RESET)

    def agreeable(self) -> bool:
        """Whether FEATURES_OK would stay set now (2.2.2)."""
        return not self.accepted & ~self.model.features and self.model.accepts(self.accepted)

    @reads(VirtioMmio.MagicValue)
    def _magic(self) -> int:
        return MAGIC

    @reads(VirtioMmio.Version)
    def _version(self) -> int:
        return VERSION_MODERN

    @reads(VirtioMmio.DeviceID)
    def _device_id(self) -> int:
        return int(self.model.device_id)

    @reads(VirtioMmio.VendorID)
    def _vendor_id(self) -> int:
        return VENDOR_ID

    @reads(VirtioMmio.DeviceFeatures)
    def _device_features(self) -> int:
        # a shift by the driver's 32-bit number would be an integer of 16 GiB
        return self.model.features >> 32 * self.device_features_sel & ALL_ONES if self.device_features_sel < 2 else 0

    @writes(VirtioMmio.DeviceFeaturesSel)
    def _set_device_features_sel(self, value: int) -> None:
        self.device_features_sel = value

    @writes(VirtioMmio.DriverFeatures)
    def _set_driver_features(self, value: int) -> None:
        word = self.driver_features_sel
        if self.status & FEATURES_OK:
            self.violation("init.no-new-features-after-ok", "3.1.1", "DriverFeatures after FEATURES_OK; ignored")
        elif word < FEATURE_WORDS:
            self.accepted = self.accepted & ~(ALL_ONES << 32 * word) | value << 32 * word
        elif value:
            self.violation("feat.accept-only-offered", "2.2.1", f"DriverFeatures word {word}: {value:#x}; ignored")

    @writes(VirtioMmio.DriverFeaturesSel)
    def _set_driver_features_sel(self, value: int) -> None:
        self.driver_features_sel = value

    @writes(VirtioMmio.QueueNotify)
    def _queue_notify(self, value: int) -> None:
        if value >= len(self.queues):
            have = len(self.queues)
            self.violation("inv.notify-live-queue", "4.2.3.3", f"queue {value} notified, the device has {have}")
            return
        queue = self.queues[value]
        if self.trace.on:
            available = queue.available if queue.ready else -1
            self.trace.publish(QueueNotified(self.name, value, available, waiting_heads(queue, available), queue.words))
        if not self.status & DRIVER_OK:
            self.violation("init.no-notify-before-driver-ok", "3.1.1", f"queue {value} notified before DRIVER_OK")
        elif self.status & NEEDS_RESET:
            self.violation("status.no-rely-after-needs-reset", "2.1.1", f"queue {value} notified, a reset is needed")
        elif not queue.ready:
            self.violation("inv.notify-live-queue", "4.2.3.3", f"queue {value} notified while QueueReady is 0")
        else:
            self._serving = True
            queue.look()
            try:
                self.model.on_notify(queue, queue.name)
            except BadAddress as error:  # borrowed memory can go away between the check and the use
                self.violation("inv.buffer-in-ram", "2.7.5", f"queue {value}: {error}")
                self.needs_reset(str(error))
            finally:
                self._serving = False
            self._interrupt_if_wanted()

    @reads(VirtioMmio.InterruptStatus)
    def _interrupt_status(self) -> int:
        return self.pending.status

    @writes(VirtioMmio.InterruptACK)
    def _interrupt_ack(self, value: int) -> None:
        undefined = value & ~ALL_INTERRUPTS
        if undefined:
            self.violation("mmio.irq-ack-no-undef", "4.2.2.2", f"InterruptACK: undefined bits {undefined:#x}")
        self.pending.remove(value)

    @reads(VirtioMmio.Status)
    def _status(self) -> int:
        return self.status

    @writes(VirtioMmio.Status)
    def _set_status(self, value: int) -> None:
        if value == 0:
            self._reset()
            return
        for rule, section, message in device_status.judge(self.status, value):
            self.violation(rule, section, message)
        new = value & DRIVER_BITS | self.status & NEEDS_RESET
        if new & FEATURES_OK and not self.status & FEATURES_OK and not self._negotiate():
            new &= ~(FEATURES_OK | DRIVER_OK)
        self._change_status(new)

    @reads(VirtioMmio.SHMLenLow, VirtioMmio.SHMLenHigh, VirtioMmio.SHMBaseLow, VirtioMmio.SHMBaseHigh)
    def _no_shared_memory(self) -> int:
        return ALL_ONES

    @writes(VirtioMmio.SHMSel)
    def _set_shm_sel(self, value: int) -> None:
        """No device here has shared memory regions: whichever is picked is not there."""

    @reads(VirtioMmio.ConfigGeneration)
    def _config_generation(self) -> int:
        return self.generation

    def _reset(self) -> None:
        """Back to power on (2.4.1, 4.2.2.1): no feature, no ready queue, no pending interrupt."""
        left = tuple((queue.index, *queue.words) for queue in self.queues if queue.ready) if self.trace.on else ()
        for queue in self.queues:
            queue.live = queue.event_idx = queue.indirect = False
            queue.reset()
        self.reset_reason = ""
        self.accepted = self.model.negotiated = 0
        self.device_features_sel = self.driver_features_sel = self.queue_sel = 0
        self.pending.remove(ALL_ONES)
        self._change_status(0, left)
        self.model.on_reset()

    def _negotiate(self) -> bool:
        """The driver set FEATURES_OK: take what it accepted, or leave the bit clear (2.2.2)."""
        accepted, offered = self.accepted, self.model.features
        agreed = self.agreeable()
        if self.trace.on:
            self.trace.publish(FeaturesNegotiated(self.name, offered, accepted, agreed))
        if accepted & ~offered:
            names = name_features(self.model.device_id, accepted & ~offered)
            self.violation("feat.accept-only-offered", "2.2.1", f"accepted but not offered: {names}")
        if offered & ~accepted & mask(Feature.VERSION_1):
            self.violation("feat.accept-version-1", "6.1", "VERSION_1 is offered and was not accepted")
        if agreed:
            self.model.negotiated = accepted
            for queue in self.queues:
                queue.event_idx = self.model.has(Feature.EVENT_IDX)
                queue.indirect = self.model.has(Feature.INDIRECT_DESC)
        return agreed

    def _change_status(self, new: int, left: tuple[tuple[int, ...], ...] = ()) -> None:
        old, self.status = self.status, int(new)
        live = bool(new & DRIVER_OK) and not new & NEEDS_RESET
        for queue in self.queues:
            queue.live = live
        if old != new and self.trace.on:
            self.trace.publish(StatusChanged(self.name, old, self.status, left))
        if new & ~old & DRIVER_OK:
            self.model.on_driver_ok()

    def _interrupt_if_wanted(self) -> None:
        # not any(): each queue starts a new count of its pushed chains
        if [queue for queue in self.queues if queue.interrupt_wanted()]:
            self.pending.add(Interrupt.USED_BUFFER)

    def _odd(self, op: str, offset: int, width: int) -> bool:
        """Publish what is wrong with an access that no handler took; True if QEMU would cut it into two good ones."""
        empty = self.device is None
        if self.trace.on:
            self.violation(*misuse(op, offset, width, empty))
        return offset % 8 == 0 and not empty
