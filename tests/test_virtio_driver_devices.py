"""Pair tests: the three drivers against the real devices, without an emulator."""

import io
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.drivers.arena import Arena
from virtio.drivers.base import QueueDriver
from virtio.drivers.blk import BlkDriver
from virtio.drivers.console import ConsoleDriver
from virtio.drivers.rng import RngDriver
from virtio.drivers.transport import VirtIOTransport
from virtio.errors import (
    BadAnswer,
    BadUsedLength,
    DeviceNeedsReset,
    DeviceSilent,
    DriverMisuse,
    QueueFull,
    RequestFailed,
)
from virtio.events import ChainPopped
from virtio.spec import BlkRequest, Interrupt
from virtio.testing import Pair, pair

options = pytest.mark.parametrize(
    ("indirect", "event_idx"), [(False, False), (False, True), (True, False), (True, True)]
)


_pairs: list[Pair] = []


@pytest.fixture(autouse=True)
def _no_driver_here_breaks_the_specification() -> Iterator[None]:
    _pairs.clear()
    yield
    assert [rule for p in _pairs for rule in p.violations] == []


def start(cls: type[QueueDriver], device: Device, size: int = 16, **rest: bool) -> tuple[QueueDriver, Pair]:
    p = pair(device)
    _pairs.append(p)
    driver = cls(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size), size, **rest)
    driver.start()
    return driver, p


def disk(sectors: int = 64) -> io.BytesIO:
    return io.BytesIO(os.urandom(sectors * 512))


@options
def test_random_bytes_arrive_with_every_ring_option(indirect: bool, event_idx: bool) -> None:
    source = iter(range(10**6))
    device = Rng(lambda n: bytes(next(source) & 0xFF for _ in range(n)))
    driver, _ = start(RngDriver, device, indirect=indirect, event_idx=event_idx)
    driver.chunk = 100
    assert driver.read(1000) == bytes(i & 0xFF for i in range(1000))


def test_an_entropy_source_that_gives_little_is_asked_again() -> None:
    driver, _ = start(RngDriver, Rng(lambda n: b"x" * min(n, 3)))
    assert driver.read(10) == b"x" * 10


def test_a_device_without_a_byte_of_entropy_is_named() -> None:
    class Empty(Rng):
        def on_notify(self, queue, name):
            for chain in queue:
                queue.push(chain)

    driver, _ = start(RngDriver, Empty())
    with pytest.raises(BadAnswer, match="without a single byte"):
        driver.read(8)


def test_random_bytes_arrive_by_interrupt() -> None:
    driver, p = start(RngDriver, Rng(lambda n: b"r" * n))
    got: list[bytes] = []
    driver.on_bytes = got.append
    driver.request(5)
    driver.request(7)
    assert p.irq.level and got == []
    assert driver.transport.handle_interrupt() == Interrupt.USED_BUFFER
    assert got == [b"rrrrr", b"rrrrrrr"]
    assert not p.irq.level


def test_an_interrupt_served_while_the_device_still_works_loses_nothing() -> None:
    driver, p = start(RngDriver, Rng(lambda n: b"r" * n))
    got: list[bytes] = []

    def more(data: bytes) -> None:
        got.append(data)
        if len(got) < 50:
            driver.request(4)

    driver.on_bytes = more
    p.irq.connect(lambda level: level and driver.transport.handle_interrupt())
    driver.request(4)
    assert len(got) == 50


@pytest.mark.parametrize("event_idx", [False, True])
def test_a_driver_that_wants_no_interrupts_gets_none(event_idx: bool) -> None:
    driver, p = start(RngDriver, Rng(), event_idx=event_idx)
    driver.queues[0].want_interrupts(False)
    driver.read(16)
    assert not p.irq.level
    assert not driver.queues[0].want_interrupts(True)
    driver.request(16)
    assert p.irq.level


def test_the_device_interrupts_once_a_batch_with_event_idx() -> None:
    driver, p = start(RngDriver, Rng(), event_idx=True)
    seen: list[bool] = []
    p.irq.connect(seen.append)
    queue = driver.queues[0]
    for i in range(4):
        queue.add([], [(p.memory.base + 0x8000 + 16 * i, 16)])
    assert queue.notify()
    assert seen == [True]


