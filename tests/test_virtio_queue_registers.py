"""The registers that QueueSel selects, and the kick."""

from __future__ import annotations

import pytest
from slots import EVERYTHING, live

from virtio.devices.rng import Rng
from virtio.events import QueueNotified
from virtio.registers import VirtioMmio as R
from virtio.testing import RawQueue, driver_ok, negotiate, pair


def test_a_queue_that_is_not_there_has_size_0_and_takes_nothing() -> None:
    p = pair(Rng())
    p.write(R.QueueSel, 1)
    assert p.read(R.QueueSizeMax) == 0
    for register in (R.QueueSize, R.QueueReady, R.QueueDescLow):
        p.write(register, 1)
    assert p.read(R.QueueReady) == 0
    p.write(R.QueueSel, 0xFFFFFFFF)
    assert p.read(R.QueueSizeMax) == 0


@pytest.mark.parametrize(
    ("size", "at", "rule", "says"),
    [
        (3, 0x80000000, "inv.split-qsize-pow2", "queue 0: size 3 is not a power of 2 in 1..256; QueueReady stays 0"),
        (8, 0x80000008, "split.part-alignment", "descriptor table at 0x80000008 is not aligned to 16"),
        (8, 0x800FFFF0, "inv.addresses-complete", "descriptor table (128 bytes) at 0x800ffff0 is not inside RAM"),
        (8, 0, "inv.addresses-complete", "descriptor table (128 bytes) at 0x0 is not inside RAM"),
        (8, 0xFFFFFFFFFFFFFFF0 - 0x200, "inv.addresses-complete", "at 0xfffffffffffffdf0 is not inside RAM"),
        (512, 0x80000000, "mmio.queue-size-le-max", "the driver uses size 512, 1 to 256 is offered"),
        (0, 0x80000000, "inv.split-qsize-pow2", "the driver uses size 0, 1 to 256 is offered"),
    ],
)
def test_a_queue_that_cannot_work_stays_not_ready_and_says_why(size: int, at: int, rule: str, says: str) -> None:
    p = pair(Rng())
    negotiate(p)
    queue = RawQueue(p, size=size, at=at)
    queue.enable()
    assert p.read(R.QueueReady) == 0
    assert set(p.violations) - {"mmio.queue-size-le-max"} <= {rule}
    assert rule in p.violations
    assert any(says in text for text in p.complaints)


@pytest.mark.parametrize(("register", "name", "align"), [
    (R.QueueDriverLow, "avail ring", 2), (R.QueueDeviceLow, "used ring", 4),
])  # fmt: skip
def test_rings_are_aligned(register, name: str, align: int) -> None:
    p = pair(Rng())
    queue = RawQueue(p).enable()
    p.write(R.QueueReady, 0)
    p.write(register, queue.desc + 0x101 if align == 2 else queue.desc + 0x202)
    p.write(R.QueueReady, 1)
    assert p.read(R.QueueReady) == 0
    assert f"{name} at 0x800" in p.complaints[0]
    assert f"is not aligned to {align}" in p.complaints[0]


def test_a_size_out_of_range_keeps_the_old_one_until_a_good_one_is_written() -> None:
    p = pair(Rng())
    queue = p.transport.queues[0]
    assert queue.size == 256
    p.write(R.QueueSize, 1000)
    assert (queue.size, p.violations) == (256, ["mmio.queue-size-le-max"])
    RawQueue(p, size=16).enable()
    assert queue.size == 16
    assert queue.ready


def test_registers_of_a_ready_queue_are_left_alone() -> None:
    p = pair(Rng())
    raw = RawQueue(p).enable()
    for register in (R.QueueSize, R.QueueDescLow, R.QueueDeviceHigh):
        p.write(register, 4)
    queue = p.transport.queues[0]
    assert (queue.size, queue.descriptor_area, queue.device_area) == (8, raw.desc, raw.used_ring)
    assert p.violations == ["mmio.no-queue-reg-when-ready"] * 3
    assert p.complaints[0].startswith("QueueSize written while queue 0 is ready; ignored")


def test_a_queue_stops_and_starts_again_from_0() -> None:
    p = pair(Rng(lambda n: b"r" * n))
    queue = live(p)
    queue.add(4)
    queue.notify()
    p.write(R.QueueReady, 0)
    assert p.read(R.QueueReady) == 0
    queue.add(4)
    queue.notify()
    assert queue.used() == [(0, 4)]
    assert p.violations == ["inv.notify-live-queue"]
    p.memory.write(RawQueue(p).desc, bytes(0x300))
    again = RawQueue(p).enable()
    again.add(2)
    again.notify()
    assert again.used() == [(0, 2)]


def test_queue_reset_brings_one_queue_back_to_its_defaults() -> None:
    p = pair(Rng(lambda n: b"r" * n))
    live(p, EVERYTHING)
    p.write(R.QueueReset, 1)
    queue = p.transport.queues[0]
    assert p.read(R.QueueReset) == 0
    assert p.read(R.QueueReady) == 0
    assert (queue.size, queue.descriptor_area) == (256, 0)
    p.memory.write(RawQueue(p).desc, bytes(0x300))
    again = RawQueue(p).enable()
    again.add(3)
    again.notify()
    assert again.used() == [(0, 3)]
    assert p.violations == []


def test_queue_reset_needs_the_feature() -> None:
    p = pair(Rng())
    live(p)
    p.write(R.QueueReset, 1)
    assert p.read(R.QueueReady) == 1
    assert p.complaints == ["QueueReset written without RING_RESET [mmio.no-undefined-access, 4.2.2.2]"]


@pytest.mark.parametrize(
    ("prepare", "queue", "says"),
    [
        ("", 0, "queue 0 notified before DRIVER_OK [init.no-notify-before-driver-ok, 3.1.1]"),
        ("live", 1, "queue 1 notified, the device has 1 [inv.notify-live-queue, 4.2.3.3]"),
        ("live", 0x10000, "queue 65536 notified, the device has 1 [inv.notify-live-queue, 4.2.3.3]"),
        ("not ready", 0, "queue 0 notified while QueueReady is 0 [inv.notify-live-queue, 4.2.3.3]"),
        ("broken", 0, "queue 0 notified, a reset is needed [status.no-rely-after-needs-reset, 2.1.1]"),
    ],
)
def test_a_kick_that_cannot_be_served_does_nothing(prepare: str, queue: int, says: str) -> None:
    p = pair(Rng())
    negotiate(p)
    raw = RawQueue(p)
    if prepare != "not ready":
        raw.enable()
    raw.add(8)
    if prepare:
        driver_ok(p)
    if prepare == "broken":
        p.transport.needs_reset("a test wants it")
    p.write(R.QueueNotify, queue)
    assert p.complaints == [says]
    assert raw.used() == []


def test_a_kick_of_an_empty_queue_is_fine() -> None:
    p = pair(Rng())
    live(p).notify()
    assert p.violations == []
    assert [e.text for e in p.of(QueueNotified)] == ["queue 0: 0 chains available"]
    assert not p.irq.level
