"""emu/elf.py and emu/symbols.py: guests as ELF files, right and wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from elfs import make_elf
from hypothesis import given
from hypothesis import strategies as st

from emu.elf import load_elf, parse_elf
from emu.errors import InputError
from emu.symbols import Lines, Symbols

BIN = Path(__file__).parent.parent / "guests" / "bin"
BASE = 0x80000000
CODE = b"\x13\0\0\0" * 4


def refusal(data: bytes) -> str:
    """What is said about a file that cannot be used."""
    with pytest.raises(InputError) as caught:
        parse_elf(data, "bad.elf")
    message = str(caught.value)
    assert message.startswith("bad.elf: ") and "\n" not in message
    return message.removeprefix("bad.elf: ")


@pytest.mark.parametrize("bits", [32, 64])
def test_segments_come_with_their_addresses_and_sizes(bits: int) -> None:
    data = make_elf([(BASE, CODE, 16), (BASE + 0x1000, b"data", 0x100)], bits=bits, entry=BASE + 4)
    image = parse_elf(data, "good.elf")
    assert (image.entry, image.xlen, image.path) == (BASE + 4, bits, "good.elf")
    assert image.segments == [(BASE, CODE, 16), (BASE + 0x1000, b"data", 0x100)]
    assert (image.start, image.end) == (BASE, BASE + 0x1100)


def test_an_entry_at_a_virtual_address_is_made_physical() -> None:
    high = 0xFFFFFFFF_00000000
    image = parse_elf(make_elf([(BASE, CODE, 16)], virtual=high, entry=BASE + high + 8), "kernel.elf")
    assert image.entry == BASE + 8 and image.start == BASE


def test_a_position_independent_file_is_moved_to_the_base() -> None:
    data = make_elf([(0, CODE, 16), (0x1000, b"data", 4)], kind=3, entry=4)
    image = parse_elf(data, "pie.elf", BASE)
    assert image.entry == BASE + 4
    assert [segment.address for segment in image.segments] == [BASE, BASE + 0x1000]
    assert parse_elf(make_elf([(BASE + 64, CODE, 16)], kind=3), "pie.elf", BASE).start == BASE + 64


def test_a_segment_of_nothing_but_the_files_own_headers_is_left_out() -> None:
    image = parse_elf(make_elf([(BASE, CODE, 16)], extra=[(1, 0, 64 + 2 * 56)]), "lld.elf")
    assert [segment.address for segment in image.segments] == [BASE]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ELF file (starts with nothing)"),
        (b"#!/bin/sh\n", "not an ELF file (starts with 23 21 2f 62)"),
        (b"\x7fELF", "ELF class 0 is neither 1 (32 bits) nor 2 (64 bits)"),
        (b"\x7fELF\x07\x01", "ELF class 7 is neither 1 (32 bits) nor 2 (64 bits)"),
        (b"\x7fELF\x02\x01" + bytes(20), "truncated: 26 bytes, the ELF header takes 64"),
        (make_elf([(BASE, CODE, 16)], endian=2), "a big-endian ELF; this machine is little-endian"),
        (make_elf([(BASE, CODE, 16)], machine=62), "an ELF for x86-64 (e_machine 62), not for RISC-V (243)"),
        (make_elf([(BASE, CODE, 16)], machine=183), "an ELF for AArch64 (e_machine 183), not for RISC-V (243)"),
        (make_elf([(BASE, CODE, 16)], machine=9999), "an ELF for another machine (e_machine 9999), not for"),
        (make_elf([(BASE, CODE, 16)], kind=1), "e_type 1 is a relocatable object file (link it first), not an"),
        (make_elf([(BASE, CODE, 16)], kind=77), "e_type 77 is unknown, not an executable"),
        (make_elf([]), "no loadable segment (PT_LOAD)"),
        (make_elf([(BASE, CODE, 16)], extra=[(3, 0, 9)]), "needs a dynamic loader (PT_INTERP)"),
        (make_elf([(BASE, CODE, 8)]), "segment 0: p_filesz 0x10 is larger than p_memsz 0x8"),
        (make_elf([(BASE, CODE, 16)])[:-1], "truncated: segment 0 ends at byte 136, the file has 135"),
        (make_elf([(BASE, CODE, 16)])[:100], "truncated: program header 0 at 0x40 is beyond the file's 100 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(data: bytes, message: str) -> None:
    assert refusal(data).startswith(message)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/no.elf: No such file or directory")):
        load_elf(tmp_path / "no.elf")
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}: Is a directory")):
        load_elf(tmp_path)
    with pytest.raises(InputError, match="null byte"):
        load_elf("a\0b")


GUEST = (BIN / "rng-rv64.elf").read_bytes()
FIRST_LINE = Lines(GUEST).at(BASE)


@given(st.integers(0, len(GUEST)))
def test_a_file_cut_anywhere_loads_or_is_refused(length: int) -> None:
    try:
        image = parse_elf(GUEST[:length], "cut.elf")
    except InputError as error:
        assert str(error).startswith("cut.elf: ")
        return
    assert image.symbols.name_at(image.entry) in ("", "_start")
    assert image.lines.at(image.entry) in (None, FIRST_LINE)


@given(st.lists(st.tuples(st.integers(0, len(GUEST) - 1), st.integers(0, 255)), min_size=1, max_size=30))
def test_a_file_with_wrong_bytes_never_gives_a_traceback(pokes: list[tuple[int, int]]) -> None:
    data = bytearray(GUEST)
    for at, value in pokes:
        data[at] = value
    try:
        image = parse_elf(bytes(data), "wrong.elf")
    except InputError:
        return
    assert isinstance(image.symbols.name_at(image.entry), str)
    found = image.lines.at(image.entry)
    assert found is None or isinstance(found[0], str)


@pytest.mark.parametrize("name", ["rng-rv32", "rng-rv64", "blk-rv32", "blk-rv64"])
def test_a_guest_has_functions_and_source_lines(name: str) -> None:
    image = load_elf(BIN / f"{name}.elf")
    main = image.symbols.address_of("main")
    assert main is not None
    assert image.symbols.name_at(image.entry) == "_start"
    assert image.symbols.name_at(main) == "main"
    assert image.symbols.name_at(main + 4) == "main+0x4"
    file = name.split("-", maxsplit=1)[0] + ".c"
    place = image.lines.at(main)
    assert place is not None and place[0] == file
    assert image.lines.source(main) == (f"guests/{file}", place[1])  # they were compiled from the repository's top
    source = (BIN.parent / file).read_text().splitlines()
    assert "main(" in "".join(source[place[1] - 2 : place[1]])  # the line of the name or of the brace below it


def test_addresses_outside_the_program_have_no_name() -> None:
    image = load_elf(BIN / "rng-rv64.elf")
    for pc in (0, BASE - 1, BASE + 0x100000, (1 << 64) - 1):
        assert image.symbols.name_at(pc) == "" and image.lines.at(pc) is None
    assert image.symbols.address_of("no_such_function") is None


def test_section_headers_of_no_size_and_no_number_are_a_problem_not_a_hang() -> None:
    data = bytearray(GUEST)
    data[0x3A:0x3E] = bytes(4)  # e_shentsize, e_shnum
    symbols, lines = Symbols(bytes(data)), Lines(bytes(data))
    assert symbols.name_at(BASE) == "" and lines.at(BASE) is None
    assert symbols.problem.startswith("symbols cannot be read: 0 section headers of 0 bytes at 0x")
    assert lines.problem.startswith("DWARF cannot be read: 0 section headers")


def test_a_moved_file_has_moved_names() -> None:
    there = Symbols(GUEST, 0x1000)
    here = Symbols(GUEST)
    main = here.address_of("main")
    assert main is not None and there.address_of("main") == main + 0x1000
    assert there.name_at(main + 0x1004) == "main+0x4"
    assert Lines(GUEST, 0x1000).at(main + 0x1000) == Lines(GUEST).at(main)


def test_a_stripped_file_says_that_it_has_no_names() -> None:
    image = parse_elf(make_elf([(BASE, CODE, 16)]), "stripped.elf")
    assert image.symbols.name_at(BASE) == "" and image.symbols.problem == "no symbols (the file is stripped)"
    assert image.lines.at(BASE) is None and image.lines.problem == "no DWARF (compile with -g)"


def test_a_flat_binary_has_no_names_and_no_problem() -> None:
    assert (Symbols().name_at(BASE), Symbols().problem, Lines().at(BASE), Lines().problem) == ("", "", None, "")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_a_device_without_end_is_not_read(device: str) -> None:
    with pytest.raises(InputError, match=f"^{device}: a character device, not a file$"):
        load_elf(device)


def test_a_file_larger_than_this_computers_memory_is_said(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(1 << 43)  # 8 TiB, of which none is on the disk
    with pytest.raises(InputError, match=rf"large: {1 << 43} bytes are more than this computer has room for$"):
        load_elf(large)
