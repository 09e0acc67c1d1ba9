"""8-byte accesses that the engine cut in two are one access again, and nothing else is."""

from __future__ import annotations

import pytest
from asm import assemble

from emu.bus import Region
from emu.decode import is_wide
from emu.halves import Halves
from emu.hart import Hart
from emu.memory import Ram
from emu.trace import Trace

pytestmark = pytest.mark.usefixtures("pace")

LD, SD, LW, SW = "ld a0, 0(a1)", "sd a0, 0(a1)", "lw a0, 0(a1)", "sw a0, 0(a1)"


class Executing:
    """A hart that stands on one instruction after the other."""

    def __init__(self) -> None:
        self.instructions = 0
        self.word = 0

    def step(self, text: str) -> None:
        self.instructions += 1
        self.word = int.from_bytes(assemble(text), "little")

    def moves_eight_bytes(self) -> bool:
        return is_wide(self.word)


class Device:
    """Remembers its accesses as (op, offset, width, value), and answers loads with 0x11 0x22 ... by offset."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int, int]] = []

    def load(self, offset: int, width: int) -> int:
        value = int.from_bytes(bytes(0x11 * (offset + i & 7) for i in range(width)), "little")
        self.seen.append(("r", offset, width, value))
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        self.seen.append(("w", offset, width, value))


def board() -> tuple[Executing, Device, Halves]:
    hart, device = Executing(), Device()
    return hart, device, Halves(hart, Region("x", 0x10001000, 0x1000, device, Trace(), True))


def test_the_two_halves_of_a_load_are_one_load_of_the_device() -> None:
    hart, device, halves = board()
    hart.step(LD)
    assert (halves.load(0x60, 4), halves.load(0x64, 4)) == (0x33221100, 0x77665544)
    assert device.seen == [("r", 0x60, 8, 0x7766554433221100)]


def test_the_two_halves_of_a_store_are_one_store() -> None:
    hart, device, halves = board()
    hart.step(SD)
    halves.store(0x60, 4, 0x89ABCDEF)
    assert device.seen == []
    halves.store(0x64, 4, 0x01234567)
    assert device.seen == [("w", 0x60, 8, 0x0123456789ABCDEF)]


def test_two_accesses_of_four_bytes_stay_two() -> None:
    hart, device, halves = board()
    for text, access in ((LW, halves.load), (SW, lambda offset, width: halves.store(offset, width, 5))):
        for offset in (0x60, 0x64):
            hart.step(text)
            access(offset, 4)
    assert [(op, offset, width) for op, offset, width, _ in device.seen] == [
        ("r", 0x60, 4), ("r", 0x64, 4), ("w", 0x60, 4), ("w", 0x64, 4),
    ]  # fmt: skip


def test_a_later_instruction_does_not_get_the_rest_of_an_8_byte_load() -> None:
    hart, device, halves = board()
    hart.step(LD)
    halves.load(0x60, 4)  # and a trap keeps the second half away
    hart.step(LW)
    halves.load(0x64, 4)
    assert [seen[:3] for seen in device.seen] == [("r", 0x60, 8), ("r", 0x64, 4)]


def test_a_second_half_is_taken_once() -> None:
    hart, device, halves = board()
    hart.step(LD)
    for offset in (0x60, 0x64, 0x64):
        halves.load(offset, 4)
    assert [seen[:3] for seen in device.seen] == [("r", 0x60, 8), ("r", 0x64, 4)]


def test_narrow_accesses_pass_through() -> None:
    hart, device, halves = board()
    hart.step("lbu a0, 0(a1)")
    halves.load(0x60, 1)
    hart.step("sh a0, 0(a1)")
    halves.store(0x62, 2, 7)
    assert device.seen == [("r", 0x60, 1, 0), ("w", 0x62, 2, 7)]


def test_an_instruction_is_read_across_pages_and_up_to_the_end_of_ram() -> None:
    ram = Ram(0x80000000, 0x2000)
    hart = Hart(ram, 64)
    word = int.from_bytes(assemble(LD), "little")
    for at in (0x80000FFE, 0x80000FFC, 0x80001000, 0x80001FFC):
        ram.put32(at, word)
        assert hart.fetch(at) == word
    ram.put16(0x80001FFE, 0x6188)  # c.ld a0, 0(a1)
    assert hart.fetch(0x80001FFE) == 0x6188
    ram.put16(0x80001FFE, word & 0xFFFF)  # its other half would be outside RAM
    assert hart.fetch(0x80001FFE) == 0
    ram.put32(0x80000100, 0x12346188)
    assert hart.fetch(0x80000100) == 0x6188