def test_a_device_that_needs_a_reset_is_not_waited_for_and_starts_again() -> None:
    driver, p = start(RngDriver, Rng(), 4)
    queue = driver.queues[0]
    queue.add([], [(p.memory.base, 16)])
    p.memory.put16(queue.physical_addresses().driver_area + 2, 500)  # a stray store
    queue.notify()
    with pytest.raises(DeviceNeedsReset, match="queue 0: the device set DEVICE_NEEDS_RESET with 1 chains outstanding"):
        queue.wait()
    assert p.violations == ["inv.avail-idx-jump"]
    p.events.clear()
    driver.start()
    assert len(driver.read(16)) == 16


def test_a_batch_larger_than_the_queue_is_refused() -> None:
    class Lazy(Rng):
        def on_notify(self, queue, name):
            pass

    driver, _ = start(RngDriver, Lazy(), 4)
    for _ in range(4):
        driver.request(8)
    used = driver.arena.used
    with pytest.raises(QueueFull, match="queue 0 is full: 1 descriptors needed, 0 free"):
        driver.request(8)
    assert driver.arena.used == used
    with pytest.raises(DeviceSilent, match="none of 4 outstanding chains came back in 1 looks"):
        driver.queues[0].wait()


@pytest.mark.parametrize("event_idx", [False, True])
def test_seventy_thousand_requests_on_a_queue_of_four_wrap_every_index(event_idx: bool) -> None:
    sequence = iter(range(10**6))
    device = Rng(lambda n: next(sequence).to_bytes(4, "little"))
    driver, p = start(RngDriver, device, 4, event_idx=event_idx, indirect=False)
    p.trace.unsubscribe(p.events.append)
    queue, buffer = driver.queues[0], p.memory.base + p.memory.size - 64
    done = 0
    for batch in range(28_000):  # 1 to 4 chains each, 70,000 in all
        n = 1 + batch % 4
        for i in range(n):
            queue.add([], [(buffer + 4 * i, 4)], token=i)
        queue.notify()
        for _ in range(n):
            used = queue.pop_used()
            assert used is not None and used.length == 4
            assert p.memory.get32(buffer + 4 * used.token) == done
            done += 1
        assert queue.pop_used() is None
    assert done == 70_000
    assert p.memory.get16(queue.physical_addresses().device_area + 2) == 70_000 & 0xFFFF


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


def test_a_console_sends_and_receives() -> None:
    out = bytearray()
    device = Console(out.extend, size=(80, 25))
    driver, _ = start(ConsoleDriver, device, 4)
    assert driver.size == (80, 25)
    text = bytes(range(256)) * 3
    driver.write(text)
    assert out == text
    device.feed(b"hello")
    assert driver.read() == b"hello"
    assert driver.read() == b""


def test_input_longer_than_all_buffers_arrives_in_order() -> None:
    device = Console(lambda data: None)
    driver, _ = start(ConsoleDriver, device, 2)
    sent = os.urandom(1000)
    device.feed(sent)
    got = b""
    while part := driver.read():
        got += part
    assert got == sent


def test_console_input_arrives_by_interrupt() -> None:
    device = Console(lambda data: None)
    driver, p = start(ConsoleDriver, device)
    got: list[bytes] = []
    driver.on_input = got.append
    device.feed(b"abc")
    assert p.irq.level
    driver.transport.handle_interrupt()
    assert got == [b"abc"]


def test_a_console_of_another_size_is_heard_of_by_interrupt() -> None:
    device = Console(lambda data: None, size=(80, 25))
    driver, p = start(ConsoleDriver, device)
    device.resize(132, 50)
    assert driver.size == (80, 25)
    assert driver.transport.handle_interrupt() == Interrupt.CONFIG_CHANGE
    assert driver.size == (132, 50)
    assert not p.irq.level


def test_a_byte_in_an_emergency_needs_no_queue() -> None:
    out = bytearray()
    driver, _ = start(ConsoleDriver, Console(out.extend))
    driver.emergency_write(ord("!"))
    assert out == b"!"


def test_a_console_that_starts_again_leaks_no_buffer() -> None:
    driver, _ = start(ConsoleDriver, Console(lambda data: None))
    used = driver.arena.used
    driver.start()
    driver.start()
    assert driver.arena.used == used


def test_a_device_that_lies_about_a_length_is_caught() -> None:
    class Liar(Rng):
        def on_notify(self, queue, name):
            for chain in queue:
                chain.write(bytes(chain.room))
                chain.written += 1
                queue.push(chain)

    driver, _ = start(RngDriver, Liar())
    with pytest.raises(BadUsedLength, match=r"len is 9, but chain \d+ has 8 writable bytes"):
        driver.read(8)
