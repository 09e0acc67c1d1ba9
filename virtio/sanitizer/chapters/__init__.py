"""The chapters of the specification as code, in the order in which they are asked."""

from __future__ import annotations

from virtio.sanitizer.chapter import Chapter
from virtio.sanitizer.chapters.areas import Areas
from virtio.sanitizer.chapters.blk import Block
from virtio.sanitizer.chapters.config import Config
from virtio.sanitizer.chapters.features import Features
from virtio.sanitizer.chapters.fences import Fences
from virtio.sanitizer.chapters.identification import Identification
from virtio.sanitizer.chapters.initialization import Initialization
from virtio.sanitizer.chapters.interrupts import Interrupts
from virtio.sanitizer.chapters.memory import Memory
from virtio.sanitizer.chapters.notifications import Notifications
from virtio.sanitizer.chapters.probes import Probes
from virtio.sanitizer.chapters.queues import Queues
from virtio.sanitizer.chapters.reset import Reset
from virtio.sanitizer.chapters.rings import Rings
from virtio.sanitizer.chapters.split import Split
from virtio.sanitizer.chapters.suspend import Suspend
from virtio.sanitizer.chapters.waiting import Waiting

CHAPTERS: tuple[type[Chapter], ...] = (
    Identification, Reset, Features, Config, Initialization, Queues, Areas, Split, Rings, Notifications, Interrupts,
    Block, Suspend, Probes, Memory, Fences, Waiting,
)  # fmt: skip
