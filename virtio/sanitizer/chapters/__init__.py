"""The chapters of the specification as code, in the order in which they are asked."""

from __future__ import annotations

from virtio.sanitizer.chapter import Chapter
from virtio.sanitizer.chapters.blk import Block
from virtio.sanitizer.chapters.initialization import Initialization
from virtio.sanitizer.chapters.notifications import Notifications
from virtio.sanitizer.chapters.rings import Rings
from virtio.sanitizer.chapters.split import Split

CHAPTERS: tuple[type[Chapter], ...] = (Initialization, Split, Rings, Notifications, Block)
