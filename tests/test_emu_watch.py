"""A hart that is watched tells the loads and stores of chosen memory, and the instructions of chosen stretches."""

from __future__ import annotations

import time

import pytest
from asm import BASE
from bare import XLEN, Guest
from paging import DATA, MODES, A, D, Mode, Paged, R, V, W

from emu.hart import Hart
from emu.memory import Ram
from emu.traps import S
from emu.watch import WIDEST, Watcher, merged

Told = tuple[str, int, int, int, int, int]
"""Direction, address, width, value; pc and the count of instructions at that moment."""
HERE = BASE + 0x10000


class Watched(Guest):
    """A guest whose accesses to `told_of` are told."""

    watching = True

    def start(self, start: int = HERE, end: int = HERE + 0x100) -> list[Told]:
        told: list[Told] = []
        hart = self.hart
        self.watcher.watch([(start, end)], lambda *access: told.append((*access, hart.pc, hart.instructions)))
        return told

    @property
    def watcher(self) -> Watcher:
        assert self.hart.watcher is not None
        return self.hart.watcher


class WatchedPages(Paged, Watched):
    pass


@XLEN
def test_every_load_and_store_is_told_with_its_pc_value_and_count(xlen: int) -> None:
    guest = Watched(f"""
    li t0, {HERE}
    li t1, -2
    at: sw t1, 0(t0)
    lbu t2, 3(t0)
    sh t1, 6(t0)
    fence
    amoadd.w t3, t1, (t0)
    loop: j loop
    """, xlen)  # fmt: skip
    told = guest.start()
    guest.run(40)
    at, before = told[0][4], told[0][5]
    assert told == [
        ("w", HERE, 4, 0xFFFFFFFE, at, before),
        ("r", HERE + 3, 1, 0xFF, at + 4, before + 1),
        ("w", HERE + 6, 2, 0xFFFE, at + 8, before + 2),
        ("r", HERE, 4, 0xFFFFFFFE, at + 16, before + 4),
        ("w", HERE, 4, 0xFFFFFFFC, at + 16, before + 4),
    ]
    assert guest.watcher.accesses == 5


def test_eight_bytes_are_one_access_on_rv64() -> None:
    guest = Watched(f"li t0, {HERE}\nli t1, 0x1122334455667788\nsd t1, 0(t0)\nld t2, 0(t0)\nloop: j loop", 64)
    told = guest.start()
    guest.run(40)
    assert [access[:4] for access in told] == [(op, HERE, 8, 0x1122334455667788) for op in "wr"]


@XLEN
def test_an_access_that_begins_before_what_is_watched_is_told_and_one_further_off_is_not(xlen: int) -> None:
    guest = Watched(f"li t0, {HERE}\nsw t0, -4(t0)\nsw t0, -8(t0)\nsw t0, 16(t0)\nsw t0, 12(t0)\nloop: j loop", xlen)
    told = guest.start(HERE, HERE + 16)
    guest.run(40)
    assert [access[1] for access in told] == [HERE - 4, HERE + 12], "what touches and what may touch"


@MODES
def test_addresses_are_physical(mode: Mode) -> None:
    guest = WatchedPages(mode, "sw t1, 0x20(t1)\nlw t2, 0x20(t1)\nloop: j loop", S)
    guest.map(mode.va, DATA, V | R | W | A | D)
    told = guest.start(DATA, DATA + 0x1000)
    guest.run(100)
    assert [access[:3] for access in told] == [("w", DATA + 0x20, 4), ("r", DATA + 0x20, 4)]
    assert told[1][4] == told[0][4] + 4


@XLEN
def test_watching_can_begin_and_end_between_any_two_instructions(xlen: int) -> None:
    """Code that ran before is translated again or was always able to tell."""
    guest = Watched(f"li t0, {HERE}\nloop: sw t1, 0(t0)\naddi t1, t1, 1\nj loop", xlen)
    guest.run(301)
    told = guest.start()
    guest.run(30)
    assert [access[3] for access in told] == list(range(told[0][3], told[0][3] + 10))
    guest.watcher.watch([], lambda *access: pytest.fail("not watched any more"))
    guest.run(30)


