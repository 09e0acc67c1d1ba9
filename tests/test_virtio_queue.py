"""The device side of a split virtqueue: rings that are fine, interrupts and notifications."""

from __future__ import annotations

import pytest
from rings import INDIRECT, NEXT, WITH_EVENT_IDX, WITH_INDIRECT, WRITE, Echo, live

from virtio.events import ChainPopped, ChainUsed
from virtio.registers import VirtioMmio as R
from virtio.spec import Feature
from virtio.testing import RAM_BASE, VERSION_1, RawQueue, driver_ok, negotiate, pair


@pytest.mark.parametrize("accepted", [VERSION_1, WITH_EVENT_IDX, WITH_INDIRECT, WITH_INDIRECT | WITH_EVENT_IDX])
def test_requests_go_round_and_round_the_ring(accepted: int) -> None:
    device = Echo()
    p, queue = live(device, accepted, size=4)
    indirect = bool(accepted >> Feature.INDIRECT_DESC & 1)
    for i in range(11):
        data = bytes([i]) * 5
        _, into, more = queue.add(data, 3, 8, indirect=indirect)
        queue.notify()
        ((_, length),) = queue.used()
        assert length == 5
        assert queue.memory.read(into, 3) + queue.memory.read(more, 2) == data
        p.write(R.InterruptACK, 3)
    assert device.got[3] == b"\x03" * 5
    assert p.violations == []
    assert [e.used_idx for e in p.of(ChainUsed)] == list(range(1, 12))


def test_indices_wrap_at_65536() -> None:
    p, queue = live(Echo())
    ring = p.transport.queues[0]
    ring.last_avail = ring.used_idx = ring._signalled = queue.avail_idx = queue._seen = 0xFFFE
    queue.memory.put16(queue.avail + 2, 0xFFFE)
    queue.memory.put16(queue.used_ring + 2, 0xFFFE)
    for _ in range(4):
        queue.add(b"ab", 2)
    queue.notify()
    assert [length for _, length in queue.used()] == [2] * 4
    assert queue.memory.get16(queue.used_ring + 2) == 2
    assert p.irq.level


def test_a_popped_chain_is_published_with_its_descriptors() -> None:
    p, queue = live()
    first, second = queue.add(b"abc", 4)
    queue.notify()
    (event,) = p.of(ChainPopped)
    assert event.descriptors == ((first, 3, NEXT, 1), (second, 4, WRITE, 0))
    assert event.text == "queue 0: took chain 0 (2 descriptors, 3 bytes readable, 4 writable)"
    assert p.of(ChainUsed)[0].text == "queue 0: returned chain 0, 3 bytes written"


def test_write_on_the_descriptor_of_a_table_means_nothing() -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    table = queue.place(bytes(16))
    queue.descriptor(0, queue.place(b"in it"), 5, table=table)
    queue.descriptor(0, table, 16, INDIRECT | WRITE)
    queue.offer(0)
    queue.notify()
    assert p.device.got == [b"in it"]
    assert p.violations == []


def test_plain_descriptors_may_come_before_a_table() -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    table = queue.place(bytes(16))
    queue.descriptor(0, queue.place(b" two"), 4, table=table)
    queue.descriptor(0, queue.place(b"one"), 3, NEXT, 3)
    queue.descriptor(3, table, 16, INDIRECT)
    queue.offer(0)
    queue.notify()
    assert p.device.got == [b"one two"]
    assert p.violations == []


def test_a_device_that_takes_one_chain_leaves_the_others() -> None:
    device = Echo()
    device.most = 1
    p, queue = live(device)
    for _ in range(3):
        queue.add(b"x")
    queue.notify()
    assert p.transport.queues[0].available == 2
    assert len(queue.used()) == 1


def test_no_interrupt_is_honoured() -> None:
    p, queue = live()
    queue.memory.put16(queue.avail, 1)
    queue.add(b"x")
    queue.notify()
    assert len(queue.used()) == 1
    assert not p.irq.level
    queue.memory.put16(queue.avail, 0)
    queue.add(b"x")
    queue.notify()
    assert p.irq.level


@pytest.mark.parametrize(
    ("used_event", "chains", "interrupts"),
    [(0, 1, True), (0, 3, True), (1, 1, False), (2, 3, True), (3, 3, False), (0xFFFF, 2, False)],
)
def test_with_event_idx_the_interrupt_comes_when_used_event_is_passed(
    used_event: int, chains: int, interrupts: bool
) -> None:
    p, queue = live(accepted=WITH_EVENT_IDX)
    queue.memory.put16(queue.avail, 1)  # NO_INTERRUPT means nothing then (2.7.7.2)
    queue.memory.put16(queue.avail + 4 + 2 * queue.size, used_event)
    for _ in range(chains):
        queue.add(b"x")
    queue.notify()
    assert p.irq.level == interrupts


def test_with_event_idx_the_next_chain_is_always_asked_for() -> None:
    _, queue = live(accepted=WITH_EVENT_IDX)
    avail_event = queue.used_ring + 4 + 8 * queue.size
    for chains in (1, 3, 8):
        for _ in range(chains):
            queue.add(b"x")
        queue.notify()
        assert queue.memory.get16(avail_event) == queue.avail_idx
    assert queue.memory.get16(queue.used_ring) == 0  # used.flags stays 0 (2.7.10.2)


def test_a_device_may_ask_not_to_be_notified() -> None:
    p, queue = live()
    ring = p.transport.queues[0]
    ring.ask_for_notifications(False)
    assert queue.memory.get16(queue.used_ring) == 1
    ring.ask_for_notifications(True)
    assert queue.memory.get16(queue.used_ring) == 0
    p, queue = live(accepted=WITH_EVENT_IDX)
    p.transport.queues[0].ask_for_notifications(False)
    assert queue.memory.get16(queue.used_ring) == 0


def test_two_queues_do_not_know_each_other() -> None:
    p = pair(Echo())
    negotiate(p)
    first = RawQueue(p).enable()
    second = RawQueue(p, 1, at=RAM_BASE + 0x10000).enable()
    driver_ok(p)
    first.add(b"1", 1)
    second.add(b"2", 1)
    second.notify()
    assert (first.used(), second.used()) == ([], [(0, 1)])
