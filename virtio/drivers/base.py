"""What the drivers here have in common: their queues, the features they accept, and `start`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emu.memory import Memory
from virtio.drivers.arena import Arena
from virtio.drivers.queue import SplitVirtqueue
from virtio.drivers.types import Transport, VirtIODeviceDriver, VirtIODeviceType


class QueueDriver(VirtIODeviceDriver):
    """A driver with `queue_count` split queues of at most `size` elements, in `memory`, laid out from `arena`.

    The other arguments are those of `SplitVirtqueue`.
    """

    TYPE: ClassVar[VirtIODeviceType]
    FEATURES: ClassVar[int] = 0
    """The device's feature bits that this driver can use."""
    queue_count: ClassVar[int] = 1

    def __init__(
        self,
        transport: Transport,
        memory: Memory,
        arena: Arena,
        size: int = 64,
        *,
        indirect: bool = True,
        event_idx: bool = True,
        idle: Callable[[], object] | None = None,
        patience: int = 1000,
    ) -> None:
        self.transport = transport
        self.memory = memory
        self.arena = arena
        self.accepted = 0
        self._buffers: set[int] = set()
        self.queues = [
            SplitVirtqueue(
                transport, memory, arena, size, indirect=indirect, event_idx=event_idx, idle=idle, patience=patience
            )
            for _ in range(self.queue_count)
        ]

    def start(self) -> None:
        """Initialize the device; raises VirtIOInitializationError."""
        self.transport.initialize(self, self.queues)

    def device_type(self) -> VirtIODeviceType:
        return self.TYPE

    def negotiate_features(self, offered: int) -> int | None:
        self.accepted = offered & self.FEATURES
        return self.accepted

    def pre_device_initialization(self) -> None:
        """Take back the buffers that an earlier life of the device never returned: it was reset since."""
        for buffer in list(self._buffers):
            self.free(buffer)

    def buffer(self, size: int) -> int:
        """The address of `size` bytes for the device; they stay allocated until `free` or the next `start`."""
        address = self.arena.allocate(size)
        self._buffers.add(address)
        return address

    def free(self, buffer: int) -> None:
        """Give back what `buffer` returned; the device must have returned it first."""
        self._buffers.remove(buffer)
        self.arena.free(buffer)

    def has(self, bit: int) -> bool:
        """Whether device feature `bit` was accepted."""
        return bool(self.accepted >> bit & 1)
