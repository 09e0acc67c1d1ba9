"""The words that transport, queues and drivers share; names and numbers are Tock's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol


class VirtIODeviceType(IntEnum):
    """Device types that drivers know (5). 14 and 15 are absent; 0 is an empty slot, and no type."""

    NetworkCard = 1
    BlockDevice = 2
    Console = 3
    EntropySource = 4
    TraditionalMemoryBallooning = 5
    IoMemory = 6
    RPMSG = 7
    SCSIHost = 8
    Transport9P = 9
    Mac80211Wlan = 10
    RPROCSerial = 11
    VirtIOCAIF = 12
    MemoryBalloon = 13
    GPUDevice = 16
    TimerClockDevice = 17
    InputDevice = 18
    SocketDevice = 19
    CryptoDevice = 20
    SignalDistributionModule = 21
    PstoreDevice = 22
    IOMMUDevice = 23
    MemoryDevice = 24

    @classmethod
    def from_device_id(cls, device_id: int) -> VirtIODeviceType | None:
        """The type of this DeviceID, or None for one that no driver here knows."""
        return cls(device_id) if device_id in cls._value2member_map_ else None


class ErrorCode(IntEnum):
    """Why a driver's hook failed: the kernel error codes of Tock."""

    FAIL = 1
    BUSY = 2
    ALREADY = 3
    OFF = 4
    RESERVE = 5
    INVAL = 6
    SIZE = 7
    CANCEL = 8
    NOMEM = 9
    NOSUPPORT = 10
    NODEVICE = 11
    UNINSTALLED = 12
    NOACK = 13


class VirtqueueAddresses(NamedTuple):
    """Where the three parts of a queue lie: guest-physical (2.6)."""

    descriptor_area: int
    driver_area: int
    device_area: int


class Virtqueue(ABC):
    """A queue as a transport sees it."""

    features: int = 0
    """Queue features (INDIRECT_DESC, EVENT_IDX: bits 24 to 40) that this queue can live with, as a feature word."""

    @abstractmethod
    def negotiate_queue_size(self, device_max: int) -> int:
        """The size in elements to use, at most `device_max`; may be asked again, the last answer is valid."""

    @abstractmethod
    def initialize(self, queue_number: int, queue_elements: int) -> None:
        """Make ready to be shown to the device as queue `queue_number` of `queue_elements`."""

    @abstractmethod
    def physical_addresses(self) -> VirtqueueAddresses:
        """Where the queue lies; only after `initialize`."""

    @abstractmethod
    def used_interrupt(self) -> None:
        """Something may be in the used ring; called for spurious interrupts too (2.7.7.1)."""


class VirtIODeviceDriver(ABC):
    """A driver of one device type.

    The two hooks fail by raising `virtio.errors.DriverFailure(ErrorCode)`; returning is success.
    """

    @abstractmethod
    def negotiate_features(self, offered: int) -> int | None:
        """The subset of `offered` (device bits only: 0 to 23 and 50 to 63) to accept, or None to refuse the device."""

    @abstractmethod
    def device_type(self) -> VirtIODeviceType:
        """The type that this driver is for; always the same."""

    def pre_device_initialization(self) -> None:  # noqa: B027  (a default that does nothing)
        """Features and queues are settled, DRIVER_OK is next; failing puts the device into FAILED."""

    def device_initialized(self) -> None:  # noqa: B027  (a default that does nothing)
        """DRIVER_OK is set and the device live; failing does not put it into FAILED."""

    def config_changed(self) -> None:  # noqa: B027  (a default that does nothing)
        """The device changed its configuration space (2.5)."""


class Transport(Protocol):
    """What a queue or a driver needs of its transport."""

    negotiated: int

    def queue_notify(self, queue_id: int) -> None: ...

    def needs_reset(self) -> bool: ...

    def initialize(self, driver: VirtIODeviceDriver, queues: Sequence[Virtqueue]) -> VirtIODeviceType: ...

    def read_config(self, *fields: tuple[int, int]) -> tuple[int, ...]: ...

    def write_config(self, offset: int, width: int, value: int) -> None: ...
