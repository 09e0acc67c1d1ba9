"""Guest time: from executed instructions, or from the host's clock."""

from __future__ import annotations

from itertools import pairwise

from emu.clock import VirtualClock, WallClock


class Count:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_ten_instructions_are_one_tick() -> None:
    count = Count()
    clock = VirtualClock(count)
    count.now = 100_000_000
    assert clock.ticks() == 10_000_000, "100 million instructions are one second of a 10 MHz timebase"


def test_a_guest_that_spins_on_the_clock_is_helped_along_by_doubling_steps() -> None:
    count = Count()
    clock = VirtualClock(count)
    seen = []
    for _ in range(30):
        count.now += 20
        seen.append(clock.read())
    assert seen == sorted(seen)
    assert seen[-1] > 100_000, "thirty looks pass 10 ms"
    steps = [b - a for a, b in pairwise(seen)]
    assert max(steps) <= VirtualClock.LONGEST_CHARGE + 2


def test_a_wait_overshoots_at_most_by_its_own_length() -> None:
    for wanted in (10, 100, 5_000, 100_000):
        count = Count()
        clock = VirtualClock(count)
        count.now = 1_000_000
        start = clock.read()
        while (now := clock.read()) < start + wanted:
            count.now += 15
        assert now - start <= 2 * wanted + 4


def test_looks_that_are_far_apart_cost_nothing() -> None:
    count = Count()
    clock = VirtualClock(count)
    for _ in range(50):
        count.now += 1000
        assert clock.read() == count.now // 10


def test_both_halves_of_one_load_see_the_same_time() -> None:
    count = Count()
    clock = VirtualClock(count)
    count.now = 5000
    assert clock.read() == clock.read()


def test_the_deadline_is_the_alarm_in_instructions() -> None:
    count = Count()
    clock = VirtualClock(count)
    assert clock.deadline(0) == VirtualClock.SLICE
    clock.alarm(500)
    assert clock.deadline(0) == 5000
    assert not clock.due()
    count.now = 5000
    assert clock.due()
    assert clock.deadline(5000) == 1, "an alarm in the past comes at once"


def test_waiting_skips_to_the_alarm() -> None:
    clock = VirtualClock(Count())
    assert clock.idle() is None
    clock.alarm(12_345)
    assert clock.idle() == 0.0
    assert clock.ticks() == 12_345
    assert clock.due()


def test_a_guest_may_set_its_clock() -> None:
    count = Count()
    for clock in (VirtualClock(count), WallClock(lambda: 0)):
        clock.set_ticks(1 << 40)
        assert clock.ticks() == 1 << 40


def test_the_wall_clock_counts_ticks_of_100_ns_and_says_how_long_to_sleep() -> None:
    now = Count()
    clock = WallClock(now)
    now.now = 1_000_000
    assert clock.ticks() == 10_000
    clock.alarm(20_000)
    assert clock.idle() == 0.001
    now.now = 2_000_000
    assert clock.due()
    assert clock.idle() == 0
