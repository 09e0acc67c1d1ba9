"""Instructions that the core lacks, done by the host: Zba, Zbb, Zbs, Zicbom and Zicboz. Slow, and said so once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emu import bitmanip, cacheops
from emu.envcfg import CACHE
from emu.exceptions import Exceptions, Fault
from emu.snapshot import Flag, Saved

CMO, BITMANIP = ("zicbom", "zicboz"), ("zba", "zbb", "zbs")
COSTS = {"Zba": 5, "Zbb": 5, "Zbs": 5, "Zicbom": 5, "Zicboz": 8}
"""Microseconds for one of them: 2.3 alone in a loop in M mode, 5 to 7 in Linux, where the fetch is translated."""


class SlowExtensions(Saved):
    """Takes the hart's illegal instructions. The first that it does is told to `notice(line)`."""

    saved: ClassVar = {"_told": Flag()}

    def __init__(self, exceptions: Exceptions, notice: Callable[[str], object]) -> None:
        self._core = exceptions.core
        self._cache = cacheops.CacheOperations(self._core, exceptions.ram, exceptions.csrs.environment)
        exceptions.csrs.environment.writable |= int(CACHE)
        self._notice = notice
        self._told = False
        exceptions.on_illegal = self.execute

    def execute(self, insn: int, pc: int) -> bool | Fault:
        """Do `insn`; False if it is none of these or not permitted here, or the fault that it met."""
        core = self._core
        x = core.x
        operation = bitmanip.decode(insn, core.xlen)
        if operation is not None:
            if not self._told:
                self._first(operation.kind.extension, operation.kind.name, pc)
            if operation.rd:
                x[operation.rd] = operation.result(x[operation.rs1], x[operation.rs2], core.xlen)
            return True
        block = cacheops.decode(insn)
        if block is None:
            return False
        done = self._cache.execute(block[0], x[block[1]], pc)
        if done is True and not self._told:
            kind = block[0]
            self._first("Zicboz" if kind is cacheops.Cbo.ZERO else "Zicbom", f"cbo.{kind.name.lower()}", pc)
        return done

    def _first(self, extension: str, name: str, pc: int) -> None:
        self._told = True
        self._core.pc.value = pc  # so that the notice is stamped with it
        self._notice(
            f"this guest uses {extension} ({name} at pc {pc:#x}), which this core lacks; "
            f"each such instruction takes about {COSTS[extension]} µs"
        )
