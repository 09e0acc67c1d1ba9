"""What is known of one device from its events alone: the state that every chapter may look at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from emu.trace import Event, InterruptLine, RegisterAccess
from virtio.events import (
    UNREAD,
    ChainPopped,
    ChainUsed,
    FeaturesNegotiated,
    InterruptStatusChanged,
    QueueConfigured,
    QueueNotified,
    RingWords,
    StatusChanged,
)
from virtio.ring_layout import Areas
from virtio.sanitizer.history import History
from virtio.spec import DeviceId, Feature

RETURNED = 8
"""How many of a queue's last returned chains are kept."""
FEATURE_WORDS = 4
"""Words of DriverFeatures that can hold a feature."""
KINDS = {
    "net": DeviceId.NETWORK, "blk": DeviceId.BLOCK, "console": DeviceId.CONSOLE, "rng": DeviceId.ENTROPY,
    "gpu": DeviceId.GPU, "crypto": DeviceId.CRYPTO,
}  # fmt: skip
"""What a slot's name ends in -> which device it has."""


@dataclass(slots=True)
class QueueState:
    """One queue as its events tell: `size` and areas as configured last, `out` the chains the device has, by head.

    `words` and `heads` are those seen last, `taken` counts chains since the queue became ready, `returned` are the last
    that came back.
    """

    index: int
    ready: bool = False
    size: int = 0
    descriptor_area: int = 0
    driver_area: int = 0
    device_area: int = 0
    last_avail: int = 0
    used_idx: int = 0
    words: RingWords = UNREAD
    heads: tuple[int, ...] = ()
    taken: int = 0
    out: dict[int, ChainPopped] = field(default_factory=dict)
    returned: deque[ChainPopped] = field(default_factory=lambda: deque(maxlen=RETURNED))

    @property
    def areas(self) -> Areas:
        """Where everything in it is."""
        return Areas(max(self.size, 1), self.descriptor_area, self.driver_area, self.device_area)

    def stop(self) -> None:
        """Positions count from 0 again, and nothing is outstanding."""
        self.ready = False
        self.last_avail = self.used_idx = self.taken = 0
        self.words, self.heads = UNREAD, ()
        self.out = {}
        self.returned.clear()


class Slot:
    """A device as its driver has left it before the present event.

    `status` is the Status register, `accepted` what the driver wrote to DriverFeatures, by word; `negotiated` the
    features both agreed on (0 before). `device_sel`, `driver_sel` and `queue_sel` are the selectors, None if never
    written since the last reset. `interrupt` is InterruptStatus, `line` the wire. `last_queue` is the queue of the
    last event that was about one (-1: none). `placeholder`: DeviceID read 0. `board` has all slots that were heard of,
    by source.
    """

    def __init__(self, source: str, board: dict[str, Slot] | None = None) -> None:
        self.source = source
        self.board = {} if board is None else board
        self.board[source] = self
        self.placeholder = False
        kind = source.partition("-")[2]
        self.device_id = KINDS.get(kind, DeviceId.NONE)
        self.history = History()
        self.line = 0
        self.reset()

    def reset(self) -> None:
        """As after a reset."""
        self.status = self.negotiated = self.offered = self.interrupt = 0
        self.accepted: dict[int, int] = {}
        self.device_sel: int | None = None
        self.driver_sel: int | None = None
        self.queue_sel: int | None = None
        self.queues: dict[int, QueueState] = {}
        self.last_queue = -1

    def has(self, feature: Feature) -> bool:
        """Whether `feature` was negotiated."""
        return bool(self.negotiated >> feature & 1)

    def queue(self, index: int) -> QueueState:
        """Queue `index`, made when it is first heard of."""
        found = self.queues.get(index)
        if found is None:
            found = self.queues[index] = QueueState(index)
        return found

    def follow(self, event: Event) -> None:
        """Take over what `event` changes; called when every rule has seen it."""
        self.history.add(event)
        self.last_queue = getattr(event, "queue", self.last_queue)
        if isinstance(event, RegisterAccess):
            if event.width == 4 and event.offset % 4 == 0:
                self._accessed(event)
        elif isinstance(event, StatusChanged):
            if event.new == 0:
                self.reset()
            self.status = event.new
        elif isinstance(event, FeaturesNegotiated):
            self.offered = event.offered
            self.negotiated = event.accepted if event.ok else 0
        elif isinstance(event, QueueConfigured):
            queue = self.queue(event.queue)
            queue.stop()
            queue.ready, queue.size = event.ready, event.size
            queue.descriptor_area, queue.driver_area = event.descriptor_area, event.driver_area
            queue.device_area = event.device_area
            queue.words = RingWords(*event.ring)
        elif isinstance(event, QueueNotified):
            queue = self.queue(event.queue)
            queue.words, queue.heads = RingWords(*event.ring), event.heads
        elif isinstance(event, ChainPopped):
            queue = self.queue(event.queue)
            queue.last_avail = event.avail_idx + 1 & 0xFFFF
            queue.taken += 1
            queue.heads = queue.heads[1:]
            queue.out[event.head] = event
        elif isinstance(event, ChainUsed):
            queue = self.queue(event.queue)
            queue.used_idx, queue.words = event.used_idx, RingWords(*event.ring)
            chain = queue.out.pop(event.head, None)
            if chain is not None:
                queue.returned.append(chain)
        elif isinstance(event, InterruptStatusChanged):
            self.interrupt = event.status
        elif isinstance(event, InterruptLine):
            self.line = event.level

    def _accessed(self, event: RegisterAccess) -> None:
        match event.op, event.name:
            case "w", "DeviceFeaturesSel":
                self.device_sel = event.value
            case "w", "DriverFeaturesSel":
                self.driver_sel = event.value
            case "w", "DriverFeatures" if (self.driver_sel or 0) < FEATURE_WORDS:
                self.accepted[self.driver_sel or 0] = event.value
            case "w", "QueueSel":
                self.queue_sel = event.value
            case "r", "DeviceID":
                self.placeholder = event.value == 0
