"""The test finisher of QEMU's `virt` board (SiFive's test device): how a guest ends or restarts the machine."""

from __future__ import annotations

from collections.abc import Callable

from emu.trace import NO_TRACE, Notice, Trace

FAIL, PASS, RESET = 0x3333, 0x5555, 0x7777
SIZE = 0x1000


class Finisher:
    """A store to offset 0 ends the run with `on_exit(code)`, or restarts it with `on_reset()`.

    `code` is 0 for a pass; for a fail the upper half of the word, and 1 where that is 0. Other values are
    told as a notice.
    """

    def __init__(
        self, on_exit: Callable[[int], object], on_reset: Callable[[], object], trace: Trace = NO_TRACE
    ) -> None:
        self.on_exit = on_exit
        self.on_reset = on_reset
        self.trace = trace

    def load(self, offset: int, width: int) -> int:
        return 0

    def store(self, offset: int, width: int, value: int) -> None:
        if offset != 0 or width < 2:
            return
        status = value & 0xFFFF
        if status == PASS:
            self.on_exit(0)
        elif status == FAIL:
            self.on_exit((value >> 16 & 0xFFFF) or 1)
        elif status == RESET:
            self.on_reset()
        elif self.trace.on:
            self.trace.publish(Notice("finisher", f"the finisher does not know {value:#x}"))
