"""The driver's split queue: layout, hints, and a device that lies about the used ring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.memory import Ram
from virtio.drivers.arena import Arena
from virtio.drivers.queue import SplitVirtqueue
from virtio.errors import (
    BadUsedId,
    BadUsedLength,
    DeviceNeedsReset,
    DeviceSilent,
    DriverMisuse,
    QueueFull,
    UsedIndexJumped,
)

BASE = 0x8000_0000
INDIRECT, EVENT_IDX = 1 << 28, 1 << 29


class Wire:
    """The transport as a queue sees it."""

    def __init__(self, negotiated: int = 0) -> None:
        self.negotiated = negotiated
        self.kicks = 0
        self.broken = False

    def queue_notify(self, queue_id: int) -> None:
        self.kicks += 1

    def needs_reset(self) -> bool:
        return self.broken


class Bench:
    """A queue of `size` elements, with hands on the device's side of it."""

    def __init__(self, size: int = 4, negotiated: int = 0, **options: object) -> None:
        self.memory = Ram(BASE, 0x10000)
        self.memory.write(BASE, b"\xaa" * 0x8000)
        self.arena = Arena(BASE, 0x8000)
        self.wire = Wire(negotiated)
        self.queue = SplitVirtqueue(self.wire, self.memory, self.arena, size, **options)
        self.queue.negotiate_queue_size(size)
        self.queue.initialize(0, size)
        self.desc, self.avail, self.used = self.queue.physical_addresses()
        self.size = size

    def complete(self, head: int, length: int = 0) -> None:
        idx = self.memory.get16(self.used + 2)
        self.memory.put32(self.used + 4 + 8 * (idx % self.size), head)
        self.memory.put32(self.used + 8 + 8 * (idx % self.size), length)
        self.memory.put16(self.used + 2, (idx + 1) & 0xFFFF)

    def entry(self, table: int, i: int) -> tuple[int, int, int, int]:
        at = table + 16 * i
        m = self.memory
        return m.get64(at), m.get32(at + 8), m.get16(at + 12), m.get16(at + 14)


def test_the_areas_are_aligned_disjoint_and_zeroed() -> None:
    b = Bench(8)
    assert (b.desc % 16, b.avail % 2, b.used % 4) == (0, 0, 0)
    spans = sorted([(b.desc, 128), (b.avail, 22), (b.used, 70)])
    assert all(start + size <= spans[i + 1][0] for i, (start, size) in enumerate(spans[:-1]))
    assert all(b.memory.read(start, size) == bytes(size) for start, size in spans)


def test_a_chain_is_linked_readable_before_writable() -> None:
    b = Bench()
    head = b.queue.add([(0x100, 16)], [(0x200, 512), (0x400, 1)], token="t")
    assert head == 0
    assert [b.entry(b.desc, i) for i in range(3)] == [(0x100, 16, 1, 1), (0x200, 512, 3, 2), (0x400, 1, 2, 0)]
    assert (b.memory.get16(b.avail + 2), b.memory.get16(b.avail + 4)) == (1, 0)
    b.complete(head, 513)
    used = b.queue.pop_used()
    assert used is not None and (used.token, used.head, used.length) == ("t", 0, 513)
    assert b.queue.free == 4 and b.queue.pop_used() is None


def test_an_indirect_table_takes_one_descriptor_and_goes_back_to_the_arena() -> None:
    b = Bench(negotiated=INDIRECT)
    before = b.arena.used
    head = b.queue.add([(0x100, 16)], [(0x200, 512), (0x400, 1)])
    table, length, flags, _ = b.entry(b.desc, head)
    assert (length, flags, b.queue.free) == (48, 4, 3)
    assert [b.entry(table, i) for i in range(3)] == [(0x100, 16, 1, 1), (0x200, 512, 3, 2), (0x400, 1, 2, 0)]
    b.complete(head)
    b.queue.pop_used()
    assert b.arena.used == before


def test_a_single_piece_needs_no_indirect_table() -> None:
    b = Bench(negotiated=INDIRECT)
    b.queue.add([(0x100, 16)], [])
    assert b.entry(b.desc, 0) == (0x100, 16, 0, 0)


