"""The entropy device (VirtIO 5.4)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar

from emu.entropy import Position
from virtio.device import Device
from virtio.queue.split import Queue
from virtio.spec import DeviceId

MOST = 0x10000
"""Bytes that one chain gets at most: a driver that asks for 4 GiB must not stop the machine."""


class Rng(Device):
    """Fills buffers with bytes from `entropy(size)`, which may give fewer but not none (5.4.6.2)."""

    device_id = DeviceId.ENTROPY
    queue_names = ("requestq",)
    saved: ClassVar = {"entropy": Position()}

    def __init__(self, entropy: Callable[[int], bytes] = os.urandom) -> None:
        super().__init__()
        self.entropy = entropy

    def on_notify(self, queue: Queue, name: str) -> None:
        for chain in queue:
            if chain.readable_size:
                self.violation("rng.no-readable", "5.4.6.1", f"chain {chain.head} has a readable buffer")
            try:
                if chain.room and not chain.write(self.entropy(min(chain.room, MOST))):
                    self.fail("the entropy source has no bytes")
            except OSError as error:
                self.fail(f"the entropy source has no bytes: {error}")
            queue.push(chain)
