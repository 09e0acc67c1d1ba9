"""Names for addresses: functions from an ELF's symbol table, source lines from its DWARF. Both are read on first use.

Neither ever fails: what a file does not have, or has corrupt, is an address without a name; `problem` says why.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from posixpath import join, normpath
from typing import Any

STT_NOTYPE, STT_FUNC = 0, 2
SHF_EXECINSTR = 4
EVERYWHERE = [(0, 1 << 64)]
SYMBOL32, SYMBOL64 = struct.Struct("<IIIBBH"), struct.Struct("<IBBHQQ")


class Symbols:
    """Functions by address, from the bytes of an ELF file (none: no symbols); `slide` is added to its addresses."""

    def __init__(self, data: bytes = b"", slide: int = 0) -> None:
        self.problem = ""
        self._data: bytes | None = data
        self._slide = slide
        self._starts: list[int] = []
        self._functions: list[tuple[int, str]] = []
        self._all: dict[str, int] = {}

    def name_at(self, pc: int) -> str:
        """`function+0x12`, or `function` at its first instruction, or an empty string."""
        self._read()
        index = bisect_right(self._starts, pc) - 1
        if index < 0:
            return ""
        end, name = self._functions[index]
        offset = pc - self._starts[index]
        if pc >= end:
            return ""
        return f"{name}+{offset:#x}" if offset else name

    def address_of(self, name: str) -> int | None:
        """The address of a function or object, or None."""
        self._read()
        return self._all.get(name)

    def object_at(self, address: int, most: int = 0x1000) -> str:
        """`object+0x12` for the nearest symbol of any kind at or up to `most` bytes below `address`, or ''."""
        self._read()
        near = [(at, name) for name, at in self._all.items() if at <= address < at + most]
        if not near:
            return ""
        at, name = max(near)
        return f"{name}+{address - at:#x}" if address > at else name

    def _read(self) -> None:
        data, self._data = self._data, None
        if not data:
            return
        try:
            self._index(data)
        except Exception as error:  # pyelftools raises whatever a corrupt table leads it to
            self.problem = f"symbols cannot be read: {error}"

    def _index(self, data: bytes) -> None:
        elf = open_elf(data)
        table = elf.get_section_by_name(".symtab")
        if table is None:
            self.problem = "no symbols (the file is stripped)"
            return
        strings = elf.get_section(table["sh_link"]).data()
        code = {
            number: section["sh_addr"] + section["sh_size"]
            for number, section in enumerate(elf.iter_sections())
            if section["sh_flags"] & SHF_EXECINSTR
        }
        found: dict[int, tuple[bool, int, str]] = {}  # start -> (is a function, end, name)
        raw = table.data()
        layout = SYMBOL64 if elf.elfclass == 64 else SYMBOL32
        for fields in layout.iter_unpack(raw[: len(raw) - len(raw) % layout.size]):
            if elf.elfclass == 64:
                at, info, _, section, value, size = fields
            else:
                at, value, size, info, _, section = fields
            name = strings[at : strings.find(b"\0", at)].decode("utf-8", "replace")
            if not name or not section or name.startswith(("$", ".L")):
                continue
            self._all.setdefault(name, value + self._slide)
            if section not in code or info & 0xF not in (STT_NOTYPE, STT_FUNC):
                continue
            entry = (info & 0xF == STT_FUNC, value + size if size else code[section], name)
            if value not in found or (entry[0] and not found[value][0]):
                found[value] = entry
        covered = 0
        for start, (function, end, name) in sorted(found.items()):
            if function:
                covered = end
            elif start < covered:
                continue  # a label inside a function
            self._starts.append(start + self._slide)
            self._functions.append((end + self._slide, name))


class Lines:
    """Source lines by address, from the DWARF (versions 2 to 5) in the bytes of an ELF file."""

    def __init__(self, data: bytes = b"", slide: int = 0) -> None:
        self.problem = ""
        self._data: bytes | None = data
        self._slide = slide
        self._units: list[tuple[int, int, Any]] = []
        self._rows: dict[int, list[tuple[int, str, int]]] = {}
        self._dwarf: Any = None

    def at(self, pc: int) -> tuple[str, int] | None:
        """The file (as the compiler named it, without directories) and the line, or None."""
        found = self.source(pc)
        return (found[0].rsplit("/", 1)[-1], found[1]) if found is not None else None

    def source(self, pc: int) -> tuple[str, int] | None:
        """The file's path (as the compiler was given it; relative to nothing known) and the line, or None."""
        try:
            self._read()
            for low, high, unit in self._units:
                if low <= pc - self._slide < high:
                    found = self._find(unit, pc - self._slide)
                    if found is not None:
                        return found
        except Exception as error:  # pyelftools raises whatever corrupt DWARF leads it to
            self.problem = f"DWARF cannot be read: {error}"
            self._units = []
        return None

    def _read(self) -> None:
        data, self._data = self._data, None
        if not data:
            return
        elf = open_elf(data)
        if not elf.has_dwarf_info():
            self.problem = "no DWARF (compile with -g)"
            return
        self._dwarf = elf.get_dwarf_info(follow_links=False)
        for unit in self._dwarf.iter_CUs():
            self._units += [(low, high, unit) for low, high in self._ranges(unit)]

    def _ranges(self, unit: Any) -> list[tuple[int, int]]:
        """Addresses that a compilation unit may cover, so that only the line programs asked for are decoded."""
        attributes = unit.get_top_DIE().attributes
        low, high, ranges = (attributes.get(name) for name in ("DW_AT_low_pc", "DW_AT_high_pc", "DW_AT_ranges"))
        base = low.value if low is not None else 0
        if high is not None:
            return [(base, high.value if high.form == "DW_FORM_addr" else base + high.value)]
        if ranges is None:
            return EVERYWHERE
        found = []
        for entry in self._dwarf.range_lists().get_range_list_at_offset(ranges.value, unit):
            if hasattr(entry, "base_address"):
                base = entry.base_address
            else:
                offset = 0 if getattr(entry, "is_absolute", False) else base
                found.append((offset + entry.begin_offset, offset + entry.end_offset))
        return found

    def _find(self, unit: Any, address: int) -> tuple[str, int] | None:
        rows = self._rows.get(unit.cu_offset)
        if rows is None:
            rows = self._rows[unit.cu_offset] = self._decode(unit)
        index = bisect_right(rows, address, key=lambda row: row[0]) - 1
        if index < 0 or not rows[index][1]:
            return None
        return rows[index][1], rows[index][2]

    def _decode(self, unit: Any) -> list[tuple[int, str, int]]:
        """(address, path, line) sorted by address; an empty path ends a sequence."""
        program = self._dwarf.line_program_for_CU(unit)
        if program is None:
            return []
        first = 0 if program["version"] >= 5 else 1  # DWARF 5 counts files from 0 (6.2.4.1)
        names = self._paths(program, unit)
        rows: list[tuple[int, int, str, int]] = []
        for step in program.get_entries():
            state = step.state
            if state is None:
                continue
            file = state.file - first
            known = 0 <= file < len(names) and state.line and not state.end_sequence
            # an end sorts before a start at the same address; of several starts there the last counts
            rows.append((state.address, int(not state.end_sequence), names[file] if known else "", state.line))
        rows.sort(key=lambda row: row[:2])
        return [(address, name, line) for address, _, name, line in rows]

    def _paths(self, program: Any, unit: Any) -> list[str]:
        """Of the line program's files (6.2.4): below their directory, and that below where the compiler ran."""
        top = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
        base = _text(top.value) if top is not None else ""
        directories = [_text(name) for name in program["include_directory"]]
        if program["version"] < 5:
            directories.insert(0, "")  # DWARF 5 has where the compiler ran as the first
        paths = []
        for entry in program["file_entry"]:
            index = getattr(entry, "dir_index", 0)
            directory = directories[index] if index < len(directories) else ""
            paths.append(normpath(join(base, directory, _text(entry.name))))
        return paths


def open_elf(data: bytes) -> Any:
    """pyelftools' view of the bytes of an ELF; imported here because it takes a tenth of the start-up time."""
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    if data[4] == 2:
        (offset,), (stride, count) = struct.unpack_from("<Q", data, 0x28), struct.unpack_from("<HH", data, 0x3A)
    else:
        (offset,), (stride, count) = struct.unpack_from("<I", data, 0x20), struct.unpack_from("<HH", data, 0x2E)
    if offset and not (count and stride and offset + count * stride <= len(data)):  # pyelftools would go round for ever
        raise ValueError(f"{count} section headers of {stride} bytes at {offset:#x} in {len(data)} bytes")
    return ELFFile(io.BytesIO(data))


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
