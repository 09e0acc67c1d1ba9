"""cycle and instret from executed instructions: the core would show the guest the host's own counter.

It does so in every mode, whatever mcounteren and scounteren say. So the core's table of CSRs loses these numbers; what
then traps as illegal is done here, like the other CSRs that the core does not have.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, ClassVar

from emu.core import Core, UnknownUnicorn
from emu.csr import Csrs
from emu.snapshot import Number, Part, Saved
from emu.traps import M, S

CYCLE, INSTRET = 0, 2
"""Bits of mcounteren and scounteren, and what to add to the first number of each row."""
MACHINE, MACHINE_HIGH, USER, USER_HIGH = 0xB00, 0xB80, 0xC00, 0xC80


class Counter(Saved):
    """64 bits, one more an instruction; `instructions` counts those that have begun, the present one included."""

    saved: ClassVar = {"ahead": Number(1 << 64, -1 << 64)}

    def __init__(self, instructions: Callable[[], int]) -> None:
        self._instructions = instructions
        self.ahead = -1

    def read(self) -> int:
        """How many instructions came before the present one."""
        return self._instructions() + self.ahead & (1 << 64) - 1

    def write(self, value: int) -> None:
        """The next instruction finds `value` (privileged 3.1.10)."""
        self.ahead = value - self._instructions() - 1


class Counters(Saved):
    """mcycle and minstret with their shadows for S and U mode. One instruction takes one cycle.

    `engine`: see `withhold`.
    """

    saved: ClassVar = {"cycle": Part(), "instret": Part()}

    def __init__(self, core: Core, csrs: Csrs, instructions: Callable[[], int], engine: Any) -> None:
        withhold(engine, core.xlen)
        self._core = core
        self.cycle, self.instret = Counter(instructions), Counter(instructions)
        for bit, counter in ((CYCLE, self.cycle), (INSTRET, self.instret)):
            allowed = self._allowed(1 << bit)
            if core.xlen == 32:
                csrs.add_wide(MACHINE + bit, MACHINE_HIGH + bit, counter.read, counter.write)
                csrs.add(USER_HIGH + bit, lambda counter=counter: counter.read() >> 32, allowed=allowed)  # type: ignore[misc]
            else:
                csrs.add(MACHINE + bit, counter.read, counter.write)
            csrs.add(USER + bit, counter.read, allowed=allowed)

    def _allowed(self, bit: int) -> Callable[[], bool]:
        """Whether mcounteren and scounteren let the present mode look (3.1.11, 4.1.5)."""
        core = self._core

        def allowed() -> bool:
            priv = core.priv.value
            return priv == M or bool(core.mcounteren.value & (bit if priv == S else bit & core.scounteren.value))

        return allowed


def withhold(engine: Any, xlen: int) -> None:
    """Make these CSRs illegal in the core: for every RISC-V machine of this width in the process.

    `engine` is the loaded Unicorn, which exports the function that changes its table; raises UnknownUnicorn if not.
    """
    absent = (ctypes.c_void_p * 4)()  # no predicate: there is no such CSR
    rows = (MACHINE, USER) if xlen == 64 else (MACHINE, MACHINE_HIGH, USER, USER_HIGH)
    try:
        change = engine[f"riscv_set_csr_ops_riscv{xlen}"]
    except AttributeError:
        raise UnknownUnicorn("riscv_set_csr_ops") from None
    for first in rows:
        for number in (first + CYCLE, first + INSTRET):
            change(ctypes.c_int(number), absent)
