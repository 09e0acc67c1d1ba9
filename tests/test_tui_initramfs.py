"""The archive of an initial RAM disk, read back by a reader of the format's own description."""

from __future__ import annotations

import gzip
import stat

from hypothesis import given
from hypothesis import strategies as st

from tui.initramfs import Entry, archive, folder, link, node, packed, plain_file


def members(data: bytes) -> list[tuple[str, int, bytes, tuple[int, int], int]]:
    """(name, mode, data, device, links) of each member, up to the trailer; fails by an assertion if it is malformed."""
    found, at = [], 0
    while True:
        assert data[at : at + 6] == b"070701" and at % 4 == 0
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        number, mode, owner, group, links, mtime, size, _, _, major, minor, name_size, check = fields
        assert (owner, group, mtime, check) == (0, 0, 0, 0)
        name = data[at + 110 : at + 110 + name_size]
        assert name.endswith(b"\0")
        at += -(-(110 + name_size) // 4) * 4
        content = data[at : at + size]
        at += -(-size // 4) * 4
        if name == b"TRAILER!!!\0":
            assert at == len(data)
            return found
        assert number == len(found) + 1
        found.append((name[:-1].decode(), mode, content, (major, minor), links))


def test_every_kind_of_entry_is_in_the_archive_as_linux_reads_it() -> None:
    entries = [
        folder("dev"), node("dev/console", 5, 1), plain_file("init", b"#!/bin/sh\n", executable=True),
        plain_file("etc", b""), link("sh", "busybox"),
    ]  # fmt: skip
    assert members(archive(entries)) == [
        ("dev", stat.S_IFDIR | 0o755, b"", (0, 0), 2),
        ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1), 1),
        ("init", stat.S_IFREG | 0o755, b"#!/bin/sh\n", (0, 0), 1),
        ("etc", stat.S_IFREG | 0o644, b"", (0, 0), 1),
        ("sh", stat.S_IFLNK | 0o777, b"busybox", (0, 0), 1),
    ]


@given(st.lists(st.tuples(st.text("abc/é", min_size=1, max_size=9), st.binary(max_size=9)), max_size=5))
def test_names_and_contents_of_any_length_come_back(files: list[tuple[str, bytes]]) -> None:
    found = members(archive([plain_file(name, data) for name, data in files]))
    assert [(name, data) for name, _, data, _, _ in found] == files


def test_the_same_entries_give_the_same_packed_bytes() -> None:
    entries: list[Entry] = [plain_file("init", b"x" * 1000)]
    assert packed(entries) == packed(list(entries))
    assert gzip.decompress(packed(entries)) == archive(entries)
