"""How the hart counts instructions, stops, and knows which one is being executed: two ways with the same numbers.

`CountPace` lets the engine count (`count=`): its counter and limit lie in the engine's own memory, pc is always right,
and it costs a hook an instruction. `BlockPace` is the native helper: it counts a block at a time, at a fifth of the
cost, and stops at the first block that begins once the limit is reached.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

from emu.clock import ClockWords
from emu.core import Core
from emu.decode import ends_block
from emu.memory import Ram
from emu.mmu import fetch
from emu.native import CORE_WORDS, EXCEPTION, MEMO_BYTES, NativeRegion, State, code_changes

NO_OFFSET = (1 << 64) - 1
"""No second half of an 8-byte access is expected."""


class Pace(Protocol):
    """Used by `Hart` alone."""

    def instructions(self) -> int:
        """How many instructions have begun since reset, the present one included."""

    def set_instructions(self, count: int) -> None:
        """Go on counting from `count`; not while running."""

    def skip(self) -> None:
        """Count one where none could be executed, so that time goes on."""

    def begin(self, limit: int) -> int:
        """A run of at most `limit` instructions begins; returns the engine's `count`."""

    def end(self) -> tuple[int, bool]:
        """The run came back: how many instructions it was, and whether the limit stopped it."""

    def stop(self) -> None:
        """Let the run come back as soon as can be. From any thread."""

    def end_block(self) -> None:
        """From a callback: let the run come back behind the present block, where interrupts are taken."""

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

    def fetch(self, pc: int) -> int:
        """The instruction at virtual `pc` (16 or 32 bits), or 0 if it cannot be read."""


class CountPace:
    """The engine counts. `counter` and `limit` are the engine's own words."""

    def __init__(self, core: Core, ram: Ram, counter: Any, limit: Any) -> None:
        self._core = core
        self._ram = ram
        self._counter = counter
        self._limit = limit
        self._base = 0
        self._running = False
        self._most = self._least = 0

    def instructions(self) -> int:
        return self._base + (self._counter.value if self._running else 0)

    def set_instructions(self, count: int) -> None:
        self._base = count

    def skip(self) -> None:
        self._base += 1

    def begin(self, limit: int) -> int:
        self._most, self._least = limit, 0
        self._counter.value = 0
        self._running = True
        return limit

    def end(self) -> tuple[int, bool]:
        begun = self._counter.value
        at_limit = begun > self._limit.value
        begun -= at_limit  # at the limit the counter has seen one instruction more
        self._running = False
        self._base += begun
        return begun, at_limit

    def stop(self) -> None:
        self._limit.value = self._least

    def end_block(self) -> None:
        pc, left = self._core.pc.value, 0
        while True:
            insn = self.fetch(pc)
            if not insn or ends_block(insn, pc, self._core.xlen):
                break
            pc, left = pc + (4 if insn & 3 == 3 else 2), left + 1
        self._least = min(self._most, self._counter.value + left)  # whatever another thread does meanwhile
        self._limit.value = self._least

    def route(self, base: int, pairs: bool, load: Any, store: Any) -> tuple[Any, Any, Any]:
        return load, store, None

    def exception(self, pc: int) -> None:
        """Nothing to do: the counter is right."""

    def no_instruction(self) -> None:
        """Nothing to do: what was not executed was not counted."""

    def pc(self) -> int:
        pc: int = self._core.pc.value
        return pc

    def fetch(self, pc: int) -> int:
        return fetch(self._core, self._ram, pc)


class BlockPace:
    """The helper counts. `library` is `emu.native.load()`, `stop` the engine's own function that stops `engine`.

    `exception(cause, pc)` is Python's part of an exception; `time` the words of the guest's clock, if it has any.
    """

    def __init__(
        self,
        library: Any,
        core: Core,
        ram: Ram,
        ram_address: int,
        engine: int,
        stop: int,
        exception: Callable[[int, int], None],
        time: ClockWords | None,
    ) -> None:
        self._core = core
        self._memo = ctypes.create_string_buffer(MEMO_BYTES)
        self._time = time
        self._callback = EXCEPTION(exception)
        self.state = State(
            fetch_fault=NO_OFFSET,
            at_limit=ctypes.cast(library.vs_limit, ctypes.c_void_p).value,
            stop=stop,
            uc=engine,
            exception=self._callback,
            ram=ram_address,
            ram_base=ram.base,
            ram_size=ram.size,
            xlen=core.xlen,
            memo=ctypes.addressof(self._memo),
            clock=ctypes.addressof(time) if time is not None else None,
            inlining=code_changes(),
            checking=code_changes(),
            **{there: ctypes.addressof(getattr(core, here)) for here, there in CORE_WORDS.items()},
        )
        self._at = ctypes.addressof(self.state)
        self._library = library
        self._regions: list[Any] = []
        self._start = 0

    def __del__(self) -> None:
        self._library.vs_release(ctypes.byref(self.state))

    def instructions(self) -> int:
        state = self.state
        count: int = state.begun if state.inside else state.total
        return count

    def set_instructions(self, count: int) -> None:
        self.state.total = self.state.before = count

    def skip(self) -> None:
        self.set_instructions(self.instructions() + 1)

    def begin(self, limit: int) -> int:
        state = self.state
        self._start = state.total
        state.limit, state.before, state.stopped = state.total + limit, state.total, 0
        return 0

    def end(self) -> tuple[int, bool]:
        state = self.state
        if state.total != state.before:  # WFI, which may stand in the middle of a block: pc is behind it
            self._library.vs_break(self._at, self._core.pc.value)
        return state.total - self._start, bool(state.stopped)

    def stop(self) -> None:
        self.state.limit = 0

    end_block = stop

    def route(self, base: int, pairs: bool, load: Any, store: Any) -> tuple[Any, Any, Any]:
        address = [ctypes.cast(callback, ctypes.c_void_p).value for callback in (load, store)]
        region = NativeRegion(self._at, base, pairs, NO_OFFSET, 0, *address)
        self._regions.append(region)
        return self._library.vs_load, self._library.vs_store, ctypes.byref(region)

    def exception(self, pc: int) -> None:
        state = self.state
        self._library.vs_break(self._at, pc)
        state.total = state.before = state.total + 1  # it was begun

    def no_instruction(self) -> None:
        self.state.before = self.state.total

    def pc(self) -> int:
        pc: int = self.state.pc if self.state.inside else self._core.pc.value
        return pc

    def fetch(self, pc: int) -> int:
        insn: int = self._library.vs_fetch(self._at, pc)
        return insn
