"""A device that echoes, and rings brought to life by hand, for tests of the split queue."""

from __future__ import annotations

from virtio.device import Device
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio as R
from virtio.spec import DescFlag, DeviceId, Feature, mask
from virtio.testing import RAM_BASE, VERSION_1, Pair, RawQueue, driver_ok, negotiate, pair

NEXT, WRITE, INDIRECT = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
WITH_INDIRECT = VERSION_1 | mask(Feature.INDIRECT_DESC)
WITH_EVENT_IDX = VERSION_1 | mask(Feature.EVENT_IDX)
BUFFER = RAM_BASE + 0x8000


class Echo(Device):
    """Writes back what it reads, and remembers both."""

    device_id = DeviceId.ENTROPY
    queue_names = ("q", "r")

    def __init__(self) -> None:
        super().__init__()
        self.got: list[bytes] = []
        self.most: int | None = None

    def on_notify(self, queue: Queue, name: str) -> None:
        for chain in queue:
            data = chain.read()
            self.got.append(data)
            chain.write(data)
            queue.push(chain)
            if self.most is not None and len(self.got) >= self.most:
                return


def live(
    device: Device | None = None, accepted: int = VERSION_1, size: int = 8, ram_size: int = 0x100000
) -> tuple[Pair, RawQueue]:
    p = pair(device or Echo(), ram_size=ram_size)
    negotiate(p, accepted)
    queue = RawQueue(p, size=size).enable()
    driver_ok(p)
    return p, queue


def broken(p: Pair, queue: RawQueue) -> str:
    """What was said about a ring that made the device ask for a reset."""
    assert p.read(R.Status) == 0x4F
    assert p.read(R.InterruptStatus) & 2
    assert len(p.complaints) == 1
    complaint = p.complaints[0]
    queue.memory.write(queue.desc, bytes(0x300))
    queue.notify()  # nothing is looked at any more
    assert queue.memory.read(queue.desc, 0x300) == bytes(0x300)
    assert p.violations[1:] == ["status.no-rely-after-needs-reset"]
    return complaint
