"""The base class of device models. A device never learns its transport: it has queues, features and a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from emu.snapshot import Saved
from emu.trace import NO_TRACE, Notice, Trace
from virtio.events import SpecViolation
from virtio.spec import DeviceId, Feature, mask

if TYPE_CHECKING:
    from virtio.queue.split import Queue


class Host(Protocol):
    """What a transport gives a device."""

    def config_changed(self) -> None:
        """Tell the driver that the configuration changed (2.5)."""

    def needs_reset(self, reason: str) -> None:
        """Set DEVICE_NEEDS_RESET (2.1.2)."""


class Device(Saved):
    """A VirtIO device.

    A subclass sets `device_id`, `queue_names`, its own `features` and implements `on_notify`; it may keep a
    configuration space in `config` (bytes in the layout of its chapter). What it remembers beside that and its queues
    goes into checkpoints by `saved`, or by `snapshot` and `restore` of its own.
    """

    device_id: ClassVar[DeviceId]
    queue_names: ClassVar[tuple[str, ...]] = ()
    input_queues: ClassVar[tuple[str, ...]] = ()
    """Queues whose buffers wait for something that comes from outside: no buffer coming back is no fault there."""
    queue_size_max: int = 256
    config_writable: ClassVar[tuple[range, ...]] = ()
    """Byte ranges of the configuration space that a driver may write."""

    def __init__(self) -> None:
        self.features = mask(
            Feature.VERSION_1, Feature.INDIRECT_DESC, Feature.EVENT_IDX, Feature.RING_RESET
        )
        self.negotiated = 0
        self.config = bytearray()
        self.queues: list[Queue] = []
        self.host: Host | None = None
        self.trace: Trace = NO_TRACE
        self.name = type(self).__name__.lower()
        self.source = self.name
        """Under which name events are published: the slot's, once the device is in one."""

    def has(self, bit: int) -> bool:
        """Whether feature `bit` was negotiated."""
        return bool(self.negotiated >> bit & 1)

    @property
    def backlog(self) -> int:
        """Bytes that came from outside and wait for a buffer in an input queue."""
        return 0

    def accepts(self, features: int) -> bool:
        """Whether the device can live with this subset of what it offered (2.2.2)."""
        return bool(features >> Feature.VERSION_1 & 1)

    def violation(self, rule: str, section: str, message: str) -> None:
        """Publish that the driver broke `rule` of the device's chapter."""
        if self.trace.on:
            self.trace.publish(SpecViolation(self.source, rule, section, f"{self.name}: {message}"))

    def notice(self, message: str) -> None:
        """Publish something about the host's side of the device (a file cannot be read): not the driver's fault."""
        if self.trace.on:
            self.trace.publish(Notice(self.source, f"{self.name}: {message}"))

    def fail(self, reason: str) -> None:
        """The device cannot go on: DEVICE_NEEDS_RESET (2.1.2), and no queue is served until the reset."""
        if self.host is not None:
            self.host.needs_reset(reason)

    def on_notify(self, queue: Queue, name: str) -> None:
        """The driver kicked `queue` (called after DRIVER_OK only): pop chains, push them back."""

    def on_config_write(self, offset: int, data: bytes) -> None:
        """The driver wrote `data` at `offset` of the configuration; it is already in `config`."""

    def on_driver_ok(self) -> None:
        """The driver set DRIVER_OK: the device is live."""

    def on_reset(self) -> None:
        """The device was reset; queues are gone already."""


class NoDevice(Device):
    """What is in an empty slot (4.2.3.1.1): nothing that answers."""

    device_id = DeviceId.NONE
