"""Rings and chains that are broken: each is named, and none raises, hangs or is served beyond its bounds."""

from __future__ import annotations

import pytest
from rings import BUFFER, INDIRECT, NEXT, WITH_INDIRECT, WRITE, Echo, broken, live

from virtio.devices.rng import Rng
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio as R
from virtio.testing import RAM_BASE, RawQueue


def test_a_head_that_the_queue_does_not_have() -> None:
    p, queue = live()
    queue.offer(8)
    queue.notify()
    assert broken(p, queue) == (
        "queue 0: chain 8 made available, the queue has 8 descriptors [inv.avail-head-range, 2.7.6]"
    )


def test_an_avail_index_too_far_ahead() -> None:
    p, queue = live()
    queue.memory.put16(queue.avail + 2, 9)
    queue.notify()
    assert broken(p, queue) == (
        "queue 0: avail.idx is 9 ahead, the queue has 8 descriptors [inv.avail-idx-jump, 2.7.13]"
    )


def test_an_avail_index_that_goes_back() -> None:
    p, queue = live()
    queue.add(b"x")
    queue.notify()
    queue.memory.put16(queue.avail + 2, 0)
    queue.notify()
    assert "avail.idx went back from 1 to 0" in broken(p, queue)


@pytest.mark.parametrize(
    ("descriptors", "says"),
    [
        ([(BUFFER, 4, NEXT, 8)], "queue 0, chain 0: descriptor 0: next is 8, the queue has 8 descriptors "
                                 "[inv.desc-next-range, 2.7.5]"),
        ([(BUFFER, 4, NEXT, 0)], "chain 0: still going on after 8 descriptors, so it visits one twice "
                                 "[split.chain-no-loop, 2.7.5.2]"),
        ([(BUFFER, 4, NEXT, 1), (BUFFER, 4, NEXT, 0)], "[split.chain-no-loop, 2.7.5.2]"),
        ([(BUFFER, 0, 0, 0)], "descriptor 0: a buffer of 0 bytes at 0x80008000 [inv.buffer-in-ram, 2.7.5]"),
        ([(0x1000, 4, 0, 0)], "descriptor 0: 4 bytes at 0x1000 are not inside RAM [inv.buffer-in-ram, 2.7.5]"),
        ([(RAM_BASE + 0xFFFFF, 2, WRITE, 0)], "2 bytes at 0x800fffff are not inside RAM"),
        ([(0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF, 0, 0)], "4294967295 bytes at 0xffffffffffffffff are not inside RAM"),
        ([(BUFFER, 4, WRITE | NEXT, 1), (BUFFER + 8, 4, 0, 0)],
         "chain 0: the readable buffer at 0x80008008 comes after a writable one [split.readable-before-writable"),
        ([(BUFFER, 16, INDIRECT | NEXT, 1)], "both INDIRECT and NEXT are set [indirect.no-indirect-and-next"),
        ([(BUFFER, 0, INDIRECT, 0)], "indirect table of 0 bytes is not a positive multiple of 16 [inv.indirect-len"),
        ([(BUFFER, 24, INDIRECT, 0)], "indirect table of 24 bytes is not a positive multiple of 16 [inv.indirect-len"),
        ([(0x1000, 16, INDIRECT, 0)], "indirect table of 16 bytes at 0x1000 is outside RAM [inv.indirect-len"),
        ([(BUFFER, 4, NEXT, 1), (BUFFER, 8, INDIRECT, 0)], "descriptor 1: indirect table of 8 bytes"),
    ],
)  # fmt: skip
def test_a_broken_chain_is_named_and_stops_the_device(
    descriptors: list[tuple[int, int, int, int]], says: str
) -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    for i, descriptor in enumerate(descriptors):
        queue.descriptor(i, *descriptor)
    queue.offer(0)
    queue.notify()
    assert p.device.got == []
    assert says in broken(p, queue)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([(BUFFER, 4, NEXT, 2), (BUFFER, 4, 0, 0)],
         "descriptor 0, entry 0: next is 2, the table has 2 entries [inv.desc-next-range"),
        ([(BUFFER, 4, NEXT, 0)], "still going on after all 1 entries of its table, so it visits one twice"),
        ([(BUFFER, 16, INDIRECT, 0)], "entry 0: INDIRECT in a table [indirect.no-nesting, 2.7.5.3.1]"),
        ([(BUFFER, 0, 0, 0)], "descriptor 0, entry 0: a buffer of 0 bytes"),
        ([(4, 4, 0, 0)], "descriptor 0, entry 0: 4 bytes at 0x4 are not inside RAM"),
    ],
)  # fmt: skip
def test_a_broken_indirect_table_is_named(entries: list[tuple[int, int, int, int]], says: str) -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    table = queue.place(bytes(16 * len(entries)))
    for i, entry in enumerate(entries):
        queue.descriptor(i, *entry, table=table)
    queue.descriptor(0, table, 16 * len(entries), INDIRECT)
    queue.offer(0)
    queue.notify()
    assert says in broken(p, queue)