def test_a_full_queue_says_so_and_changes_nothing() -> None:
    b = Bench()
    b.queue.add([(0x100, 1)] * 3, [])
    with pytest.raises(QueueFull, match="queue 0 is full: 2 descriptors needed, 1 free"):
        b.queue.add([(0x100, 1)] * 2, [])
    assert (b.queue.free, b.queue.outstanding, b.memory.get16(b.avail + 2)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("readable", "message"),
    [
        ([], "a chain needs pieces of at least one byte"),
        ([(0x100, 0)], "a chain needs pieces of at least one byte"),
        ([(0x100, 1)] * 5, "a chain of 5 pieces is longer than 4"),
        ([(0x100, 1 << 31), (0x100, 1 << 31), (0x100, 1)], "more than 4 GiB"),
    ],
)
def test_a_chain_that_the_specification_forbids_is_misuse(readable: list[tuple[int, int]], message: str) -> None:
    for negotiated in (0, INDIRECT):
        with pytest.raises(DriverMisuse, match=message):
            Bench(negotiated=negotiated).queue.add(readable, [])


def test_a_queue_before_initialize_refuses_work() -> None:
    queue = SplitVirtqueue(Wire(), Ram(BASE, 0x10000), Arena(BASE, 0x8000))
    with pytest.raises(DriverMisuse, match="not initialized"):
        queue.add([(0x100, 1)], [])
    with pytest.raises(DriverMisuse, match="it has no addresses"):
        queue.physical_addresses()
    queue.used_interrupt()


def test_the_negotiated_size_is_a_power_of_two_that_both_can_live_with() -> None:
    queue = SplitVirtqueue(Wire(), Ram(BASE, 0x10000), Arena(BASE, 0x8000), 64)
    assert [queue.negotiate_queue_size(n) for n in (1, 3, 48, 64, 1024)] == [1, 2, 32, 64, 64]
    with pytest.raises(DriverMisuse, match="queue size 3 is no power of two"):
        SplitVirtqueue(Wire(), Ram(BASE, 0x10000), Arena(BASE, 0x8000), 3)


def test_no_notify_keeps_the_driver_from_kicking() -> None:
    b = Bench()
    b.queue.add([(0x100, 1)], [])
    assert b.queue.notify() and not b.queue.notify()
    b.memory.put16(b.used, 1)
    b.queue.add([(0x100, 1)], [])
    assert not b.queue.notify()
    assert b.wire.kicks == 1


def test_with_event_idx_only_a_passed_avail_event_is_a_reason_to_kick() -> None:
    b = Bench(negotiated=EVENT_IDX)
    avail_event = b.used + 4 + 8 * 4
    b.memory.put16(b.used, 1)  # NO_NOTIFY means nothing now (2.7.10.1)
    for event, kicks in ((0, True), (3, False), (2, True), (9, False)):
        b.memory.put16(avail_event, event)
        head = b.queue.add([(0x100, 1)], [])
        assert b.queue.notify() is kicks, event
        b.complete(head)
        b.queue.pop_used()


def test_used_event_follows_what_was_popped_while_interrupts_are_wanted() -> None:
    b = Bench(negotiated=EVENT_IDX)
    used_event = b.avail + 4 + 2 * 4
    for i in range(1, 7):
        b.complete(b.queue.add([(0x100, 1)], []))
        b.queue.pop_used()
        assert b.memory.get16(used_event) == i
    assert not b.queue.want_interrupts(False)
    assert b.memory.get16(used_event) == 5  # passed already
    b.complete(b.queue.add([(0x100, 1)], []))
    assert b.queue.want_interrupts(True)  # one came meanwhile
    assert b.memory.get16(used_event) == 6
    assert b.memory.get16(b.avail) == 0


def test_without_event_idx_the_flag_asks_for_silence() -> None:
    b = Bench()
    b.queue.want_interrupts(False)
    assert b.memory.get16(b.avail) == 1
    b.queue.want_interrupts(True)
    assert b.memory.get16(b.avail) == 0


