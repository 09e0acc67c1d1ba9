"""The block device, request by request."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from blk_bench import CONTENT, DISCARD, FLUSH, GET_ID, IN, IOERR, OK, OUT, SECTORS, UNSUPP, ZEROES, Bench, disk, ranges
from hypothesis import given, settings
from hypothesis import strategies as st

import virtio.devices.blk
from virtio.devices.blk import MOST_RANGES, MOST_SECTORS, Blk
from virtio.registers import VirtioMmio as R
from virtio.spec import BlkFeature, mask
from virtio.testing import RAM_BASE, VERSION_1


def test_sectors_are_read() -> None:
    _, bench = disk()
    assert bench.ask(IN, 3, room=1024) == (OK, CONTENT[3 * 512 : 5 * 512])
    assert bench.length == 1025
    assert bench.rules == []


def test_sectors_are_written() -> None:
    backend, bench = disk()
    data = b"new" * 512
    assert bench.ask(OUT, 5, data) == (OK, b"")
    assert bench.length == 1
    assert backend.getvalue() == CONTENT[: 5 * 512] + data + CONTENT[8 * 512 :]


def test_the_whole_disk_moves_in_one_request() -> None:
    backend, bench = disk()
    assert bench.ask(IN, 0, room=len(CONTENT)) == (OK, CONTENT)
    assert bench.ask(OUT, 0, CONTENT[::-1]) == (OK, b"")
    assert backend.getvalue() == CONTENT[::-1]


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({a % len(data) for a in at} - {0}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.integers(0, 5000), max_size=6), st.lists(st.integers(0, 5000), max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_request_may_be_cut_anywhere(header: list[int], answer: list[int], indirect: bool) -> None:
    backend, bench = disk()
    request = struct.pack("<IIQ", IN, 0, 2)
    room = [len(part) for part in cut(bytes(1025), answer)]
    assert bench.raw(*cut(request, header), *room, indirect=indirect) == (OK, CONTENT[1024:2048])
    request = struct.pack("<IIQ", OUT, 0, 9) + b"w" * 1024
    assert bench.raw(*cut(request, header), 1, indirect=indirect) == (OK, b"")
    assert backend.getvalue()[9 * 512 : 11 * 512] == b"w" * 1024
    assert [rule for rule in bench.rules if rule != "inv.blk-unsupported-cmd"] == []


def test_the_serial_is_20_bytes_padded_with_zeros() -> None:
    _, bench = disk(serial="virtscope-1")
    assert bench.ask(GET_ID, room=20) == (OK, b"virtscope-1".ljust(20, b"\0"))
    assert bench.rules == []
    assert bench.ask(GET_ID, room=8) == (OK, b"virtscop")
    assert bench.p.complaints == ["blk: GET_ID into 8 bytes instead of 20 [blk.getid-len-20, 5.2.6.1]"]


def test_a_flush_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    with path.open("r+b") as file:
        bench = Bench(Blk(file))
        bench.ask(OUT, 0, b"f" * 512)
        assert bench.ask(FLUSH) == (OK, b"")
        assert path.read_bytes()[:512] == b"f" * 512
        assert bench.rules == []
        assert bench.ask(FLUSH, 7) == (OK, b"")
        assert bench.p.complaints == ["blk: FLUSH of sector 7 [blk.flush-sector-zero, 5.2.6.1]"]


@pytest.mark.parametrize("how", ["no FLUSH", "writeback 0"])
def test_without_a_write_cache_data_is_in_the_file_at_once(tmp_path: Path, how: str) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    with path.open("r+b", buffering=0x10000) as file:
        bench = Bench(Blk(file), VERSION_1 if how == "no FLUSH" else None)
        if how == "writeback 0":
            bench.p.port.store(0x120, 1, 0)
        bench.ask(OUT, 1, b"s" * 512)
        assert path.read_bytes()[512:1024] == b"s" * 512
        bench.p.write(R.Status, 0)
        assert bench.p.port.load(0x120, 1) == 1


def test_a_readonly_disk_offers_ro_and_refuses_writes() -> None:
    backend, bench = disk(readonly=True)
    assert bench.accepted & mask(BlkFeature.RO)
    assert not bench.accepted & mask(BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES)
    assert bench.ask(OUT, 0, bytes(512)) == (IOERR, b"")
    assert bench.ask(ZEROES, 0, struct.pack("<QII", 0, 1, 0)) == (UNSUPP, b"")
    assert bench.ask(FLUSH) == (OK, b"")
    assert bench.ask(IN, 0, room=512) == (OK, CONTENT[:512])
    assert backend.getvalue() == CONTENT
    assert bench.p.complaints[0] == "blk: OUT to a read-only disk [inv.blk-unsupported-cmd, 5.2.6]"


def test_unknown_requests_are_unsupported() -> None:
    _, bench = disk()
    for kind in (2, 3, 9, 14, 0xFFFFFFFF):
        assert bench.ask(kind, 0, bytes(16)) == (UNSUPP, b"")
    assert bench.ask(7, room=20) == (UNSUPP, b"\xee" * 20)
    assert bench.length == 1
    assert bench.rules == ["inv.blk-unsupported-cmd"] * 6
    assert bench.p.complaints[2].startswith("blk: request type 9, which no negotiated feature defines")


@pytest.mark.parametrize(
    ("kind", "data", "room", "complaint"),
    [
        (IN, b"r" * 512, 512, "IN with 512 readable bytes after the header: its data is written [inv.reqhdr-layout"),
        (OUT, b"w" * 512, 3, "OUT with 3 writable bytes before the status: its data is read [inv.reqhdr-layout"),
        (FLUSH, b"f" * 8, 0, "FLUSH with 8 bytes of data [blk.flush-no-data"),
        (FLUSH, b"", 8, "FLUSH with 8 bytes of data [blk.flush-no-data"),
    ],
)
def test_data_in_the_wrong_place_is_named_and_the_request_done(
    kind: int, data: bytes, room: int, complaint: str
) -> None:
    _, bench = disk()
    assert bench.ask(kind, 0, data, room=room)[0] == OK
    assert [text.split(", 5")[0] for text in bench.p.complaints] == [f"blk: {complaint}"]


@pytest.mark.parametrize("sector", [SECTORS, SECTORS - 1, 1 << 60, (1 << 64) - 1])
def test_nothing_beyond_the_capacity_is_touched(sector: int) -> None:
    backend, bench = disk()
    assert bench.ask(IN, sector, room=1024) == (IOERR, b"\xee" * 1024)
    assert bench.length == 1  # the status alone was written
    assert bench.ask(OUT, sector, bytes(1024)) == (IOERR, b"")
    assert backend.getvalue() == CONTENT
    assert bench.p.complaints[0] == (
        f"blk: sectors {sector} to {sector + 1} of a disk of 64 [blk.no-io-beyond-capacity, 5.2.6.1]"
    )


def test_data_is_whole_sectors() -> None:
    backend, bench = disk()
    assert bench.ask(IN, 0, room=100)[0] == IOERR
    assert bench.ask(OUT, 0, bytes(513))[0] == IOERR
    assert backend.getvalue() == CONTENT
    assert bench.rules == ["blk.rw-data-multiple-512"] * 2


@pytest.mark.parametrize("parts", [(b"\0" * 16, b"d" * 512), (b"\0" * 16,)])
def test_a_request_without_a_status_byte_is_named_and_returned(parts: tuple[bytes, ...]) -> None:
    backend, bench = disk()
    bench.raw(*parts)
    assert bench.length == 0
    assert backend.getvalue() == CONTENT
    assert bench.p.complaints == ["blk: chain 0 has no writable byte for the status [inv.reqhdr-layout, 5.2.6]"]


def test_a_short_header_is_named_and_fails() -> None:
    _, bench = disk()
    assert bench.raw(b"\0" * 15, 512, 1) == (IOERR, b"\xee" * 512)
    assert bench.raw(513) == (IOERR, b"\xee" * 512)
    assert "blk: header of 15 bytes instead of 16 [inv.reqhdr-layout, 5.2.6]" in bench.p.complaints
    assert bench.ask(IN, 0, room=512)[0] == OK  # the device goes on


def test_zeroes_are_written_with_or_without_unmap() -> None:
    backend, bench = disk()
    assert bench.ask(ZEROES, 0, ranges((2, 3, 0), (10, 1, 1))) == (OK, b"")
    expected = bytearray(CONTENT)
    expected[2 * 512 : 5 * 512] = bytes(3 * 512)
    expected[10 * 512 : 11 * 512] = bytes(512)
    assert backend.getvalue() == expected
    assert bench.rules == []


def test_a_discard_is_checked() -> None:
    _, bench = disk()
    assert bench.ask(DISCARD, 0, ranges((0, 64, 0))) == (OK, b"")
    assert bench.rules == []
    assert bench.ask(DISCARD, 0, ranges((0, 1, 1))) == (UNSUPP, b"")
    assert bench.p.complaints == ["blk: DISCARD with unmap set [blk.discard-unmap-zero, 5.2.6.1]"]


@pytest.mark.parametrize(
    ("kind", "data", "status", "rule"),
    [
        (ZEROES, ranges((0, 1, 0))[:15], IOERR, "blk.dwz-data-multiple-seg"),
        (DISCARD, b"", IOERR, "blk.dwz-data-multiple-seg"),
        (ZEROES, ranges(*[(0, 1, 0)] * (MOST_RANGES + 1)), IOERR, "blk.write-zeroes-seg-max"),
        (DISCARD, ranges(*[(0, 1, 0)] * (MOST_RANGES + 1)), IOERR, "blk.discard-seg-max"),
        (ZEROES, ranges((0, MOST_SECTORS + 1, 0)), IOERR, "inv.blk-unsupported-cmd"),
        (ZEROES, ranges((0, 1, 0), (64, 1, 0)), IOERR, "blk.no-io-beyond-capacity"),
        (DISCARD, ranges(((1 << 64) - 1, 1, 0)), IOERR, "blk.no-io-beyond-capacity"),
        (ZEROES, ranges((0, 1, 2)), UNSUPP, None),
    ],
)
def test_bad_ranges_change_nothing(kind: int, data: bytes, status: int, rule: str | None) -> None:
    backend, bench = disk()
    assert bench.ask(kind, 0, data) == (status, b"")
    assert backend.getvalue() == CONTENT
    assert bench.rules == ([rule] if rule else [])


def test_commands_without_their_feature_are_named() -> None:
    _, bench = (None, Bench(Blk(io.BytesIO(CONTENT)), VERSION_1))
    assert bench.ask(FLUSH)[0] == OK
    assert bench.ask(DISCARD, 0, ranges((0, 1, 0)))[0] == UNSUPP
    assert bench.rules == ["inv.blk-unsupported-cmd"] * 2
    assert "blk: DISCARD without the feature" in bench.p.complaints[1]


def test_several_requests_are_done_in_one_kick() -> None:
    backend, bench = disk()
    queue = bench.queue
    queue.add(struct.pack("<IIQ", OUT, 0, 1) + b"1" * 512, 1)
    (_, answer, _) = queue.add(struct.pack("<IIQ", IN, 0, 1), 512, 1)
    queue.notify()
    assert queue.used() == [(0, 1), (2, 513)]
    assert bench.p.memory.read(answer, 512) == b"1" * 512
    assert backend.getvalue()[512:1024] == b"1" * 512


def test_a_request_over_the_same_memory_again_and_again_is_served() -> None:
    """Sixteen MiB into 1 MiB of RAM, by descriptors that all name the same bytes."""
    bench = Bench(Blk(io.BytesIO(bytes(16 << 20))))
    queue = bench.queue
    header = queue.place(struct.pack("<IIQ", IN, 0, 0))
    queue.descriptor(0, header, 16, 1, 1)
    for i in range(1, 15):
        queue.descriptor(i, RAM_BASE + 0x80000, 0x80000, 3, i + 1)
    queue.descriptor(15, header, 1, 2)
    queue.offer(0)
    queue.notify()
    assert queue.used() == [(0, 14 * 0x80000 + 1)]


def test_the_device_takes_less_than_200_lines() -> None:
    assert len(Path(virtio.devices.blk.__file__).read_text().splitlines()) < 200
