"""Pair tests: the block driver against the real device, without an emulator."""

import io
import os
from collections.abc import Iterator

import pytest
from driver_pair import broken, options, start, started
from hypothesis import given, settings
from hypothesis import strategies as st

from virtio.devices.blk import Blk
from virtio.drivers.blk import BlkDriver
from virtio.errors import (
    DriverMisuse,
    RequestFailed,
)
from virtio.events import ChainPopped
from virtio.spec import BlkRequest


@pytest.fixture(autouse=True)
def _no_driver_here_breaks_the_specification() -> Iterator[None]:
    started.clear()
    yield
    assert broken() == []


def the_only_rule_broken() -> str:
    """What a test broke on purpose, which is forgiven."""
    (rule,) = (rule for p, _ in started for rule in p.violations)
    started.clear()
    return rule


def disk(sectors: int = 64) -> io.BytesIO:
    return io.BytesIO(os.urandom(sectors * 512))


@options
def test_a_disk_reads_what_was_written(indirect: bool, event_idx: bool) -> None:
    backend = disk()
    before = backend.getvalue()
    driver, _ = start(BlkDriver, Blk(backend), indirect=indirect, event_idx=event_idx)
    assert driver.capacity == 64
    assert driver.read(0, 64) == before
    data = os.urandom(3 * 512)
    driver.write(5, data)
    driver.flush()
    assert driver.read(5, 3) == data
    assert backend.getvalue() == before[: 5 * 512] + data + before[8 * 512 :]


def test_a_disk_tells_its_serial_number() -> None:
    driver, _ = start(BlkDriver, Blk(disk(), serial="virtscope-1"))
    assert driver.get_id() == "virtscope-1"


def test_discarded_and_zeroed_sectors() -> None:
    backend = disk()
    before = backend.getvalue()
    driver, _ = start(BlkDriver, Blk(backend))
    driver.write_zeroes(2, 3)
    assert driver.read(2, 3) == bytes(3 * 512)
    driver.write_zeroes(7, 1, unmap=True)
    driver.discard(10, 2)
    assert driver.read(0, 2) == before[:1024]
    assert driver.read(8, 2) == before[8 * 512 : 10 * 512]
    assert driver.read(12, 52) == before[12 * 512 :]


def test_a_readonly_disk_is_not_written_to() -> None:
    driver, p = start(BlkDriver, Blk(disk(), readonly=True))
    assert driver.readonly
    with pytest.raises(DriverMisuse, match="the disk is read-only"):
        driver.write(3, bytes(512))
    with pytest.raises(RequestFailed, match=r"OUT at sector 3: the device answered IOERR \(status 1\)"):
        driver.request(BlkRequest.OUT, 3, bytes(512))
    assert p.violations == ["inv.blk-unsupported-cmd"]
    p.events.clear()


def test_an_unknown_request_is_unsupported() -> None:
    driver, _ = start(BlkDriver, Blk(disk()))
    with pytest.raises(RequestFailed, match=r"request type 999 at sector 0: the device answered UNSUPP \(status 2\)"):
        driver.request(999, 0)
    assert the_only_rule_broken() == "inv.blk-unsupported-cmd"


def test_requests_beyond_the_disk_never_reach_it() -> None:
    driver, _ = start(BlkDriver, Blk(disk(8)))
    for first, count in ((8, 1), (7, 2), (-1, 1), (0, 0)):
        with pytest.raises(DriverMisuse, match=f"{count} sectors from {first} on do not fit a disk of 8"):
            driver.read(first, count)
    with pytest.raises(DriverMisuse, match="100 bytes are no whole number of sectors of 512"):
        driver.write(0, bytes(100))


@settings(max_examples=60, deadline=None)
@given(
    st.booleans(),
    st.integers(1, 4),
    st.lists(st.integers(1, 2064), max_size=9),
    st.lists(st.integers(1, 2049), max_size=9),
)
def test_any_split_of_a_request_into_descriptors_is_the_same_request(
    indirect: bool, count: int, cuts: list[int], room_cuts: list[int]
) -> None:
    driver, _ = start(BlkDriver, Blk(disk(8)), 32, indirect=indirect)
    data = os.urandom(count * 512)
    driver.request(BlkRequest.OUT, 2, data, cuts=cuts, room_cuts=[])
    assert driver.request(BlkRequest.IN, 2, room=count * 512, cuts=cuts, room_cuts=room_cuts) == data


def test_requests_respect_the_devices_segment_limits() -> None:
    backend = disk()
    before = backend.getvalue()
    driver, p = start(BlkDriver, Blk(backend, size_max=256, seg_max=4), 8, indirect=False)
    assert (driver.size_max, driver.seg_max) == (256, 4)
    assert driver.read(1, 7) == before[512 : 8 * 512]
    taken = p.of(ChainPopped)
    assert len(taken) == 4  # of 1024 bytes at most
    assert all(length <= 256 for event in taken for _, length, _, _ in event.descriptors)
    driver.write(1, before[:3584])
    assert backend.getvalue()[512:4096] == before[:3584]


def test_no_buffer_of_a_finished_request_stays_allocated() -> None:
    driver, _ = start(BlkDriver, Blk(disk(8)))
    used = driver.arena.used
    driver.read(0, 8)
    with pytest.raises(RequestFailed):
        driver.request(999, 0)
    with pytest.raises(DriverMisuse):
        driver.request(BlkRequest.IN, 0, room=512, room_cuts=range(1, 500))
    assert driver.arena.used == used
    assert the_only_rule_broken() == "inv.blk-unsupported-cmd"
