"""Page tables for a bare guest, written by the test; the guest turns them on and drops to S or U mode."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from asm import BASE
from bare import HANDLER, TO_M, Guest, drop_to

from emu.traps import U as USER

V, R, W, X, U, G, A, D = 1, 2, 4, 8, 16, 32, 64, 128
DATA = BASE + 0x20000
"""The physical page that tests map."""
TABLES = BASE + 0x40000


@dataclass(frozen=True)
class Mode:
    """A translation scheme: levels of tables, bits of index a level, bytes an entry; `va` is a page to map."""

    name: str
    xlen: int
    levels: int
    bits: int
    size: int
    satp: int
    va: int


SV32 = Mode("sv32", 32, 2, 10, 4, 1 << 31, 0x40001000)
SV39 = Mode("sv39", 64, 3, 9, 8, 8 << 60, 0xFFFFFFC0_40001000)
SV48 = Mode("sv48", 64, 4, 9, 8, 9 << 60, 0x00001234_40001000)
MODES = pytest.mark.parametrize("mode", [SV32, SV39, SV48], ids=lambda mode: mode.name)


class Paged(Guest):
    """A guest with tables. The code's own memory is mapped to itself by a superpage for mode `priv`."""

    def __init__(self, mode: Mode, code: str, priv: int, before: str = "", at: int | None = None) -> None:
        setup = TO_M + before + "csrw satp, s2\nsfence.vma\n" + drop_to(priv)
        super().__init__(setup + code + "\necall\n" + HANDLER, mode.xlen)
        self.mode = mode
        self._next = TABLES + 0x1000
        self.hart.core.x[18] = mode.satp | TABLES >> 12
        self.hart.core.x[6] = mode.va if at is None else at  # t1
        top = V | R | W | X | A | D | (U if priv == USER else 0)
        self.map(BASE, BASE, top, level=1 if mode is SV32 else 2)

    def put(self, at: int, entry: int) -> None:
        (self.ram.put32 if self.mode.size == 4 else self.ram.put64)(at, entry)

    def get(self, at: int) -> int:
        return self.ram.get32(at) if self.mode.size == 4 else self.ram.get64(at)

    def map(self, va: int, pa: int, flags: int, level: int = 0) -> int:
        """Write the entry of `va` at `level` (0: 4 KiB) and the tables above it; returns where the entry is."""
        mode, table = self.mode, TABLES
        for i in reversed(range(mode.levels)):
            at = table + (va >> 12 + mode.bits * i & (1 << mode.bits) - 1) * mode.size
            if i == level:
                self.put(at, pa >> 12 << 10 | flags)
                return at
            if not self.get(at) & V:
                self.put(at, self._next >> 12 << 10 | V)
                self._next += 0x1000
            table = self.get(at) >> 10 << 12
        raise ValueError(f"no level {level}")

    def fault(self) -> tuple[int, int]:
        """(cause, xtval) of the trap that ends the program."""
        cause, _, tval = self.trap()
        return cause, tval
