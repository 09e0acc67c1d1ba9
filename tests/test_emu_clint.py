"""emu/clint.py: software interrupt and timer."""

import pytest

from emu.clint import MSIP, MTIME, MTIMECMP, NEVER, Clint


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1000
        self.alarms: list[int | None] = []

    def ticks(self) -> int:
        return self.now

    read = ticks

    def set_ticks(self, value: int) -> None:
        self.now = value

    def alarm(self, at: int | None) -> None:
        self.alarms.append(at)


class Board:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.heard: list[tuple[str, bool]] = []
        self.clint = Clint(
            self.clock, lambda on: self.heard.append(("msip", on)), lambda on: self.heard.append(("mtip", on))
        )


@pytest.fixture
def board() -> Board:
    return Board()


def test_msip_is_one_bit_and_heard_when_it_changes(board: Board) -> None:
    board.clint.store(MSIP, 4, 0xFFFFFFFF)
    board.clint.store(MSIP, 4, 1)
    assert board.clint.load(MSIP, 4) == 1
    board.clint.store(MSIP, 4, 2)
    assert board.clint.load(MSIP, 4) == 0
    assert board.heard == [("msip", True), ("msip", False)]


def test_the_timer_interrupts_once_its_time_has_come(board: Board) -> None:
    board.clint.store(MTIMECMP, 8, 1500)
    assert board.clock.alarms == [1500] and board.heard == []
    board.clock.now = 1499
    board.clint.update()
    assert board.heard == []
    board.clock.now = 1500
    board.clint.update()
    board.clint.update()
    assert board.heard == [("mtip", True)]
    board.clint.store(MTIMECMP, 8, 2000)
    assert board.heard == [("mtip", True), ("mtip", False)] and board.clock.alarms[-1] == 2000


def test_a_comparator_in_the_past_interrupts_at_once(board: Board) -> None:
    board.clint.store(MTIMECMP, 8, 1000)
    assert board.heard == [("mtip", True)] and board.clock.alarms == [None]


def test_a_32_bit_hart_sets_the_comparator_in_halves(board: Board) -> None:
    board.clint.store(MTIMECMP, 4, 0xFFFFFFFF)
    board.clint.store(MTIMECMP + 4, 4, 2)
    board.clint.store(MTIMECMP, 4, 5)
    assert board.clint.load(MTIMECMP, 8) == 0x2_0000_0005
    assert (board.clint.load(MTIMECMP, 4), board.clint.load(MTIMECMP + 4, 4)) == (5, 2)
    assert board.heard == [] and board.clock.alarms[-1] == 0x2_0000_0005


def test_mtime_reads_whole_and_in_halves(board: Board) -> None:
    board.clock.now = 0x1_2345_6789_ABCD
    assert board.clint.load(MTIME, 8) == 0x1_2345_6789_ABCD
    assert (board.clint.load(MTIME, 4), board.clint.load(MTIME + 4, 4)) == (0x6789ABCD, 0x12345)


def test_setting_mtime_moves_the_clock_and_the_interrupt(board: Board) -> None:
    board.clint.store(MTIMECMP, 8, 5000)
    board.clint.store(MTIME, 8, 6000)
    assert board.clock.now == 6000 and board.heard == [("mtip", True)]
    board.clint.store(MTIME + 4, 4, 0)
    board.clint.store(MTIME, 4, 4999)
    assert board.clock.now == 4999 and board.heard[-1] == ("mtip", False) and board.clock.alarms[-1] == 5000


def test_narrow_and_crooked_accesses_do_nothing(board: Board) -> None:
    board.clint.store(MTIMECMP, 1, 0)
    board.clint.store(MTIMECMP + 4, 8, 0)
    board.clint.store(MTIMECMP + 2, 4, 0)
    board.clint.store(0x8000, 4, 1)
    assert board.clint.mtimecmp == NEVER and board.heard == []
    assert board.clint.load(MTIME, 2) == board.clint.load(MTIME + 2, 4) == board.clint.load(0x8000, 4) == 0


def test_reset_takes_every_interrupt_back(board: Board) -> None:
    board.clint.store(MSIP, 4, 1)
    board.clint.store(MTIMECMP, 8, 0)
    board.clint.reset()
    assert board.heard[2:] == [("msip", False), ("mtip", False)] and board.clock.alarms[-1] is None
