"""Why a live queue does not go on: the first broken link from the kick to the interrupt, by its sentence."""

from __future__ import annotations

import pytest
from rings import WITH_EVENT_IDX
from slots import live
from why_pair import PC, watched

from emu.broken import IDLE, UNHEARD, Broken
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio as R
from virtio.testing import RawQueue, driver_ok, negotiate, pair
from virtio.why.judge import judge
from virtio.why.look import look
from virtio.why.view import DeviceView


def test_a_queue_that_was_never_kicked() -> None:
    w = watched()
    queue = live(w.pair)
    queue.add(16)
    queue.add(16)
    wait = "kicked: queue 0 (requestq): 2 chains wait (avail.idx 2, taken 0); "
    assert w.says() == f"{wait}QueueNotify was never written for it [2.7.13.4]"
    w.pair.write(R.QueueNotify, 7)
    assert w.says() == f"{wait}the driver notified queue 7 instead{PC}, which the device does not have [4.2.3.3]"


def test_a_chain_that_came_after_the_last_kick() -> None:
    w = watched()
    queue = live(w.pair)
    queue.add(16)
    queue.notify()
    queue.add(16)
    assert w.says() == (
        f"kicked: queue 0 (requestq): 1 chain waits (avail.idx 2, taken 1); the last notification{PC} came before it "
        "was made available [2.7.13.4]"
    )


def test_a_kick_before_driver_ok_is_told_once_the_device_is_live() -> None:
    w = watched()
    negotiate(w.pair)
    queue = RawQueue(w.pair).enable()
    queue.add(16)
    queue.notify()
    driver_ok(w.pair)
    assert w.says() == (
        "kicked: queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0); it was notified only before DRIVER_OK"
        f"{PC}, which the device ignores [3.1.1]"
    )


def test_a_kick_without_a_new_avail_idx() -> None:
    w = watched()
    queue = live(w.pair)
    queue.descriptor(5, 0x80002000, 16, 2)
    queue.memory.put16(queue.avail + 4, 5)
    queue.notify()
    assert w.says() == (
        f"published: queue 0 (requestq) was notified{PC}, but avail.idx is 0: no chain was ever made available "
        "(avail.ring[0] is 5, and descriptor 5 has 16 bytes at 0x80002000) [2.7.13]"
    )
    queue.offer(5)
    queue.notify()
    assert judge(w.view()) == []
    queue.notify()
    assert "but avail.idx is 1 as before: no new chain was made available" in w.says()


def test_an_avail_idx_that_ran_away() -> None:
    w = watched()
    queue = live(w.pair)
    queue.memory.put16(queue.avail + 2, 100)
    assert w.says() == (
        "in_range: queue 0 (requestq): avail.idx 100 is 100 ahead of the device's 0, the queue has 8 descriptors "
        "[2.7.13]"
    )
    queue.notify()
    assert w.says() == (
        "healthy: the device stopped and needs a reset (DEVICE_NEEDS_RESET): queue 0: avail.idx is 100 ahead, the "
        "queue has 8 descriptors [2.1.2]"
    )


def test_a_used_ring_that_something_overwrote() -> None:
    w = watched()
    queue = live(w.pair)
    queue.add(16)
    queue.notify()
    queue.memory.put16(queue.used_ring + 2, 0)
    assert w.says() == (
        "used_ring_whole: queue 0 (requestq): used.idx in memory (0x80000202) is 0, the device wrote 1: something "
        "overwrote the used ring [2.7.8]"
    )


def test_a_chain_that_comes_back_in_silence() -> None:
    w = watched()
    queue = live(w.pair)
    queue.memory.put16(queue.avail, 1)
    queue.add(16)
    queue.notify()
    came = "interrupt_wanted: queue 0 (requestq): the device returned 1 chain (used.idx 1) without an interrupt: "
    assert w.says() == f"{came}avail.flags has NO_INTERRUPT set [2.7.7]"
    queue.memory.put16(queue.avail, 0)
    assert w.says() == f"{came}NO_INTERRUPT was set then and has been cleared since [2.7.14]"
    assert w.verdict().broken.weight == UNHEARD


def test_a_driver_that_uses_a_silent_chain_again_has_seen_it_without_an_interrupt() -> None:
    w = watched()
    queue = live(w.pair)
    queue.memory.put16(queue.avail, 1)
    for _ in range(2):
        queue.next_descriptor = 0
        queue.add(16)
        queue.notify()
    assert judge(w.view()) == []
    assert w.view().queues[0].polls


@pytest.mark.parametrize(
    ("used_event", "state"),
    [
        (0, "used_event is still 0: only the step of used.idx from 0 to 1 interrupts"),
        (7, "used_event is 7, so none comes before used.idx passes it"),
        (1, "used_event became 1 only after that"),
    ],
)
def test_a_used_event_that_is_stale(used_event: int, state: str) -> None:
    w = watched()
    queue = live(w.pair, WITH_EVENT_IDX)
    for _ in range(2):
        queue.add(16)
        queue.notify()
        w.pair.write(R.InterruptACK, w.pair.read(R.InterruptStatus))
    queue.memory.put16(queue.avail + 4 + 2 * 8, used_event)
    assert w.says() == (
        "interrupt_wanted: queue 0 (requestq): used.idx is 2 and no interrupt was raised for it, because EVENT_IDX is "
        f"on and {state} [2.7.10.1]"
    )
    queue.memory.put16(queue.avail + 4 + 2 * 8, 2)
    assert judge(w.view()) == [], "the driver asks for what comes after all there is"


