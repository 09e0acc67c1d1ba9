"""Which instructions of RISC-V order loads and stores (unprivileged 2.7, 14.1)."""

from __future__ import annotations

FENCE, AMO = 0x0F, 0x2F
TSO = 8
ACQUIRE_RELEASE = 3 << 25
MEMORY = "rw"


def _kinds(bits: int) -> str:
    return "".join(kind for bit, kind in zip((8, 4, 2, 1), "iorw", strict=True) if bits & bit)


def fence_of(insn: int) -> tuple[str, str, bool] | None:
    """What `insn` keeps before what, and whether stores before loads too; None if it orders nothing around it.

    An AMO, LR or SC orders what is around it if it both acquires and releases.
    """
    opcode, function = insn & 0x7F, insn >> 12 & 7
    if opcode == FENCE and function == 0:
        return _kinds(insn >> 24 & 15), _kinds(insn >> 20 & 15), insn >> 28 != TSO
    if opcode == AMO and insn & ACQUIRE_RELEASE == ACQUIRE_RELEASE:
        return MEMORY, MEMORY, True
    return None
