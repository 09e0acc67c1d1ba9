"""How the hart counts instructions, stops, and knows which one is being executed: two ways with the same numbers.

`CountPace` lets the engine count (`count=`): its counter and limit lie in the engine's own memory, pc is always right,
and it costs a hook an instruction. `BlockPace` is the native helper: it counts a block at a time, at a fifth of the
cost, and stops at the first block that begins once the limit is reached.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

from emu.core import Core
from emu.decode import is_wide
from emu.memory import Ram
from emu.native import MEMO_BYTES, State


class Pace(Protocol):
    """Used by `Hart` alone. Instructions are counted from the beginning of a run; the present one has begun."""

    def begin(self, limit: int) -> int:
        """A run of at most `limit` instructions begins; returns the engine's `count`."""

    def end(self) -> tuple[int, bool]:
        """The run came back: how many instructions it was, and whether the limit stopped it."""

    def begun(self) -> int:
        """Instructions so far, the present one included."""

    def lower(self, limit: int) -> None:
        """Stop once `limit` instructions have begun; 0 is as soon as can be, and may be called from any thread."""

    def access(self, address: int, size: int, store: bool, value: int) -> None:
        """A callback for an access of `size` bytes at physical `address` begins; a store writes `value`."""

    def access_ends(self) -> None:
        """That callback ends."""

    def exception(self, pc: int) -> None:
        """The instruction at `pc` raised an exception, so the rest of its block is not executed."""

    def no_instruction(self) -> None:
        """There was nothing to execute behind the block before."""

    def pc(self) -> int:
        """The address of the present instruction."""

    def moves_eight_bytes(self) -> bool:
        """Whether the instruction of the present access moves eight bytes at once."""


class CountPace:
    """The engine counts. `counter` and `limit` are the engine's own words."""

    def __init__(self, core: Core, counter: Any, limit: Any, fetch: Callable[[int], int]) -> None:
        self._core = core
        self._counter = counter
        self._limit = limit
        self._fetch = fetch

    def begin(self, limit: int) -> int:
        return limit

    def end(self) -> tuple[int, bool]:
        begun = self._counter.value
        at_limit = begun > self._limit.value
        return begun - at_limit, at_limit  # at the limit the counter has seen one instruction more

    def begun(self) -> int:
        count: int = self._counter.value
        return count

    def lower(self, limit: int) -> None:
        self._limit.value = min(self._limit.value, limit)

    def access(self, address: int, size: int, store: bool, value: int) -> None:
        """Nothing to do: pc is right."""

    def access_ends(self) -> None:
        """Nothing to do."""

    def exception(self, pc: int) -> None:
        """Nothing to do: the counter is right."""

    def no_instruction(self) -> None:
        """Nothing to do: what was not executed was not counted."""

    def pc(self) -> int:
        pc: int = self._core.pc.value
        return pc

    def moves_eight_bytes(self) -> bool:
        return is_wide(self._fetch(self._core.pc.value))


class BlockPace:
    """The helper counts. `library` is `emu.native.load()`, `stop` the engine's own function that stops it."""

    def __init__(self, library: Any, core: Core, ram: Ram, ram_address: int, stop: int) -> None:
        self._core = core
        self._memo = ctypes.create_string_buffer(MEMO_BYTES)
        self.state = State(
            stop=stop,
            x=ctypes.addressof(core.x),
            satp=ctypes.addressof(core.satp),
            priv=ctypes.addressof(core.priv),
            ram=ram_address,
            ram_base=ram.base,
            ram_size=ram.size,
            xlen=core.xlen,
            memo=ctypes.addressof(self._memo),
        )
        self._at = ctypes.addressof(self.state)
        self._begun, self._break, self._find = library.vs_begun, library.vs_break, library.vs_pc
        self._whole = ctypes.c_uint32()
        self._whole_at = ctypes.addressof(self._whole)
        self._access: tuple[int, int, bool, int] | None = None
        self._pc: int | None = None

    def begin(self, limit: int) -> int:
        state = self.state
        state.limit, state.done, state.pending, state.stopped = limit, 0, 0, 0
        return 0

    def end(self) -> tuple[int, bool]:
        state = self.state
        if state.pending:  # WFI, which may stand in the middle of a block: pc is behind it
            return self._begun(self._at, self._core.pc.value) - 1, False
        return state.done, bool(state.stopped)

    def begun(self) -> int:
        if self._access is not None:
            count: int = self._begun(self._at, self.pc())
            return count
        done: int = self.state.done + self.state.pending
        return done

    def lower(self, limit: int) -> None:
        self.state.limit = min(self.state.limit, limit)

    def access(self, address: int, size: int, store: bool, value: int) -> None:
        self._access = address, size, store, value
        self._pc = None

    def access_ends(self) -> None:
        if self._pc is None:
            self.pc()  # the next access of this block is looked for behind this one
        self._access = None

    def exception(self, pc: int) -> None:
        self._break(self._at, pc)

    def no_instruction(self) -> None:
        state = self.state
        state.done, state.pending = state.done + state.pending, 0

    def pc(self) -> int:
        if self._access is None:
            pc: int = self._core.pc.value
            return pc
        if self._pc is None:
            self._pc = self._find(self._at, *self._access, self._whole_at)
        return self._pc

    def moves_eight_bytes(self) -> bool:
        self.pc()
        return self._whole.value == 8