def test_an_acknowledgement_that_takes_an_unseen_interrupt_away() -> None:
    w = watched()
    queue = live(w.pair)
    queue.add(16)
    queue.notify()
    why = w.pair.read(R.InterruptStatus)
    queue.used()
    queue.add(16)
    queue.notify()  # from within the handler
    w.pair.write(R.InterruptACK, why)
    assert w.says() == (
        "acknowledged_in_time: chain 1 of queue 0 (requestq) came back after the driver had read InterruptStatus, and "
        f"InterruptACK{PC} took its interrupt away [4.2.3.4.1]"
    )


def test_acknowledging_first_loses_nothing() -> None:
    w = watched()
    queue = live(w.pair)
    for _ in range(3):
        queue.add(16)
        queue.notify()
        w.pair.write(R.InterruptACK, w.pair.read(R.InterruptStatus))
        queue.used()
    assert judge(w.view()) == []


def test_a_raised_wire_is_somebody_elses_question() -> None:
    w = watched()
    queue = live(w.pair)
    queue.add(16)
    queue.notify()
    asked: list[DeviceView] = []
    answer = Broken("the wire is cut", "nowhere", "mend it")
    (found,) = judge(w.view(), lambda view: asked.append(view) or ("wire", answer))
    assert (found.link, found.broken, len(asked)) == ("wire", answer, 1)
    assert found.sentence == "virtio0-rng: the wire is cut"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (
            "used.idx",
            "queue 0 (requestq): the driver reads used.idx again and again, but all is delivered (used.idx 1, the "
            "device has nothing left): the index it compares with is wrong",
        ),
        (
            "avail.idx",
            "queue 0 (requestq): the driver waits for avail.idx to change, but the device announces in used.idx",
        ),
    ],
)
def test_a_driver_that_polls_though_all_came_back(word: str, sentence: str) -> None:
    w = watched()
    queue = live(w.pair)
    queue.add(16)
    queue.notify()
    view = w.view()
    view.queues[0].read_now[word] = ""
    (found,) = judge(view, lambda view: ("pending", Broken("", "", "")))
    assert found.broken.message == sentence


def test_a_driver_that_polls_before_it_offered_anything() -> None:
    w = watched()
    live(w.pair)
    view = w.view()
    view.queues[0].read_now["used.idx"] = ""
    (found,) = judge(view)
    assert found.broken.message.endswith("waits for used.idx, but never made a chain available (avail.idx 0)")


def test_buffers_that_wait_for_input_are_nothing_outstanding() -> None:
    w = watched(Console(lambda data: None))
    queue = live(w.pair)
    queue.add(16)
    queue.notify()
    assert judge(w.view()) == []
    queue.add(16)
    assert judge(w.view()) == []


def test_input_that_finds_no_buffer_is_told() -> None:
    console = Console(lambda data: None)
    w = watched(console)
    queue = live(w.pair)
    console.feed(b"hello world")
    assert w.says() == (
        "buffered: 11 bytes of input wait in the device, and queue 0 (receiveq) has no buffer for them: none was ever "
        "made available [5.3.6.1]"
    )
    queue.add(8)
    assert w.says().startswith("kicked: queue 0 (receiveq): 1 chain waits (avail.idx 1, taken 0); QueueNotify was")
    queue.notify()
    w.pair.write(R.InterruptACK, w.pair.read(R.InterruptStatus))
    assert w.says() == (
        "buffered: 3 bytes of input wait in the device, and queue 0 (receiveq) has no buffer for them: all 1 that it "
        "was given came back [5.3.6.1]"
    )


def test_the_other_queue_of_a_console_that_was_kicked_instead() -> None:
    w = watched(Console(lambda data: None))
    negotiate(w.pair)
    queues = [RawQueue(w.pair, i, at=0x80000000 + 0x4000 * i).enable() for i in (0, 1)]
    driver_ok(w.pair)
    queues[1].add(b"hello")
    queues[0].notify()
    assert w.says() == (
        f"kicked: queue 1 (transmitq): 1 chain waits (avail.idx 1, taken 0); the driver notified queue 0 instead{PC} "
        "[4.2.3.3]"
    )


def test_a_used_ring_that_was_not_zeroed_and_says_not_to_notify() -> None:
    w = watched()
    queue = live(w.pair)
    queue.memory.put16(queue.used_ring, 1)
    queue.add(16)
    assert w.says() == (
        "kicked: queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0); used.flags at 0x80000200 is 1 (NO_NOTIFY), "
        "which the device never wrote [2.7.10.1]"
    )


def test_an_avail_event_that_was_not_zeroed() -> None:
    w = watched()
    queue = live(w.pair, WITH_EVENT_IDX)
    queue.memory.put16(queue.used_ring + 4 + 8 * 8, 0x5555)
    queue.add(16)
    assert w.says().endswith("avail_event is 21845, which the device never wrote: it has taken 0 [2.7.10.1]")


def test_without_a_listener_the_state_alone_is_told() -> None:
    p = pair(Rng())
    queue = live(p)
    queue.memory.put16(queue.avail, 1)
    queue.add(16)
    view = look(p.transport)
    assert view is not None
    (found,) = judge(view)
    assert found.broken.message.endswith("1 chain waits (avail.idx 1, taken 0); the device was not notified of it")
    queue.notify()
    view = look(p.transport)
    assert view is not None
    (found,) = judge(view)
    assert found.broken.message.endswith("returned chain 0 (used.idx 1) without an interrupt: avail.flags has "
                                         "NO_INTERRUPT set")  # fmt: skip
    assert found.broken.weight == IDLE, "perhaps the driver polls: nobody heard"
