"""Makes small ELF files for tests, right ones and wrong ones."""

from __future__ import annotations

import struct

RISCV = 243


def make_elf(
    segments: list[tuple[int, bytes, int]],
    *,
    bits: int = 64,
    entry: int = 0x80000000,
    machine: int = RISCV,
    kind: int = 2,
    endian: int = 1,
    virtual: int = 0,
    extra: list[tuple[int, int, int]] | None = None,
) -> bytes:
    """An executable; segments as (address, bytes, size in memory), their virtual addresses `virtual` higher.

    `extra` program headers are (type, offset, size in the file) without data of their own.
    """
    header, program = (64, 56) if bits == 64 else (52, 32)
    extra = extra or []
    count = len(segments) + len(extra)
    at = header + program * count
    table, body = b"", b""
    for address, data, size in segments:
        table += _program(bits, 1, at + len(body), (address + virtual, address, len(data), size))
        body += data
    for segment_kind, offset, size in extra:
        table += _program(bits, segment_kind, offset, (0, 0, size, size))
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, endian, 1]) + bytes(9)
    order = "<" if endian == 1 else ">"
    layout = order + ("HHIQQQIHHHHHH" if bits == 64 else "HHIIIIIHHHHHH")
    fields = (kind, machine, 1, entry, header, 0, 0, header, program, count, 0, 0, 0)
    return ident + struct.pack(layout, *fields) + table + body


def _program(bits: int, kind: int, offset: int, where: tuple[int, int, int, int]) -> bytes:
    virtual, physical, filesz, memsz = where
    if bits == 64:
        return struct.pack("<IIQQQQQQ", kind, 5, offset, virtual, physical, filesz, memsz, 4)
    return struct.pack("<8I", kind, offset, virtual, physical, filesz, memsz, 5, 4)
