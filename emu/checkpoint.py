"""Checkpoint files: a machine on disk, in a format of our own that holds named fields and no raw state of the core.

    virtscope checkpoint 1\\n     the magic and the version of the format
    u64, u64                     little endian: bytes of the header, bytes of the pages
    header                       a JSON object: what kind of machine, and the state of each of its parts
    pages                        for each MiB of RAM that is not zero: u32 number of the MiB, u32 size of the data,
                                 32 bytes with a bit for each page of 4 KiB that is there, those pages by zlib
    32 bytes                     SHA-256 of everything before

A file is written beside its place and moved there when it is complete and on disk: it is whole or not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from emu.elf import open_input
from emu.errors import InputError
from emu.memory import Ram
from emu.snapshot import BadState, State

VERSION = 1
MAGIC = re.compile(rb"virtscope checkpoint (\d{1,9})\n")
LENGTHS, CHUNK = struct.Struct("<QQ"), struct.Struct("<II32s")
DIGEST = 32
PAGE, PAGES = 4096, 256
CHUNK_SIZE = PAGE * PAGES
ZERO = bytes(CHUNK_SIZE)
LARGEST_HEADER = 1 << 26
LEVEL = 1
"""zlib's fastest: the others take four times as long for a tenth less."""


@dataclass
class Checkpoint:
    """What was read: `header` as it was written, `pages` still packed."""

    path: str
    header: State
    pages: bytes

    def fill(self, ram: Ram) -> None:
        """Write the pages into RAM, which is all zero; raises InputError."""
        try:
            for address, data in _unpacked(self.pages, ram):
                ram.view[address : address + len(data)] = data
        except BadState as error:
            raise InputError(f"{self.path}: {error}") from None


def check_target(path: str) -> None:
    """See that a checkpoint can be put at `path`; raises InputError."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise InputError(f"{path}: there is no folder {folder}")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"{path}: not a regular file, a checkpoint would replace it")


def write(path: str, header: State, ram: Ram) -> int:
    """Put a checkpoint at `path`; returns its size in bytes. Raises OSError; what was there is whole then."""
    target = Path(os.path.realpath(path))
    text = json.dumps(header, separators=(",", ":")).encode()
    descriptor, name = tempfile.mkstemp(".partial", f".{target.name}-", target.parent)
    try:
        with open(descriptor, "w+b") as stream:
            size = _write(stream, text, ram)
            stream.flush()
            os.fsync(descriptor)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size


def _write(stream: BinaryIO, text: bytes, ram: Ram) -> int:
    magic = b"virtscope checkpoint %d\n" % VERSION
    stream.write(magic + LENGTHS.pack(len(text), 0) + text)
    size = 0
    for chunk in _packed(ram):
        size += stream.write(chunk)
    stream.seek(len(magic))
    stream.write(LENGTHS.pack(len(text), size))
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").digest()  # type: ignore[arg-type]  # it reads a file opened w+b
    stream.seek(0, os.SEEK_END)
    return stream.tell() + stream.write(digest)


def _packed(ram: Ram) -> Iterator[bytes]:
    for number in range((ram.size + CHUNK_SIZE - 1) // CHUNK_SIZE):
        data = bytes(ram.view[number * CHUNK_SIZE : (number + 1) * CHUNK_SIZE])
        if data == ZERO[: len(data)]:
            continue
        pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
        there = sum(1 << i for i, page in enumerate(pages) if page != ZERO[:PAGE])
        packed = zlib.compress(b"".join(page for i, page in enumerate(pages) if there >> i & 1), LEVEL)
        yield CHUNK.pack(number, len(packed), there.to_bytes(32, "little")) + packed


def read(path: str) -> Checkpoint:
    """Read a checkpoint and see that it is whole; raises InputError with one line for whatever is wrong."""
    try:
        with open_input(path) as stream:
            first = stream.readline(64)
            found = MAGIC.fullmatch(first)
            if found is None:
                raise InputError(f"{path}: not a checkpoint of virtscope")
            if int(found[1]) != VERSION:
                raise InputError(f"{path}: version {int(found[1])} of the format, this virtscope reads {VERSION}")
            head = stream.read(LENGTHS.size)
            header_size, pages_size = LENGTHS.unpack(head.ljust(LENGTHS.size, b"\0"))
            over = os.fstat(stream.fileno()).st_size - (stream.tell() + header_size + pages_size + DIGEST)
            if len(head) < LENGTHS.size or over < 0:
                raise InputError(f"{path}: truncated: {max(-over, 1)} bytes are missing, by what it says itself")
            if over > 0 or header_size > LARGEST_HEADER:
                raise InputError(f"{path}: corrupt: its lengths are wrong")
            header_text, pages, checksum = map(stream.read, (header_size, pages_size, DIGEST))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    digest = hashlib.sha256(first + head + header_text)
    digest.update(pages)
    if digest.digest() != checksum:
        raise InputError(f"{path}: corrupt: its checksum is wrong")
    try:
        header = json.loads(header_text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: corrupt: the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise InputError(f"{path}: corrupt: the header is not an object")
    return Checkpoint(path, header, pages)


def _unpacked(pages: bytes, ram: Ram) -> Iterator[tuple[int, bytes]]:
    """(offset in RAM, bytes of whole pages) of every run of pages; raises BadState."""
    at, least = 0, 0
    while at < len(pages):
        if len(pages) - at < CHUNK.size:
            raise BadState("a piece of a header", "pages")
        number, size, there = CHUNK.unpack_from(pages, at)
        at += CHUNK.size
        here = int.from_bytes(there, "little")
        offset = number * CHUNK_SIZE
        name = f"MiB {number}"
        if number < least or offset + here.bit_length() * PAGE > ram.size:
            raise BadState("out of order, or outside of RAM", "pages", name)
        wanted = here.bit_count() * PAGE
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(pages[at : at + size], wanted + 1)
        except zlib.error as error:
            raise BadState(f"cannot be unpacked: {error}", "pages", name) from None
        if len(data) != wanted or not unpacker.eof or size > len(pages) - at:
            raise BadState(f"does not hold {wanted} bytes", "pages", name)
        at, least = at + size, number + 1
        yield from _runs(here, data, offset)


def _runs(here: int, data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    taken, page = 0, 0
    while here >> page:
        rest = here >> page
        page += (rest & -rest).bit_length() - 1  # the first that is there
        rest = here >> page
        count = (~rest & rest + 1).bit_length() - 1  # and how many follow each other
        yield offset + page * PAGE, data[taken : taken + count * PAGE]
        taken, page = taken + count * PAGE, page + count
