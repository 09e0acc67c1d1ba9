"""What is implied for rings: ownership, a fresh start, and descriptors that make sense; broken and kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from judged import Judged
from rings import BUFFER, INDIRECT, NEXT, WRITE

from virtio.device import Device
from virtio.queue.chain import Chain
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio as R
from virtio.spec import DeviceId, Feature, mask

TABLES = mask(Feature.INDIRECT_DESC)
Script = Callable[[Judged], object]


class Slow(Device):
    """Takes chains when it is kicked and returns them when the test says so."""

    device_id = DeviceId.ENTROPY
    queue_names = ("q",)

    def __init__(self) -> None:
        super().__init__()
        self.name = "rng"
        self.held: list[Chain] = []

    def on_notify(self, queue: Queue, name: str) -> None:
        self.held += list(queue)

    def give_back(self) -> None:
        self.queues[0].push(self.held.pop(0))


def made_of(j: Judged, address: int = BUFFER, length: int = 4, flags: int = 0, following: int = 0) -> None:
    """One descriptor, made available."""
    j.queue.descriptor(0, address, length, flags, following)
    j.queue.descriptor(1, BUFFER, 4)
    j.queue.offer(0)
    j.queue.notify()


def head(j: Judged, index: int) -> None:
    for i in range(8):
        j.queue.descriptor(i, BUFFER, 4)
    j.queue.offer(index)
    j.queue.notify()


def counted(j: Judged, ahead: int) -> None:
    for i in range(8):
        j.queue.descriptor(i, BUFFER, 4)
        j.queue.memory.put16(j.queue.avail + 4 + 2 * i, i)
    j.queue.memory.put16(j.queue.avail + 2, ahead)
    j.queue.notify()


def two_chains(j: Judged, second: int) -> None:
    """Both made available at once, each of two descriptors."""
    for i in range(8):
        j.queue.descriptor(i, BUFFER, 4, NEXT if i % 2 == 0 else 0, i + 1)
    j.queue.offer(0)
    j.queue.offer(second)
    j.queue.notify()


def dirty(j: Judged, area: str, offset: int) -> None:
    """Start over with a byte that is not 0 at `offset` of an area."""
    j.p.write(R.Status, 0)
    j.queue.memory.write(getattr(j.queue, area) + offset, b"\x01")
    j.start()


def start_over(j: Judged, avail: int, used: int) -> None:
    j.p.write(R.Status, 0)
    j.queue.memory.put16(j.queue.avail + 2, avail)
    j.queue.memory.put16(j.queue.used_ring + 2, used)
    j.start()


SCRIPTS: dict[str, tuple[Script, Script, str]] = {
    "inv.avail-head-range": (lambda j: head(j, 8), lambda j: head(j, 7), "chain 8 made available"),
    "inv.desc-next-range": (
        lambda j: made_of(j, flags=NEXT, following=8), lambda j: made_of(j, flags=NEXT, following=1), "next is 8",
    ),
    "inv.indirect-len": (
        lambda j: made_of(j, length=24, flags=INDIRECT),
        lambda j: (j.queue.descriptor(0, BUFFER, 4, table=BUFFER), made_of(j, length=16, flags=INDIRECT)),
        "24 bytes is not a positive multiple of 16",
    ),
    "inv.avail-idx-jump": (lambda j: counted(j, 9), lambda j: counted(j, 8), "avail.idx is 9 ahead"),
    "inv.head-not-outstanding": (
        lambda j: two_chains(j, 1), lambda j: two_chains(j, 2), "descriptor 1 of chain 1 was made available again",
    ),
    "inv.desc-undefined-flags": (
        lambda j: made_of(j, flags=8), lambda j: made_of(j, flags=WRITE), "undefined flags 0x8",
    ),
    "inv.buffer-in-ram": (lambda j: made_of(j, length=0), lambda j: made_of(j, length=1), "a buffer of 0 bytes"),
    "inv.ring-zeroed": (
        lambda j: dirty(j, "used_ring", 7), lambda j: dirty(j, "desc", 7), "its used ring is not zero at 0x80000207",
    ),
    "inv.avail-idx-starts-0": (lambda j: start_over(j, 9, 0), lambda j: start_over(j, 0, 0), "while avail.idx is 9"),
}  # fmt: skip


@pytest.mark.parametrize("rule", SCRIPTS)
def test_a_driver_that_breaks_an_invariant_is_told_that_one(rule: str) -> None:
    breaks, _, sentence = SCRIPTS[rule]
    j = Judged(accepted=TABLES).start()
    breaks(j)
    assert j.rules == [rule]
    assert sentence in j.said


@pytest.mark.parametrize("rule", SCRIPTS)
def test_a_driver_that_keeps_it_is_told_nothing(rule: str) -> None:
    j = Judged(accepted=TABLES).start()
    SCRIPTS[rule][1](j)
    assert j.rules == []


def test_a_chain_that_the_device_still_has_is_told_when_it_comes_again() -> None:
    device = Slow()
    j = Judged(device).start()
    j.queue.add(4)
    j.queue.notify()
    j.queue.offer(0)
    j.queue.notify()
    assert j.said == "queue 0: descriptor 0 of chain 0 is in the same chain already, which the device has not returned"


def test_a_descriptor_may_be_used_again_once_it_came_back_however_late() -> None:
    device = Slow()
    j = Judged(device).start()
    j.queue.add(4)
    j.queue.notify()
    j.queue.add(4)
    j.queue.notify()
    device.give_back()
    j.queue.next_descriptor = 0
    j.queue.add(4)  # waits while the second is out
    j.queue.notify()
    device.give_back()
    device.give_back()
    assert j.rules == []


def test_descriptors_that_lie_idle_while_the_index_wraps_are_not_told() -> None:
    j = Judged(size=4).start()
    j.queue.descriptor(3, BUFFER, 4)
    j.queue.offer(3)
    j.queue.notify()
    for _ in range(0x10000 - 2):
        j.p.events.clear()
        j.queue.descriptor(0, BUFFER, 4)
        j.queue.offer(0)
        j.queue.notify()
    j.queue.offer(3)
    j.queue.notify()
    assert [f.rule.id for f in j.sanitizer.findings if f.rule.id.startswith("inv.head")] == []


def test_rings_that_go_on_where_they_were_left_break_both_rules_of_a_fresh_start() -> None:
    j = Judged().start()
    j.queue.add(b"x")
    j.queue.notify()
    j.p.write(R.Status, 0)
    j.start()
    assert j.rules == ["inv.avail-idx-starts-0", "inv.ring-zeroed"]


def test_chains_may_wait_before_the_queue_is_ready_and_the_free_list_may_be_made() -> None:
    j = Judged()
    j.queue.add(b"x", 4)
    for i in range(2, 8):
        j.queue.descriptor(i, 0, 0, 0, i + 1)
    j.queue.memory.put16(j.queue.avail, 1)  # no interrupts
    j.start()
    j.queue.notify()
    assert j.rules == []


def test_a_recording_made_before_the_events_had_it_all_is_judged_by_heads() -> None:
    j = Judged(Slow()).start()
    j.queue.add(4)
    j.queue.notify()
    j.queue.offer(0)
    j.queue.notify()
    again = Judged()
    for event in j.p.events:
        for name, value in (("indices", ()), ("ring", (-1,) * 6), ("heads", ())):
            if hasattr(event, name):
                setattr(event, name, value)
        again.sanitizer(event)
    found = [f.rule.id for f in again.sanitizer.findings]
    assert "inv.head-not-outstanding" in found
    assert "inv.avail-idx-starts-0" not in found
