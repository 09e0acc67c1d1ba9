"""Instructions as text."""

from __future__ import annotations

from asm import assemble

from emu.disasm import disassemble


def test_an_instruction_is_shown_as_an_assembler_would_write_it() -> None:
    assert disassemble(int.from_bytes(assemble("lw a0, 8(a1)"), "little"), 0x80000000, 64) == "lw a0, 8(a1)"
    assert disassemble(0x4188, 0x80000000, 32) == "c.lw a0, 0(a1)"


def test_a_word_without_a_name_is_shown_as_it_is() -> None:
    assert disassemble(0xFFFFFFFF, 0, 64) == ".word 0xffffffff"
    assert disassemble(0, 0, 64).startswith((".half 0x0", "c.unimp"))
