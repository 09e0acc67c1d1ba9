"""Random registers, rings and chains against each device: no exception, no hang, no access where there is no RAM.

150 examples a device in the usual run, 10,200 with the marker `slow`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from fenced import HEADERS, RAM_SIZE, Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio as R
from virtio.spec import DescFlag
from virtio.testing import RAM_BASE, RawQueue

DEVICES: dict[str, Callable[[], Device]] = {
    "rng": lambda: Rng(bytes),
    "blk": lambda: Blk(io.BytesIO(bytes(0x4000)), size_max=0x1000, seg_max=4),
    "console": lambda: Console(len, (80, 25)),
}

devices = pytest.mark.parametrize("device", DEVICES)
examples = pytest.mark.parametrize("examples", [50, pytest.param(3400, marks=pytest.mark.slow)])


Op = Callable[[Bench], None]

numbers = st.one_of(
    st.integers(0, 20),
    st.sampled_from([0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 64) - 1]),
    st.integers(RAM_BASE, RAM_BASE + RAM_SIZE),
    st.integers(0, (1 << 64) - 1),
)
widths = st.sampled_from([4, 4, 4, 1, 2, 8])
offsets = st.one_of(
    st.sampled_from([r.offset for r in R.registers]), st.integers(0x100, 0x168), st.integers(0, 0xFF8)
)
loads: st.SearchStrategy[Op] = st.builds(lambda o, w: lambda b: (b.load(o, w), None)[1], offsets, widths)
stores: st.SearchStrategy[Op] = st.builds(
    lambda o, w, v: lambda b: b.store(o, w, v & ((1 << 8 * w) - 1)), offsets, widths, numbers
)
lives: st.SearchStrategy[Op] = st.builds(
    lambda f, s: lambda b: b.live(f, s),
    st.one_of(st.just((1 << 64) - 1), st.integers(0, (1 << 64) - 1)), st.sampled_from([1, 2, 8, 16, 16, 16]),
)  # fmt: skip
feeds: st.SearchStrategy[Op] = st.builds(lambda d: lambda b: b.feed(d), st.binary(max_size=40))
notifies: st.SearchStrategy[Op] = st.builds(lambda q: lambda b: b.store(0x50, 4, q), st.integers(0, 2))


def on_queue(index: int, act: Callable[[RawQueue], None]) -> Op:
    return lambda b: act(b.queues[index % len(b.queues)]) if b.queues else None


indices = st.integers(0, 1)
scribbles: st.SearchStrategy[Op] = st.builds(
    lambda q, at, data: on_queue(q, lambda r: r.memory.write(r.desc + at, data)),
    indices, st.integers(0, 0x2F0), st.binary(min_size=1, max_size=16),
)  # fmt: skip
counters: st.SearchStrategy[Op] = st.builds(
    lambda q, at, value: on_queue(q, lambda r: r.memory.put16((r.avail, r.used_ring)[at] + 2, value & 0xFFFF)),
    indices, st.integers(0, 1), numbers,
)  # fmt: skip
addresses = st.one_of(
    st.integers(0, 7).map(lambda i: HEADERS + 16 * i),
    st.integers(RAM_BASE, RAM_BASE + 0x3000),
    st.integers(RAM_BASE + 0x8000, RAM_BASE + RAM_SIZE - 1),
    numbers,
)
lengths = st.one_of(st.sampled_from([1, 16, 16, 20, 32, 512, 513, 0x1000]), st.integers(0, 600), numbers)
flags = st.one_of(st.sampled_from([0, 1, 1, 2, 3, 3, 4]), st.integers(0, 7), st.integers(0, 0xFFFF))
descriptors: st.SearchStrategy[Op] = st.builds(
    lambda q, i, a, n, f, x: on_queue(
        q, lambda r: r.descriptor(i, a & (1 << 64) - 1, n & 0xFFFFFFFF, f, (i + 1 if x is None else x) & 0xFFFF)
    ),
    indices, st.integers(0, 15), addresses, lengths, flags, st.one_of(st.none(), st.none(), st.integers(0, 17)),
)  # fmt: skip
offers: st.SearchStrategy[Op] = st.builds(
    lambda q, h: on_queue(q, lambda r: r.offer(h)), indices, st.one_of(st.integers(0, 3), st.integers(0, 0xFFFF))
)

Buffer = tuple[int, int, bool]
Change = tuple[int, int, int]


def chain_op(queue: int, first: int, buffers: list[Buffer], table: int, changes: list[Change], kick: bool) -> Op:
    """A chain laid out as it should be, in the ring or (`table` 1 to 3) a table, then spoiled by `changes`.

    A change overwrites the 16-bit word `where` of descriptor `which`.
    """

    def act(b: Bench) -> None:
        r = b.queues[queue % len(b.queues)]
        size = len(buffers) if table else r.size
        base = HEADERS + 0x400 * table if table else r.desc
        start = 0 if table else first
        for i, (address, length, writable) in enumerate(buffers):
            last = i + 1 == len(buffers)
            kind = (DescFlag.WRITE if writable else 0) | (0 if last else DescFlag.NEXT)
            r.descriptor((start + i) % size, address, length, kind, (start + i + 1) % size, table=base)
        if table:
            r.descriptor(first % r.size, base, 16 * len(buffers), DescFlag.INDIRECT)
        for which, where, value in changes:
            r.memory.put16(base + 16 * ((start + which) % size) + 2 * where, value)
        r.offer(first % r.size)
        if kick:
            r.notify()

    return lambda b: act(b) if b.queues else None


def mostly(usual: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nine times out of ten `usual`: what is wrong everywhere is refused at the first look."""
    return st.integers(0, 9).flatmap(lambda n: rare if n == 7 else usual)


