"""Ownership of memory: each rule broken and kept, step by step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from watched_pair import BUFFER, OTHER_BUFFER, WRITE, Driver

from virtio.registers import VirtioMmio
from virtio.spec import Feature, mask
from virtio.testing import VERSION_1, driver_ok, negotiate
from virtio.watching import BUFFERS

Script = Callable[[], Driver]
RING_RESET = mask(Feature.RING_RESET)
RULES = (
    "ring.no-alter-exposed", "ring.reset-before-remove", "inv.driver-writes-used", "inv.freed-while-live",
    "inv.used-before-idx", "split.avail-idx-no-decrement",
)  # fmt: skip


def two_waiting() -> Driver:
    """Chains 0 and 1 are with a console that has no input."""
    driver = Driver.console()
    driver.offer(0, BUFFER)
    driver.offer(1, OTHER_BUFFER)
    return driver


def neighbour_freed() -> Driver:
    driver = two_waiting()
    driver.device.feed(b"x")
    driver.take()
    driver.store(driver.ring.desc + 16 * 1 + 14, 0)
    return driver


def descriptor_filled_again() -> Driver:
    driver = two_waiting()
    driver.descriptor(0)
    return driver


def entry_taken_back() -> Driver:
    driver = two_waiting()
    driver.store(driver.ring.avail + 4 + 2, 0)
    return driver


def reused_before_the_look() -> Driver:
    """The answer is there, but the driver has not seen it."""
    driver = Driver()
    driver.offer()
    driver.descriptor(0)
    return driver


def used_flags_written() -> Driver:
    driver = two_waiting()
    driver.store(driver.ring.used_ring, 1)
    return driver


def used_ring_cleared_late() -> Driver:
    driver = Driver()
    for at in range(driver.ring.used_ring, driver.ring.used_ring + 6 + 8 * 8, 2):
        driver.store(at, 0)
    return driver


def buffer_freed() -> Driver:
    driver = two_waiting()
    driver.store(OTHER_BUFFER + 8, 1, 4)
    return driver


def request_changed() -> Driver:
    driver = Driver.console()
    driver.offer(0, BUFFER, flags=0)
    driver.store(BUFFER + 15, 1, 1)
    return driver


def element_without_a_look() -> Driver:
    driver = Driver()
    driver.offer()
    driver.element(0)
    return driver


def element_one_further() -> Driver:
    driver = Driver()
    driver.offer()
    driver.take()
    driver.element(1)
    return driver


def buffer_read_early() -> Driver:
    driver = Driver()
    driver.offer()
    driver.load(BUFFER, 4)
    return driver


def buffer_in_two_chains() -> Driver:
    driver = Driver.console()
    driver.offer(0, BUFFER)
    driver.offer(1, BUFFER + 8)
    return driver


def queue_restarted() -> Driver:
    driver = two_waiting()
    driver.pair.write(VirtioMmio.QueueReady, 0)
    driver.pair.read(VirtioMmio.QueueReady)
    driver.ring.enable()
    return driver


def index_taken_back() -> Driver:
    driver = two_waiting()
    driver.store(driver.ring.avail + 2, 1)
    return driver


BROKEN = {
    neighbour_freed: ("ring.no-alter-exposed", "queue 0: desc[1].next was stored to while the device has chain 1"),
    descriptor_filled_again: ("ring.no-alter-exposed", "desc[0].addr was stored to while the device has chain 0"),
    entry_taken_back: ("ring.no-alter-exposed", "avail.ring[1] was stored to while the device has chain 1"),
    reused_before_the_look: ("ring.no-alter-exposed", "desc[0].addr was stored to while the device has chain 0"),
    used_flags_written: ("inv.driver-writes-used", "the driver stored 0x1 to used.flags, which is the device's"),
    used_ring_cleared_late: ("inv.driver-writes-used", "stored 0x0 to used.flags, which is the device's"),
    buffer_freed: ("inv.freed-while-live", "4-byte store to 0x80003108, in a device-writable buffer of chain 1"),
    request_changed: ("inv.freed-while-live", "1-byte store to 0x8000300f, in a device-readable buffer of chain 0"),
    element_without_a_look: ("inv.used-before-idx", "used.ring[0].id was read before it is there: the driver last"),
    element_one_further: ("inv.used-before-idx", "used.ring[1].id was read before it is there"),
    buffer_read_early: ("inv.used-before-idx", "a buffer of chain 0 was read before it came back"),
    buffer_in_two_chains: ("ring.reset-before-remove", "the buffer at 0x80003008 of chain 0, which the device has"),
    queue_restarted: ("ring.reset-before-remove", "was set up again with 2 chains of before outstanding"),
    index_taken_back: ("split.avail-idx-no-decrement", "queue 0: avail.idx went back from 2 to 1"),
}


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)
def test_a_broken_rule_is_named_with_what_was_touched(script: Script) -> None:
    rule, message = BROKEN[script]
    driver = script()
    assert {finding.rule.id for finding in driver.sanitizer.findings if finding.rule.id in RULES} == {rule}
    assert message in driver.found(rule)[0]
    assert all(len(message) <= 110 for message in driver.found(rule))


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)
def test_a_recording_says_the_same(script: Script) -> None:
    driver = script()
    assert driver.replayed() == [f.to_json() for f in driver.sanitizer.findings] != []


def many_requests() -> Driver:
    driver = Driver()
    for i in range(40):
        driver.offer(i % 8)
        driver.take()
        driver.load(BUFFER, 4)
        driver.store(BUFFER, 0, 4)
    return driver


def out_of_order() -> Driver:
    """The first chain stays with the device while others come and go: its place in the avail ring is used again."""
    driver = Driver.console()
    driver.offer(0, BUFFER)
    driver.pair.transport.queues[0].pop()
    queue = driver.pair.transport.queues[0]
    for _ in range(30):
        driver.offer(1, OTHER_BUFFER)
        chain = queue.pop()
        assert chain is not None
        queue.push(chain)
        driver.take()
    return driver


def a_queue_of_one() -> Driver:
    driver = Driver(size=1)
    for _ in range(3):
        driver.offer(0)
        driver.take()
    return driver


def a_full_ring_at_once() -> Driver:
    """All 8 elements come back at one look; the last lies where the next will."""
    driver = Driver.console()
    for i in range(8):
        driver.offer(i, BUFFER + 16 * i)
    for _ in range(8):
        driver.device.feed(bytes(16))
    assert driver.look() == 8
    driver.fence("r", "r")
    for i in range(8):
        driver.element(i)
    return driver


def given_back_by_a_reset() -> Driver:
    driver = two_waiting()
    negotiate(driver.pair)
    driver.descriptor(0)
    driver.store(BUFFER, 0, 4)
    driver.ring.enable()
    driver_ok(driver.pair)
    driver.idx = 0
    driver.pair.memory.write(driver.ring.avail, bytes(6))
    driver.offer(0)
    return driver


def given_back_by_a_queue_reset() -> Driver:
    driver = Driver.console(VERSION_1 | RING_RESET)
    driver.offer(0)
    driver.pair.write(VirtioMmio.QueueSel, 0)
    driver.pair.write(VirtioMmio.QueueReset, 1)
    driver.descriptor(0)
    driver.ring.enable()
    return driver


def other_memory() -> Driver:
    """Beside the buffers, and reading what the device only reads."""
    driver = Driver.console()
    driver.offer(0, BUFFER, flags=0)
    driver.load(BUFFER, 8)
    driver.store(BUFFER - 8, 0, 8)
    driver.store(BUFFER + 16, 0, 8)
    return driver


def reads_its_own_ring() -> Driver:
    driver = two_waiting()
    driver.load(driver.ring.desc + 14)
    driver.load(driver.ring.avail + 2)
    driver.load(driver.ring.avail + 4)
    return driver


def index_wraps() -> Driver:
    driver = Driver()
    driver.idx = 0xFFFE
    driver.pair.memory.put16(driver.ring.avail + 2, 0xFFFE)
    queue = driver.pair.transport.queues[0]
    queue.last_avail = queue.used_idx = queue._seen = 0xFFFE
    driver.pair.memory.put16(driver.ring.used_ring + 2, 0xFFFE)
    driver.look()
    for i in range(5):
        driver.offer(i)
        driver.take()
    assert driver.idx == 3
    return driver


KEPT = (
    two_waiting, many_requests, out_of_order, a_queue_of_one, a_full_ring_at_once, given_back_by_a_reset,
    given_back_by_a_queue_reset, other_memory, reads_its_own_ring, index_wraps,
)  # fmt: skip


@pytest.mark.parametrize("script", KEPT, ids=lambda script: script.__name__)
def test_a_driver_that_keeps_the_rules_is_told_nothing(script: Script) -> None:
    assert script().found(*RULES) == []


def test_a_chain_through_an_indirect_table_is_followed() -> None:
    driver = Driver.console(VERSION_1 | mask(Feature.INDIRECT_DESC))
    driver.ring.descriptor(0, OTHER_BUFFER, 16, WRITE, table=BUFFER)
    driver.offer(0, BUFFER, 16, flags=4)
    driver.store(OTHER_BUFFER, 1, 1)
    driver.store(BUFFER + 8, 1, 4)
    assert driver.found("inv.freed-while-live") == [
        "queue 0: 1-byte store to 0x80003100, in a device-writable buffer of chain 0, which the device has",
        "queue 0: 4-byte store to 0x80003008, in a device-readable buffer of chain 0, which the device has",
    ]


def test_only_the_newest_chains_have_their_buffers_watched() -> None:
    driver = Driver.console(size=64)
    for i in range(64):
        driver.offer(i, BUFFER + 0x20 * i)
    assert len(driver.hart.ranges) == 3 + BUFFERS
    driver.store(BUFFER + 0x20 * 63, 0, 4)
    assert len(driver.found("inv.freed-while-live")) == 1
