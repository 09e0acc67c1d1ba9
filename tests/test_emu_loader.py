"""emu/loader.py: what goes where in RAM, and what does not fit."""

from __future__ import annotations

import gzip
import re
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from elfs import make_elf
from hypothesis import assume, given
from hypothesis import strategies as st

from emu.errors import InputError
from emu.loader import (
    MIB,
    fw_dynamic_info,
    image_xlen,
    is_linux,
    kernel_room,
    load_image,
    place,
    plan,
    read_image,
    read_kernel,
)
from emu.memory import Ram

BASE = 0x80000000


def ram(mib: int = 64) -> Ram:
    return Ram(BASE, mib * MIB)


def linux_header(text_offset: int, image_size: int) -> bytes:
    return struct.pack(
        "<IIQQQII8s8s4sI", 0xA0D1, 0, text_offset, image_size, 0, 2, 0, bytes(8), b"RISCV\0\0\0", b"RSC\x05", 0
    )


def test_place_copies_and_clears_what_follows() -> None:
    memory = ram(4)
    memory.write(BASE, b"\xff" * (3 * MIB))
    place(memory, BASE + 16, b"abc", "a.bin", 2 * MIB + 5)
    assert memory.read(BASE, 20) == b"\xff" * 16 + b"abc\0"
    assert memory.read(BASE + 19, 2 * MIB + 2) == bytes(2 * MIB + 2)
    assert memory.read(BASE + 16 + 2 * MIB + 5, 1) == b"\xff"


@pytest.mark.parametrize(
    ("address", "size", "message"),
    [
        (BASE + 4 * MIB - 2, 3, "RAM too small: a.bin takes 0x3 bytes at 0x803ffffe, RAM is 0x80000000 to 0x80400000"),
        (BASE + 8 * MIB, 3, "RAM too small: a.bin takes 0x3 bytes at 0x80800000"),
        (0, 3, "outside RAM: a.bin takes 0x3 bytes at 0x0, RAM is 0x80000000 to 0x80400000 (4 MiB)"),
        (BASE, 4 * MIB + 1, "RAM too small: a.bin takes 0x400001 bytes at 0x80000000"),
    ],
)
def test_what_does_not_fit_is_named_with_its_size_and_address(address: int, size: int, message: str) -> None:
    with pytest.raises(InputError, match="^" + re.escape(message)):
        place(ram(4), address, b"abc", "a.bin", size)


def test_the_last_byte_of_ram_can_be_used() -> None:
    memory = ram(4)
    place(memory, BASE + 4 * MIB - 3, b"abc", "a.bin")
    assert memory.read(BASE + 4 * MIB - 3, 3) == b"abc"


def test_an_elf_and_a_flat_binary_are_told_apart(tmp_path: Path) -> None:
    elf, flat = tmp_path / "a.elf", tmp_path / "a.bin"
    elf.write_bytes(make_elf([(BASE + 0x100, b"code", 12)], entry=BASE + 0x104))
    flat.write_bytes(b"raw code")
    memory = ram(4)
    memory.write(BASE + 0x104, b"\xff" * 8)
    image = load_image(elf, memory, BASE)
    assert (image.entry, image.xlen, memory.read(BASE + 0x100, 12)) == (BASE + 0x104, 64, b"code" + bytes(8))
    image = load_image(flat, memory, BASE + 0x2000)
    assert (image.entry, image.xlen, memory.read(BASE + 0x2000, 8)) == (BASE + 0x2000, None, b"raw code")
    assert image.symbols.name_at(BASE + 0x2000) == "" and image.end == BASE + 0x2008


def test_files_that_cannot_be_images_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.bin"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match=re.escape(f"{empty}: the file is empty")):
        read_image(empty, BASE, ram(4))


def test_a_packed_image_is_unpacked(tmp_path: Path) -> None:
    packed = tmp_path / "Image.gz"
    packed.write_bytes(gzip.compress(b"kernel"))
    assert read_image(packed, BASE, ram(4)).segments == [(BASE, b"kernel", 6)]


def test_an_elf_segment_outside_ram_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "low.elf"
    path.write_bytes(make_elf([(0x1000, b"code", 4)], entry=0x1000))
    with pytest.raises(InputError, match=r"^outside RAM: .*low\.elf takes 0x4 bytes at 0x1000"):
        load_image(path, ram(4), BASE)


def test_a_kernel_goes_where_its_header_says_or_where_linux_wants_it(tmp_path: Path) -> None:
    kernel, boot_loader = tmp_path / "Image", tmp_path / "u-boot.bin"
    kernel.write_bytes(linux_header(6 * MIB, 9 * MIB) + bytes(5 * MIB))
    boot_loader.write_bytes(b"code")
    memory = ram()
    for path, start, room in ((kernel, 6 * MIB, 9 * MIB), (boot_loader, 2 * MIB, 4)):
        image = read_kernel(path, memory, 2 * MIB)
        assert (image.entry, image.start, kernel_room(image)) == (BASE + start, BASE + start, room)


def test_a_kernel_that_was_cut_is_named_unless_it_is_put_somewhere_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(linux_header(2 * MIB, 9 * MIB) + bytes(4 * MIB))
    message = f"{path}: truncated: {4 * MIB + 64} bytes, and its header says that it takes {9 * MIB} in memory"
    with pytest.raises(InputError, match="^" + re.escape(message)):
        read_kernel(path, ram(), 0)
    assert kernel_room(read_image(path, BASE + 2 * MIB, ram())) == 9 * MIB


