"""emu/plic.py: the PLIC as QEMU models it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.plic import MAX_PRIORITY, SIZE, Plic

M, S = 0, 1


def claim_at(context: int) -> int:
    return 0x200004 + 0x1000 * context


class Board:
    """A PLIC whose outputs are remembered."""

    def __init__(self) -> None:
        self.level = [False, False]
        self.edges = [0, 0]
        self.plic = Plic([lambda on: self.output(M, on), lambda on: self.output(S, on)])

    def output(self, context: int, on: bool) -> None:
        self.level[context] = on
        self.edges[context] += 1

    def enable(self, irq: int, context: int = S, priority: int = 1) -> None:
        self.plic.store(4 * irq, 4, priority)
        at = 0x2000 + 0x80 * context + irq // 32 * 4
        self.plic.store(at, 4, self.plic.load(at, 4) | 1 << irq % 32)

    def claim(self, context: int = S) -> int:
        return self.plic.load(claim_at(context), 4)

    def complete(self, irq: int, context: int = S) -> None:
        self.plic.store(claim_at(context), 4, irq)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.mark.parametrize("irq", [1, 10, 31, 32, 63, 64, 95])
def test_a_rising_line_is_pending_until_it_is_claimed(board: Board, irq: int) -> None:
    board.enable(irq)
    board.plic.line(irq).set(True)
    assert board.level == [False, True]
    assert board.plic.load(0x1000 + irq // 32 * 4, 4) == 1 << irq % 32
    assert board.claim() == irq
    assert board.level == [False, False]
    assert board.plic.load(0x1000 + irq // 32 * 4, 4) == 0
    assert board.claim() == 0


def test_completing_with_the_line_still_high_does_not_pend_it_again(board: Board) -> None:
    board.enable(10)
    line = board.plic.line(10)
    line.set(True)
    assert board.claim() == 10
    board.complete(10)
    assert not board.level[S] and board.claim() == 0
    line.set(False)
    line.set(True)
    assert board.level[S] and board.claim() == 10


def test_a_line_that_rises_again_while_claimed_is_delivered_after_completion(board: Board) -> None:
    board.enable(3)
    line = board.plic.line(3)
    line.set(True)
    assert board.claim() == 3
    line.set(False)
    line.set(True)
    assert not board.level[S] and board.claim() == 0
    board.complete(3)
    assert board.level[S] and board.claim() == 3


def test_a_dropped_line_stays_pending(board: Board) -> None:
    board.enable(3)
    line = board.plic.line(3)
    line.set(True)
    line.set(False)
    assert board.claim() == 3


def test_the_highest_priority_wins_and_the_lowest_id_among_equals(board: Board) -> None:
    for irq, priority in ((5, 2), (7, 6), (6, 6), (9, 1)):
        board.enable(irq, priority=priority)
        board.plic.line(irq).set(True)
    assert [board.claim() for _ in range(5)] == [6, 7, 5, 9, 0]


def test_only_a_priority_above_the_threshold_interrupts(board: Board) -> None:
    board.enable(4, priority=3)
    board.plic.store(0x201000, 4, 3)
    board.plic.line(4).set(True)
    assert not board.level[S] and board.claim() == 0
    board.plic.store(0x201000, 4, 2)
    assert board.level[S] and board.plic.load(0x201000, 4) == 2


def test_priority_zero_never_interrupts(board: Board) -> None:
    board.enable(4, priority=0)
    board.plic.line(4).set(True)
    assert not board.level[S]


def test_contexts_are_apart_and_the_first_claim_wins(board: Board) -> None:
    board.enable(8, M)
    board.plic.line(8).set(True)
    assert board.level == [True, False]
    board.enable(8, S)
    assert board.level == [True, True]
    assert board.claim(M) == 8
    assert board.level == [False, False] and board.claim(S) == 0


def test_disabling_a_pending_source_drops_the_output(board: Board) -> None:
    board.enable(8)
    board.plic.line(8).set(True)
    board.plic.store(0x2080, 4, 0)
    assert not board.level[S]
    board.enable(8)
    assert board.level[S]


def test_source_zero_does_not_exist(board: Board) -> None:
    board.plic.store(0, 4, 7)
    board.plic.store(0x2000, 4, 0xFFFFFFFF)
    assert board.plic.load(0, 4) == 0
    assert board.plic.load(0x2000, 4) == 0xFFFFFFFE
    with pytest.raises(ValueError, match=r"PLIC source 96 is not in 1\.\.95"):
        board.plic.line(96)


def test_the_last_enable_word_has_only_existing_sources() -> None:
    plic = Plic([lambda on: None], sources=40)
    plic.store(0x2004, 4, 0xFFFFFFFF)
    assert plic.load(0x2004, 4) == 0x1FF


def test_accesses_that_are_not_one_word_do_nothing(board: Board) -> None:
    board.enable(4)
    board.plic.line(4).set(True)
    for width in (1, 2, 8):
        assert board.plic.load(claim_at(S), width) == 0
        board.plic.store(0x2080, width, 0)
    assert board.plic.load(0x2082, 4) == 0
    assert board.claim() == 4


def test_reset_forgets_everything(board: Board) -> None:
    board.enable(4)
    board.plic.line(4).set(True)
    board.plic.reset()
    assert not board.level[S]
    assert board.plic.load(0x2080, 4) == board.plic.load(16, 4) == board.plic.load(0x1000, 4) == 0


accesses = st.tuples(
    st.booleans(),
    st.one_of(st.integers(0, SIZE - 8), st.integers(0, 0x210), st.sampled_from([0x2000, 0x2080, 0x200004, 0x201004])),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(0, (1 << 64) - 1),
)


@given(st.lists(accesses), st.lists(st.tuples(st.integers(1, 95), st.booleans())))
def test_no_access_raises_or_makes_a_value_too_wide(
    steps: list[tuple[bool, int, int, int]], lines: list[tuple[int, bool]]
) -> None:
    plic = Board().plic
    for irq, level in lines:
        plic.line(irq).set(level)
    for store, offset, width, value in steps:
        if store:
            plic.store(offset, width, value & (1 << 8 * width) - 1)
        else:
            assert 0 <= plic.load(offset, width) < 1 << 8 * width
    assert all(plic.load(4 * irq, 4) <= MAX_PRIORITY for irq in range(96))
