"""What a machine knows of the instruction at a pc, while the hart is there: asked for once a pc."""

from __future__ import annotations

import os

from emu.boot import Boot
from emu.hart import Hart
from emu.mmu import translate
from emu.trace import Site


class Sites:
    """Of what was booted on `hart`. Call it with a pc; `visit` one while the hart is there, or it may be gone later."""

    def __init__(self, hart: Hart, boot: Boot) -> None:
        self._hart = hart
        self._boot = boot
        self._visited: dict[int, tuple[int | None, int]] = {}
        self._places: dict[int, str] = {}
        self._sites: dict[int, Site] = {}

    def visit(self, pc: int) -> tuple[int | None, int]:
        """The physical address that the hart has for `pc`, and the instruction there (None and 0: not in RAM)."""
        found = self._visited.get(pc)
        if found is None:
            hart = self._hart
            physical = translate(hart.core, hart.ram, pc)
            there = physical is not None and hart.ram.contains(physical, 2)
            found = self._visited[pc] = (physical, hart.fetch(pc)) if there else (None, 0)
        return found

    def __call__(self, pc: int) -> Site:
        site = self._sites.get(pc)
        if site is None:
            image = self._boot.image_at(pc)
            source = image.lines.source(pc) if image is not None else None
            file = source[0] if source is not None else ""
            site = self._sites[pc] = Site(self.where(pc), self._disassembled(pc), file)
        return site

    def where(self, pc: int) -> str:
        """`function+0x12 file.c:34`; `image+0x1234` where an image has no names; or an empty string."""
        place = self._places.get(pc)
        if place is None:
            place = self._places[pc] = self._boot.where(pc) or self._offset(pc)
        return place

    def _offset(self, pc: int) -> str:
        physical, _ = self.visit(pc)
        image = self._boot.image_at(physical) if physical is not None else None
        return f"{os.path.basename(image.path)}+{(physical or 0) - image.start:#x}" if image is not None else ""

    def _disassembled(self, pc: int) -> str:
        from emu.disasm import disassemble  # noqa: PLC0415  (only where a person or a recording wants it)

        physical, instruction = self.visit(pc)
        return disassemble(instruction, pc, self._hart.xlen) if physical is not None else ""
