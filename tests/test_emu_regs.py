"""emu/regs.py: register maps, declared once and used by everyone."""

from __future__ import annotations

from enum import IntEnum, IntFlag

import pytest

from emu.regs import RO, RW, W1C, WO, Reg, RegisterHandlers, RegisterMap, addr32, reads, show, u8, u16, u32, writes


class Bits(IntFlag):
    A = 1
    B = 2
    TOP = 0x80


class Kind(IntEnum):
    NET = 1
    BLK = 2


class Small(RegisterMap):
    """A map with a hole at 0xc."""

    Magic = Reg(0x00, RO, u32, "always the same")
    Sel = Reg(0x04, WO, u16)
    Byte = Reg(0x06, RW, u8)
    Flags = Reg(0x08, W1C, Bits)
    Low = Reg(0x10, RW, addr32)


class Memory:
    """A port that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def load(self, offset: int, width: int) -> int:
        self.calls.append((offset, width))
        return 0x42

    def store(self, offset: int, width: int, value: int) -> None:
        self.calls.append((offset, width, value))


def test_registers_know_their_names_and_widths() -> None:
    assert [(reg.name, reg.offset, reg.width) for reg in Small.registers] == [
        ("Magic", 0, 4),
        ("Sel", 4, 2),
        ("Byte", 6, 1),
        ("Flags", 8, 4),
        ("Low", 16, 4),
    ]
    assert Small.Magic.doc == "always the same" and repr(Small.Sel) == "<Sel 0x004 W>"


def test_access_says_who_may_read_and_write() -> None:
    assert [(a.readable, a.writable) for a in (RO, WO, RW, W1C)] == [
        (True, False),
        (False, True),
        (True, True),
        (False, True),
    ]


def test_offsets_find_registers_and_holes() -> None:
    assert Small.at(4) is Small.Sel and Small.at(5) is None and Small.at(0xC) is None
    assert Small.containing(5) is Small.Sel and Small.containing(6) is Small.Byte
    for reg in Small.registers:
        assert [at for at in range(0x40) if Small.containing(at) is reg] == [*range(reg.offset, reg.offset + reg.width)]
    assert Small.containing(7) is None and Small.containing(0x14) is None


def test_overlapping_registers_fail_at_class_creation() -> None:
    with pytest.raises(TypeError, match=r"Bad\.Second at 0x4 overlaps First"):

        class Bad(RegisterMap):
            First = Reg(0x0, RW, u32, width=8)
            Second = Reg(0x4, RW, u32)


def test_misaligned_registers_fail_at_class_creation() -> None:
    with pytest.raises(TypeError, match=r"Bad\.Odd at 0x2 is not aligned to 4"):

        class Bad(RegisterMap):
            Odd = Reg(0x2, RW, u32)


def test_a_map_inherits_and_replaces_registers() -> None:
    class Larger(Small):
        More = Reg(0x14, RW, u32)
        Low = Reg(0x18, RW, u32)

    assert [reg.name for reg in Larger.registers] == ["Magic", "Sel", "Byte", "Flags", "More", "Low"]
    assert Larger.at(0x10) is None and Small.at(0x10) is Small.Low


def test_a_bound_map_reads_and_writes_with_the_registers_width() -> None:
    port = Memory()
    regs = Small.bind(port)
    assert regs.read(Small.Byte) == 0x42
    regs.write(Small.Sel, 0xFFFF)
    assert port.calls == [(6, 1), (4, 2, 0xFFFF)]


@pytest.mark.parametrize("value", [-1, 0x10000])
def test_a_value_that_does_not_fit_is_refused_by_name(value: int) -> None:
    port = Memory()
    with pytest.raises(ValueError, match=r"Sel: -?0x\d+ does not fit into 2 bytes"):
        Small.bind(port).write(Small.Sel, value)
    assert port.calls == []


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (u32, 0, "0"),
        (u32, 65535, "65535"),
        (u32, 65536, "0x10000"),
        (addr32, 16, "0x10"),
        (Bits, 0, "0"),
        (Bits, 3, "A | B"),
        (Bits, 0x81, "A | TOP"),
        (Bits, 0x14, "0x14?"),
        (Bits, 0x85, "A | TOP | 0x4?"),
        (Kind, 2, "BLK"),
        (Kind, 9, "9?"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(kind: type[int], value: int, text: str) -> None:
    assert show(kind, value) == text
    assert Reg(0, RW, kind).show(value) == text


class Device(RegisterHandlers):
    """Handles three registers with three methods."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    @reads(Small.Magic, Small.Low)
    def constant(self) -> int:
        return 7

    @reads(Small.Byte)
    @reads(Small.Flags)
    @writes(Small.Byte)
    def both(self, value: int = 0) -> int:
        self.seen.append(value)
        return 8


class Special(Device):
    """Replaces one handler by name, another by register."""

    def constant(self) -> int:
        return 70

    @writes(Small.Byte)
    def another(self, value: int) -> None:
        self.seen.append(-value)


def test_handlers_are_found_by_offset() -> None:
    device = Device()
    readers, writers = device.bound_readers(), device.bound_writers()
    assert {offset: reader() for offset, reader in readers.items()} == {0: 7, 16: 7, 6: 8, 8: 8}
    assert list(writers) == [6]
    writers[6](5)
    assert device.seen[-1] == 5


def test_a_subclass_replaces_handlers() -> None:
    device = Special()
    assert device.bound_readers()[0]() == 70 and device.bound_readers()[6]() == 8
    device.bound_writers()[6](5)
    assert device.seen[-1] == -5
    plain = Device()
    plain.bound_writers()[6](5)
    assert plain.seen == [5]


def test_two_handlers_for_one_register_fail_at_class_creation() -> None:
    with pytest.raises(TypeError, match="Twice: Magic is handled by one and by two"):

        class Twice(RegisterHandlers):
            @reads(Small.Magic)
            def one(self) -> int:
                return 1

            @reads(Small.Magic)
            def two(self) -> int:
                return 2
