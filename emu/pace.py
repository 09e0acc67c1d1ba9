"""How the hart counts instructions, stops, and knows which one is being executed: two ways with the same numbers.

`CountPace` lets the engine count (`count=`): its counter and limit lie in the engine's own memory, pc is always right,
and it costs a hook an instruction. `BlockPace` is the native helper: it counts a block at a time, at a fifth of the
cost, and stops at the first block that begins once the limit is reached.
"""

from __future__ import annotations

import ctypes
from typing import Any, Protocol

from emu.core import Core
from emu.memory import Ram
from emu.native import MEMO_BYTES, NativeRegion, State

NO_OFFSET = (1 << 64) - 1
"""No second half of an 8-byte access is expected."""


class Pace(Protocol):
    """Used by `Hart` alone. Instructions are counted from the beginning of a run; the present one has begun."""

    def begin(self, limit: int) -> int:
        """A run of at most `limit` instructions begins; returns the engine's `count`."""

    def end(self) -> tuple[int, bool]:
        """The run came back: how many instructions it was, and whether the limit stopped it."""

    def begun(self) -> int:
        """Instructions so far, the present one included."""

    def stop(self) -> None:
        """Let the run come back as soon as can be. From any thread."""

    def route(self, base: int, pairs: bool, load: Any, store: Any) -> tuple[Any, Any, Any]:
        """Callbacks and their data for a device at `base` whose own callbacks (as C functions) are `load`, `store`.

        `pairs`: an 8-byte access arrives as one call.
        """

    def exception(self, pc: int) -> None:
        """The instruction at `pc` raised an exception, so the rest of its block is not executed."""

    def no_instruction(self) -> None:
        """There was nothing to execute behind the block before."""

    def pc(self) -> int:
        """The address of the present instruction."""


class CountPace:
    """The engine counts. `counter` and `limit` are the engine's own words."""

    def __init__(self, core: Core, counter: Any, limit: Any) -> None:
        self._core = core
        self._counter = counter
        self._limit = limit

    def begin(self, limit: int) -> int:
        return limit

    def end(self) -> tuple[int, bool]:
        begun = self._counter.value
        at_limit = begun > self._limit.value
        return begun - at_limit, at_limit  # at the limit the counter has seen one instruction more

    def begun(self) -> int:
        count: int = self._counter.value
        return count

    def stop(self) -> None:
        self._limit.value = 0

    def route(self, base: int, pairs: bool, load: Any, store: Any) -> tuple[Any, Any, Any]:
        return load, store, None

    def exception(self, pc: int) -> None:
        """Nothing to do: the counter is right."""

    def no_instruction(self) -> None:
        """Nothing to do: what was not executed was not counted."""

    def pc(self) -> int:
        pc: int = self._core.pc.value
        return pc


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
        self._library = library
        self._regions: list[Any] = []

    def begin(self, limit: int) -> int:
        state = self.state
        state.limit, state.done, state.pending, state.stopped = limit, 0, 0, 0
        return 0

    def end(self) -> tuple[int, bool]:
        state = self.state
        if state.pending:  # WFI, which may stand in the middle of a block: pc is behind it
            return self._library.vs_break(self._at, self._core.pc.value), False
        return state.done, bool(state.stopped)

    def begun(self) -> int:
        state = self.state
        count: int = state.begun if state.inside else state.done + state.pending
        return count

    def stop(self) -> None:
        self.state.limit = 0

    def route(self, base: int, pairs: bool, load: Any, store: Any) -> tuple[Any, Any, Any]:
        address = [ctypes.cast(callback, ctypes.c_void_p).value for callback in (load, store)]
        region = NativeRegion(self._at, base, pairs, NO_OFFSET, 0, *address)
        self._regions.append(region)
        return self._library.vs_load, self._library.vs_store, ctypes.byref(region)

    def exception(self, pc: int) -> None:
        self._library.vs_break(self._at, pc)
        self.state.done += 1  # it was begun

    def no_instruction(self) -> None:
        state = self.state
        state.done, state.pending = state.done + state.pending, 0

    def pc(self) -> int:
        pc: int = self.state.pc if self.state.inside else self._core.pc.value
        return pc
