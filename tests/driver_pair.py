"""A driver started on a real device, and the ring options to start it with; the pairs made are in `started`."""

import pytest

from virtio.device import Device
from virtio.drivers.arena import Arena
from virtio.drivers.base import QueueDriver
from virtio.drivers.transport import VirtIOTransport
from virtio.testing import Pair, pair

started: list[Pair] = []

options = pytest.mark.parametrize(
    ("indirect", "event_idx"), [(False, False), (False, True), (True, False), (True, True)]
)


def start(cls: type[QueueDriver], device: Device, size: int = 16, **rest: bool) -> tuple[QueueDriver, Pair]:
    """A driver of class `cls` with queues of `size`, started on `device`."""
    p = pair(device)
    started.append(p)
    driver = cls(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size), size, **rest)
    driver.start()
    return driver, p
