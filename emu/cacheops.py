"""Zicbom and Zicboz: operations on a cache block (RISC-V CMO 1.0.1). Without a cache most do nothing."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from emu.envcfg import CBIE, Envcfg, Environment
from emu.exceptions import Fault
from emu.memory import Memory
from emu.mmu import A, D, Effective, R, U, W, X, lookup
from emu.traps import Cause, Mstatus, S
from emu.traps import U as USER

BLOCK = 64
"""Bytes of a cache block."""


class Cbo(IntEnum):
    """The operations, by bits 31 to 20 of the instruction."""

    INVAL = 0
    CLEAN = 1
    FLUSH = 2
    ZERO = 4


NEEDS = {Cbo.INVAL: Envcfg(CBIE), Cbo.CLEAN: Envcfg.CBCFE, Cbo.FLUSH: Envcfg.CBCFE, Cbo.ZERO: Envcfg.CBZE}


def decode(insn: int) -> tuple[Cbo, int] | None:
    """(operation, number of rs1), or None."""
    if insn & 0x7FFF != 0x200F or insn >> 20 not in Cbo._value2member_map_:
        return None
    return Cbo(insn >> 20), insn >> 15 & 31


class CacheOperations:
    """Does what the guest may do: `execute` gives True, False for an illegal instruction, or the fault that it met."""

    def __init__(self, core: Any, memory: Memory, environment: Environment) -> None:
        self._core = core
        self._memory = memory
        self._environment = environment

    def execute(self, operation: Cbo, address: int, pc: int) -> bool | Fault:
        """Operate on the block that holds virtual `address`, for the instruction at `pc`."""
        if not self._environment.allows(NEEDS[operation], self._core.priv.value):
            return False
        memory = self._memory
        where = Effective(self._core)
        leaf = lookup(where, memory, address)
        if leaf is None or (leaf.at is not None and not self._permitted(leaf.entry, operation, where.priv.value)):
            return Cause.STORE_PAGE_FAULT, pc, address
        block = leaf.address & ~(BLOCK - 1)
        if not memory.contains(block, BLOCK):
            return Cause.STORE_ACCESS, pc, address
        if operation is Cbo.ZERO:
            if leaf.at is not None:  # the core sets A and D by itself, too
                (memory.put32 if where.xlen == 32 else memory.put64)(leaf.at, leaf.entry | A | D)
            memory.write(block, bytes(BLOCK))
        return True

    def _permitted(self, entry: int, operation: Cbo, priv: int) -> bool:
        """Zeroing is a store; the others need that either a load or a store is permitted (CMO 2.5.2)."""
        status = self._core.mstatus.value
        if entry & U:
            if priv == S and not status & Mstatus.SUM:
                return False
        elif priv == USER:
            return False
        readable = entry & R or (entry & X and status & Mstatus.MXR)
        return bool(entry & W or (operation is not Cbo.ZERO and readable))
