"""emu/unpack.py and emu/linux.py: kernels as they are shipped, whole or not."""

from __future__ import annotations

import gzip
import random
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import InputError
from emu.linux import check_whole, linux_header
from emu.unpack import beginning, unpack

MIB = 1 << 20
KERNEL = random.Random(3).randbytes(MIB)
PACKED = gzip.compress(KERNEL)


def zboot(payload: bytes, packer: bytes = b"gzip", size: int | None = None) -> bytes:
    size = len(payload) if size is None else size
    return struct.pack("<2s2x4sII8x32s", b"MZ", b"zimg", 64, size, packer).ljust(64, b"\0") + payload


def efi_stub(sections: list[tuple[int, int]], length: int) -> bytes:
    """A Linux header, and a PE header whose sections have these file offsets and sizes."""
    linux = struct.pack("<2s6xQQQII16s4sI", b"MZ", 2 * MIB, MIB, 0, 2, 0, b"", b"RSC\x05", 64)
    pe = b"PE\0\0" + struct.pack("<2xH12xH2x", len(sections), 16) + bytes(16)
    table = b"".join(struct.pack("<8sIIII16x", b"", 0, 0, size, start) for start, size in sections)
    return (linux + pe + table).ljust(length, b"\0")


def test_a_packed_kernel_is_unpacked_and_another_left_alone() -> None:
    assert unpack(PACKED, "Image.gz", MIB) == KERNEL
    assert unpack(zboot(PACKED), "vmlinuz.efi", MIB) == KERNEL
    assert unpack(KERNEL, "Image", MIB) == KERNEL
    assert beginning(PACKED, "Image.gz", 64) == beginning(KERNEL, "Image", 64) == KERNEL[:64]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PACKED[:-9], "k: truncated: the gzip stream does not end within its"),
        (PACKED[:-8] + bytes(8), "k: corrupt: incorrect data check"),
        (b"\x1f\x8b\x07" + bytes(20), "k: corrupt: unknown compression method"),
        (gzip.compress(bytes(MIB + 1)), "k: unpacks to more than RAM's 1 MiB"),
        (gzip.compress(b""), "k: unpacks to nothing"),
        (zboot(PACKED, b"zstd"), "k: an EFI zboot image packed by zstd; only gzip is known"),
        (zboot(PACKED, size=1 << 30), "k: truncated: its payload ends at byte 1073741888, the file has"),
    ],
)
def test_a_packed_kernel_that_cannot_be_used_is_named(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match="^" + re.escape(message)):
        unpack(data, "k", MIB)


def test_a_bomb_takes_no_more_memory_than_ram() -> None:
    bomb = gzip.compress(bytes(256 * MIB), 1)
    with pytest.raises(InputError, match="more than RAM's 1 MiB"):
        unpack(bomb, "k", MIB)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b\x08", b"MZ\0\0zimg", b"MZ"]))
def test_no_bytes_raise_anything_but_an_input_error(data: bytes, start: bytes) -> None:
    for check in (lambda: unpack(start + data, "k", MIB), lambda: check_whole(start + data, "k")):
        try:
            check()
        except InputError as error:
            assert str(error).startswith("k: ")
    beginning(start + data, "k", 64)
    linux_header(start + data)


def test_an_efi_stub_kernel_that_was_cut_is_named() -> None:
    sections = [(512, 4096), (4608, 1000)]
    check_whole(efi_stub(sections, 5608), "k")
    with pytest.raises(InputError, match=r"^k: truncated: section 1 ends at byte 5608, it has 5607$"):
        check_whole(efi_stub(sections, 5607), "k")
    with pytest.raises(InputError, match=r"^k: truncated: the table of its 2 sections is beyond its 130 bytes$"):
        check_whole(efi_stub(sections, 5608)[:130], "k")


def test_the_header_of_linux_is_found_only_where_it_is() -> None:
    header = linux_header(efi_stub([], 0))
    assert header is not None
    assert (header.text_offset, header.image_size, header.xlen, header.is_for_s_mode) == (2 * MIB, MIB, 64, True)
    assert linux_header(KERNEL) is None and linux_header(b"") is None
