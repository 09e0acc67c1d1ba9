"""What a spinning guest waits for: runs the hart a little further and counts the loads that come again and again."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, Protocol

from emu.bus import Withheld
from emu.core import Core
from emu.decode import LOAD, memory_access
from emu.memory import Ram
from emu.mmu import translate

BLOCKS, MOST_BLOCKS = 400, 5000
"""Steps that are looked at, and that are gone to see whether the hart comes back: a block each with the native helper,
else an instruction."""
WFI = 0x10500073
OFTEN = 12
"""A load at one place of one address, this often in so few steps, is a poll."""
LONGEST_BLOCK = 32
SP = 2
STORE, BRANCH, JALR, JAL, SYSTEM = 0x23, 0x63, 0x67, 0x6F, 0x73


class Steps(Protocol):
    """The hart: `run(1)` executes one instruction or one block."""

    core: Core
    ram: Ram
    xlen: int

    @property
    def pc(self) -> int: ...

    def run(self, limit: int) -> object: ...

    def fetch(self, pc: int) -> int: ...


class Poll(NamedTuple):
    """The load at `pc` reads `width` bytes at guest-physical `address` in RAM, `times` in the look."""

    pc: int
    address: int
    width: int
    times: int


class Loop(NamedTuple):
    """What the hart does where it is: `polls` the loads from RAM that it repeats, the most frequent first; `back`: it
    came back to where it was; `store`: the device it would have written to, where stores are withheld.
    """

    polls: list[Poll]
    back: bool
    store: str = ""


def look(hart: Steps, blocks: int = BLOCKS, most: int = 0) -> Loop:
    """Run the hart for some blocks and see what it repeats, then up to `most` until it comes back.

    The guest really runs on; whoever does not want that withholds its stores (`Bus.withhold_stores`).
    """
    seen: Counter[tuple[int, int, int]] = Counter()
    start, back, store = hart.pc, False, ""
    try:
        for step in range(max(blocks, most)):
            if step < blocks:
                seen.update(loads(hart))
            elif back:
                break
            hart.run(1)
            back = back or hart.pc == start
    except Withheld as withheld:
        store = withheld.region
    return Loop([Poll(*place, count) for place, count in seen.most_common() if count >= OFTEN], back, store)


def sleeps(hart: Steps) -> bool:
    """Whether the instruction before pc is a WFI, so that a hart that does not run waits there."""
    return hart.fetch(hart.pc - 4) == WFI


def loads(hart: Steps) -> list[tuple[int, int, int]]:
    """(pc, physical address, width) of the loads from RAM up to the next jump whose address is known by now.

    A pointer that was just loaded is known; what else an instruction computes is not. The stack is left out: what is
    read there was written by the loop itself.
    """
    found: list[tuple[int, int, int]] = []
    pc, x, unknown = hart.pc, list(hart.core.x), set[int]()
    for _ in range(LONGEST_BLOCK):
        insn = hart.fetch(pc)
        if insn == 0 or _jumps(insn, hart.xlen):
            break
        target = _written(insn)
        at = None if _base(insn) in unknown else _load_address(hart, insn, x)
        unknown.add(target)
        if at is not None:
            width = _width(insn)
            if _base(insn) != SP:
                found.append((pc, at, width))
            value = int.from_bytes(hart.ram.read(at, width), "little")
            if width == hart.xlen // 8 and target:  # as wide as a pointer
                x[target] = value
                unknown.discard(target)
        pc += 4 if insn & 3 == 3 else 2
    return found


def _load_address(hart: Steps, insn: int, x: list[int]) -> int | None:
    """Where in RAM the load `insn` reads with these registers; None if it is no load, or not from there."""
    access = memory_access(insn, x, hart.xlen)
    if access is None or access.store:
        return None
    at = translate(hart.core, hart.ram, access.address)
    return at if at is not None and hart.ram.contains(at, _width(insn)) else None


def _jumps(insn: int, xlen: int) -> bool:
    """Whether the hart may go on elsewhere, or sleep, after this instruction."""
    if insn & 3 == 3:
        return insn & 0x7F in (BRANCH, JALR, JAL) or insn & 0x707F == SYSTEM
    quadrant, function = insn & 3, insn >> 13
    if quadrant == 1:
        return function >= 5 or (function == 1 and xlen == 32)
    return quadrant == 2 and function == 4 and not insn & 0x7C


def _base(insn: int) -> int:
    """The base register of a load."""
    if insn & 3 == 3:
        return insn >> 15 & 31
    return 8 + (insn >> 7 & 7) if insn & 3 == 0 else 2


def _written(insn: int) -> int:
    """The register that the instruction may write (one that it does not write does no harm); 0 for none."""
    if insn & 3 == 3:
        return 0 if insn & 0x7F in (STORE, BRANCH) else insn >> 7 & 31
    if insn & 3 == 0:
        return 8 + (insn >> 2 & 7)
    if insn & 3 == 1 and insn >> 13 == 4:
        return 8 + (insn >> 7 & 7)
    return insn >> 7 & 31


def _width(insn: int) -> int:
    """The bytes that a load moves."""
    if insn & 3 == 3:
        return 1 << (insn >> 12 & 3) if insn & 0x7F == LOAD else 4 << (insn >> 12 & 1)
    return 4 if insn >> 13 == 2 else 8
