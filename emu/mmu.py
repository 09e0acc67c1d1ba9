"""Sv32, Sv39 and Sv48 address translation, for the host's own look at what the guest sees (privileged 4.3 to 4.5)."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from emu.memory import BadAddress, Memory
from emu.traps import MPP_SHIFT, M, Mstatus

V, R, W, X, U, A, D = 1, 2, 4, 8, 16, 64, 128
ANYTHING = V | R | W | X | A | D


class MmuState(Protocol):
    """What translation depends on."""

    xlen: int
    priv: Any
    satp: Any


class Leaf(NamedTuple):
    """Where a virtual address leads: `address` is physical; `entry` and where it lies (`at`; None: no translation)."""

    address: int
    entry: int
    at: int | None


def translate(core: MmuState, memory: Memory, address: int) -> int | None:
    """The physical address of virtual `address` in the hart's present mode, or None if it is not mapped.

    Permissions are not checked: the core has already fetched or refused.
    """
    found = lookup(core, memory, address)
    return None if found is None else found.address


def fetch(core: MmuState, memory: Memory, pc: int) -> int:
    """The instruction at virtual `pc` (16 or 32 bits), or 0 if it cannot be read."""
    at = pc if core.priv.value == M else translate(core, memory, pc)
    if at is None:
        return 0
    try:
        if at & 0xFFF != 0xFFE:
            word = memory.get32(at)
            return word if word & 3 == 3 else word & 0xFFFF
        low = memory.get16(at)  # the other half may be on another page
        if low & 3 != 3:
            return low
        high = translate(core, memory, pc + 2)
        return low | memory.get16(high) << 16 if high is not None else 0
    except BadAddress:
        return 0


class Effective:
    """The hart as its loads and stores see it: under MPRV, in the mode that MPP names."""

    def __init__(self, core: Any) -> None:
        self.xlen, self.satp, self.priv = core.xlen, core.satp, core.priv
        if core.priv.value == M and core.mstatus.value & Mstatus.MPRV:
            self.priv = type(core.priv)(core.mstatus.value >> MPP_SHIFT & 3)


def lookup(core: MmuState, memory: Memory, address: int) -> Leaf | None:
    """The page of virtual `address` in the hart's present mode, or None if it is not mapped."""
    try:
        return walk(core, memory, address)
    except BadAddress:
        return None


def walk(core: MmuState, memory: Memory, address: int) -> Leaf | None:
    """As `lookup`, but raises BadAddress for a table that is not in memory: that is an access fault (4.3.2)."""
    if core.priv.value == M:
        return Leaf(address, ANYTHING, None)
    satp = core.satp.value
    if core.xlen == 32:
        if not satp >> 31:
            return Leaf(address, ANYTHING, None)
        levels, bits, size, root = 2, 10, 4, (satp & 0x3FFFFF) << 12
    else:
        mode = satp >> 60
        if mode not in (8, 9, 10):
            return Leaf(address, ANYTHING, None) if mode == 0 else None
        levels, bits, size, root = int(mode) - 5, 9, 8, (satp & (1 << 44) - 1) << 12
        sign = address >> 11 + bits * levels
        if sign and sign != (1 << 53 - bits * levels) - 1:  # all of these bits have to be the same
            return None
    return _walk(memory, address, levels, bits, size, root)


def _walk(memory: Memory, address: int, levels: int, bits: int, size: int, table: int) -> Leaf | None:
    for level in reversed(range(levels)):
        shift = 12 + level * bits
        entry_at = table + (address >> shift & (1 << bits) - 1) * size
        entry = memory.get32(entry_at) if size == 4 else memory.get64(entry_at)
        if not entry & V:
            return None
        base = (entry >> 10 & (1 << 44) - 1) << 12
        if entry & (R | X):
            offset_mask = (1 << shift) - 1
            return Leaf(base & ~offset_mask | address & offset_mask, entry, entry_at)
        table = base
    return None
