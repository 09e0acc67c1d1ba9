"""Slots brought to life by hand, for tests of the device side of the transport."""

from __future__ import annotations

from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.spec import DeviceId
from virtio.testing import VERSION_1, Pair, RawQueue, driver_ok, negotiate

EVERYTHING = Rng().features


def live(p: Pair, accepted: int = VERSION_1) -> RawQueue:
    negotiate(p, accepted)
    queue = RawQueue(p).enable()
    driver_ok(p)
    return queue


class Resizable(Device):
    """Eight bytes of configuration, the last four writable."""

    device_id = DeviceId.CONSOLE
    queue_names = ("a", "b")
    config_writable = (range(4, 8),)

    def __init__(self) -> None:
        super().__init__()
        self.config = bytearray(range(1, 9))
        self.heard: list[tuple[int, bytes]] = []

    def on_config_write(self, offset: int, data: bytes) -> None:
        self.heard.append((offset, data))
