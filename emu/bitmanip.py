"""Zba, Zbb and Zbs as functions on unsigned numbers (RISC-V bit-manipulation extensions 1.0.0, chapter 1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

Function = Callable[[int, int, int], int]
"""(rs1, rs2 or the immediate, width in bits) -> the result; the bits above the width are cut off afterwards."""
OP, OP_IMM, OP_32, OP_IMM_32 = 0x33, 0x13, 0x3B, 0x1B


def mask(bits: int) -> int:
    return (1 << bits) - 1


def signed(value: int, bits: int) -> int:
    """`value` of `bits` bits as two's complement."""
    return value - (1 << bits) if value >> bits - 1 else value


def rol(a: int, b: int, bits: int) -> int:
    by = b & bits - 1
    return a << by | a >> bits - by


def ror(a: int, b: int, bits: int) -> int:
    by = b & bits - 1
    return a >> by | a << bits - by


def clz(a: int, b: int, bits: int) -> int:
    return bits - a.bit_length()


def ctz(a: int, b: int, bits: int) -> int:
    return (a & -a).bit_length() - 1 if a else bits


def cpop(a: int, b: int, bits: int) -> int:
    return a.bit_count()


def orc_b(a: int, b: int, bits: int) -> int:
    return int.from_bytes(bytes(0xFF if byte else 0 for byte in a.to_bytes(bits // 8, "little")), "little")


def rev8(a: int, b: int, bits: int) -> int:
    return int.from_bytes(a.to_bytes(bits // 8, "little"), "big")


def bclr(a: int, b: int, bits: int) -> int:
    return a & ~(1 << (b & bits - 1))


def bext(a: int, b: int, bits: int) -> int:
    return a >> (b & bits - 1) & 1


def binv(a: int, b: int, bits: int) -> int:
    return a ^ 1 << (b & bits - 1)


def bset(a: int, b: int, bits: int) -> int:
    return a | 1 << (b & bits - 1)


def shift_add(by: int) -> Function:
    return lambda a, b, bits: (a << by) + b


def shift_add_uw(by: int) -> Function:
    return lambda a, b, bits: ((a & mask(32)) << by) + b


class Kind(NamedTuple):
    """An instruction: its extension, name, what it computes, and the XLENs that have it.

    `word`: it has 32-bit operands, and its result is sign-extended.
    """

    extension: str
    name: str
    function: Function
    xlens: tuple[int, ...] = (32, 64)
    word: bool = False


RV32, RV64 = (32,), (64,)
REGISTER: dict[tuple[int, int, int], Kind] = {
    (OP, 0x10, 2): Kind("Zba", "sh1add", shift_add(1)),
    (OP, 0x10, 4): Kind("Zba", "sh2add", shift_add(2)),
    (OP, 0x10, 6): Kind("Zba", "sh3add", shift_add(3)),
    (OP_32, 0x04, 0): Kind("Zba", "add.uw", shift_add_uw(0), RV64),
    (OP_32, 0x10, 2): Kind("Zba", "sh1add.uw", shift_add_uw(1), RV64),
    (OP_32, 0x10, 4): Kind("Zba", "sh2add.uw", shift_add_uw(2), RV64),
    (OP_32, 0x10, 6): Kind("Zba", "sh3add.uw", shift_add_uw(3), RV64),
    (OP, 0x20, 7): Kind("Zbb", "andn", lambda a, b, bits: a & ~b),
    (OP, 0x20, 6): Kind("Zbb", "orn", lambda a, b, bits: a | ~b),
    (OP, 0x20, 4): Kind("Zbb", "xnor", lambda a, b, bits: a ^ ~b),
    (OP, 0x05, 4): Kind("Zbb", "min", lambda a, b, bits: min(signed(a, bits), signed(b, bits))),
    (OP, 0x05, 5): Kind("Zbb", "minu", lambda a, b, bits: min(a, b)),
    (OP, 0x05, 6): Kind("Zbb", "max", lambda a, b, bits: max(signed(a, bits), signed(b, bits))),
    (OP, 0x05, 7): Kind("Zbb", "maxu", lambda a, b, bits: max(a, b)),
    (OP, 0x30, 1): Kind("Zbb", "rol", rol),
    (OP, 0x30, 5): Kind("Zbb", "ror", ror),
    (OP_32, 0x30, 1): Kind("Zbb", "rolw", rol, RV64, word=True),
    (OP_32, 0x30, 5): Kind("Zbb", "rorw", ror, RV64, word=True),
    (OP, 0x24, 1): Kind("Zbs", "bclr", bclr),
    (OP, 0x24, 5): Kind("Zbs", "bext", bext),
    (OP, 0x34, 1): Kind("Zbs", "binv", binv),
    (OP, 0x14, 1): Kind("Zbs", "bset", bset),
}
"""By opcode, funct7 and funct3: rs1 and rs2."""
UNARY: dict[tuple[int, int, int], Kind] = {
    (OP_IMM, 0x600, 1): Kind("Zbb", "clz", clz),
    (OP_IMM, 0x601, 1): Kind("Zbb", "ctz", ctz),
    (OP_IMM, 0x602, 1): Kind("Zbb", "cpop", cpop),
    (OP_IMM, 0x604, 1): Kind("Zbb", "sext.b", lambda a, b, bits: signed(a & 0xFF, 8)),
    (OP_IMM, 0x605, 1): Kind("Zbb", "sext.h", lambda a, b, bits: signed(a & 0xFFFF, 16)),
    (OP_IMM_32, 0x600, 1): Kind("Zbb", "clzw", clz, RV64, word=True),
    (OP_IMM_32, 0x601, 1): Kind("Zbb", "ctzw", ctz, RV64, word=True),
    (OP_IMM_32, 0x602, 1): Kind("Zbb", "cpopw", cpop, RV64, word=True),
    (OP_IMM, 0x287, 5): Kind("Zbb", "orc.b", orc_b),
    (OP_IMM, 0x698, 5): Kind("Zbb", "rev8", rev8, RV32),
    (OP_IMM, 0x6B8, 5): Kind("Zbb", "rev8", rev8, RV64),
    (OP, 0x080, 4): Kind("Zbb", "zext.h", lambda a, b, bits: a & 0xFFFF, RV32),
    (OP_32, 0x080, 4): Kind("Zbb", "zext.h", lambda a, b, bits: a & 0xFFFF, RV64),
}
"""By opcode, bits 31 to 20 and funct3: rs1 only."""
IMMEDIATE: dict[tuple[int, int, int], Kind] = {
    (OP_IMM, 0x18, 5): Kind("Zbb", "rori", ror),
    (OP_IMM_32, 0x18, 5): Kind("Zbb", "roriw", ror, RV64, word=True),
    (OP_IMM_32, 0x02, 1): Kind("Zba", "slli.uw", lambda a, b, bits: (a & mask(32)) << b, RV64),
    (OP_IMM, 0x12, 1): Kind("Zbs", "bclri", bclr),
    (OP_IMM, 0x12, 5): Kind("Zbs", "bexti", bext),
    (OP_IMM, 0x1A, 1): Kind("Zbs", "binvi", binv),
    (OP_IMM, 0x0A, 1): Kind("Zbs", "bseti", bset),
}
"""By opcode, bits 31 to 26 and funct3: rs1 and a shift amount of six bits; its highest is for 64-bit values."""


class Operation(NamedTuple):
    """A decoded instruction: `rs2` is 0 where `immediate` counts."""

    kind: Kind
    rd: int
    rs1: int
    rs2: int
    immediate: int

    def result(self, a: int, b: int, xlen: int) -> int:
        """What rd gets where rs1 holds `a` and rs2 `b` (unsigned, XLEN bits)."""
        b = b if self.rs2 else self.immediate
        if not self.kind.word:
            return self.kind.function(a, b, xlen) & mask(xlen)
        low = self.kind.function(a & mask(32), b & mask(32), 32) & mask(32)
        return signed(low, 32) & mask(xlen)


@lru_cache(maxsize=4096)
def decode(insn: int, xlen: int) -> Operation | None:
    """The instruction of Zba, Zbb or Zbs that `insn` is on an rv`xlen`, or None."""
    opcode, funct3 = insn & 0x7F, insn >> 12 & 7
    rd, rs1, rs2 = insn >> 7 & 31, insn >> 15 & 31, insn >> 20 & 31
    immediate = 0
    if kind := UNARY.get((opcode, insn >> 20, funct3)):
        rs2 = 0
    elif kind := IMMEDIATE.get((opcode, insn >> 26, funct3)):
        immediate, rs2 = insn >> 20 & 63, 0
        wide = xlen == 64 and (opcode == OP_IMM or kind.name == "slli.uw")
        if immediate > 31 and not wide:
            return None
    else:
        kind = REGISTER.get((opcode, insn >> 25, funct3))
    if kind is None or xlen not in kind.xlens:
        return None
    return Operation(kind, rd, rs1, rs2, immediate)
