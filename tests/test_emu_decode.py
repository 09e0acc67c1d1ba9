"""Decoding for traps, against capstone's reading of the same words where it has one."""

from __future__ import annotations

import capstone
import pytest
from asm import assemble

from emu.decode import csr_op, is_wide, memory_access


def word(text: str, xlen: int = 64) -> int:
    return int.from_bytes(assemble(text, xlen), "little")


def registers(**values: int) -> list[int]:
    x = [0] * 32
    for name, value in values.items():
        x[int(name[1:])] = value
    return x


@pytest.mark.parametrize(
    ("text", "address", "store"),
    [
        ("lw a0, -4(x6)", 0xFFC, False),
        ("sd a0, 2040(x6)", 0x17F8, True),
        ("sb a0, -2048(x6)", 0x800, True),
        ("amoadd.w a0, a1, (x6)", 0x1000, True),
        ("lr.d a0, (x6)", 0x1000, False),
        ("sc.w a0, a1, (x6)", 0x1000, True),
    ],
)
def test_the_address_of_a_load_or_store(text: str, address: int, store: bool) -> None:
    assert memory_access(word(text), registers(x6=0x1000), 64) == (address, store)


@pytest.mark.parametrize(
    ("insn", "xlen", "address", "store", "text"),
    [
        (0x4188, 64, 0x1000, False, "c.lw a0, 0(a1)"),
        (0x41C8, 64, 0x1004, False, "c.lw a0, 4(a1)"),
        (0xC1A8, 64, 0x1040, True, "c.sw a0, 0x40(a1)"),
        (0x6588, 64, 0x1008, False, "c.ld a0, 8(a1)"),
        (0xE1A8, 64, 0x1040, True, "c.sd a0, 0x40(a1)"),
        (0x4522, 64, 0x2008, False, "c.lwsp a0, 8(sp)"),
        (0x6522, 64, 0x2008, False, "c.ldsp a0, 8(sp)"),
        (0xC42A, 64, 0x2008, True, "c.swsp a0, 8(sp)"),
        (0xE42A, 64, 0x2008, True, "c.sdsp a0, 8(sp)"),
    ],
)
def test_compressed_loads_and_stores(insn: int, xlen: int, address: int, store: bool, text: str) -> None:
    assert memory_access(insn, registers(x11=0x1000, x2=0x2000), xlen) == (address, store), text


def test_what_is_not_a_memory_access_has_no_address() -> None:
    for text in ("addi a0, a0, 1", "c.nop", "ecall", "j here"):
        assert memory_access(word(text), registers(), 64) is None


def test_addresses_wrap_at_the_register_width() -> None:
    assert memory_access(word("lw a0, 8(x6)", 32), registers(x6=0xFFFFFFFC), 32) == (4, False)


@pytest.mark.parametrize(
    ("text", "wide"),
    [("ld a0, 0(a1)", True), ("sd a0, 0(a1)", True), ("lw a0, 0(a1)", False), ("amoadd.d a0, a1, (a2)", True),
     ("amoadd.w a0, a1, (a2)", False), ("addi a0, a0, 1", False)],
)  # fmt: skip
def test_which_accesses_are_eight_bytes_wide(text: str, wide: bool) -> None:
    assert is_wide(word(text)) is wide


def test_no_16_bit_instruction_is_taken_for_a_wide_access_or_missed() -> None:
    disassembler = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC)
    wide = {"c.ld", "c.sd", "c.fld", "c.fsd", "c.ldsp", "c.sdsp", "c.fldsp", "c.fsdsp"}
    for insn in range(0x10000):
        for _, _, mnemonic, _ in disassembler.disasm_lite(insn.to_bytes(2, "little"), 0) if insn & 3 != 3 else ():
            assert is_wide(insn) is (mnemonic in wide), f"{insn:#06x} {mnemonic}"


def test_csr_instructions_say_whether_they_write() -> None:
    x = registers(x11=0xF0)
    read = csr_op(word("csrrs a0, time, zero"), x)
    assert read is not None
    assert (read.csr, read.rd, read.writes) == (0xC01, 10, False)
    swap = csr_op(word("csrrw a0, mscratch, a1"), x)
    assert swap is not None
    assert (swap.writes, swap.result(0x0F)) == (True, 0xF0)
    set_ = csr_op(word("csrrs a0, mscratch, a1"), x)
    clear = csr_op(word("csrrci a0, mscratch, 3"), x)
    assert set_ is not None and clear is not None
    assert (set_.result(0x0F), clear.result(0x0F)) == (0xFF, 0x0C)
    assert csr_op(word("ecall"), x) is None
