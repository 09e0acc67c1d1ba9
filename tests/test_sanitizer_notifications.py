"""Kicks that are missing or not wanted, interrupts that can never come: broken and kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from judged import Judged

from virtio.devices.console import Console
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.notifications import PATIENCE
from virtio.spec import Feature, mask

EVENTS = mask(Feature.EVENT_IDX)
Script = Callable[[Judged], object]


def request(j: Judged, kick: bool = True) -> None:
    j.queue.add(b"x", 1)
    if kick:
        j.queue.notify()


def give_up(j: Judged, kick: bool) -> None:
    """Two requests, the second perhaps without a kick, and a reset."""
    request(j)
    request(j, kick)
    j.p.write(R.Status, 0)


def stop(j: Judged, kick: bool) -> None:
    request(j, kick)
    j.p.write(R.QueueSel, 0)
    j.p.write(R.QueueReady, 0)


def kicked_against_its_will(j: Judged, flags: int) -> None:
    j.queue.memory.put16(j.queue.used_ring, flags)
    request(j)


def kicked_twice(j: Judged, more: int) -> None:
    request(j)
    if more:
        j.queue.add(b"y", 1)
    j.queue.notify()


SCRIPTS: dict[str, tuple[int, Script, Script, str]] = {
    "split.kick-when-required": (
        0, lambda j: give_up(j, False), lambda j: give_up(j, True),
        "queue 0: 1 chain made available, used.flags is 0, and the queue was given up without a kick",
    ),
    "evidx.kick-on-crossing": (
        EVENTS, lambda j: stop(j, False), lambda j: stop(j, True),
        "queue 0: 1 chain made available, avail.idx passed avail_event 0, and the queue was given up without a kick",
    ),
    "split.no-kick-when-no-notify": (
        0, lambda j: kicked_against_its_will(j, 1), lambda j: kicked_against_its_will(j, 0),
        "queue 0 was kicked while used.flags is 1: the device does not want to be told",
    ),
    "evidx.no-kick-otherwise": (
        EVENTS, lambda j: kicked_twice(j, 0), lambda j: kicked_twice(j, 1),
        "queue 0 was kicked, but avail.idx went from 1 to 1 and did not pass avail_event 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", SCRIPTS)
def test_a_driver_that_breaks_a_rule_is_told_that_one(rule: str) -> None:
    accepted, breaks, _, sentence = SCRIPTS[rule]
    j = Judged(accepted=accepted).start()
    breaks(j)
    assert (j.rules, j.said) == ([rule], sentence)


@pytest.mark.parametrize("rule", SCRIPTS)
def test_a_driver_that_keeps_it_is_told_nothing(rule: str) -> None:
    accepted, _, keeps, _ = SCRIPTS[rule]
    j = Judged(accepted=accepted).start()
    keeps(j)
    assert j.rules == []


def test_no_kick_is_missed_where_the_device_did_not_ask_for_one() -> None:
    j = Judged().start()
    j.queue.memory.put16(j.queue.used_ring, 1)
    request(j, kick=False)
    j.p.write(R.Status, 0)
    assert j.rules == []
    j = Judged(accepted=EVENTS).start()
    request(j)
    j.queue.memory.put16(j.queue.used_ring + 4 + 8 * j.queue.size, 100)
    request(j, kick=False)
    j.p.write(R.Status, 0)
    assert j.rules == []


def test_a_kick_for_several_chains_is_enough() -> None:
    j = Judged(accepted=EVENTS).start()
    for _ in range(3):
        request(j, kick=False)
    j.queue.notify()
    j.p.write(R.Status, 0)
    assert j.rules == []


def test_chains_made_available_before_driver_ok_may_wait_for_it() -> None:
    j = Judged()
    j.queue.add(b"x", 1)
    j.start()
    j.queue.notify()
    assert j.rules == []


def typed(accepted: int, kick: bool, wait: int) -> Judged:
    """A console whose driver refills the empty receive queue, perhaps without a kick; then `wait` instructions."""
    console = Console(len)
    j = Judged(console, accepted).start()
    j.queue.add(4)
    j.queue.notify()
    console.feed(b"abcde")  # more than there is room for: the device sees that the ring is empty
    j.queue.add(4)
    if kick:
        j.queue.notify()
    console.feed(b"f")  # the device looks by itself
    j.time += wait
    j.p.read(R.InterruptStatus)
    return j


@pytest.mark.parametrize(
    ("accepted", "rule", "wanted"),
    [
        (0, "split.kick-when-required", "used.flags is 0"),
        (EVENTS, "evidx.kick-on-crossing", "avail.idx passed avail_event 1"),
    ],
)
def test_a_receive_queue_refilled_without_a_kick_is_told_in_time(accepted: int, rule: str, wanted: str) -> None:
    j = typed(accepted, kick=False, wait=PATIENCE)
    assert j.rules == [rule]
    assert j.said == f"queue 0: 1 chain made available, {wanted}, and {PATIENCE} instructions passed without a kick"
    assert j.findings[0].queue[0] == "queue 0: 8 descriptors at 0x80000000"
    assert typed(accepted, kick=False, wait=PATIENCE - 1).rules == []
    assert typed(accepted, kick=True, wait=PATIENCE).rules == []


def test_a_kick_that_comes_late_is_no_missing_one() -> None:
    j = typed(0, kick=False, wait=0)
    j.time += PATIENCE
    j.queue.notify()
    j.time += PATIENCE
    j.p.read(R.InterruptStatus)
    assert j.rules == []


def second_request(used_event: int, wait: int, *, polls: bool = False, acknowledges: bool = True) -> Judged:
    """A driver that got an interrupt for its first request, and has said `used_event` when it makes the second.

    After `wait` instructions it makes a third; or before that it looks at the device (`polls`).
    """
    j = Judged(accepted=EVENTS).start()
    request(j)
    if acknowledges:
        j.p.write(R.InterruptACK, j.p.read(R.InterruptStatus))
    j.queue.memory.put16(j.queue.avail + 4 + 2 * j.queue.size, used_event)
    request(j)
    if polls:
        j.time += 1000
        j.p.read(R.InterruptStatus)
    j.time += wait
    request(j)
    return j


def test_a_used_event_that_is_never_moved_is_told_when_the_driver_comes_back() -> None:
    j = second_request(0, PATIENCE)
    assert j.rules == ["inv.used-event-stale"]
    assert j.said == (
        "queue 0: used_event is 0 while used.idx is 2: no interrupt came for a chain that was returned"
    )


@pytest.mark.parametrize(
    ("used_event", "wait", "how"),
    [(1, PATIENCE, {}), (0, 1000, {}), (0, PATIENCE, {"polls": True}), (0, PATIENCE, {"acknowledges": False})],
    ids=["it keeps up", "it goes on at once", "it polls", "it never used interrupts"],
)
def test_a_used_event_is_not_stale_where_nobody_waits(used_event: int, wait: int, how: dict[str, bool]) -> None:
    assert second_request(used_event, wait, **how).rules == []


def test_a_stale_used_event_is_told_at_the_reset_too() -> None:
    j = second_request(0, 0)
    j.time += PATIENCE
    j.p.write(R.Status, 0)
    assert j.rules == ["inv.used-event-stale"]