good_addresses = st.integers(RAM_BASE + 0x8000, RAM_BASE + 0xE000)
good_lengths = st.one_of(st.sampled_from([1, 16, 20, 512, 1024]), st.integers(1, 0x1800))
heads = st.integers(0, 7).map(lambda i: (HEADERS + 16 * i, 16, False))
buffers = st.builds(
    lambda head, rest, last: [*([head] if head else []), *sorted(rest, key=lambda b: b[2]), *([last] if last else [])],
    mostly(heads, st.none()),
    st.lists(st.tuples(mostly(good_addresses, addresses), good_lengths, st.booleans()), max_size=4),
    mostly(st.tuples(good_addresses, st.just(1), st.just(True)), st.none()),
).filter(bool).map(lambda bs: [(a & (1 << 64) - 1, n, w) for a, n, w in bs])  # fmt: skip
changes = mostly(
    st.just([]),
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 7), st.one_of(st.integers(0, 20), st.integers(0, 0xFFFF))),
        min_size=1, max_size=2,
    ),
)  # fmt: skip
well_meant: st.SearchStrategy[Op] = st.builds(
    chain_op, indices, st.integers(0, 15), buffers, st.one_of(st.just(0), st.integers(0, 3)), changes,
    st.sampled_from([True, True, False]),
)  # fmt: skip

registers = st.lists(st.one_of(loads, stores, stores, lives, well_meant), min_size=5, max_size=40)
rings = st.tuples(
    lives,
    st.lists(
        st.one_of(well_meant, well_meant, scribbles, scribbles, counters, offers, notifies, feeds, lives), min_size=5,
        max_size=30,
    ),
).map(lambda parts: [parts[0], *parts[1]])  # fmt: skip
chains = st.tuples(
    lives, st.lists(st.one_of(well_meant, well_meant, well_meant, descriptors, feeds, lives), min_size=3, max_size=15)
).map(lambda parts: [parts[0], *parts[1]])


def attack(
    device: str, examples: int, sequences: st.SearchStrategy[list[Op]], make: Callable[[Device], Bench] = Bench
) -> None:
    """Run so many sequences, each against a new device, none for longer than five seconds."""

    @settings(max_examples=examples, deadline=5000, derandomize=examples < 100, database=None)
    @given(sequences)
    def run(sequence: list[Op]) -> None:
        bench = make(DEVICES[device]())
        for op in sequence:
            op(bench)
        bench.check()

    run()


@devices
@examples
def test_random_register_sequences(device: str, examples: int) -> None:
    attack(device, examples, registers)


@devices
@examples
def test_random_rings(device: str, examples: int) -> None:
    attack(device, examples, rings)


@devices
@examples
def test_random_chains(device: str, examples: int) -> None:
    attack(device, examples, chains)
