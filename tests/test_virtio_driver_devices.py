"""Pair tests: the entropy and console drivers against the real devices, without an emulator."""

import os
from collections.abc import Iterator

import pytest
from driver_pair import broken, options, start, started

from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.drivers.console import ConsoleDriver
from virtio.drivers.rng import RngDriver
from virtio.errors import (
    BadAnswer,
    BadUsedLength,
    DeviceNeedsReset,
    DeviceSilent,
    QueueFull,
)
from virtio.spec import Interrupt


@pytest.fixture(autouse=True)
def _no_driver_here_breaks_the_specification() -> Iterator[None]:
    started.clear()
    yield
    assert broken() == []


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
