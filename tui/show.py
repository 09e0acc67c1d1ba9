"""`virtscope show FILE.jsonl`: print a recording as the live trace would have been."""

from __future__ import annotations

import sys

from emu.errors import InputError
from emu.recording import read_recording
from tui.printer import Printer
from virtio.events import said_before


def show(path: str) -> int:
    """Print every event; a broken line ends it with InputError, after all that was whole."""
    printer = Printer(sys.stdout, lambda pc: "")
    empty = True
    try:
        for event in read_recording(path):
            empty = False
            if not said_before(event):
                printer.print(event, event.where)
    finally:
        sys.stdout.flush()
    if empty:
        raise InputError(f"{path}: the file is empty")
    return 0
