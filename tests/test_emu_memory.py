"""emu/memory.py: guest memory, our own and a borrowed Unicorn's, behind one face."""

from __future__ import annotations

import mmap
from collections.abc import Callable

import pytest
import unicorn
from hypothesis import given
from hypothesis import strategies as st

from emu.memory import BadAddress, BorrowedMemory, Memory, Ram

BASE, SIZE = 0x80000000, 0x4000


def own() -> Memory:
    return Ram(BASE, SIZE)


def borrowed() -> Memory:
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    uc.mem_map(BASE, 0x1000)
    uc.mem_map(BASE + 0x1000, SIZE - 0x1000)  # a buffer may lie across two mappings
    return BorrowedMemory(uc)


@pytest.fixture(params=[own, borrowed])
def memory(request: pytest.FixtureRequest) -> Memory:
    made: Memory = request.param()
    return made


def test_what_is_written_is_read(memory: Memory) -> None:
    memory.write(BASE + 0xFFE, b"abcd")
    assert memory.read(BASE + 0xFFE, 4) == b"abcd" and memory.read(BASE, 2) == bytes(2)


def test_numbers_are_little_endian(memory: Memory) -> None:
    memory.put16(BASE, 0x1234)
    memory.put32(BASE + 4, 0x12345678)
    memory.put64(BASE + 8, 0x123456789ABCDEF0)
    assert memory.read(BASE, 16) == bytes.fromhex("34120000 78563412 f0debc9a78563412")
    assert (memory.get16(BASE), memory.get32(BASE + 4)) == (0x1234, 0x12345678)
    assert memory.get64(BASE + 8) == 0x123456789ABCDEF0


@pytest.mark.parametrize(
    ("address", "size", "inside"),
    [
        (BASE, SIZE, True),
        (BASE, SIZE + 1, False),
        (BASE - 1, 2, False),
        (BASE + SIZE - 1, 1, True),
        (BASE + SIZE - 1, 2, False),
        (BASE + SIZE, 1, False),
        (BASE, 0, True),
        (0, 0, False),
        (0, 1, False),
        (BASE, -1, False),
        ((1 << 64) - 4, 8, False),
        (BASE, 1 << 64, False),
    ],
)
def test_contains_says_what_read_and_write_do(memory: Memory, address: int, size: int, inside: bool) -> None:
    assert memory.contains(address, size) is inside
    if inside:
        assert memory.read(address, size) == bytes(size)
    else:
        with pytest.raises(BadAddress, match=f"{size} bytes at {address:#x} are not inside guest RAM") as caught:
            memory.read(address, size)
        assert (caught.value.address, caught.value.size) == (address, size)


@pytest.mark.parametrize(
    "access",
    [
        lambda m: m.get16(BASE + SIZE - 1),
        lambda m: m.get32(BASE + SIZE - 3),
        lambda m: m.get64(BASE + SIZE - 7),
        lambda m: m.put16(BASE + SIZE - 1, 0xFFFF),
        lambda m: m.put32(BASE - 1, 0xFFFFFFFF),
        lambda m: m.put64(BASE + SIZE - 7, 0xFFFFFFFFFFFFFFFF),
        lambda m: m.write(BASE + SIZE - 1, b"\xff\xff"),
        lambda m: m.write(BASE - 1, b"\xff\xff"),
    ],
)
def test_an_access_across_an_end_changes_nothing(memory: Memory, access: Callable[[Memory], object]) -> None:
    with pytest.raises(BadAddress):
        access(memory)
    assert memory.read(BASE, SIZE) == bytes(SIZE)


@given(st.integers(-(1 << 65), 1 << 65) | st.integers(BASE - 16, BASE + SIZE + 16), st.binary(max_size=32))
def test_ram_is_written_whole_or_not_at_all(address: int, data: bytes) -> None:
    ram = Ram(BASE, SIZE)
    inside = address >= BASE and address + len(data) <= BASE + SIZE
    assert ram.contains(address, len(data)) is inside
    try:
        ram.write(address, data)
    except BadAddress:
        assert not inside and ram.read(BASE, SIZE) == bytes(SIZE)
    else:
        assert inside and ram.read(address, len(data)) == data


def test_translated_code_hears_of_bulk_writes_and_not_of_rings() -> None:
    ram = Ram(BASE, SIZE)
    heard: list[tuple[int, int]] = []
    ram.invalidate = lambda address, size: heard.append((address, size))
    ram.write(BASE + 8, b"code")
    ram.write(BASE, b"")
    ram.put16(BASE, 1)
    ram.put32(BASE, 1)
    ram.put64(BASE, 1)
    assert heard == [(BASE + 8, 4)]


@pytest.mark.parametrize("size", [0, -4096, 100, mmap.PAGESIZE + 1])
def test_ram_is_whole_pages(size: int) -> None:
    with pytest.raises(ValueError, match=f"RAM size {size:#x} is not a positive multiple of"):
        Ram(BASE, size)


def test_code_written_through_borrowed_memory_is_what_runs_next() -> None:
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    uc.mem_map(0x1000, 0x1000)
    memory = BorrowedMemory(uc)
    results = []
    for value in (1, 2):
        memory.write(0x1000, bytes([0xB8, value, 0, 0, 0, 0x90]))  # mov eax, value; nop
        uc.emu_start(0x1000, 0x1005)
        results.append(uc.reg_read(unicorn.x86_const.UC_X86_REG_RAX))
    assert results == [1, 2]
