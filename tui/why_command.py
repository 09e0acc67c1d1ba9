"""`virtscope why`: run a guest until it is stuck or its time is over, or read a recording, and explain."""

from __future__ import annotations

import argparse
import os

import virtio.events  # noqa: F401  (registers its kinds of events)
from emu.elf import open_input
from emu.errors import InputError
from emu.recording import read_recording
from tui.run import files_of, run
from tui.why import Explanation
from tui.why_text import lines
from virtio.why.judge import judge_all
from virtio.why.recorded import UNKNOWN, behind_the_wire, recorded

SECONDS = 5.0
"""Of wall time, where the person gives none."""


def why(args: argparse.Namespace) -> int:
    """Explain; returns 1 if a link is broken that somebody waits for, else 0."""
    if args.image and _is_recording(args.image):
        if args.device or files_of(args)[1:]:
            raise InputError(f"{args.image}: a recording goes without devices and files of a machine")
        return explain_recording(args.image)
    if args.timeout is None:
        args.timeout = SECONDS
    return run(args, why=True)


def explain_recording(path: str) -> int:
    """Explain the end of a recording."""
    devices = recorded(read_recording(path))
    found = Explanation(judge_all(devices, behind_the_wire), devices, {}, unknown=UNKNOWN if devices else "")
    for line in lines(found, short=False):
        print(line)
    return int(found.broken)


def _is_recording(path: str) -> bool:
    """Whether the file begins as JSON lines do; a guest's name is no file."""
    if not os.path.isfile(path):
        return False
    with open_input(path) as stream:
        return stream.read(2) == b'{"'
