"""ELF files of guests (System V ABI, chapters 4 and 5): the segments to load and the hart they are for.

Headers are read here, so that a wrong one is named; sections and DWARF are left to pyelftools (`emu.symbols`).
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from emu.errors import InputError
from emu.symbols import Lines, Symbols

MAGIC = b"\x7fELF"
ELF32, ELF64 = 1, 2
BIG_ENDIAN = 2
EXEC, DYN = 2, 3
RISCV = 243
PT_LOAD, PT_INTERP = 1, 3
TYPES = {1: "a relocatable object file (link it first)", 4: "a core dump"}
MACHINES = {
    0x02: "SPARC", 0x03: "x86", 0x08: "MIPS", 0x14: "PowerPC", 0x15: "64-bit PowerPC", 0x16: "S390", 0x28: "ARM",
    0x2A: "SuperH", 0x2B: "64-bit SPARC", 0x32: "Itanium", 0x3E: "x86-64", 0xB7: "AArch64", 0xF7: "BPF",
    0x102: "LoongArch",
}  # fmt: skip
HEADERS = {ELF32: struct.Struct("<HHIIIIIHHHHHH"), ELF64: struct.Struct("<HHIQQQIHHHHHH")}
SEGMENTS = {ELF32: struct.Struct("<8I"), ELF64: struct.Struct("<IIQQQQQQ")}


class Segment(NamedTuple):
    """`data` belongs at guest-physical `address`, followed by zeros up to `size` bytes in memory."""

    address: int
    data: bytes
    size: int


@dataclass
class Image:
    """Something to run: `entry` is guest-physical; `xlen` is 32, 64, or None where the file does not say."""

    path: str
    entry: int
    segments: list[Segment]
    xlen: int | None = None
    symbols: Symbols = field(default_factory=Symbols)
    lines: Lines = field(default_factory=Lines)

    @property
    def start(self) -> int:
        """The lowest address that is loaded."""
        return min(segment.address for segment in self.segments)

    @property
    def end(self) -> int:
        """The first address after everything that is loaded."""
        return max(segment.address + segment.size for segment in self.segments)


def read_file(path: str | Path, size: int = -1) -> bytes:
    """The whole file, or its first `size` bytes; raises InputError that says why not."""
    try:
        with open_input(path) as stream:
            return stream.read(size)
    except MemoryError:
        size = Path(path).stat().st_size
        raise InputError(f"{path}: {size} bytes are more than this computer has room for") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def open_input(path: str | Path) -> BinaryIO:
    """Open a file to be read to its end; raises InputError for one that is not there, or is a device without end."""
    try:
        stream = open(path, "rb")  # noqa: SIM115  (the caller closes it)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise InputError(f"{path}: a character device, not a file")
    return stream


def load_elf(path: str | Path, base: int | None = None) -> Image:
    """Read an executable for RISC-V, 32 or 64 bits; raises InputError for anything else.

    A position-independent file linked below `base` is moved there as a whole.
    """
    return parse_elf(read_file(path), str(path), base)


def parse_elf(data: bytes, path: str, base: int | None = None) -> Image:
    """As `load_elf`, from the file's bytes."""
    if data[:4] != MAGIC:
        raise InputError(f"{path}: not an ELF file (starts with {data[:4].hex(' ') or 'nothing'})")
    elf_class = data[4] if len(data) > 5 else 0
    if elf_class not in HEADERS:
        raise InputError(f"{path}: ELF class {elf_class} is neither 1 (32 bits) nor 2 (64 bits)")
    if data[5] == BIG_ENDIAN:
        raise InputError(f"{path}: a big-endian ELF; this machine is little-endian")
    header = HEADERS[elf_class]
    if len(data) < 16 + header.size:
        raise InputError(f"{path}: truncated: {len(data)} bytes, the ELF header takes {16 + header.size}")
    kind, machine, _, entry, phoff, _, _, _, phentsize, phnum, *_ = header.unpack_from(data, 16)
    if machine != RISCV:
        name = MACHINES.get(machine, "another machine")
        raise InputError(f"{path}: an ELF for {name} (e_machine {machine}), not for RISC-V ({RISCV})")
    if kind not in (EXEC, DYN):
        raise InputError(f"{path}: e_type {kind} is {TYPES.get(kind, 'unknown')}, not an executable")
    found = _segments(data, path, SEGMENTS[elf_class], (phoff, phentsize, phnum))
    lowest = min(segment.address for segment, _ in found)
    slide = base - lowest if kind == DYN and base is not None and lowest < base else 0
    for segment, virtual in found:
        if virtual <= entry < virtual + segment.size:
            entry += segment.address - virtual  # linked at virtual addresses: start at the physical one
            break
    xlen = 32 if elf_class == ELF32 else 64
    segments = [Segment(segment.address + slide, segment.data, segment.size) for segment, _ in found]
    return Image(path, entry + slide, segments, xlen, Symbols(data, slide), Lines(data, slide))


def _segments(data: bytes, path: str, layout: struct.Struct, table: tuple[int, int, int]) -> list[tuple[Segment, int]]:
    """Every loadable segment, with its virtual address; `table` is e_phoff, e_phentsize, e_phnum."""
    offset, stride, count = table
    headers_end = offset + stride * count
    found = []
    for index in range(count):
        at = offset + index * stride
        if stride < layout.size or at + layout.size > len(data):
            raise InputError(
                f"{path}: truncated: program header {index} at {at:#x} is beyond the file's {len(data)} bytes"
            )
        if layout.size == SEGMENTS[ELF32].size:
            kind, start, virtual, physical, filesz, memsz, *_ = layout.unpack_from(data, at)
        else:
            kind, _, start, virtual, physical, filesz, memsz, _ = layout.unpack_from(data, at)
        if kind == PT_INTERP:
            raise InputError(f"{path}: needs a dynamic loader (PT_INTERP): a program for Linux, not for a bare machine")
        if kind != PT_LOAD or memsz == 0 or start + memsz <= headers_end:
            continue  # lld gives the file's own headers a segment, at an address without RAM
        if filesz > memsz:
            raise InputError(f"{path}: segment {index}: p_filesz {filesz:#x} is larger than p_memsz {memsz:#x}")
        if start + filesz > len(data):
            raise InputError(
                f"{path}: truncated: segment {index} ends at byte {start + filesz}, the file has {len(data)}"
            )
        found.append((Segment(physical, data[start : start + filesz], memsz), virtual))
    if not found:
        raise InputError(f"{path}: no loadable segment (PT_LOAD)")
    return found
