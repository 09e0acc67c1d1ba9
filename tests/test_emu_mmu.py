"""The host's own walk through the guest's page tables."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from emu.memory import Ram
from emu.mmu import translate
from emu.traps import M, S

BASE = 0x80000000
LEAF = 0xCF


@dataclass
class Value:
    value: int = 0


@dataclass
class State:
    xlen: int = 64
    priv: Value = field(default_factory=lambda: Value(S))
    satp: Value = field(default_factory=Value)


@pytest.fixture
def ram() -> Ram:
    return Ram(BASE, 1 << 20)


def pte(address: int, flags: int = 1) -> int:
    return address >> 12 << 10 | flags


def test_m_mode_and_bare_are_not_translated(ram: Ram) -> None:
    state = State(satp=Value(8 << 60 | BASE >> 12), priv=Value(M))
    assert translate(state, ram, 0x1234) == 0x1234
    assert translate(State(), ram, 0x1234) == 0x1234


@pytest.mark.parametrize(("mode", "levels"), [(8, 3), (9, 4)])
def test_sv39_and_sv48_pages_of_every_size(ram: Ram, mode: int, levels: int) -> None:
    state = State(satp=Value(mode << 60 | BASE >> 12))
    for depth in range(levels):  # a leaf after `depth` further tables
        for i in range(depth):
            ram.put64(BASE + 0x1000 * i + 8, pte(BASE + 0x1000 * (i + 1)))
        ram.put64(BASE + 0x1000 * depth + 8, pte(BASE, LEAF))
        address = sum(1 << 12 + 9 * (levels - 1 - i) for i in range(depth + 1)) | 0x345
        page = (1 << 12 + 9 * (levels - 1 - depth)) - 1
        assert translate(state, ram, address) == BASE & ~page | 0x345
        assert translate(state, ram, address + (1 << 12 + 9 * (levels - 1))) is None


def test_sv32(ram: Ram) -> None:
    state = State(32, satp=Value(1 << 31 | BASE >> 12))
    ram.put32(BASE + 4 * 1, pte(BASE + 0x1000))
    ram.put32(BASE + 0x1000 + 4 * 2, pte(BASE + 0x3000, LEAF))
    ram.put32(BASE + 4 * 3, pte(BASE, LEAF))
    assert translate(state, ram, 0x402_345) == BASE + 0x3345
    assert translate(state, ram, 0xC12_345) == BASE + 0x12345
    assert translate(state, ram, 0x403_000) is None


def test_a_table_outside_ram_maps_nothing(ram: Ram) -> None:
    assert translate(State(satp=Value(8 << 60 | 0x12345)), ram, 0) is None


def test_a_table_that_points_at_itself_ends(ram: Ram) -> None:
    ram.put64(BASE, pte(BASE))
    assert translate(State(satp=Value(8 << 60 | BASE >> 12)), ram, 0) is None


def test_an_unknown_mode_maps_nothing(ram: Ram) -> None:
    assert translate(State(satp=Value(3 << 60 | BASE >> 12)), ram, 0) is None
