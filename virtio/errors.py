"""What can go wrong on the driver's side, as exceptions that carry their values.

    VirtIOError
    ├── VirtIOInitializationError             `VirtIOTransport.initialize` gave up; one class a variant of Tock's enum
    │   ├── NotAVirtIODevice                  MagicValue is not "virt"
    │   ├── InvalidTransportVersion           Version is not 2
    │   ├── UnknownDeviceType                 (device_id): not in `VirtIODeviceType`; 0 is an empty slot
    │   ├── IncompatibleDriverDeviceType      (device_type): what the device is; the driver is for another type
    │   ├── InvalidVirtIOVersion              VERSION_1 is not offered
    │   ├── FeatureNegotiationFailed          (offered, accepted or None): refused by the driver (None) or by the device
    │   ├── DeviceError                       the device broke an invariant
    │   ├── VirtqueueNotAvailable             (queue): the device has no queue of that index
    │   ├── DriverPreInitializationError      (cause): hook failed before DRIVER_OK; Status has FAILED
    │   └── DriverInitializationError         (device_type, cause): hook failed after DRIVER_OK; the device is live
    ├── DeviceFault                           the device broke the specification on a live queue
    │   ├── UsedIndexJumped  BadUsedId  BadUsedLength          the used ring lies (2.7.8)
    │   ├── ConfigUnstable                    ConfigGeneration never settles (2.5)
    │   ├── DeviceNeedsReset                  DEVICE_NEEDS_RESET is set (2.1.2)
    │   ├── DeviceSilent                      nothing came back
    │   └── BadAnswer                         a device's answer makes no sense in its chapter
    ├── RequestFailed                         the device answered a request with an error status
    ├── DriverMisuse                          the program that uses a driver or a queue made a mistake
    │   └── QueueFull                         no free descriptors
    ├── DriverFailure                         what a driver's hook raises: an `ErrorCode`
    ├── TraceMismatch                         a replayed driver left the recorded path
    └── TockPanic                             the `tock` personality reached a kernel panic of the real Tock

"FAILED?" of each variant, and what forces it, is the table of `virtio.scenarios`.
"""

from __future__ import annotations

from virtio.drivers.types import ErrorCode, VirtIODeviceType
from virtio.spec import MAGIC, VERSION_MODERN


class VirtIOError(Exception):
    """Base of everything that the driver's side raises."""


class VirtIOInitializationError(VirtIOError):
    """`initialize` gave up. `payload` is what Tock's variant carries, in its order."""

    def __init__(self, message: str, *payload: int | None) -> None:
        super().__init__(message)
        self.payload = payload


class NotAVirtIODevice(VirtIOInitializationError):
    """Nothing recognisable there: MagicValue read as `magic` (4.2.2.2)."""

    def __init__(self, magic: int) -> None:
        super().__init__(f"not a VirtIO device: MagicValue is {magic:#010x}, not {MAGIC:#010x}")
        self.magic = magic


class InvalidTransportVersion(VirtIOInitializationError):
    """The slot speaks transport version `version`, not 2 (4.2.2.2); 1 is legacy."""

    def __init__(self, version: int) -> None:
        legacy = " (legacy)" if version == 1 else ""
        super().__init__(f"invalid transport version: Version is {version}{legacy}, not {VERSION_MODERN}")
        self.version = version


class UnknownDeviceType(VirtIOInitializationError):
    """DeviceID `device_id` is not in `VirtIODeviceType`."""

    def __init__(self, device_id: int) -> None:
        empty = " (an empty slot)" if device_id == 0 else ""
        super().__init__(f"unknown device type: DeviceID is {device_id}{empty}", device_id)
        self.device_id = device_id


class IncompatibleDriverDeviceType(VirtIOInitializationError):
    """The device is a `device_type`; the driver is for `wanted`."""

    def __init__(self, device_type: VirtIODeviceType, wanted: VirtIODeviceType | None = None) -> None:
        driver = f", the driver is for {wanted.name} ({wanted:d})" if wanted is not None else ", the driver is not"
        message = f"incompatible device type: the device is {device_type.name} ({device_type:d}){driver}"
        super().__init__(message, device_type)
        self.device_type = device_type
        self.wanted = wanted


class InvalidVirtIOVersion(VirtIOInitializationError):
    """The device does not offer VERSION_1 (6.1): it is older than VirtIO 1.0. `offered` is all it offers."""

    def __init__(self, offered: int) -> None:
        super().__init__(f"invalid VirtIO version: VERSION_1 (bit 32) is not among the offered features {offered:#x}")
        self.offered = offered


class FeatureNegotiationFailed(VirtIOInitializationError):
    """No agreement on features (2.2): 64-bit words; `accepted` is None where the driver refused the offer."""

    def __init__(self, offered: int, accepted: int | None) -> None:
        if accepted is None:
            reason = "the driver refuses"
        elif accepted & ~offered:
            reason = f"the driver accepted {accepted:#x}, of which {accepted & ~offered:#x} was never offered"
        else:
            reason = f"the driver accepted {accepted:#x} and the device did not keep FEATURES_OK"
        super().__init__(f"feature negotiation failed: the device offered {offered:#x}, {reason}", offered, accepted)
        self.offered = offered
        self.accepted = accepted


