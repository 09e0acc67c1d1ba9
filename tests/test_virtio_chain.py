"""Chains: bytes to read and room to write, however they were cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rings import WRITE

from emu.memory import Ram
from virtio.queue.chain import Chain, Descriptor
from virtio.testing import RAM_BASE


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
