"""Files that a person names for output: never over what the same command reads, and opened before anything runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from emu.errors import InputError


def spare(target: str, option: str, inputs: Sequence[str]) -> None:
    """Raises InputError if `option` would write over one of `inputs`."""
    for path in inputs:
        if os.path.exists(target) and os.path.exists(path) and os.path.samefile(target, path):
            raise InputError(f"{target}: {option} would overwrite {path}, which this run reads")


def create(target: str, option: str, inputs: Sequence[str]) -> TextIO:
    """An empty text file `target`; raises InputError if it cannot be written, or is one of `inputs`."""
    spare(target, option, inputs)
    try:
        return open(target, "w", encoding="utf-8", buffering=1 << 20)
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from None
