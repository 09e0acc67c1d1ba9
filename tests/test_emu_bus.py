"""emu/bus.py and emu/irq.py: who answers at an address, and what the trace hears."""

from __future__ import annotations

import pytest

from emu.bus import Bus
from emu.irq import Line
from emu.memory import BadAddress
from emu.trace import Event, RegisterAccess, Trace


class Plain:
    """A device that answers and remembers; its order against the trace shows in `log`."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def load(self, offset: int, width: int) -> int:
        self.log.append(("load", offset, width))
        return 0x1_2345_6789

    def store(self, offset: int, width: int, value: int) -> None:
        self.log.append(("store", offset, width, value))


class Talking(Plain):
    """The same, and it says what an access means."""

    def describe(self, op: str, offset: int, width: int, value: int) -> tuple[str, str]:
        return f"Reg{offset}", f"{op} {value:#x}"


class Board:
    def __init__(self) -> None:
        self.log: list[object] = []
        self.trace = Trace()
        self.bus = Bus(self.trace)
        self.bus.add("quiet", 0x1000, 0x100, Plain(self.log))
        self.bus.add("plain", 0x1100, 0x100, Plain(self.log), traced=True)
        self.bus.add("talking", 0x3000, 0x1000, Talking(self.log), traced=True)

    def listen(self) -> None:
        def hear(event: Event) -> None:
            assert isinstance(event, RegisterAccess)
            self.log.append((event.source, event.op, event.offset, event.width, event.value, event.name, event.text))

        self.trace.subscribe(hear)


@pytest.fixture
def board() -> Board:
    return Board()


def test_an_access_reaches_its_device_at_its_offset(board: Board) -> None:
    assert board.bus.load(0x10FC, 4) == 0x23456789
    board.bus.store(0x1100, 2, 7)
    assert board.log == [("load", 0xFC, 4), ("store", 0, 2, 7)]


def test_a_loaded_value_is_cut_to_the_access(board: Board) -> None:
    assert [board.bus.load(0x1000, width) for width in (1, 2, 4, 8)] == [0x89, 0x6789, 0x23456789, 0x123456789]


@pytest.mark.parametrize(("address", "width"), [(0xFFF, 1), (0xFFF, 2), (0x10FE, 4), (0x11FF, 2), (0x2000, 4), (0, 8)])
def test_an_access_that_is_not_wholly_in_one_region_is_a_bad_address(board: Board, address: int, width: int) -> None:
    with pytest.raises(BadAddress):
        board.bus.load(address, width)
    with pytest.raises(BadAddress):
        board.bus.store(address, width, 0)
    assert board.log == []


@pytest.mark.parametrize(("base", "size"), [(0x1000, 1), (0xFFF, 2), (0x11FF, 0x10), (0, 0x10000), (0x3010, 0x10)])
def test_overlapping_regions_are_refused(board: Board, base: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"new at {base:#x} overlaps (quiet|plain|talking) at 0x"):
        board.bus.add("new", base, size, Plain([]))


def test_regions_may_touch(board: Board) -> None:
    board.bus.add("below", 0xF00, 0x100, Plain([]))
    board.bus.add("above", 0x1200, 0x100, Plain([]))
    assert board.bus.find(0xFFF, 1).name == "below" and board.bus.find(0x1200, 4).name == "above"


def test_a_read_is_published_after_and_a_write_before_its_effect(board: Board) -> None:
    board.listen()
    board.bus.load(0x3004, 2)
    board.bus.store(0x3008, 4, 5)
    assert board.log == [
        ("load", 4, 2),
        ("talking", "r", 4, 2, 0x6789, "Reg4", "r 0x6789"),
        ("talking", "w", 8, 4, 5, "Reg8", "w 0x5"),
        ("store", 8, 4, 5),
    ]


def test_a_device_that_says_nothing_is_traced_without_names(board: Board) -> None:
    board.listen()
    board.bus.store(0x1104, 4, 5)
    assert board.log[0] == ("plain", "w", 4, 4, 5, "", "")


def test_an_untraced_region_is_not_published(board: Board) -> None:
    board.listen()
    board.bus.load(0x1000, 4)
    assert board.log == [("load", 0, 4)]


def test_a_line_tells_changes_only() -> None:
    heard: list[bool] = []
    line = Line(heard.append)
    for level in (False, True, True, False, False, True):
        line.set(level)
    assert heard == [True, False, True] and line.level


def test_a_line_without_a_sink_keeps_its_level_until_it_is_connected() -> None:
    heard: list[bool] = []
    line = Line()
    line.set(True)
    line.connect(heard.append)
    assert line.level and heard == []
    line.set(False)
    assert heard == [False]
