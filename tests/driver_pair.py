"""A driver started on a real device under a sanitizer, and the ring options to start it with."""

import pytest

from virtio.device import Device
from virtio.drivers.arena import Arena
from virtio.drivers.base import QueueDriver
from virtio.drivers.transport import VirtIOTransport
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.table import SANITIZER
from virtio.testing import Pair, pair

started: list[tuple[Pair, Sanitizer]] = []
"""The pairs that `start` made, and who watches each."""

options = pytest.mark.parametrize(
    ("indirect", "event_idx"), [(False, False), (False, True), (True, False), (True, True)]
)


def start(cls: type[QueueDriver], device: Device, size: int = 16, **rest: bool) -> tuple[QueueDriver, Pair]:
    """A driver of class `cls` with queues of `size`, started on `device`."""
    p = pair(device, name=f"virtio0-{cls.__name__.removesuffix('Driver').lower()}")
    sanitizer = Sanitizer(advice=True, strict=True)
    p.trace.subscribe(sanitizer)
    started.append((p, sanitizer))
    driver = cls(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size), size, **rest)
    driver.start()
    return driver, p


def broken() -> list[str]:
    """What the drivers that were started did wrong, as transport, queue and device say, and as the sanitizer does."""
    for _, sanitizer in started:
        sanitizer.finish()
    told = [rule for p, _ in started for rule in p.violations]
    findings = [finding for _, sanitizer in started for finding in sanitizer.findings]
    return told + [finding.message for finding in findings if finding.rule.by == SANITIZER]
