"""The native helper: finding and loading it, and the state that both sides share. Without it everything still works."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

MEMO_BYTES = (1 << 16) * 24
CORE_WORDS = {
    "x": "x", "pc": "core_pc", "satp": "satp", "mstatus": "mstatus", "medeleg": "medeleg", "stvec": "stvec",
    "sepc": "sepc", "scause": "scause", "stval": "stval", "badaddr": "badaddr", "reservation": "reservation",
    "mcounteren": "mcounteren", "scounteren": "scounteren", "priv": "priv",
}  # fmt: skip
"""Words of `emu.core.Core` -> where the helper has their addresses."""
ABSENT = "no native helper (no C compiler at installation, or an old build): everything works, at a quarter the speed"


EXCEPTION = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64)
"""Called with cause and pc of an exception that the helper leaves to Python."""


class State(ctypes.Structure):
    """`struct state` of helper.h."""

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("limit", "total", "before", "block")),
        ("at_limit", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in ("stopped", "fetch_fault", "last", "last_total")),
        *((name, ctypes.c_uint64) for name in ("inside", "pc", "begun")),
        ("stop", ctypes.c_void_p),
        ("uc", ctypes.c_void_p),
        ("exception", EXCEPTION),
        ("ram", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in ("ram_base", "ram_size", "xlen")),
        ("memo", ctypes.c_void_p),
        ("clock", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in ("inlining", "checking", "check", "stub", "exit_word")),
        *((name, ctypes.c_void_p) for name in CORE_WORDS.values()),
    )


class NativeRegion(ctypes.Structure):
    """`struct region` of access.c."""

    _fields_ = (
        ("state", ctypes.c_void_p),
        ("base", ctypes.c_uint64),
        ("pairs", ctypes.c_uint64),
        ("expected", ctypes.c_uint64),
        ("half", ctypes.c_uint64),
        ("load", ctypes.c_void_p),
        ("store", ctypes.c_void_p),
    )


NOT = 2
"""`inlining` and `checking`: leave the engine's code alone."""


def code_changes() -> int:
    """What `inlining` and `checking` begin with: 0, to be found out, or `NOT`."""
    return NOT if os.environ.get("VIRTSCOPE_NATIVE") == "calls" else 0


def load() -> Any | None:
    """The helper library, or None: it was not built, or VIRTSCOPE_NATIVE=0 says not to use it.

    VIRTSCOPE_NATIVE=calls uses it as on processors whose translated code it cannot change.
    """
    if os.environ.get("VIRTSCOPE_NATIVE") == "0":
        return None
    built = sorted(Path(__file__).parent.glob("_helper*.so"))
    try:
        library = ctypes.CDLL(str(built[0]))
        if library.vs_state_size() != ctypes.sizeof(State):  # built from older sources
            return None
    except (IndexError, OSError, AttributeError):
        return None
    for function, result in ((library.vs_break, ctypes.c_uint64), (library.vs_fetch, ctypes.c_uint32)):
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_uint64], result
    return library