@pytest.mark.parametrize("linked_at", [0, BASE, 0xFFFFFFFF80000000])
def test_an_elf_of_linux_is_moved_to_where_its_header_says(linked_at: int, tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    text = linux_header(2 * MIB, 9 * MIB) + bytes(64)
    path.write_bytes(make_elf([(linked_at, text, 128), (linked_at + 4096, b"data", 8)], entry=linked_at + 64))
    image = read_kernel(path, ram(), 0)
    assert is_linux(image)
    assert (image.entry, image.start) == (BASE + 2 * MIB + 64, BASE + 2 * MIB)
    assert [segment.address for segment in image.segments] == [BASE + 2 * MIB, BASE + 2 * MIB + 4096]


def test_an_elf_of_linux_that_is_in_its_place_stays(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    at = BASE + 8 * MIB
    path.write_bytes(make_elf([(at, linux_header(2 * MIB, MIB), 64)], entry=0xC0000000, virtual=0xC0000000 - at))
    image = read_kernel(path, ram(), 0)
    assert (image.entry, image.start) == (at, at)


@pytest.mark.parametrize(("offset", "xlen"), [(2 * MIB, 64), (4 * MIB, 32), (0, None)])
def test_a_linux_kernel_for_s_mode_says_what_it_is_for(offset: int, xlen: int | None, tmp_path: Path) -> None:
    path = tmp_path / "Image.gz"
    path.write_bytes(gzip.compress(linux_header(offset, 100) + b"code"))
    assert image_xlen(path) == xlen
    assert is_linux(read_kernel(path, ram(), 0)) is (xlen is not None)


def test_a_file_that_is_no_kernel_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"text", b"\x1f\x8bnot gzip", b"\x7fELF", b"\x7fELF\x07"):
        path.write_bytes(content)
        assert image_xlen(path) is None


def test_the_device_tree_is_near_the_end_and_the_initrd_in_the_middle() -> None:
    where = plan(ram(128), BASE + 38 * MIB, 3000, 5 * MIB)
    assert where.dtb == BASE + 126 * MIB
    assert where.initrd == (BASE + 64 * MIB, BASE + 69 * MIB)


def test_a_large_kernel_pushes_the_initrd_up() -> None:
    where = plan(ram(128), BASE + 100 * MIB + 1, 3000, 5 * MIB)
    assert where.initrd == (BASE + 100 * MIB + 4096, BASE + 105 * MIB + 4096)


def test_small_ram_is_used_to_the_last_page() -> None:
    where = plan(ram(4), BASE + 3 * MIB, 3000, MIB - 9 * 4096)
    assert where.initrd is not None and where.initrd[0] >= BASE + 3 * MIB and where.initrd[1] <= where.dtb
    assert plan(ram(4), BASE + 3 * MIB, 3000).dtb >= BASE + 3 * MIB


def test_what_is_too_much_for_ram_is_named() -> None:
    message = "RAM too small: an initrd of 0x500000 and a device tree of 0xbb8 bytes do not fit between 0x80300000 and"
    with pytest.raises(InputError, match="^" + re.escape(message)):
        plan(ram(4), BASE + 3 * MIB, 3000, 5 * MIB)
    with pytest.raises(InputError, match=r"^RAM too small: a device tree of 0xbb8 bytes does not fit between 0x803ff"):
        plan(ram(4), BASE + 4 * MIB - 4096, 3000)


@given(st.integers(1, 512), st.integers(0, 600 * MIB), st.integers(1, 1 << 20), st.integers(0, 300 * MIB))
def test_nothing_overlaps_and_all_is_inside_ram(mib: int, used: int, dtb_size: int, initrd_size: int) -> None:
    memory = ram(mib)
    end = memory.base + memory.size
    try:
        where = plan(memory, BASE + used, dtb_size, initrd_size)
    except InputError:
        return
    parts = [(BASE, BASE + used), (where.dtb, where.dtb + dtb_size + 16384), (where.info, where.info + 48)]
    if initrd_size:
        assert where.initrd is not None
        parts.append(where.initrd)
    parts.sort()
    assert all(first[1] <= second[0] for first, second in pairwise(parts))
    assert parts[-1][1] <= end and where.dtb % 4096 == 0 and where.info % 8 == 0


@given(st.integers(4, 64), st.integers(0, 32 * MIB), st.integers(1, 16 * MIB))
def test_what_fits_is_placed(mib: int, used: int, initrd_size: int) -> None:
    assume(used + initrd_size + 64 * 1024 <= mib * MIB)
    where = plan(ram(mib), BASE + used, 4096, initrd_size)
    assert where.initrd is not None and where.initrd[1] - where.initrd[0] == initrd_size


def test_fw_dynamic_is_told_where_to_go() -> None:
    assert struct.unpack("<6Q", fw_dynamic_info(64, 0x80200000, 0)) == (0x4942534F, 2, 0x80200000, 1, 0, 0)
    assert struct.unpack("<6I", fw_dynamic_info(32, 0x80400000, 3)) == (0x4942534F, 2, 0x80400000, 1, 0, 3)
