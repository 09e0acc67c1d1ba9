"""The chapters of the specification as code, in the order in which they are asked."""

from __future__ import annotations

from virtio.sanitizer.chapter import Chapter
from virtio.sanitizer.chapters.initialization import Initialization

CHAPTERS: tuple[type[Chapter], ...] = (Initialization,)