def test_a_used_index_that_jumps_is_the_devices_fault_for_good() -> None:
    b = Bench()
    b.queue.add([(0x100, 1)], [])
    b.memory.put16(b.used + 2, 0xFFFF)
    with pytest.raises(UsedIndexJumped, match=r"used.idx went from 0 to 65535 \(by 65535\) with 1 chains outstanding"):
        b.queue.pop_used()
    b.memory.put16(b.used + 2, 1)
    with pytest.raises(UsedIndexJumped):
        b.queue.add([(0x100, 1)], [])
    b.queue.initialize(0, 4)
    b.queue.add([(0x100, 1)], [])


@pytest.mark.parametrize("head", [1, 4, 0xFFFFFFFF])
def test_a_used_id_that_is_not_outstanding_is_the_devices_fault(head: int) -> None:
    b = Bench()
    b.queue.add([(0x100, 1)] * 2, [])
    b.complete(head)
    with pytest.raises(BadUsedId, match=rf"used.ring\[0\].id is {head}, which is not an outstanding chain"):
        b.queue.pop_used()


def test_a_chain_returned_twice_is_the_devices_fault() -> None:
    b = Bench()
    first = b.queue.add([(0x100, 1)], [])
    b.queue.add([(0x100, 1)], [])
    b.complete(first)
    b.complete(first)
    b.queue.pop_used()
    with pytest.raises(BadUsedId, match=r"used.ring\[1\].id is 0"):
        b.queue.pop_used()


def test_a_used_length_beyond_the_writable_bytes_is_the_devices_fault() -> None:
    b = Bench()
    b.complete(b.queue.add([(0x100, 100)], [(0x200, 8)]), 9)
    with pytest.raises(BadUsedLength, match=r"used.ring\[0\].len is 9, but chain 0 has 8 writable bytes"):
        b.queue.pop_used()


def test_waiting_for_a_silent_device_ends() -> None:
    calls: list[int] = []
    b = Bench(idle=lambda: calls.append(1), patience=5)
    b.queue.add([(0x100, 1)], [])
    with pytest.raises(DeviceSilent, match="none of 1 outstanding chains came back in 6 looks"):
        b.queue.wait()
    assert len(calls) == 5


def test_waiting_ends_when_idling_brings_the_answer() -> None:
    b = Bench()
    head = b.queue.add([(0x100, 1)], [])
    b.queue.idle = lambda: b.complete(head)
    b.queue.wait()
    assert b.queue.pop_used() is not None


def test_nobody_waits_for_a_device_that_needs_reset() -> None:
    b = Bench(idle=lambda: None)
    b.queue.add([(0x100, 1)], [])
    b.wire.broken = True
    with pytest.raises(DeviceNeedsReset, match="DEVICE_NEEDS_RESET with 1 chains outstanding"):
        b.queue.wait()


def test_initializing_again_forgets_chains_and_leaks_nothing() -> None:
    b = Bench(negotiated=INDIRECT)
    used = b.arena.used
    b.queue.add([(0x100, 1)] * 2, [])
    b.queue.initialize(0, 4)
    assert (b.arena.used, b.queue.free, b.queue.outstanding) == (used, 4, 0)


@given(st.lists(st.one_of(st.integers(1, 300), st.just(0)), max_size=60), st.randoms())
def test_an_arena_gives_disjoint_memory_and_takes_all_of_it_back(sizes: list[int], random: object) -> None:
    arena = Arena(BASE + 1, 0x8000)
    taken: dict[int, int] = {}
    for size in sizes:
        if size:
            address = arena.allocate(size, align := random.choice([1, 2, 4, 16]))
            assert address % align == 0
            assert all(address + size <= a or a + s <= address for a, s in taken.items())
            taken[address] = size
        elif taken:
            address = random.choice(sorted(taken))
            arena.free(address)
            del taken[address]
    for address in taken:
        arena.free(address)
    assert arena.allocate(0x8000, 1) == BASE + 1


def test_an_arena_says_what_is_wrong() -> None:
    arena = Arena(BASE, 64)
    with pytest.raises(DriverMisuse, match=r"no 65 bytes left in the arena at 0x80000000 \(64 of 64 free\)"):
        arena.allocate(65)
    with pytest.raises(DriverMisuse, match="0x80000000 is not an allocated address"):
        arena.free(BASE)
