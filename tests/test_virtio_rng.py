"""The entropy device."""

from __future__ import annotations

from pathlib import Path

import virtio.devices.rng
from emu.trace import Notice
from virtio.devices.rng import MOST, Rng
from virtio.registers import VirtioMmio as R
from virtio.testing import Pair, RawQueue, driver_ok, negotiate, pair


def live(device: Rng, size: int = 8) -> tuple[Pair, RawQueue]:
    p = pair(device)
    negotiate(p)
    queue = RawQueue(p, size=size).enable()
    driver_ok(p)
    return p, queue


def test_every_waiting_buffer_is_filled() -> None:
    p, queue = live(Rng(lambda n: bytes(range(n))))
    (first,), (second, third) = queue.add(16), queue.add(3, 5)
    queue.notify()
    assert queue.used() == [(0, 16), (1, 8)]
    assert p.memory.read(first, 16) == bytes(range(16))
    assert p.memory.read(second, 3) + p.memory.read(third, 5) == bytes(range(8))
    assert p.violations == []


def test_random_bytes_come_from_the_host_by_default() -> None:
    p, queue = live(Rng())
    (first,), (second,) = queue.add(32), queue.add(32)
    queue.notify()
    assert p.memory.read(first, 32) != p.memory.read(second, 32)


def test_a_source_that_gives_little_makes_a_short_answer() -> None:
    p, queue = live(Rng(lambda n: b"abc"[:n]))
    (address,) = queue.add(10)
    queue.notify()
    assert queue.used() == [(0, 3)]
    assert p.memory.read(address, 10) == b"abc" + bytes(7)


def test_a_source_that_gives_too_much_does_not_leave_the_buffer() -> None:
    p, queue = live(Rng(lambda n: b"x" * 100))
    (address,) = queue.add(10)
    queue.notify()
    assert queue.used() == [(0, 10)]
    assert p.memory.read(address, 16) == b"x" * 10 + bytes(6)


def test_a_dry_source_is_the_devices_end_not_an_empty_answer() -> None:
    p, queue = live(Rng(lambda n: b""))
    queue.add(10)
    queue.notify()
    assert queue.used() == []  # at least one byte, or nothing at all (5.4.6.2)
    assert p.read(R.Status) == 0x4F
    assert [e.text for e in p.of(Notice)] == ["rng needs a reset: the entropy source has no bytes"]


def test_a_source_that_fails_is_the_devices_end_too() -> None:
    def broken(size: int) -> bytes:
        raise OSError("unplugged")

    p, queue = live(Rng(broken))
    queue.add(10)
    queue.notify()
    assert p.read(R.Status) == 0x4F
    assert "rng needs a reset: the entropy source has no bytes: unplugged" in [e.text for e in p.of(Notice)]


def test_a_readable_buffer_is_named_and_comes_back_empty() -> None:
    p, queue = live(Rng())
    queue.add(b"no room here")
    queue.notify()
    assert queue.used() == [(0, 0)]
    assert p.complaints == ["rng: chain 0 has a readable buffer [rng.no-readable, 5.4.6.1]"]


def test_one_chain_gets_64_kib_at_most() -> None:
    asked = []
    _, queue = live(Rng(lambda n: asked.append(n) or bytes(n)))
    queue.add(0x40000)
    queue.notify()
    assert asked == [MOST]
    assert queue.used() == [(0, MOST)]


def test_the_device_takes_less_than_40_lines() -> None:
    assert len(Path(virtio.devices.rng.__file__).read_text().splitlines()) < 40
