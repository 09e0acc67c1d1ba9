"""Just enough decoding for the traps: which address a load or store meant, and what a CSR instruction asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LOAD, LOAD_FP, STORE, STORE_FP, AMO, SYSTEM = 0x03, 0x07, 0x23, 0x27, 0x2F, 0x73
BRANCH, JALR, JAL, FENCE_I = 0x63, 0x67, 0x6F, 0x100F
JUMPS = frozenset((BRANCH, JALR, JAL, SYSTEM))
LR = 2
"""funct5 of an AMO that only loads."""
WIDE = frozenset(opcode | 3 << 12 for opcode in (LOAD, LOAD_FP, STORE, STORE_FP, AMO))
"""Opcode and funct3 of the 32-bit instructions that move eight bytes."""


class CsrOp(NamedTuple):
    """A Zicsr instruction: `source` is the value of rs1 or the immediate; `writes`: see Zicsr."""

    csr: int
    rd: int
    function: int
    source: int
    writes: bool

    def result(self, old: int) -> int:
        """The value to write where the CSR held `old`."""
        match self.function & 3:
            case 1:
                return self.source
            case 2:
                return old | self.source
            case _:
                return old & ~self.source


def csr_op(insn: int, x: Sequence[int]) -> CsrOp | None:
    """The CSR access that `insn` is, or None."""
    function = insn >> 12 & 7
    if insn & 0x7F != SYSTEM or not function & 3:
        return None
    field = insn >> 15 & 31
    source = field if function & 4 else x[field]
    return CsrOp(insn >> 20, insn >> 7 & 31, function, source, function & 3 == 1 or field != 0)


class Access(NamedTuple):
    """A load or store: virtual `address`, and whether it counts as a store (AMO and SC do)."""

    address: int
    store: bool


def ends_block(insn: int, pc: int, xlen: int) -> bool:
    """Whether the engine's block of translated code ends with `insn`: at a jump, a system instruction, or its page."""
    if insn & 3 == 3:
        opcode = insn & 0x7F
        return opcode in JUMPS or insn & 0x707F == FENCE_I or (pc & 0xFFF) + 4 >= 0x1000
    quadrant, function = insn & 3, insn >> 13
    if quadrant == 1 and (function >= 5 or (function == 1 and xlen == 32)):  # C.J, C.BEQZ, C.BNEZ, C.JAL
        return True
    return (quadrant == 2 and function == 4 and not insn & 0x7C) or (pc & 0xFFF) + 2 >= 0x1000  # C.JR, C.JALR


def is_wide(insn: int) -> bool:
    """Whether `insn` (rv64) loads or stores eight bytes at once."""
    if insn & 3 == 3:
        return insn & 0x707F in WIDE
    return insn & 0x2001 == 0x2000  # C.LD, C.FLD, C.SD, C.FSD and those of the stack: odd functions of quadrants 0, 2


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def memory_access(insn: int, x: Sequence[int], xlen: int) -> Access | None:
    """What address the load or store `insn` used, or None if it is neither."""
    mask = (1 << xlen) - 1
    if insn & 3 != 3:
        found = _compressed(insn & 0xFFFF, xlen)
        if found is None:
            return None
        base, offset, store = found
        return Access(x[base] + offset & mask, store)
    opcode, rs1 = insn & 0x7F, insn >> 15 & 31
    if opcode in (LOAD, LOAD_FP):
        return Access(x[rs1] + _signed(insn >> 20, 12) & mask, False)
    if opcode in (STORE, STORE_FP):
        return Access(x[rs1] + _signed((insn >> 25) << 5 | insn >> 7 & 31, 12) & mask, True)
    if opcode == AMO:
        return Access(x[rs1] & mask, insn >> 27 != LR)
    return None


def _compressed(insn: int, xlen: int) -> tuple[int, int, bool] | None:
    """(base register, offset, store) of a C.L*/C.S* instruction (unprivileged 16.3)."""
    quadrant, function = insn & 3, insn >> 13
    store = function >= 5
    double = function in (1, 5) or (xlen == 64 and function in (3, 7))
    if function in (0, 4) or quadrant == 1:
        return None
    if quadrant == 0:
        high = insn >> 10 & 7
        low = (insn >> 5 & 3) << 6 if double else (insn >> 6 & 1) << 2 | (insn >> 5 & 1) << 6
        return 8 + (insn >> 7 & 7), high << 3 | low, store
    if store:
        six = insn >> 7 & 63
        offset = (six >> 3) << 3 | (six & 7) << 6 if double else (six >> 2) << 2 | (six & 3) << 6
        return 2, offset, True
    if double:
        return 2, (insn >> 12 & 1) << 5 | (insn >> 5 & 3) << 3 | (insn >> 2 & 7) << 6, False
    return 2, (insn >> 12 & 1) << 5 | (insn >> 4 & 7) << 2 | (insn >> 2 & 3) << 6, False
