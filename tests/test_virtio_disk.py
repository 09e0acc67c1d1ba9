"""The host's side of a block device: its configuration, and files that fail, change or cannot be."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from blk_bench import CONTENT, FLUSH, IN, IOERR, OK, OUT, ZEROES, Bench, disk, ranges

from emu.trace import Notice
from virtio.devices.blk import MOST_RANGES, MOST_SECTORS, Blk
from virtio.testing import pair


def test_sizes_and_segments_are_announced_and_watched() -> None:
    _, bench = disk(size_max=1024, seg_max=2)
    assert bench.p.port.load(0x108, 4) == 1024
    assert bench.p.port.load(0x10C, 4) == 2
    header = struct.pack("<IIQ", IN, 0, 0)
    assert bench.raw(header, 1024, 1024, 1)[0] == OK
    assert bench.rules == []
    assert bench.raw(header, 512, 512, 512, 1)[0] == OK
    assert bench.ask(IN, 0, room=1536)[0] == OK
    assert bench.p.complaints == [
        "blk: 3 data descriptors, seg_max is 2 [inv.blk-unsupported-cmd, 5.2.6]",
        "blk: a data descriptor of 1536 bytes, size_max is 1024 [inv.blk-unsupported-cmd, 5.2.6]",
    ]


def test_the_configuration_makes_sense_even_where_no_feature_was_negotiated() -> None:
    p = pair(Blk(io.BytesIO(CONTENT)))
    fields = {
        0x100: 64, 0x104: 0, 0x108: 1 << 20, 0x10C: 254, 0x114: 512, 0x11C: 1, 0x124: MOST_SECTORS, 0x128: MOST_RANGES,
        0x12C: 1, 0x130: MOST_SECTORS, 0x134: MOST_RANGES,
    }  # fmt: skip
    assert {at: p.port.load(at, 4) for at in fields} == fields
    assert [p.port.load(at, 1) for at in (0x112, 0x113, 0x118, 0x120, 0x138, 0x15C)] == [16, 63, 0, 1, 0, 0]
    assert p.port.load(0x122, 2) == 1  # num_queues
    assert len(p.transport.model.config) == 96
    assert p.violations == []


class Flaky(io.BytesIO):
    """A file that reads and writes `step` bytes at a time and fails when `broken`."""

    step = 100
    broken = False

    def read(self, size: int | None = -1) -> bytes:
        if self.broken:
            raise OSError(5, "Input/output error")
        return super().read(min(size or 0, self.step))

    def write(self, data: bytes) -> int:
        if self.broken:
            raise OSError(28, "No space left on device")
        return super().write(data[: self.step])


def test_a_file_that_reads_and_writes_little_at_a_time_is_asked_again() -> None:
    backend = Flaky(CONTENT)
    bench = Bench(Blk(backend))
    assert bench.ask(IN, 0, room=1024) == (OK, CONTENT[:1024])
    assert bench.ask(OUT, 1, b"o" * 1024) == (OK, b"")
    assert backend.getvalue()[512:1536] == b"o" * 1024


def test_errors_of_the_host_are_ioerr_and_told() -> None:
    backend = Flaky(CONTENT)
    bench = Bench(Blk(backend))
    backend.broken = True
    assert bench.ask(IN, 3, room=512)[0] == IOERR
    assert bench.ask(OUT, 0, bytes(512))[0] == IOERR
    assert bench.ask(ZEROES, 0, ranges((0, 1, 0)))[0] == IOERR
    assert [e.text for e in bench.p.of(Notice)] == [
        "blk: IN at sector 3 failed: [Errno 5] Input/output error",
        "blk: OUT at sector 0 failed: [Errno 28] No space left on device",
        "blk: WRITE_ZEROES at sector 0 failed: [Errno 28] No space left on device",
    ]
    assert bench.rules == []
    backend.broken = False
    assert bench.ask(IN, 3, room=512)[0] == OK


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(lambda f: f.truncate(100), "the file ends 412 bytes too early"), (lambda f: f.close(), "closed file")],
)
def test_a_file_that_changes_under_the_disk_is_an_ioerr(spoil, says: str) -> None:
    backend, bench = disk()
    spoil(backend)
    assert bench.ask(IN, 0, room=512)[0] == IOERR
    assert says in bench.p.of(Notice)[0].text
    if backend.closed:
        assert bench.ask(FLUSH)[0] == IOERR


def test_a_file_opened_for_reading_only_fails_each_write(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        bench = Bench(Blk(file))
        assert bench.ask(OUT, 0, bytes(512))[0] == IOERR
        assert "OUT at sector 0 failed: write" in bench.p.of(Notice)[0].text


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (bytes(1000), {}, "disk of 1000 bytes: not a multiple of 512"),
        (bytes(512), {"serial": "x" * 21}, "is not up to 20 ASCII characters"),
        (bytes(512), {"serial": "é"}, "serial 'é' is not up to 20 ASCII characters"),
    ],
)
def test_a_disk_that_cannot_be_is_refused(content: bytes, options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        disk(content, **options)


def test_an_empty_disk_has_no_sector() -> None:
    _, bench = disk(b"")
    assert bench.ask(IN, 0, room=512)[0] == IOERR
    assert bench.p.port.load(0x100, 4) == 0
