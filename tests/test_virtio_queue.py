"""The device side of the split queue: chains in every cut, and rings that are broken in every way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.memory import Ram
from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.events import ChainPopped, ChainUsed
from virtio.queue.chain import Chain, Descriptor
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio as R
from virtio.spec import DescFlag, DeviceId, Feature, mask
from virtio.testing import RAM_BASE, VERSION_1, Pair, RawQueue, driver_ok, negotiate, pair

NEXT, WRITE, INDIRECT = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
WITH_INDIRECT = VERSION_1 | mask(Feature.INDIRECT_DESC)
WITH_EVENT_IDX = VERSION_1 | mask(Feature.EVENT_IDX)
BUFFER = RAM_BASE + 0x8000


class Echo(Device):
    """Writes back what it reads, and remembers both."""

    device_id = DeviceId.ENTROPY
    queue_names = ("q", "r")

    def __init__(self) -> None:
        super().__init__()
        self.got: list[bytes] = []
        self.most: int | None = None

    def on_notify(self, queue: Queue, name: str) -> None:
        for chain in queue:
            data = chain.read()
            self.got.append(data)
            chain.write(data)
            queue.push(chain)
            if self.most is not None and len(self.got) >= self.most:
                return


def live(
    device: Device | None = None, accepted: int = VERSION_1, size: int = 8, ram_size: int = 0x100000
) -> tuple[Pair, RawQueue]:
    p = pair(device or Echo(), ram_size=ram_size)
    negotiate(p, accepted)
    queue = RawQueue(p, size=size).enable()
    driver_ok(p)
    return p, queue


def broken(p: Pair, queue: RawQueue) -> str:
    """What was said about a ring that made the device ask for a reset."""
    assert p.read(R.Status) == 0x4F
    assert p.read(R.InterruptStatus) & 2
    assert len(p.complaints) == 1
    complaint = p.complaints[0]
    queue.memory.write(queue.desc, bytes(0x300))
    queue.notify()  # nothing is looked at any more
    assert queue.memory.read(queue.desc, 0x300) == bytes(0x300)
    assert p.violations[1:] == ["status.no-rely-after-needs-reset"]
    return complaint


# chains


def chain(memory: Ram, readable: list[int], writable: list[int], at: int = RAM_BASE) -> Chain:
    descriptors = []
    for sizes, flags in ((readable, 0), (writable, WRITE)):
        for size in sizes:
            descriptors.append(Descriptor(at, size, flags, 0))
            at += size + 16
    return Chain(memory, 5, descriptors)


cuts = st.lists(st.integers(1, 40), max_size=6)


@given(cuts, cuts, st.lists(st.integers(0, 60), max_size=8), st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_a_chain_is_a_stream_of_bytes_however_it_is_cut(
    readable: list[int], writable: list[int], steps: list[int], held: int
) -> None:
    memory = Ram(RAM_BASE, 0x1000)
    memory.write(RAM_BASE, bytes(i % 251 for i in range(0x1000)))
    before = memory.read(RAM_BASE, 0x1000)
    c = chain(memory, readable, writable)
    expected = b"".join(
        before[sum(readable[:i]) + 16 * i :][:size] for i, size in enumerate(readable)
    )
    room = sum(writable)
    assert (c.readable_size, c.room) == (len(expected), room)
    assert c.hold_back(held) == (held <= room)
    held = held if held <= room else 0
    got = written = b""
    for n, step in enumerate(steps):
        got += c.read(step)
        data = bytes([n + 1]) * step
        done = c.write(data)
        written += data[:done]
        assert done == min(step, room - held - len(written) + done)
        assert c.readable_size == len(expected) - len(got)
        assert (c.room, c.written) == (room - held - len(written), len(written))
    got += c.read()
    assert got == expected
    assert c.read(5) == b""
    tail = b"\xff" * held
    assert c.write_held(tail + b"more") == held
    after = memory.read(RAM_BASE, 0x1000)
    start = sum(readable) + 16 * len(readable)
    places = [start + sum(writable[:i]) + 16 * i + k for i, size in enumerate(writable) for k in range(size)]
    assert bytes(after[place] for place in places[: len(written)]) == written
    assert bytes(after[place] for place in places[room - held :]) == tail
    touched = set(places[: len(written)]) | set(places[room - held :])
    assert all(after[i] == before[i] for i in range(0x1000) if i not in touched)
    assert c.written == len(written) + held


def test_pieces_are_what_is_left_of_each_descriptor() -> None:
    c = chain(Ram(RAM_BASE, 0x1000), [10, 6], [4, 3, 1])
    c.read(12)
    assert c.readable_pieces == (4,)
    c.hold_back(2)
    assert c.writable_pieces == (4, 2)


# rings that are fine


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


# interrupts and notifications


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


# rings that are broken


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
    assert "avail.idx is 65535 ahead" in broken(p, queue)


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