class VirtqueueNotAvailable(VirtIOInitializationError):
    """The device has no queue of index `queue`: its QueueSizeMax is 0 (4.2.2)."""

    def __init__(self, queue: int) -> None:
        super().__init__(f"virtqueue {queue} is not available: QueueSizeMax is 0", queue)
        self.queue = queue


class DriverPreInitializationError(VirtIOInitializationError):
    """`pre_device_initialization` failed with `cause`, before DRIVER_OK. The device has been put into FAILED."""

    def __init__(self, cause: ErrorCode) -> None:
        super().__init__(f"the driver's pre_device_initialization failed: {cause.name} ({cause:d})", cause)
        self.cause = cause


class DriverInitializationError(VirtIOInitializationError):
    """`device_initialized` failed with `cause`, after DRIVER_OK. The device is live and not FAILED."""

    def __init__(self, device_type: VirtIODeviceType, cause: ErrorCode) -> None:
        message = f"the driver's device_initialized failed on a live {device_type.name}: {cause.name} ({cause:d})"
        super().__init__(message, device_type, cause)
        self.device_type = device_type
        self.cause = cause


class DeviceError(VirtIOInitializationError):
    """The device broke an invariant during initialization; `reason` says which, with the value read."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"device error: {reason}")
        self.reason = reason


class DeviceFault(VirtIOError):
    """The device broke the specification on a live queue or in its configuration."""


class UsedIndexJumped(DeviceFault):
    """used.idx moved from `last` to `idx` with only `outstanding` chains out (2.7.8)."""

    def __init__(self, queue: int, last: int, idx: int, outstanding: int) -> None:
        step = (idx - last) & 0xFFFF
        super().__init__(
            f"queue {queue}: used.idx went from {last} to {idx} (by {step}) with {outstanding} chains outstanding"
        )
        self.queue, self.last, self.idx, self.outstanding = queue, last, idx, outstanding


class BadUsedId(DeviceFault):
    """used.ring[slot].id is `head`, which is no outstanding chain (2.7.8)."""

    def __init__(self, queue: int, slot: int, head: int) -> None:
        super().__init__(f"queue {queue}: used.ring[{slot}].id is {head}, which is not an outstanding chain")
        self.queue, self.slot, self.head = queue, slot, head


class BadUsedLength(DeviceFault):
    """used.ring[slot].len is `length`; the chain has only `writable` bytes to write (2.7.8)."""

    def __init__(self, queue: int, slot: int, head: int, length: int, writable: int) -> None:
        super().__init__(
            f"queue {queue}: used.ring[{slot}].len is {length}, but chain {head} has {writable} writable bytes"
        )
        self.queue, self.slot, self.head, self.length, self.writable = queue, slot, head, length, writable


class ConfigUnstable(DeviceFault):
    """ConfigGeneration changed during each of `attempts` reads of the configuration space (2.5.1)."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"ConfigGeneration changed during each of {attempts} reads of the configuration space")
        self.attempts = attempts


class DeviceNeedsReset(DeviceFault):
    """The device set DEVICE_NEEDS_RESET: `outstanding` chains of `queue` will not come back (2.1.1)."""

    def __init__(self, queue: int, outstanding: int) -> None:
        super().__init__(f"queue {queue}: the device set DEVICE_NEEDS_RESET with {outstanding} chains outstanding")
        self.queue, self.outstanding = queue, outstanding


class DeviceSilent(DeviceFault):
    """The device returned none of `outstanding` chains of `queue` in `attempts` looks."""

    def __init__(self, queue: int, outstanding: int, attempts: int) -> None:
        super().__init__(f"queue {queue}: none of {outstanding} outstanding chains came back in {attempts} looks")
        self.queue, self.outstanding, self.attempts = queue, outstanding, attempts


class BadAnswer(DeviceFault):
    """A device's answer makes no sense in its own chapter (5)."""


class RequestFailed(VirtIOError):
    """The device answered `operation` with status `status`, known as `name` (5.2.6)."""

    def __init__(self, operation: str, status: int, name: str) -> None:
        super().__init__(f"{operation}: the device answered {name} (status {status})")
        self.operation, self.status, self.name = operation, status, name


class DriverMisuse(VirtIOError):
    """The program that uses a driver, queue or transport made a mistake; the device saw nothing of it."""


class QueueFull(DriverMisuse):
    """`needed` descriptors are wanted of `queue` and `free` are free: pop used chains first."""

    def __init__(self, queue: int, needed: int, free: int) -> None:
        super().__init__(f"queue {queue} is full: {needed} descriptors needed, {free} free")
        self.queue, self.needed, self.free = queue, needed, free


class DriverFailure(VirtIOError):
    """What a driver's hook raises to make initialization fail with `cause`."""

    def __init__(self, cause: ErrorCode, reason: str = "") -> None:
        super().__init__(f"{cause.name}: {reason}" if reason else cause.name)
        self.cause = cause


class TraceMismatch(VirtIOError):
    """Access `seq` of a recording is `expected`; the replayed driver did `got` (such as `W070=b`)."""

    def __init__(self, seq: int, expected: str, got: str) -> None:
        super().__init__(f"event {seq} of the recording is {expected}, the driver did {got}")
        self.seq, self.expected, self.got = seq, expected, got


class TockPanic(VirtIOError):
    """The real Tock panics its kernel here, with this message."""
