"""Watches a guest's loads and stores of chosen memory, and the instructions of chosen stretches of time.

It is for a hart that counts by the engine (`CountPace`): there pc and the count are exact in every callback. A hook on
memory makes all loads and stores slow, wherever it looks, so a hart is made for watching or cannot watch. The engine's
Python module comes as an argument: only `emu.hart` imports Unicorn.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from emu.memory import Ram

WIDEST = 8
"""Bytes of the widest load or store; a hook sees where one begins."""
NEVER = 2
"""An address of no RAM and no code."""
MOST_REMOVED = 100
"""Removed hooks after which the engine has to pause: until it does it goes through them for each load and store."""
Accessed = Callable[[str, int, int, int], object]
"""Hears of `op` (r or w), physical `address`, `width` in bytes and `value`: a store before its effect."""
Range = tuple[int, int]
"""[start, end) of physical addresses."""


def merged(ranges: Iterable[Range], room: int = 0) -> set[Range]:
    """Disjoint ranges that cover these, each begun `room` bytes early."""
    found: list[Range] = []
    for start, end in sorted((start - room, end) for start, end in ranges if start < end):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return set(found)


class Watcher:
    """`watch` says which memory, `follow` has every instruction told. `accesses` and `instructions` count what was.

    `seconds` is the time that the telling took, of the host.
    """

    def __init__(
        self, uc: Any, binding: Any, ram: Ram, pause: Callable[[], object], failed: Callable[[BaseException], object]
    ) -> None:  # fmt: skip
        self.accesses = self.instructions = 0
        self.seconds = 0.0
        self._uc = uc
        self._binding = binding
        self._kinds: Any = binding.uc
        self._memory_kind = self._kinds.UC_HOOK_MEM_READ | self._kinds.UC_HOOK_MEM_WRITE
        self._store = self._kinds.UC_MEM_WRITE
        self._pause = pause
        self._failed = failed
        self._removed = 0
        self._ram = ram
        self._handles: dict[Range, int] = {}
        self._accessed: Accessed = lambda op, address, width, value: None
        self._executed: Callable[[int, int], object] = lambda pc, size: None
        self._following: int | None = None
        self._memory = binding.HOOK_MEM_ACCESS_CFUNC(self._on_memory)  # the engine holds their addresses only
        self._code = binding.HOOK_CODE_CFUNC(self._on_code)
        # code that is translated while no such hook exists would never call one; and with a single hook on code the
        # engine calls that one directly, so that a second that comes later would not be heard
        self._add(self._memory_kind, self._memory, NEVER, NEVER)
        self._add(self._kinds.UC_HOOK_CODE, self._code, NEVER, NEVER)

    def watch(self, ranges: Iterable[Range], accessed: Accessed) -> None:
        """Tell `accessed` of every load and store that touches `ranges` or comes near, and of none far from them.

        It replaces what was watched before. Every load and store looks through the ranges: some dozens at most.
        """
        self._accessed = accessed
        first, last = self._ram.base, self._ram.base + self._ram.size  # an engine's range that wraps is everything
        wanted = merged(((max(start, first), min(end, last)) for start, end in ranges), WIDEST - 1)
        for gone in self._handles.keys() - wanted:
            self._remove(self._handles.pop(gone))
        for new in wanted - self._handles.keys():
            self._handles[new] = self._add(self._memory_kind, self._memory, new[0], new[1] - 1)

    def follow(self, executed: Callable[[int, int], object]) -> None:
        """Tell `executed(pc, size)` of every instruction from the next one on, before it is executed."""
        self._executed = executed
        if self._following is None:
            self._following = self._add(self._kinds.UC_HOOK_CODE, self._code, 1, 0)

    def unfollow(self) -> None:
        """That is enough."""
        if self._following is not None:
            self._remove(self._following)
            self._following = None

    def _add(self, kind: int, callback: Any, begin: int, end: int) -> int:
        """A hook from `begin` to `end`, both included; everywhere if `end` comes first. Returns its handle."""
        hook, address = ctypes.c_size_t(), ctypes.cast(callback, ctypes.c_void_p)
        bounds = ctypes.c_uint64(begin), ctypes.c_uint64(end)
        status = self._binding.uclib.uc_hook_add(self._uc._uch, ctypes.byref(hook), kind, address, None, *bounds)
        if status:
            raise self._binding.UcError(status)
        return hook.value

    def _remove(self, handle: int) -> None:
        self._binding.uclib.uc_hook_del(self._uc._uch, ctypes.c_size_t(handle))
        self._removed += 1
        if self._removed % MOST_REMOVED == 0:
            self._pause()

    def _on_memory(self, uc: int, kind: int, address: int, size: int, value: int, data: int) -> None:
        self.accesses += 1
        began = perf_counter()
        try:
            if kind == self._store:
                self._accessed("w", address, size, value & (1 << 8 * size) - 1)
            else:
                self._accessed("r", address, size, int.from_bytes(self._ram.read(address, size), "little"))
        except BaseException as error:
            self._failed(error)
        self.seconds += perf_counter() - began

    def _on_code(self, uc: int, pc: int, size: int, data: int) -> None:
        if self._following is None:  # taken away a moment ago
            return
        self.instructions += 1
        began = perf_counter()
        try:
            self._executed(pc, size)
        except BaseException as error:
            self._failed(error)
        self.seconds += perf_counter() - began
