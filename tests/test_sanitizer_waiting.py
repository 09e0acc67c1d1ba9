"""Kicks and looks that a driver leaves undone before it waits: each rule broken and kept, step by step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from watched_pair import BUFFER, EVENT_IDX, OTHER_BUFFER, Driver

from virtio.devices.console import Console
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapters.waiting import PATIENCE
from virtio.testing import VERSION_1, RawQueue
from virtio.watched import REPEATED, DriverWaits, MemoryAccess

Script = Callable[[], Driver]
RULES = ("split.kick-when-required", "evidx.kick-on-crossing", "inv.ack-race", "mmio.irq-used-all-queues")


def unkicked(features: int = VERSION_1) -> Driver:
    """A chain that is made available after one that was answered, and the device is not told."""
    driver = Driver(features=features)
    driver.offer(0)
    driver.take()
    driver.descriptor(0)
    driver.entry(0)
    driver.fence("w", "w")
    driver.publish()
    return driver


def no_kick_and_wfi() -> Driver:
    driver = unkicked()
    driver.waits()
    return driver


def no_kick_and_polls() -> Driver:
    driver = unkicked()
    for _ in range(40):
        driver.idle(REPEATED)
        driver.look()
    return driver


def no_kick_and_status_polls() -> Driver:
    driver = unkicked()
    driver.idle(PATIENCE)
    driver.pair.read(VirtioMmio.InterruptStatus)
    return driver


def no_kick_on_crossing() -> Driver:
    driver = unkicked(VERSION_1 | EVENT_IDX)
    driver.waits()
    return driver


def acknowledged_last() -> Driver:
    """The handler takes the first answer, sends the next request, and only then acknowledges."""
    driver = Driver()
    driver.offer(0)
    driver.take()
    driver.offer(1, OTHER_BUFFER)
    driver.acknowledge()
    driver.waits()
    return driver


def acknowledged_last_with_event_idx() -> Driver:
    driver = Driver(features=VERSION_1 | EVENT_IDX)
    driver.offer(0)
    driver.take()
    driver.store(driver.ring.avail + 4 + 2 * driver.ring.size, 1)
    driver.offer(1, OTHER_BUFFER)
    driver.acknowledge()
    driver.waits()
    return driver


def two_queues() -> tuple[Driver, RawQueue]:
    """A console with input and output done, both unseen; the second is its receive queue."""
    console = Console(lambda data: None)
    driver = Driver(console, index=1)
    receive = driver.others[0]
    receive.add(16)
    receive.notify()
    console.feed(b"x")
    driver.offer(0, flags=0)
    return driver, receive


def second_queue_forgotten() -> Driver:
    """Output was taken and input has come; the handler looks at the transmit queue only."""
    driver, receive = two_queues()
    driver.take()
    driver.acknowledge()
    driver.waits()
    assert receive.pair.memory.get16(receive.used_ring + 2) == 1
    return driver


BROKEN = {
    no_kick_and_wfi: ("split.kick-when-required", "queue 0: chain 0 was made available, used.flags was 0; the dr"),
    no_kick_and_polls: ("split.kick-when-required", "instructions went by, no kick"),
    no_kick_and_status_polls: ("split.kick-when-required", "instructions went by, no kick"),
    no_kick_on_crossing: ("evidx.kick-on-crossing", "avail.idx passed avail_event; the driver waits for an interrupt"),
    acknowledged_last: ("inv.ack-race", "used.idx went from 1 to 2 between the driver's look and InterruptACK; the"),
    second_queue_forgotten: ("mmio.irq-used-all-queues", "used.idx of queue 0 was not read around this interrupt"),
    acknowledged_last_with_event_idx: ("inv.ack-race", "used.idx went from 1 to 2 between"),
}


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)
def test_what_was_left_undone_is_named(script: Script) -> None:
    rule, message = BROKEN[script]
    driver = script()
    assert {finding.rule.id for finding in driver.sanitizer.findings if finding.rule.id in RULES} == {rule}
    assert message in driver.found(rule)[0]


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)
def test_a_recording_says_the_same(script: Script) -> None:
    driver = script()
    assert driver.replayed() == [f.to_json() for f in driver.sanitizer.findings] != []


def test_the_finding_is_at_the_store_that_should_have_been_followed_by_a_kick() -> None:
    driver = no_kick_and_wfi()
    store = [event for event in driver.events if isinstance(event, MemoryAccess) and event.op == "w"][-1]
    (finding,) = [f for f in driver.sanitizer.findings if f.rule.id == "split.kick-when-required"]
    assert (store.name, finding.pc) == ("avail.idx", store.pc)


def kicked_late() -> Driver:
    driver = unkicked()
    driver.ring_the_bell()
    driver.waits()
    return driver


def kicked_very_late() -> Driver:
    driver = unkicked()
    driver.idle(2 * PATIENCE)
    driver.kick()
    return driver


def no_kick_is_wanted() -> Driver:
    driver = Driver.console()
    driver.pair.transport.queues[0].ask_for_notifications(False)
    driver.offer(0)
    driver.waits()
    return driver


def before_driver_ok() -> Driver:
    """A queue may be filled early; the kick belongs behind DRIVER_OK."""
    driver = Driver.console(live=False)
    driver.descriptor()
    driver.entry()
    driver.fence("w", "w")
    driver.publish()
    driver.waits()
    return driver


def still_busy() -> Driver:
    driver = unkicked()
    driver.idle(PATIENCE // 2)
    driver.look()
    driver.watch.waits(ended=True)
    return driver


def acknowledged_first() -> Driver:
    driver = Driver()
    driver.offer(0)
    driver.acknowledge()
    driver.take()
    driver.offer(1, OTHER_BUFFER)
    driver.acknowledge()
    driver.take()
    driver.waits()
    return driver


def looks_again_after_acknowledging() -> Driver:
    driver = Driver()
    driver.offer(0)
    driver.take()
    driver.offer(1, OTHER_BUFFER)
    driver.acknowledge()
    driver.take()
    driver.waits()
    return driver


def acknowledged_last_and_nothing_came() -> Driver:
    driver = Driver()
    for i in range(3):
        driver.offer(i, BUFFER + 16 * i)
        driver.take()
        driver.acknowledge()
        driver.waits()
    return driver


def looks_at_both_queues() -> Driver:
    driver, receive = two_queues()
    driver.take()
    driver.acknowledge()
    driver.load(receive.used_ring + 2)
    driver.waits()
    return driver


def callbacks_are_off() -> Driver:
    """The driver does not want interrupts of this queue and looks when it likes."""
    driver = Driver()
    driver.offer(0)
    driver.take()
    driver.store(driver.ring.avail, 1)
    driver.offer(1, OTHER_BUFFER)
    driver.acknowledge()
    driver.waits()
    return driver


KEPT = (
    kicked_late, kicked_very_late, no_kick_is_wanted, before_driver_ok, still_busy, acknowledged_first,
    looks_again_after_acknowledging, acknowledged_last_and_nothing_came, looks_at_both_queues,
    callbacks_are_off,
)  # fmt: skip


@pytest.mark.parametrize("script", KEPT, ids=lambda script: script.__name__)
def test_a_driver_that_does_it_in_time_is_told_nothing(script: Script) -> None:
    assert script().found(*RULES) == []


def test_a_poll_is_told_once_and_again_after_a_while() -> None:
    driver = unkicked()
    before = len(driver.events)
    for _ in range(10):
        driver.look()
        driver.hart.pc -= 4
    assert len(driver.events) == before + 1
    driver.idle(REPEATED)
    driver.hart.pc -= 4
    driver.look()
    assert len(driver.events) == before + 2


def test_waiting_is_told_to_the_devices_that_were_busy_since_the_last_time() -> None:
    driver = unkicked()
    driver.waits()
    driver.waits()
    assert [event.source for event in driver.events if isinstance(event, DriverWaits)] == ["virtio0-rng"]
