"""Checkpoint files for tests: read, changed and signed again, and sessions compared."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emu import checkpoint
from emu.boot import BootConfig
from emu.trace import Event
from tui.checkpoint import restore
from tui.session import Session, SessionConfig


def signed(path: Path, header: Any, pages: bytes) -> Path:
    """A file with this header and these pages, whose lengths and checksum are right."""
    text = json.dumps(header).encode()
    body = b"virtscope checkpoint 1\n" + struct.pack("<QQ", len(text), len(pages)) + text + pages
    path.write_bytes(body + hashlib.sha256(body).digest())
    return path


def changed(path: Path, change: Callable[[Any], object]) -> Path:
    """The checkpoint at `path` after `change(header)`, in a file beside it."""
    saved = checkpoint.read(str(path))
    change(saved.header)
    return signed(path.with_suffix(".changed"), saved.header, saved.pages)


class Restored:
    """A session that went on from `path`, with what it prints and what happens."""

    def __init__(self, path: Path, *devices: str, image: str = "") -> None:
        self.output = bytearray()
        self.events: list[Event] = []
        config = SessionConfig(BootConfig(image=image), list(devices), output=self.output.extend)
        self.session: Session = restore(str(path), config)
        self.session.machine.trace.subscribe(self.events.append)


def after(events: list[Event], seq: int) -> list[dict[str, Any]]:
    """The events from number `seq` on, as they would be recorded."""
    return [event.to_json() for event in events if event.seq >= seq]
