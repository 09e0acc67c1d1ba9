"""Put images into RAM, and say where firmware, kernel, initrd and device tree go."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from emu.elf import ELF32, ELF64, Image, Segment, parse_elf, read_file
from emu.elf import MAGIC as ELF_MAGIC
from emu.errors import InputError
from emu.linux import check_size, check_whole, linux_header
from emu.memory import Ram
from emu.unpack import beginning, is_zboot, unpack

KIB, MIB = 1 << 10, 1 << 20
KERNEL_OFFSET = {32: 4 * MIB, 64: 2 * MIB}
"""Where firmware enters a kernel, from the start of RAM: Linux maps itself with pages of this size."""
DTB_ALIGN = 2 * MIB
DTB_SLACK = 16 * KIB
"""Firmware edits the device tree where it lies, and makes it longer."""
PAGE = 4 * KIB
HEAD = 64 * KIB
"""Bytes of a file that are enough to tell what it is."""

FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, S_MODE = 0x4942534F, 2, 1  # OpenSBI's docs/firmware/fw_dynamic.md


def check_room(ram: Ram, address: int, size: int, name: str) -> None:
    """Raises InputError unless RAM has `size` bytes at `address`."""
    if not ram.contains(address, size):
        end = ram.base + ram.size
        small = "RAM too small" if address >= ram.base else "outside RAM"
        raise InputError(
            f"{small}: {name} takes {size:#x} bytes at {address:#x}, RAM is {ram.base:#x} to {end:#x} "
            f"({ram.size // MIB} MiB)"
        )


def place(ram: Ram, address: int, data: bytes, name: str, size: int = 0) -> None:
    """Copy `data` to `address`, then zeros up to `size` bytes; raises InputError if RAM does not reach that far."""
    size = max(size, len(data))
    check_room(ram, address, size, name)
    ram.write(address, data)
    while len(data) < size:  # RAM may hold an earlier program's bytes
        address, size = address + len(data), size - len(data)
        data = bytes(min(size, MIB))
        ram.write(address, data)


def read_image(path: str | Path, load_address: int, ram: Ram) -> Image:
    """An ELF, or anything else as a flat binary that is loaded and entered at `load_address`; gzip is unpacked."""
    return _parse(_read(path, ram), path, load_address)


def read_kernel(path: str | Path, ram: Ram, offset: int) -> Image:
    """As `read_image`, with Linux where its header says, an ELF too; others go `offset` bytes into RAM."""
    data = _read(path, ram)
    header = linux_header(data)
    if header is not None:
        check_size(header, len(data), str(path))
    image = _parse(data, path, ram.base + (header.text_offset if header and header.text_offset else offset))
    header = linux_header(image.segments[0].data)
    if header is not None and header.is_for_s_mode:
        lowest = ram.base + header.text_offset
        if not lowest <= image.start < ram.base + ram.size:
            _move(image, lowest - image.start)
    return image


def _read(path: str | Path, ram: Ram) -> bytes:
    data = read_file(path)
    if not data:
        raise InputError(f"{path}: the file is empty")
    return unpack(data, str(path), ram.size)


def _parse(data: bytes, path: str | Path, load_address: int) -> Image:
    if data.startswith(ELF_MAGIC):
        return parse_elf(data, str(path), load_address)
    check_whole(data, str(path))
    linux = linux_header(data)
    return Image(str(path), load_address, [Segment(load_address, data, len(data))], linux.xlen if linux else None)


def _move(image: Image, by: int) -> None:
    """Linux is linked at an address that the boot loader need not heed."""
    image.entry += by
    image.segments = [Segment(address + by, data, size) for address, data, size in image.segments]


def image_xlen(path: str | Path) -> int | None:
    """32 or 64 where the file is an ELF or a Linux kernel, which say so; raises InputError if it cannot be read."""
    first = read_file(path, HEAD)
    head = beginning(read_file(path) if is_zboot(first) else first, str(path), 64)
    if head.startswith(ELF_MAGIC):
        return {ELF32: 32, ELF64: 64}.get(head[4]) if len(head) > 4 else None
    linux = linux_header(head)
    return linux.xlen if linux else None


def is_linux(image: Image) -> bool:
    """Whether this is a Linux kernel for S mode, flat or ELF."""
    header = linux_header(image.segments[0].data)
    return header is not None and header.is_for_s_mode


def place_image(ram: Ram, image: Image) -> None:
    """Copy every segment of `image` into RAM; raises InputError for one that does not fit."""
    for segment in image.segments:
        place(ram, segment.address, segment.data, image.path, segment.size)


def load_image(path: str | Path, ram: Ram, load_address: int) -> Image:
    """`read_image` and `place_image`."""
    image = read_image(path, load_address, ram)
    place_image(ram, image)
    return image


def kernel_room(image: Image) -> int:
    """How many bytes from its start a kernel takes while it runs: as its Linux header says (Debian's: 36 MiB)."""
    header = linux_header(image.segments[0].data)
    return max(image.end - image.start, header.image_size if header else 0)


@dataclass(frozen=True)
class Placement:
    """Guest-physical addresses: `dtb`, `info` (the fw_dynamic block), `initrd` as (start, end) or None."""

    dtb: int
    info: int
    initrd: tuple[int, int] | None


def plan(ram: Ram, taken: int, dtb_size: int, initrd_size: int = 0) -> Placement:
    """Place device tree and initrd above `taken`, the first address after everything else.

    The device tree goes near the end of RAM, where QEMU puts it, the initrd in the middle, clear of what a boot
    loader that moves itself to the end of RAM overwrites. Raises InputError if RAM is too small.
    """
    end = ram.base + ram.size
    need = dtb_size + DTB_SLACK + PAGE
    dtb = _down(end - need, DTB_ALIGN)
    if dtb < taken + initrd_size:
        dtb = _down(end - need, PAGE)
    info = _up(dtb + dtb_size + DTB_SLACK, 8)
    initrd = None
    if initrd_size:
        start = max(_up(taken, PAGE), ram.base + ram.size // 2)
        if start + initrd_size > dtb:
            start = _down(dtb - initrd_size, PAGE)
        initrd = (start, start + initrd_size)
    if min(dtb, initrd[0] if initrd else dtb) < taken:
        what = f"an initrd of {initrd_size:#x} and " if initrd_size else ""
        verb = "do" if initrd_size else "does"
        raise InputError(
            f"RAM too small: {what}a device tree of {dtb_size:#x} bytes {verb} not fit between {taken:#x} and {end:#x} "
            f"({ram.size // MIB} MiB)"
        )
    return Placement(dtb, info, initrd)


def fw_dynamic_info(xlen: int, next_address: int, boot_hart: int = 0) -> bytes:
    """The block that OpenSBI's fw_dynamic wants in a2: enter `next_address` in S-mode."""
    fields = (FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, next_address, S_MODE, 0, boot_hart)
    return struct.pack("<6I" if xlen == 32 else "<6Q", *fields)


def _down(address: int, align: int) -> int:
    return address - address % align


def _up(address: int, align: int) -> int:
    return -(-address // align) * align
