"""The header of a RISC-V Linux `Image` (Documentation/arch/riscv/boot-image-header.rst), EFI stub or not."""

from __future__ import annotations

import struct
from typing import NamedTuple

from emu.errors import InputError

HEADER = struct.Struct("<8xQQQII16s4sI")
MAGIC2 = b"RSC\x05"
PE_SECTION = struct.Struct("<8xIIII16x")
OFFSETS = {0x200000: 64, 0x400000: 32}
"""text_offset of a kernel for S mode -> its xlen; one for M mode has 0."""


class LinuxHeader(NamedTuple):
    """`text_offset` from the start of RAM, `image_size` in memory, both in bytes."""

    text_offset: int
    image_size: int

    @property
    def is_for_s_mode(self) -> bool:
        return self.text_offset != 0

    @property
    def xlen(self) -> int | None:
        """What the kernel is for, where its place in RAM says so."""
        return OFFSETS.get(self.text_offset)


def linux_header(data: bytes) -> LinuxHeader | None:
    """The header at the start of `data`, or None if this is no Linux `Image`."""
    if len(data) < HEADER.size:
        return None
    text_offset, image_size, _, _, _, _, magic2, _ = HEADER.unpack_from(data)
    return LinuxHeader(text_offset, image_size) if magic2 == MAGIC2 else None


def check_size(header: LinuxHeader, size: int, name: str) -> None:
    """Raises InputError for a kernel whose file is less than half of what it takes in memory: it was cut.

    Only the memory that is zero at the start (BSS) is not in the file, and Linux has little of it.
    """
    if header.is_for_s_mode and size < header.image_size // 2:
        raise InputError(
            f"{name}: truncated: {size} bytes, and its header says that it takes {header.image_size} in memory "
            "(a kernel that is so runs with --load-address)"
        )


def check_whole(data: bytes, name: str) -> None:
    """Raises InputError for an EFI stub kernel that ends before its last section does; others do not say."""
    if data[:2] != b"MZ" or len(data) < HEADER.size:
        return
    at = HEADER.unpack_from(data)[-1]
    if data[at : at + 4] != b"PE\0\0" or at + 24 > len(data):
        return
    count, optional = struct.unpack_from("<H12xH", data, at + 6)
    for index in range(count):
        section = at + 24 + optional + index * 40
        if section + 40 > len(data):
            raise InputError(f"{name}: truncated: the table of its {count} sections is beyond its {len(data)} bytes")
        _, _, size, start = PE_SECTION.unpack_from(data, section)
        if start + size > len(data):
            raise InputError(f"{name}: truncated: section {index} ends at byte {start + size}, it has {len(data)}")
