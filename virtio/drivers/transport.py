"""The driver's end of a VirtIO MMIO slot: find the device, initialize it, notify it, hear its interrupts (3.1, 4.2).

The contract is that of Tock's `VirtIOTransport`, the conduct the specification's. `virtio.drivers.tock` has the same
face and does what Tock's own implementation does, access for access.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

from emu.regs import Port
from virtio.drivers.types import VirtIODeviceDriver, VirtIODeviceType, Virtqueue
from virtio.errors import (
    ConfigUnstable,
    DeviceError,
    DriverFailure,
    DriverInitializationError,
    DriverMisuse,
    DriverPreInitializationError,
    FeatureNegotiationFailed,
    IncompatibleDriverDeviceType,
    InvalidTransportVersion,
    InvalidVirtIOVersion,
    NotAVirtIODevice,
    UnknownDeviceType,
    VirtqueueNotAvailable,
)
from virtio.registers import CONFIG, VirtioMmio
from virtio.spec import MAGIC, MAX_SPLIT_QUEUE_SIZE, VERSION_MODERN, DeviceStatus, Feature, Interrupt, mask

LOW32 = 0xFFFF_FFFF


class VirtIOTransport:
    """A slot behind `port`. `patience` is how often a register is read that ought to change.

    After `initialize`: `device_type`, and the feature words `offered` (all that the device has) and `negotiated`.
    """

    DRIVER_BITS: ClassVar[int] = mask(*range(24), *range(50, 64))
    """Feature bits that belong to device types (2.2) and that a driver gets to see."""

    def __init__(self, port: Port, *, patience: int = 1000) -> None:
        self.registers = VirtioMmio.bind(port)
        self.port = port
        self.patience = patience
        self.driver: VirtIODeviceDriver | None = None
        self.queues: tuple[Virtqueue, ...] = ()
        self.device_type: VirtIODeviceType | None = None
        self.offered = 0
        self.negotiated = 0

    def query(self) -> VirtIODeviceType:
        """What is in this slot, by its first three registers (4.2.3.1.1).

        Raises NotAVirtIODevice, InvalidTransportVersion, UnknownDeviceType (0: an empty slot).
        """
        magic = self.registers.read(VirtioMmio.MagicValue)
        if magic != MAGIC:
            raise NotAVirtIODevice(magic)
        version = self.registers.read(VirtioMmio.Version)
        if version != VERSION_MODERN:
            raise InvalidTransportVersion(version)
        device_id = self.registers.read(VirtioMmio.DeviceID)
        device_type = VirtIODeviceType.from_device_id(device_id)
        if device_type is None:
            raise UnknownDeviceType(device_id)
        return device_type

    def initialize(self, driver: VirtIODeviceDriver, queues: Sequence[Virtqueue]) -> VirtIODeviceType:
        """Bring the device to life for `driver`; queue i of the device is `queues[i]`. Steps as in 3.1.1.

        Raises a VirtIOInitializationError. FAILED is set if and only if ACKNOWLEDGE was, whatever the exception was;
        save DriverInitializationError, which leaves the device and this transport live.
        """
        device_type = self.query()
        if driver.device_type() != device_type:
            raise IncompatibleDriverDeviceType(device_type, driver.device_type())
        self.reset()  # step 1
        try:
            self._add_status(DeviceStatus.ACKNOWLEDGE)  # step 2
            self._add_status(DeviceStatus.DRIVER)  # step 3
            accepted = self._negotiate(driver, queues)  # step 4
            self._add_status(DeviceStatus.FEATURES_OK)  # step 5
            if not self.status & DeviceStatus.FEATURES_OK:  # step 6
                raise FeatureNegotiationFailed(self.offered, accepted)
            self.negotiated = accepted
            for index, queue in enumerate(queues):  # step 7
                self._set_up_queue(index, queue)
            try:
                driver.pre_device_initialization()
            except DriverFailure as failure:
                raise DriverPreInitializationError(failure.cause) from failure
            self._add_status(DeviceStatus.DRIVER_OK)  # step 8
        except Exception:
            self._set_failed()
            raise
        self.driver, self.queues, self.device_type = driver, tuple(queues), device_type
        try:
            driver.device_initialized()
        except DriverFailure as failure:
            raise DriverInitializationError(device_type, failure.cause) from failure
        return device_type

    def queue_notify(self, queue_id: int) -> None:
        """Tell the device that queue `queue_id` changed (4.2.3.3); raises DriverMisuse before DRIVER_OK."""
        if self.device_type is None:
            raise DriverMisuse(f"queue {queue_id} notified before the device was initialized (3.1.1)")
        if not 0 <= queue_id < len(self.queues):
            raise DriverMisuse(f"queue {queue_id} notified, the device was initialized with {len(self.queues)} queues")
        self.registers.write(VirtioMmio.QueueNotify, queue_id)

    def handle_interrupt(self) -> Interrupt:
        """Serve an interrupt (4.2.3.4): acknowledge first, so that what comes meanwhile raises it again.

        Returns what was pending, 0 for a spurious interrupt; an interrupt before `initialize` is only acknowledged.
        """
        pending = Interrupt(self.registers.read(VirtioMmio.InterruptStatus) & (sum(Interrupt)))
        if pending:
            self.registers.write(VirtioMmio.InterruptACK, pending)
        if pending & Interrupt.USED_BUFFER:
            for queue in self.queues:
                queue.used_interrupt()
        if pending & Interrupt.CONFIG_CHANGE and self.driver is not None:
            self.driver.config_changed()
        return pending

    def reset(self) -> None:
        """Reset the device and wait until it is (2.4.2); raises DeviceError when Status never reads 0."""
        self.driver, self.queues, self.device_type = None, (), None
        self.offered = self.negotiated = 0
        self.registers.write(VirtioMmio.Status, 0)
        for _ in range(self.patience):
            if self.status == 0:
                return
        raise DeviceError(f"Status reads {int(self.status):#x} after a reset, {self.patience} times")

    @property
    def status(self) -> DeviceStatus:
        """The Status register, read now (2.1)."""
        return DeviceStatus(self.registers.read(VirtioMmio.Status))

    def needs_reset(self) -> bool:
        """Whether the device set DEVICE_NEEDS_RESET (2.1.2)."""
        return bool(self.status & DeviceStatus.DEVICE_NEEDS_RESET)

    def read_config(self, *fields: tuple[int, int]) -> tuple[int, ...]:
        """The configuration fields given as (offset, width 1, 2, 4 or 8) in bytes, all of one generation (2.5.1).

        An 8-byte field is two 4-byte loads (4.2.2.2). Raises ConfigUnstable.
        """
        for _ in range(self.patience):
            before = self.registers.read(VirtioMmio.ConfigGeneration)
            values = tuple(self._config_field(offset, width) for offset, width in fields)
            if self.registers.read(VirtioMmio.ConfigGeneration) == before:
                return values
        raise ConfigUnstable(self.patience)

    def write_config(self, offset: int, width: int, value: int) -> None:
        """Store `value` at `offset` of the configuration space, `width` 1, 2 or 4 bytes."""
        if width not in (1, 2, 4) or not 0 <= value < 1 << 8 * width:
            raise DriverMisuse(f"configuration field at {offset:#x}: {value:#x} does not fit a store of {width} bytes")
        self.port.store(CONFIG + offset, width, value)

    def _config_field(self, offset: int, width: int) -> int:
        if width == 8:
            low = self.port.load(CONFIG + offset, 4)
            return low | self.port.load(CONFIG + offset + 4, 4) << 32
        return self.port.load(CONFIG + offset, width)

    def _add_status(self, bit: DeviceStatus) -> None:
        status = self.status  # bits that are set stay set (2.1.1)
        if status & DeviceStatus.DEVICE_NEEDS_RESET:
            raise DeviceError(f"DEVICE_NEEDS_RESET during initialization: Status is {int(status):#x}")
        self.registers.write(VirtioMmio.Status, status | bit)

    def _set_failed(self) -> None:
        self.registers.write(VirtioMmio.Status, self.status | DeviceStatus.FAILED)

    def _read_offered(self) -> int:
        offered = 0
        for word in range(2):
            self.registers.write(VirtioMmio.DeviceFeaturesSel, word)
            offered |= self.registers.read(VirtioMmio.DeviceFeatures) << 32 * word
        return offered

    def _write_accepted(self, accepted: int) -> None:
        for word in range(2):
            self.registers.write(VirtioMmio.DriverFeaturesSel, word)
            self.registers.write(VirtioMmio.DriverFeatures, accepted >> 32 * word & LOW32)

    def _negotiate(self, driver: VirtIODeviceDriver, queues: Sequence[Virtqueue]) -> int:
        """Step 4: the driver decides on the device's bits, the queues on theirs, VERSION_1 is a must (6.1)."""
        self.offered = offered = self._read_offered()
        if not offered & mask(Feature.VERSION_1):
            raise InvalidVirtIOVersion(offered)
        wanted = driver.negotiate_features(offered & self.DRIVER_BITS)
        if wanted is None:
            raise FeatureNegotiationFailed(offered, None)
        of_queues = reduce(int.__and__, (queue.features for queue in queues)) if queues else 0
        accepted = wanted | offered & of_queues | mask(Feature.VERSION_1)
        if accepted & ~offered:  # must not reach the device (2.2.1)
            raise FeatureNegotiationFailed(offered, accepted)
        self._write_accepted(accepted)
        return accepted

    def _set_up_queue(self, index: int, queue: Virtqueue) -> None:
        """Step 7, one queue, in the order of 4.2.3.2."""
        registers = self.registers
        registers.write(VirtioMmio.QueueSel, index)
        ready = registers.read(VirtioMmio.QueueReady)
        if ready != 0:
            raise DeviceError(f"QueueReady of queue {index} is {ready} after a reset")
        size_max = registers.read(VirtioMmio.QueueSizeMax)
        if size_max == 0:
            raise VirtqueueNotAvailable(index)
        size = queue.negotiate_queue_size(size_max)
        if not 0 < size <= min(size_max, MAX_SPLIT_QUEUE_SIZE) or size & (size - 1):
            raise DriverMisuse(f"queue {index}: size {size} is no power of two up to {size_max} (2.7)")
        self._start_queue(index, size, queue)

    def _start_queue(self, index: int, size: int, queue: Virtqueue) -> None:
        registers = self.registers
        queue.initialize(index, size)
        areas = queue.physical_addresses()
        registers.write(VirtioMmio.QueueSize, size)
        registers.write(VirtioMmio.QueueDescLow, areas.descriptor_area & LOW32)
        registers.write(VirtioMmio.QueueDescHigh, areas.descriptor_area >> 32)
        registers.write(VirtioMmio.QueueDriverLow, areas.driver_area & LOW32)
        registers.write(VirtioMmio.QueueDriverHigh, areas.driver_area >> 32)
        registers.write(VirtioMmio.QueueDeviceLow, areas.device_area & LOW32)
        registers.write(VirtioMmio.QueueDeviceHigh, areas.device_area >> 32)
        registers.write(VirtioMmio.QueueReady, 1)
