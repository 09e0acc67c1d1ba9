"""The committed guests: generated header, checksums, what loader and trace need of them, and that they rebuild."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from guests import gen_regs
from virtio.registers import VirtioMmio

GUESTS = Path(__file__).parent.parent / "guests"
BIN = GUESTS / "bin"
PROGRAMS = ("rng", "blk", "console", "demo", "errors")
MUSEUM = sorted(path.stem for path in (GUESTS / "museum").glob("*.c"))
ELFS = [f"{name}-rv{xlen}.elf" for name in PROGRAMS for xlen in (32, 64)] + [
    f"museum/{bug}-rv{xlen}.elf" for bug in MUSEUM for xlen in (32, 64)
]
NEEDS = ("clang", "ld.lld", "llvm-objcopy", "make")


def checksums() -> dict[str, str]:
    """Name -> SHA-256, as in SHA256SUMS."""
    lines = (BIN / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def lines_of(elf: ELFFile) -> list[tuple[str, int, int]]:
    """(file with its directory, line, address) of each row of the DWARF line tables."""
    rows = []
    for unit in elf.get_dwarf_info().iter_CUs():
        program = elf.get_dwarf_info().line_program_for_CU(unit)
        folders = program["include_directory"]
        for state in (entry.state for entry in program.get_entries() if entry.state and not entry.state.end_sequence):
            file = program["file_entry"][state.file - 1]
            folder = folders[file.dir_index - 1].decode() if file.dir_index else "."
            rows.append((f"{folder}/{file.name.decode()}", state.line, state.address))
    return rows


def producer() -> str:
    """The compiler that made the committed guests, as its debug information names it."""
    with (BIN / "rng-rv64.elf").open("rb") as file:
        unit = next(unit for unit in ELFFile(file).get_dwarf_info().iter_CUs())
        return str(unit.get_top_DIE().attributes["DW_AT_producer"].value.decode())


def test_the_committed_header_is_the_generated_one() -> None:
    assert (GUESTS / "virtio_regs.h").read_text() == gen_regs.header(), "run make -C guests and commit virtio_regs.h"


def test_the_header_has_every_register_at_its_offset() -> None:
    found = dict(re.findall(r"#define VIRTIO_MMIO_(\w+) +(0x\w+)", gen_regs.header()))
    assert {reg.name: reg.offset for reg in VirtioMmio.registers} | {"Config": 0x100} == {
        name: int(offset, 16) for name, offset in found.items()
    }


def test_every_guest_is_in_the_checksums_and_nothing_else() -> None:
    built = {str(path.relative_to(BIN)) for path in BIN.rglob("*.elf")}
    assert built == set(ELFS) == set(checksums())


@pytest.mark.parametrize("name", ELFS)
def test_a_committed_guest_has_its_checksum(name: str) -> None:
    assert hashlib.sha256((BIN / name).read_bytes()).hexdigest() == checksums()[name]


@pytest.mark.parametrize("name", ELFS)
def test_a_guest_is_an_elf_for_the_hart_in_its_name(name: str) -> None:
    with (BIN / name).open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_machine"] == "EM_RISCV"
        assert f"-rv{elf.elfclass}." in name
        assert elf["e_entry"] == 0x80000000
        assert elf.get_section_by_name(".symtab").get_symbol_by_name("main")
    assert (BIN / name).stat().st_size < 20_000


@pytest.mark.parametrize("name", ELFS)
def test_the_lines_of_a_guest_name_files_of_the_repository_and_lines_in_them(name: str) -> None:
    with (BIN / name).open("rb") as file:
        rows = lines_of(ELFFile(file))
    lengths = {path: len((GUESTS.parent / path).read_text().splitlines()) for path, _, _ in rows}
    own = name.replace("-rv32.elf", ".c").replace("-rv64.elf", ".c")
    assert f"guests/{own}" in lengths
    assert all(path.startswith("guests/") for path in lengths)
    assert all(line <= lengths[path] for path, line, _ in rows)


@pytest.mark.parametrize(("name", "symbol"), [("errors", "driver_mode"), ("console", "wait_for_line")])
@pytest.mark.parametrize("xlen", [32, 64])
def test_a_word_to_be_changed_before_the_start_is_in_data(name: str, symbol: str, xlen: int) -> None:
    with (BIN / f"{name}-rv{xlen}.elf").open("rb") as file:
        elf = ELFFile(file)
        found = elf.get_section_by_name(".symtab").get_symbol_by_name(symbol)[0]
        section = elf.get_section(found["st_shndx"])
        offset = found["st_value"] - section["sh_addr"]
        assert (section.name, found["st_size"]) == (".data", 4)
        assert section.data()[offset : offset + 4] == bytes(4)


def test_a_missing_compiler_is_said_with_what_to_install() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    result = subprocess.run(
        ["make", "-C", GUESTS, "tools", "CLANG=no-such-clang"], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "no-such-clang is missing: apt-get install clang lld" in result.stderr


def rebuilt(folder: Path, *targets: str) -> dict[str, str]:
    """Checksums of guests built again in `folder`: of `targets`, or of all; skips where the compiler is another."""
    missing = [tool for tool in NEEDS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    if version != producer():
        pytest.skip(f"the committed guests were made by {producer()}, here is {version}")
    copy = folder / "elsewhere"
    for name in ("guests", "virtio", "emu"):
        ignored = shutil.ignore_patterns("bin", "build", "__pycache__")
        shutil.copytree(GUESTS.parent / name, copy / name, ignore=ignored)
    command = ["make", "-s", "-j2", "-C", copy / "guests", *(f"bin/{target}" for target in targets)]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    built = copy / "guests" / "bin"
    return {
        str(path.relative_to(built)): hashlib.sha256(path.read_bytes()).hexdigest() for path in built.rglob("*.elf")
    }


def test_building_again_in_another_place_gives_the_same_bytes(tmp_path: Path) -> None:
    some = [*ELFS[: 2 * len(PROGRAMS)], "museum/ack-last-rv32.elf", "museum/ack-after-responses-rv64.elf"]
    assert rebuilt(tmp_path, *some) == {name: checksums()[name] for name in some}


@pytest.mark.slow
def test_building_everything_again_gives_the_same_bytes(tmp_path: Path) -> None:
    assert rebuilt(tmp_path) == checksums()
