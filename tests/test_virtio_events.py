"""What the events of a queue carry, so that a recording is enough to judge by."""

from __future__ import annotations

import json

import pytest
from rings import INDIRECT, NEXT, WITH_EVENT_IDX, WITH_INDIRECT, WRITE, Echo, live

from emu.trace import Event, event_from_json
from virtio.devices.console import Console
from virtio.events import (
    UNREAD,
    ChainPopped,
    ChainUsed,
    QueueConfigured,
    QueueNotified,
    RingWords,
    SpecViolation,
    StatusChanged,
)
from virtio.registers import VirtioMmio as R
from virtio.testing import RAM_BASE, RawQueue, negotiate, pair


def test_a_notification_tells_what_lies_in_both_rings_and_which_chains_wait() -> None:
    p, queue = live(accepted=WITH_EVENT_IDX)
    queue.add(b"a", 1)
    queue.add(b"b", 1)
    queue.memory.put16(queue.avail + 4 + 2 * queue.size, 7)
    queue.notify()
    (event,) = p.of(QueueNotified)
    assert event.ring == RingWords(avail_idx=2, used_event=7, avail_flags=0, used_flags=0, used_idx=0, avail_event=0)
    assert event.heads == (0, 2)
    first, second = p.of(ChainUsed)
    assert (RingWords(*first.ring).used_idx, RingWords(*second.ring).used_idx) == (1, 2)


def test_a_notification_of_a_stopped_queue_reads_nothing() -> None:
    p, queue = live()
    p.write(R.QueueReady, 0)
    queue.notify()
    (event,) = p.of(QueueNotified)
    assert (event.available, event.ring, event.heads) == (-1, UNREAD, ())


def test_a_queue_that_becomes_ready_tells_where_its_memory_is_not_zero() -> None:
    p = pair(Echo())
    negotiate(p)
    queue = RawQueue(p)
    p.memory.write(queue.avail + 2, b"\x05")
    p.memory.write(queue.used_ring + 9, b"\x01")
    queue.enable()
    (event,) = p.of(QueueConfigured)
    assert event.dirty == (-1, queue.avail + 2, queue.used_ring + 9)
    assert RingWords(*event.ring).avail_idx == 5


def test_a_queue_that_is_stopped_and_a_reset_tell_how_the_rings_were_left() -> None:
    p, queue = live()
    queue.add(b"a")
    queue.notify()
    queue.add(b"b")
    p.write(R.QueueReady, 0)
    assert RingWords(*p.of(QueueConfigured)[-1].ring)[1::3] == (2, 1)
    p, queue = live()
    queue.add(b"a")
    p.write(R.Status, 0)
    assert p.of(StatusChanged)[-1].rings == ((0, 0, 1, 0, 0, 0, 0),)


def test_a_chain_tells_its_descriptors_places_and_whether_it_goes_through_a_table() -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    queue.add(b"abc", 4)
    queue.add(b"abc", 4, indirect=True)
    queue.notify()
    plain, table = p.of(ChainPopped)
    assert (plain.indices, plain.indirect) == ((0, 1), False)
    assert (table.indices, table.indirect, len(table.descriptors)) == ((2,), True, 2)


def test_a_violation_in_a_chain_shows_the_chain_as_far_as_it_was_followed() -> None:
    p, queue = live()
    queue.descriptor(3, RAM_BASE + 0x8000, 4, NEXT, 5)
    queue.descriptor(5, RAM_BASE + 0x9000, 4, NEXT | WRITE, 99)
    queue.offer(3)
    queue.notify()
    (event,) = p.of(SpecViolation)
    assert (event.rule, event.queue, event.head, event.indices) == ("inv.desc-next-range", 0, 3, (3, 5))
    assert event.descriptors == ((RAM_BASE + 0x8000, 4, 1, 5), (RAM_BASE + 0x9000, 4, 3, 99))


def test_a_violation_of_a_later_kick_does_not_show_an_earlier_chain() -> None:
    p, queue = live()
    queue.add(b"x")
    queue.notify()
    queue.memory.put16(queue.avail + 2, 0)
    queue.notify()
    (event,) = p.of(SpecViolation)
    assert (event.rule, event.queue, event.indices) == ("split.avail-idx-no-decrement", 0, ())


def test_an_avail_index_that_goes_back_over_chains_that_nobody_took_is_told() -> None:
    p, queue = live(Console(len))  # nothing is typed: the receive buffers wait
    for _ in range(3):
        queue.add(16)
    queue.notify()
    queue.memory.put16(queue.avail + 2, 1)
    queue.notify()
    queue.notify()
    assert p.complaints == ["queue 0: avail.idx went back from 3 to 1 [split.avail-idx-no-decrement, 2.7.6.1]"]
    assert p.read(R.Status) == 15, "a device can live with it"


LATER = {"ring", "rings", "dirty", "heads", "indices", "indirect", "queue"}
EVENTS: list[Event] = [
    QueueNotified("v", 0, 1, (3,), RingWords(0, 1, 2, 3, 4, 5)),
    ChainUsed("v", 0, 1, 0, 16, RingWords(0, 1, 2, 3, 4, 5)),
    ChainPopped("v", 0, 0, 3, ((1, 2, INDIRECT, 0),), (3,), True),
    QueueConfigured("v", 0, True, 8, 1, 2, 3, UNREAD, (-1, 4, -1)),
    StatusChanged("v", 15, 0, ((0, 0, 1, 0, 0, 0, 0),)),
    SpecViolation("v", "r", "2.7", "m", 0, 3, (3,), ((1, 2, 3, 4),)),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.kind))
def test_an_event_is_read_back_as_it_was_and_without_its_later_fields(event: Event) -> None:
    data = json.loads(json.dumps(event.to_json()))
    assert event_from_json(data) == event
    for name in LATER - ({"queue"} if event.kind != "violation" else set()):
        data.pop(name, None)
    old = event_from_json(data)
    assert old.text == event.text
