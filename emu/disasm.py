"""One instruction as text, by capstone, which is loaded on first use."""

from __future__ import annotations


def disassemble(insn: int, pc: int, xlen: int) -> str:
    """`lw a0, 0(a1)` for the word `insn` at `pc`; `.word 0x...` where capstone knows no name for it."""
    import capstone  # noqa: PLC0415  (20 ms)

    size = 4 if insn & 3 == 3 else 2
    mode = capstone.CS_MODE_RISCV64 if xlen == 64 else capstone.CS_MODE_RISCV32
    decoder = capstone.Cs(capstone.CS_ARCH_RISCV, mode | capstone.CS_MODE_RISCVC)
    for found in decoder.disasm(insn.to_bytes(size, "little"), pc, 1):
        return f"{found.mnemonic} {found.op_str}".strip()
    return f".{'word' if size == 4 else 'half'} {insn:#x}"
