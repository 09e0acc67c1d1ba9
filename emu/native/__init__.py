"""The native helper: finding and loading it, and the state that both sides share. Without it everything still works."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

MEMO_BYTES = (1 << 16) * 24
ABSENT = "no native helper (no C compiler was found at installation): everything works, at about half the speed"


class State(ctypes.Structure):
    """`struct state` of helper.c."""

    _fields_ = (
        ("limit", ctypes.c_uint64),
        ("done", ctypes.c_uint64),
        ("pending", ctypes.c_uint64),
        ("block", ctypes.c_uint64),
        ("last", ctypes.c_uint64),
        ("stopped", ctypes.c_uint64),
        ("inside", ctypes.c_uint64),
        ("pc", ctypes.c_uint64),
        ("begun", ctypes.c_uint64),
        ("stop", ctypes.c_void_p),
        ("x", ctypes.c_void_p),
        ("satp", ctypes.c_void_p),
        ("priv", ctypes.c_void_p),
        ("ram", ctypes.c_void_p),
        ("ram_base", ctypes.c_uint64),
        ("ram_size", ctypes.c_uint64),
        ("xlen", ctypes.c_uint64),
        ("memo", ctypes.c_void_p),
    )


class NativeRegion(ctypes.Structure):
    """`struct region` of helper.c."""

    _fields_ = (
        ("state", ctypes.c_void_p),
        ("base", ctypes.c_uint64),
        ("pairs", ctypes.c_uint64),
        ("expected", ctypes.c_uint64),
        ("half", ctypes.c_uint64),
        ("load", ctypes.c_void_p),
        ("store", ctypes.c_void_p),
    )


def load() -> Any | None:
    """The helper library, or None: it was not built, or VIRTSCOPE_NATIVE=0 says not to use it."""
    if os.environ.get("VIRTSCOPE_NATIVE") == "0":
        return None
    built = sorted(Path(__file__).parent.glob("_helper*.so"))
    try:
        library = ctypes.CDLL(str(built[0]))
    except (IndexError, OSError):
        return None
    library.vs_break.argtypes, library.vs_break.restype = [ctypes.c_void_p, ctypes.c_uint64], ctypes.c_uint64
    return library
