"""Kernels as they are shipped: packed by gzip (`Image.gz`), or that inside an EFI program (zboot)."""

from __future__ import annotations

import struct
import zlib

from emu.errors import InputError

GZIP = b"\x1f\x8b"
GZIP_WINDOW = 16 + zlib.MAX_WBITS
ZBOOT = struct.Struct("<2s2x4sII8x32s")
"""`MZ`, `zimg`, offset and size of the payload, what packed it (Linux, drivers/firmware/efi/libstub/zboot-header.S)."""


def unpack(data: bytes, name: str, limit: int) -> bytes:
    """What `data` holds when unpacked, itself if it is not packed; raises InputError beyond `limit` bytes."""
    payload = _payload(data, name)
    if payload is None:
        return data
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(payload, limit + 1)
    except zlib.error as error:
        raise InputError(f"{name}: corrupt: {_reason(error)}") from None
    if len(unpacked) > limit:
        raise InputError(f"{name}: unpacks to more than RAM's {limit >> 20} MiB")
    if not unpacker.eof:
        raise InputError(f"{name}: truncated: the gzip stream does not end within its {len(payload)} bytes")
    if not unpacked:
        raise InputError(f"{name}: unpacks to nothing")
    return unpacked


def beginning(data: bytes, name: str, size: int) -> bytes:
    """The first `size` bytes of what `unpack` gives, or fewer if they cannot be had."""
    try:
        payload = _payload(data, name)
        return data[:size] if payload is None else zlib.decompressobj(GZIP_WINDOW).decompress(payload, size)
    except (InputError, zlib.error):
        return b""


def is_zboot(data: bytes) -> bool:
    """Whether this is an EFI program that unpacks itself: what it unpacks may lie anywhere in it."""
    return data[:2] == b"MZ" and data[4:8] == b"zimg"


def _payload(data: bytes, name: str) -> bytes | None:
    """The gzip stream in `data`, or None if there is none."""
    if data.startswith(GZIP):
        return data
    if len(data) < ZBOOT.size:
        return None
    mz, magic, offset, size, packer = ZBOOT.unpack_from(data)
    if (mz, magic) != (b"MZ", b"zimg"):
        return None
    kind = packer.split(b"\0")[0]
    if kind != b"gzip":
        raise InputError(f"{name}: an EFI zboot image packed by {kind.decode('ascii', 'replace')}; only gzip is known")
    if offset + size > len(data):
        raise InputError(f"{name}: truncated: its payload ends at byte {offset + size}, the file has {len(data)}")
    return data[offset : offset + size]


def _reason(error: zlib.error) -> str:
    """zlib's words without its numbers: `incorrect data check`."""
    return str(error).rpartition(": ")[2]
