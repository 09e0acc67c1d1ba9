"""The `tock` personality: the register accesses of Tock's own MMIO transport, one for one, its oddities included.

12 loads and 20 stores for a device with one queue, 2 and 9 more for each further queue. Where Tock differs from the
contract in its own trait:

    FAILED is not set after InvalidVirtIOVersion and DriverPreInitializationError
    the driver sees feature bits 0 to 11 only; each half of the accepted word is cut to 16 bits,
    so that no bit from 28 to 31 and from 48 can be negotiated
    nobody waits for a reset to finish, no queue size is checked
    a wrong magic in `query`, an interrupt or a notification too early panic the kernel (here: TockPanic)
    configuration changes are not looked at
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from virtio.drivers.transport import VirtIOTransport
from virtio.drivers.types import VirtIODeviceDriver, VirtIODeviceType, Virtqueue
from virtio.errors import (
    DeviceError,
    DriverFailure,
    DriverInitializationError,
    DriverPreInitializationError,
    FeatureNegotiationFailed,
    IncompatibleDriverDeviceType,
    InvalidTransportVersion,
    InvalidVirtIOVersion,
    NotAVirtIODevice,
    TockPanic,
    VirtqueueNotAvailable,
)
from virtio.registers import VirtioMmio
from virtio.spec import DeviceStatus, Feature, Interrupt, mask


class TockTransport(VirtIOTransport):
    """Tock's `VirtIOMMIODevice` on `port`."""

    DRIVER_BITS: ClassVar[int] = 0xFFF
    WRITTEN_BITS: ClassVar[int] = 0xFFFF_0000_FFFF
    """What is left of the accepted word on its way through DriverFeatures."""

    def query(self) -> VirtIODeviceType:
        """As the trait's, but a slot that is not a modern VirtIO device is a panic; an unknown id is not."""
        try:
            return super().query()
        except NotAVirtIODevice:
            raise TockPanic("Not a VirtIO MMIO device") from None
        except InvalidTransportVersion as error:
            raise TockPanic(f"Unknown VirtIO MMIO device version: {error.version}") from None

    def initialize(self, driver: VirtIODeviceDriver, queues: Sequence[Virtqueue]) -> VirtIODeviceType:
        """Tock's `initialize`, in its order."""
        device_type = VirtIOTransport.query(self)
        if driver.device_type() != device_type:
            raise IncompatibleDriverDeviceType(device_type, driver.device_type())
        self.registers.write(VirtioMmio.Status, 0)
        self._add_status(DeviceStatus.ACKNOWLEDGE)
        self._add_status(DeviceStatus.DRIVER)

        self.offered = self._read_offered()
        if not self.offered & mask(Feature.VERSION_1):
            raise InvalidVirtIOVersion(self.offered)
        wanted = driver.negotiate_features(self.offered & self.DRIVER_BITS)
        if wanted is None:
            self._set_failed()
            raise FeatureNegotiationFailed(self.offered, None)
        accepted = wanted & self.DRIVER_BITS | mask(Feature.VERSION_1)
        self._write_accepted(accepted & self.WRITTEN_BITS)
        self._add_status(DeviceStatus.FEATURES_OK)
        if not self.status & DeviceStatus.FEATURES_OK:
            self._set_failed()
            raise FeatureNegotiationFailed(self.offered, accepted)
        self.negotiated = accepted & self.WRITTEN_BITS

        for index, queue in enumerate(queues):
            self._set_up_queue(index, queue)
        self.queues = tuple(queues)  # from here on an interrupt is no panic
        try:
            driver.pre_device_initialization()
        except DriverFailure as failure:
            raise DriverPreInitializationError(failure.cause) from failure
        self._add_status(DeviceStatus.DRIVER_OK)
        self.driver, self.device_type = driver, device_type
        try:
            driver.device_initialized()
        except DriverFailure as failure:
            raise DriverInitializationError(device_type, failure.cause) from failure
        return device_type

    def queue_notify(self, queue_id: int) -> None:
        """Tell the device; TockPanic before the queues are registered and for a queue it has not."""
        if not self.queues or not 0 <= queue_id < len(self.queues):
            raise TockPanic(f"queue_notify({queue_id}) with {len(self.queues)} registered queues")
        self.registers.write(VirtioMmio.QueueNotify, queue_id)

    def handle_interrupt(self) -> Interrupt:
        """Acknowledge whatever InterruptStatus says, then look at every queue in order of index."""
        if not self.queues:
            raise TockPanic("interrupt on a VirtIO MMIO device without registered queues")
        pending = self.registers.read(VirtioMmio.InterruptStatus)
        self.registers.write(VirtioMmio.InterruptACK, pending)
        if pending & Interrupt.USED_BUFFER:
            for queue in self.queues:
                queue.used_interrupt()
        return Interrupt(pending)

    def _add_status(self, bit: DeviceStatus) -> None:
        self.registers.write(VirtioMmio.Status, self.status | bit)

    def _set_up_queue(self, index: int, queue: Virtqueue) -> None:
        self.registers.write(VirtioMmio.QueueSel, index)
        ready = self.registers.read(VirtioMmio.QueueReady)
        if ready != 0:
            self._set_failed()
            raise DeviceError(f"QueueReady of queue {index} is {ready} after a reset")
        size_max = self.registers.read(VirtioMmio.QueueSizeMax)
        if size_max == 0:
            self._set_failed()
            raise VirtqueueNotAvailable(index)
        self._start_queue(index, queue.negotiate_queue_size(size_max), queue)