def long_table(queue: RawQueue, entries: int) -> None:
    table = queue.place(bytes(16 * entries))
    for i in range(entries):
        queue.descriptor(i, BUFFER, 1, NEXT if i + 1 < entries else 0, (i + 1) % entries, table=table)
    queue.descriptor(0, table, 16 * entries, INDIRECT)
    queue.offer(0)


def test_a_table_longer_than_the_queue_is_told_and_served_as_linux_makes_them() -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    long_table(queue, 1024)
    queue.notify()
    assert p.complaints == [
        "queue 0, chain 0: 1024 descriptors in a queue of 8 [split.chain-le-queue-size, 2.7.5.3.1]"
    ]
    assert [len(data) for data in p.device.got] == [1024]


def test_no_chain_is_longer_than_1024_descriptors() -> None:
    p, queue = live(accepted=WITH_INDIRECT)
    long_table(queue, 1025)
    queue.notify()
    assert "chain 0: longer than 1024 descriptors [split.chain-le-queue-size, 2.7.5.3.1]" in broken(p, queue)


def test_no_chain_holds_more_than_4_gib() -> None:
    p, queue = live(Rng(), WITH_INDIRECT, size=256, ram_size=0x1000000)
    table = queue.place(bytes(16 * 513))
    for i in range(513):
        queue.descriptor(i, RAM_BASE, 0x800000, NEXT | WRITE if i < 512 else WRITE, i + 1, table=table)
    queue.descriptor(0, table, 16 * 513, INDIRECT)
    queue.offer(0)
    queue.notify()
    assert p.read(R.Status) == 0x4F
    assert p.complaints[1] == (
        "queue 0, chain 0: 0x100800000 bytes in all, 2^32 are allowed [split.chain-total-le-4g, 2.7.5.2]"
    )


def test_undefined_flags_are_told_and_ignored() -> None:
    p, queue = live()
    queue.descriptor(0, queue.place(b"fine"), 4, 0xFFF0)
    queue.offer(0)
    queue.notify()
    assert p.device.got == [b"fine"]
    assert p.complaints == [
        "queue 0, chain 0: descriptor 0: undefined flags 0xfff0 [inv.desc-undefined-flags, 2.7.5]"
    ]


def test_a_table_without_the_feature_is_told_and_served_as_on_qemu() -> None:
    p, queue = live()
    queue.add(b"hidden", indirect=True)
    queue.notify()
    assert p.device.got == [b"hidden"]
    assert p.violations == ["indirect.flag-needs-feature"]


def test_the_chains_before_a_broken_one_come_back_with_their_interrupt() -> None:
    p, queue = live()
    queue.add(b"good", 4)
    queue.offer(77)
    queue.notify()
    assert queue.used() == [(0, 4)]
    assert p.read(R.InterruptStatus) == 3


def test_a_buffer_over_the_rings_cannot_keep_the_device_busy_for_ever() -> None:
    """Each request writes avail.idx one further: without a bound the device would never come back."""

    class Racer(Echo):
        def on_notify(self, ring: Queue, name: str) -> None:
            for chain in ring:
                self.got.append(b"")
                queue.memory.put16(source, ring.last_avail + 1 & 0xFFFF)
                chain.write(chain.read())
                ring.push(chain)

    p, queue = live(Racer())
    source = queue.place(bytes(2))
    queue.descriptor(0, source, 2, NEXT, 1)
    queue.descriptor(1, queue.avail + 2, 2, WRITE, 0)
    for i in range(8):
        queue.memory.put16(queue.avail + 4 + 2 * i, 0)
    queue.memory.put16(queue.avail + 2, 1)
    queue.notify()
    assert len(p.device.got) == 8


def test_the_device_never_writes_where_it_may_only_read() -> None:
    _, queue = live()
    (address,) = queue.add(b"read only")
    before = queue.memory.read(queue.desc, 0x200)
    queue.notify()
    assert queue.memory.read(address, 9) == b"read only"
    assert queue.memory.read(queue.desc, 0x200) == before
    assert queue.used() == [(0, 0)]
