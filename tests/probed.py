"""A device under probes, and a driver's hands: for tests of the rules that are judged when something is provoked."""

from __future__ import annotations

import io
from functools import partial

from hands import Hands, Make

from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.rng import Rng
from virtio.events import Probed
from virtio.probes import ProbedTransport, chosen
from virtio.probes.probe import Choice
from virtio.registers import VirtioMmio as R
from virtio.testing import RawQueue

READ = bytes(16), 512, 1
"""A request for the first sector of a disk."""


def first(n: int) -> int:
    """Chooses the first of everything."""
    return 0


def last(n: int) -> int:
    return n - 1


class ProbedHands(Hands):
    """`names` as on the command line."""

    def __init__(self, names: str, device: Device | None = None, choose: Choice = first) -> None:
        super().__init__(device, slot=partial(ProbedTransport, kinds=chosen(names), choose=choose))

    @property
    def provoked(self) -> list[str]:
        """What the device did on purpose, as a trace says it."""
        return [event.text for event in self.p.of(Probed)]


def rng(names: str, choose: Choice = first) -> Make:
    return lambda: ProbedHands(names, Rng(bytes), choose)


def blk(names: str, choose: Choice = first) -> Make:
    return lambda: ProbedHands(names, Blk(io.BytesIO(bytes(4096))), choose)


def empty(names: str, choose: Choice = first) -> Make:
    return lambda: ProbedHands(names, None, choose)


def request(queue: RawQueue, *buffers: bytes | int) -> None:
    """One request, and the interrupt taken as it should be."""
    queue.add(*(buffers or (16,)))
    queue.notify()
    take(queue)


def take(queue: RawQueue) -> None:
    """Handle interrupts until there is none, acknowledging what is defined."""
    p = queue.pair
    while p.irq.level:
        p.write(R.InterruptACK, p.read(R.InterruptStatus) & 3)
        queue.used()
