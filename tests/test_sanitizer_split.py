"""Split queues: for each rule a driver that breaks it, and one as near as can be that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from judged import Judged
from rings import BUFFER, INDIRECT, NEXT, WRITE

from virtio.spec import Feature, mask
from virtio.testing import RAM_BASE

TABLES, EVENTS = mask(Feature.INDIRECT_DESC), mask(Feature.EVENT_IDX)
Script = Callable[[Judged], object]


def chain(j: Judged, *descriptors: tuple[int, int, int, int], head: int = 0) -> None:
    """Descriptors 0, 1, ... as (address, length, flags, next), made available from `head` on."""
    for i, descriptor in enumerate(descriptors):
        j.queue.descriptor(i, *descriptor)
    j.queue.offer(head)
    j.queue.notify()


def table(j: Judged, entries: int, flags: int = INDIRECT, entry_flags: int = 0, length: int | None = None) -> None:
    """A chain of `entries` buffers of 32 bytes in an indirect table."""
    at = j.queue.place(bytes(16 * entries))
    for i in range(entries):
        more = NEXT if i + 1 < entries else 0
        j.queue.descriptor(i, BUFFER + 32 * i, 32, more | entry_flags, i + 1 if more else 0, table=at)
    chain(j, (at, 16 * entries if length is None else length, flags, 1), (BUFFER, 4, 0, 0))


def laid_out(j: Judged, used_ring_at: int) -> None:
    j.queue.used_ring += used_ring_at
    j.start()


def flags_before_ready(j: Judged, flags: int) -> None:
    j.queue.memory.put16(j.queue.used_ring, flags)
    j.start()


def avail_flags(j: Judged, flags: int) -> None:
    j.queue.memory.put16(j.queue.avail, flags)
    j.queue.add(b"x")
    j.queue.notify()


def avail_idx(j: Judged, *indices: int) -> None:
    for index in indices:
        j.queue.memory.put16(j.queue.avail + 2, index)
        j.queue.notify()


SCRIPTS: dict[str, tuple[int, Script, Script, str]] = {
    "split.part-alignment": (0, lambda j: laid_out(j, 2), lambda j: laid_out(j, 4), "used ring at 0x80000202"),
    "split.readable-before-writable": (
        0,
        lambda j: chain(j, (BUFFER, 8, NEXT | WRITE, 1), (BUFFER + 8, 8, 0, 0)),
        lambda j: chain(j, (BUFFER, 8, NEXT, 1), (BUFFER + 8, 8, WRITE, 0)),
        "comes after a writable one",
    ),
    "split.chain-no-loop": (
        0,
        lambda j: chain(j, (BUFFER, 8, NEXT, 1), (BUFFER, 8, NEXT, 0)),
        lambda j: chain(j, (BUFFER, 8, NEXT, 1), (BUFFER, 8, 0, 0)),
        "so it visits one twice",
    ),
    "indirect.flag-needs-feature": (
        0, lambda j: table(j, 2), lambda j: chain(j, (BUFFER, 8, 0, 0)), "INDIRECT without INDIRECT_DESC",
    ),
    "indirect.no-nesting": (
        TABLES, lambda j: table(j, 2, entry_flags=INDIRECT), lambda j: table(j, 2), "INDIRECT in a table",
    ),
    "split.chain-le-queue-size": (
        TABLES, lambda j: table(j, 17), lambda j: table(j, 16), "17 descriptors in a queue of 16",
    ),
    "indirect.no-indirect-and-next": (
        TABLES, lambda j: table(j, 2, INDIRECT | NEXT), lambda j: table(j, 2), "both INDIRECT and NEXT",
    ),
    "split.avail-idx-no-decrement": (
        0,
        lambda j: (j.queue.add(b"x"), j.queue.add(b"y"), j.queue.notify(), avail_idx(j, 1)),
        lambda j: (j.queue.add(b"x"), j.queue.notify(), avail_idx(j, 1)),
        "avail.idx went back from 2 to 1",
    ),
    "split.avail-flags-0-or-1": (0, lambda j: avail_flags(j, 3), lambda j: avail_flags(j, 1), "avail.flags is 0x3"),
    "evidx.avail-flags-zero": (EVENTS, lambda j: avail_flags(j, 1), lambda j: avail_flags(j, 0), "avail.flags is 0x1"),
    "split.used-flags-init-zero": (
        0, lambda j: flags_before_ready(j, 1), lambda j: flags_before_ready(j, 0), "used.flags at 0x80000200 is 0x1",
    ),
}  # fmt: skip
BEFORE_START = ("split.part-alignment", "split.used-flags-init-zero")


def judged(rule: str, script: Script, accepted: int) -> Judged:
    j = Judged(accepted=accepted, size=16)
    if rule not in BEFORE_START:
        j.start()
    script(j)
    return j


@pytest.mark.parametrize("rule", SCRIPTS)
def test_a_driver_that_breaks_a_rule_is_told_that_one(rule: str) -> None:
    accepted, breaks, _, sentence = SCRIPTS[rule]
    j = judged(rule, breaks, accepted)
    assert j.rules == [rule]
    assert sentence in j.said


@pytest.mark.parametrize("rule", SCRIPTS)
def test_a_driver_that_keeps_it_is_told_nothing(rule: str) -> None:
    accepted, _, keeps, _ = SCRIPTS[rule]
    assert judged(rule, keeps, accepted).rules == []


@pytest.mark.parametrize(("pieces", "rules"), [(8, []), (9, ["split.chain-total-le-4g"])])
def test_a_chain_of_more_than_4_gib_is_told(pieces: int, rules: list[str]) -> None:
    j = Judged(size=16, ram_size=1 << 29).start()  # the host gives it page by page, so hardly any
    last = pieces - 1
    chain(j, *[(RAM_BASE, 1 << 29, WRITE | (NEXT if i < last else 0), i + 1) for i in range(pieces)])
    assert j.rules == rules


def test_a_buffer_cut_into_small_pieces_is_told_where_no_table_is_too_long() -> None:
    for piece, rules in ((1, ["split.no-excessive-descs"]), (16, [])):
        j = Judged(accepted=TABLES, size=32)
        j.queue.avail, j.queue.used_ring = j.queue.desc + 0x400, j.queue.desc + 0x800
        j.start()
        j.queue.add(*[bytes(piece)] * 20, indirect=True)
        j.queue.notify()
        assert j.rules == rules


@pytest.mark.parametrize("size", [2, 8, 16])
def test_an_index_that_wraps_at_65536_does_not_go_back(size: int) -> None:
    j = Judged(size=size).start()
    queue = j.p.transport.queues[0]
    queue.last_avail = queue.used_idx = queue._seen = j.queue.avail_idx = 0xFFFE
    j.queue.memory.put16(j.queue.avail + 2, 0xFFFE)
    for _ in range(4):
        j.queue.add(b"x")
        j.queue.notify()
    assert j.rules == []
