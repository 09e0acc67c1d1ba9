"""Initial RAM disks: cpio archives of the kind `newc` (Linux, Documentation/driver-api/early-userspace/buffer-format).

Made by us alone: no root is needed for a device node in an archive, and the same entries give the same bytes.
"""

from __future__ import annotations

import gzip
import stat
from dataclasses import dataclass

FIELDS = "070701" + "{:08X}" * 13
TRAILER = "TRAILER!!!"
LARGEST = 0xFFFFFFFF


@dataclass(frozen=True)
class Entry:
    """One thing in an archive: `path` without a leading slash, `mode` with its type, `device` as (major, minor)."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """An empty folder."""
    return Entry(path, stat.S_IFDIR | 0o755)


def plain_file(path: str, data: bytes, *, executable: bool = False) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)


def link(path: str, target: str) -> Entry:
    """A symbolic link to `target`."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def node(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: list[Entry]) -> bytes:
    """The archive of `entries`, in their order, all of root and of 1970; raises ValueError for a file of 4 GiB."""
    parts = [_member(number, entry) for number, entry in enumerate(entries, 1)]
    parts.append(_member(0, Entry(TRAILER, 0)))
    return b"".join(parts)


def packed(entries: list[Entry]) -> bytes:
    """`archive`, packed by gzip; byte for byte the same each time."""
    return gzip.compress(archive(entries), mtime=0)


def _member(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    if len(entry.data) > LARGEST:
        raise ValueError(f"{entry.path}: {len(entry.data)} bytes do not fit into a cpio archive")
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    header = FIELDS.format(
        number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0
    )  # fmt: skip
    return _aligned(header.encode() + name) + _aligned(entry.data)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
