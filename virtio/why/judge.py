"""Asks the links of a device in their order; the first that is broken is the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from emu.broken import IDLE, Broken
from virtio.why import serving, starting
from virtio.why.view import DeviceView, QueueView

OfDevice = Callable[[DeviceView], Broken | None]
OfQueue = Callable[[DeviceView, QueueView], Broken | None]
Delivery = Callable[[DeviceView], tuple[str, Broken] | None]
"""What comes after a raised wire, for whoever knows the machine: the name of the broken link, and the link."""

BEFORE_QUEUES: tuple[OfDevice, ...] = (
    starting.healthy, starting.driven, starting.features_agreed, starting.got_to_features,
)  # fmt: skip
STARTING: tuple[OfQueue, ...] = (starting.queue_started,)
AFTER_QUEUES: tuple[OfDevice, ...] = (starting.not_given_up, starting.live, starting.any_queue)
SERVING: tuple[OfQueue, ...] = (
    serving.in_range, serving.kicked, serving.published, serving.returned, serving.used_ring_whole, serving.satisfied,
    serving.interrupt_wanted,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first broken `link` (its name) of a device, or of one of its queues."""

    device: DeviceView
    queue: QueueView | None
    link: str
    broken: Broken

    @property
    def sentence(self) -> str:
        return f"{self.device.name}: {self.broken.message}"

    @property
    def order(self) -> tuple[int, int]:
        """What matters most comes first, then the device that was used last."""
        return self.broken.weight, -self.device.when


def judge(d: DeviceView, delivery: Delivery = lambda d: None) -> list[Verdict]:
    """The broken links of a device: at most one of the device, or one a queue; none if nothing is outstanding."""
    for link in BEFORE_QUEUES:
        broken = link(d)
        if broken is not None:
            return [Verdict(d, None, link.__name__, broken)]
    found = _queues(d, STARTING)
    if found:
        return found
    for link in AFTER_QUEUES:
        broken = link(d)
        if broken is not None:
            return [Verdict(d, None, link.__name__, broken)]
    found = _blame(d, _queues(d, SERVING))
    if d.interrupt and not any(v.link == serving.satisfied.__name__ for v in found):
        answer = delivery(d)
        if answer is not None:
            found.append(Verdict(d, None, *answer))
    return found or _queues(d, (serving.acknowledged_in_time, serving.buffered))


def judge_all(
    devices: list[DeviceView], delivery: Delivery = lambda d: None, *, ended: bool = False
) -> list[Verdict]:
    """Of all devices, the most telling first; a device that nobody drove is silent where another one is.

    `ended`: the guest gave up by itself, so it did not sleep for an interrupt that it had switched off.
    """
    found = sorted((v for d in devices for v in judge(d, delivery)), key=lambda v: v.order)
    if ended:
        silent = serving.interrupt_wanted.__name__
        found = [replace(v, broken=replace(v.broken, weight=IDLE)) if v.link == silent else v for v in found]
    return found if all(v.broken.weight == IDLE for v in found) else [v for v in found if v.broken.weight != IDLE]


def _blame(d: DeviceView, found: list[Verdict]) -> list[Verdict]:
    """An empty kick that was meant for another queue is told there."""
    kick = d.wrote("QueueNotify")
    if kick is None or not any(v.link == serving.kicked.__name__ for v in found):
        return found
    empty = serving.published.__name__
    return [v for v in found if v.link != empty or v.queue is None or v.queue.index != kick.value]


def _queues(d: DeviceView, links: tuple[OfQueue, ...]) -> list[Verdict]:
    found = []
    for q in d.queues:
        if not q.ready and links is not STARTING:
            continue
        for link in links:
            broken = link(d, q)
            if broken is not None:
                found.append(Verdict(d, q, link.__name__, broken))
                break
    return found
