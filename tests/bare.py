"""A bare hart with RAM and one device, for tests of the core by small assembled programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asm import BASE, assemble

from emu.bus import Bus
from emu.config import Stop
from emu.hart import Hart
from emu.memory import Ram
from emu.trace import Trace

RESULTS = 0x8000
XLEN = pytest.mark.parametrize("xlen", [32, 64])
# The handler stores cause, epc, tval and the status at RESULTS and waits.
TO_M = """
    la t0, handler
    csrw mtvec, t0
"""
HANDLER = """
.align 2
handler:
    la s0, results
    csrr s1, mcause
    sx s1, 0(s0)
    csrr s1, mepc
    sx s1, 8(s0)
    csrr s1, mtval
    sx s1, 16(s0)
    csrr s1, mstatus
    sx s1, 24(s0)
    wfi
s_handler:
    la s0, results
    csrr s1, scause
    sx s1, 0(s0)
    csrr s1, sepc
    sx s1, 8(s0)
    csrr s1, stval
    sx s1, 16(s0)
    csrr s1, sstatus
    sx s1, 24(s0)
    li s1, 1
    sx s1, 32(s0)
    wfi
.org 0x8000
results:
"""


def drop_to(priv: int) -> str:
    """Code that goes on at label `below` in this privilege."""
    return f"""
    li t0, 0x1800
    csrc mstatus, t0
    li t0, {priv << 11}
    csrs mstatus, t0
    la t0, below
    csrw mepc, t0
    mret
    below:
"""


class Guest:
    """A hart with 1 MiB of RAM, a device of ours at 0x10000000, and a program at 0x80000000."""

    watching = False

    def __init__(self, program: str, xlen: int) -> None:
        self.ram = Ram(BASE, 1 << 20)
        self.hart = Hart(self.ram, xlen, time=lambda: 0x1_2345_6789, watching=self.watching)
        self.program = assemble(program, xlen)
        self.ram.write(BASE, self.program)
        self.trace = Trace(lambda: self.hart.instructions, lambda: self.hart.pc)
        self.bus = Bus(self.trace)
        self.hart.reset(BASE)

    def device(self, load: Callable[[int, int], int], store: Callable[[int, int, int], None]) -> None:
        class Probe:
            def load(self, offset: int, width: int) -> int:
                return load(offset, width)

            def store(self, offset: int, width: int, value: int) -> None:
                store(offset, width, value)

        self.hart.map(self.bus.add("probe", 0x10000000, 0x1000, Probe(), traced=True))

    def run(self, limit: int = 100_000) -> Stop:
        return self.hart.run(limit)

    def result(self, index: int) -> int:
        at = BASE + RESULTS + 8 * index
        return self.ram.get64(at) if self.hart.xlen == 64 else self.ram.get32(at)

    def trap(self) -> tuple[int, int, int]:
        """(cause, epc - 0x80000000, tval) as the handler saw them."""
        assert self.run() is Stop.WAITING
        return self.result(0), self.result(1) - BASE, self.result(2)


def trap_of(code: str, xlen: int, prelude: str = "") -> tuple[int, int, int, Guest]:
    """Run `code` at label `here` and return (cause, epc - here, tval, guest)."""
    program = TO_M + prelude + ".align 2\nhere:\n" + code + "\nj here\n" + HANDLER
    guest = Guest(program, xlen)
    offset = len(assemble(TO_M + prelude + ".align 2\n", xlen))
    cause, epc, tval = guest.trap()
    return cause, epc - offset, tval, guest