@XLEN
def test_following_tells_every_instruction_before_it_is_executed(xlen: int) -> None:
    guest = Watched("addi a0, zero, 0\nloop: addi a0, a0, 1\nc.nop\nj loop", xlen)
    seen: list[tuple[int, int, int]] = []
    guest.run(100)
    guest.watcher.follow(lambda pc, size: seen.append((pc, size, guest.hart.core.x[10])))
    guest.run(6)
    guest.watcher.unfollow()
    guest.run(60)
    loop, count = BASE + 4, seen[0][2]
    assert seen == [
        (loop, 4, count), (loop + 4, 2, count + 1), (loop + 6, 4, count + 1),
        (loop, 4, count + 1), (loop + 4, 2, count + 2), (loop + 6, 4, count + 2),
    ]  # fmt: skip


def test_following_can_end_at_an_instruction_and_begin_at_an_access() -> None:
    guest = Watched(f"li t0, {HERE}\nloop: sw t1, 0(t0)\naddi t1, t1, 1\nbne t1, a0, loop\nend: j end", 64)
    guest.hart.core.x[10] = 100
    followed: list[int] = []

    def executed(pc: int, size: int) -> None:
        followed.append(pc)
        if len(followed) % 2 == 0:
            guest.watcher.unfollow()

    guest.watcher.watch([(HERE, HERE + 4)], lambda *access: guest.watcher.follow(executed))
    guest.run(500)
    assert (len(followed), guest.watcher.accesses) == (200, 100)
    assert len(set(followed)) == 2


def test_an_error_in_what_is_told_comes_out_of_run() -> None:
    guest = Watched(f"li t0, {HERE}\nsw t1, 0(t0)\nloop: j loop", 64)

    def fails(*access: object) -> None:
        raise ValueError("no good")

    guest.watcher.watch([(HERE, HERE + 4)], fails)
    with pytest.raises(ValueError, match="no good"):
        guest.run(100)


def test_ranges_that_come_and_go_do_not_slow_the_hart_down() -> None:
    """The engine keeps removed hooks until it pauses, and goes through them at every load and store."""
    guest = Watched(f"li t0, {HERE}\nloop: sw t1, 0(t0)\naddi t1, t1, 1\nj loop", 64)
    far = BASE + 0x20000

    def told(*access: object) -> None:
        turn = guest.watcher.accesses
        if turn <= 3000:
            guest.watcher.watch([(HERE, HERE + 4), (far + turn * 64, far + turn * 64 + 4)], told)

    guest.watcher.watch([(HERE, HERE + 4)], told)
    began = time.perf_counter()
    guest.run(9_000)
    changing = time.perf_counter() - began
    began = time.perf_counter()
    guest.run(9_000)
    assert guest.watcher.accesses > 5_990
    assert changing < 1.0 and time.perf_counter() - began < 0.5


def test_what_is_not_ram_is_not_watched() -> None:
    """A hostile descriptor names any address."""
    guest = Watched(f"li t0, {HERE}\nsw t1, 0(t0)\nloop: j loop", 64)
    top = 1 << 64
    outside = [(0, 16), (3, 4), (top - 16, top), (top - 8, top + 100), (BASE - 64, BASE), (BASE + (1 << 20), top)]
    guest.watcher.watch(outside, lambda *access: pytest.fail("an access was told"))
    guest.run(20)
    assert guest.watcher.accesses == 0


def test_ranges_are_merged_so_that_no_access_is_told_twice() -> None:
    assert merged([(10, 20), (15, 30), (30, 40), (50, 60), (70, 70)]) == {(10, 40), (50, 60)}
    assert merged([(100, 200), (205, 210)], WIDEST - 1) == {(93, 210)}


def test_a_hart_that_is_not_watched_has_no_watcher() -> None:
    assert Hart(Ram(BASE, 1 << 20), 64).watcher is None
