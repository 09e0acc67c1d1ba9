"""A recording: every line has its fields, every pc is exact, and `show` prints what `--trace` printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import capstone
import pytest
from cli import complaint, virtscope

from emu.elf import load_elf
from tui.guests import guest_path

Complaint = Callable[..., str]
BLK = guest_path("blk-rv64")
BASE = {"seq", "time", "pc", "source", "kind"}


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Complaint:
    return lambda *arguments: complaint(capsys, *arguments)


@pytest.fixture
def disk(tmp_path: Path) -> str:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4096))
    return f"blk,file={path}"


def record(folder: Path, guest: Path, device: str) -> list[dict[str, Any]]:
    """The lines of `folder`/trace.jsonl, made by running `guest`."""
    path = folder / "trace.jsonl"
    assert virtscope("run", guest, "--device", device, f"--trace={path}").code == 0
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_has_its_fields_and_accesses_have_theirs(tmp_path: Path, disk: str) -> None:
    header, *lines = record(tmp_path, BLK, disk)
    assert (header["kind"], header["xlen"], header["image"]) == ("header", 64, "blk-rv64.elf")
    assert header["devices"][0] == "virtio0-blk"
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    accesses = [line for line in lines if line["kind"] == "access"]
    for line in lines:
        assert line.keys() >= BASE | {"text"}
    for line in accesses:
        assert line.keys() >= {"op", "offset", "width", "value", "name", "text", "where"}
        assert line["op"] in ("r", "w") and line["source"] == "virtio0-blk" and line["name"]
    assert {line["kind"] for line in lines} >= {"access", "status", "queue", "notify", "pop", "used", "irq"}
    assert any(line["name"] == "Status" and "FEATURES_OK set" in line["text"] for line in accesses)
    assert any(line["text"] == "queue 0: 1 chain available" for line in accesses)


@pytest.mark.parametrize("xlen", [32, 64])
def test_the_pc_of_every_access_is_a_load_or_store_of_that_width(xlen: int, tmp_path: Path, disk: str) -> None:
    guest = guest_path(f"blk-rv{xlen}")
    image = load_elf(guest)
    mode = capstone.CS_MODE_RISCV64 if xlen == 64 else capstone.CS_MODE_RISCV32
    disassembler = capstone.Cs(capstone.CS_ARCH_RISCV, mode | capstone.CS_MODE_RISCVC)
    names = {("r", 4): {"lw", "lwu", "c.lw"}, ("w", 4): {"sw", "c.sw"}, ("r", 1): {"lb", "lbu"}}
    accesses = [line for line in record(tmp_path, guest, disk) if line["kind"] == "access"]
    assert len({line["pc"] for line in accesses}) > 20
    for line in accesses:
        segment = next(s for s in image.segments if s.address <= line["pc"] < s.address + len(s.data))
        at = line["pc"] - segment.address
        instruction = next(disassembler.disasm(segment.data[at : at + 4], line["pc"]))
        assert instruction.mnemonic in names[line["op"], line["width"]], (line, instruction)


def test_show_prints_what_the_live_trace_printed(tmp_path: Path, disk: str) -> None:
    live = virtscope("run", BLK, "--device", disk, "--trace")
    record(tmp_path, BLK, disk)
    shown = virtscope("show", tmp_path / "trace.jsonl")
    assert (live.code, shown.code, shown.err) == (0, 0, "")
    header, *rest = shown.out.splitlines()
    assert "recording of blk-rv64.elf on rv64 with slot 0 virtio0-blk" in header
    assert rest == live.err.splitlines()
    assert len(rest) > 50


def test_a_trace_is_between_the_guests_own_lines(disk: str, tmp_path: Path) -> None:
    guest = virtscope("run", BLK, "--device", disk)
    traced = virtscope("run", BLK, "--device", disk, "--trace")
    assert traced.out == guest.out
    assert guest.err == ""


def test_without_trace_board_only_the_slots_are_traced(tmp_path: Path, disk: str) -> None:
    sources = {line["source"] for line in record(tmp_path, BLK, disk)}
    assert sources == {"machine", "virtio0-blk"}
    board = virtscope("run", BLK, "--device", disk, "--trace", "--trace-board")
    assert " uart " in board.err and " plic " in board.err


def test_a_recording_cut_short_is_shown_up_to_there(tmp_path: Path, disk: str) -> None:
    record(tmp_path, BLK, disk)
    path = tmp_path / "trace.jsonl"
    path.write_bytes(path.read_bytes()[:3000])
    done = virtscope("show", path)
    assert done.code == 2
    whole = path.read_bytes().count(b"\n")
    assert done.err == f"virtscope: {path}: line {whole + 1} is truncated: the recording stops in the middle of it\n"
    assert "MagicValue" in done.out


def test_a_file_that_is_no_recording_is_named(says: Complaint, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, message in [
        (b"", f"{path}: the file is empty"),
        (b"hello\n", f"{path}: line 1: not JSON: "),
        (b"[]\n", f"{path}: line 1: "),
        (b'{"kind":"nonsense"}\n', f"{path}: line 1: "),
        (b"\x7fELF\xff\n", f"{path}: line 1: not JSON: "),
        (b'{"seq":0,"time":0,"pc":0,"source":"m","kind":"header","version":9,"xlen":64,"image":"","devices":[]}\n',
         f"{path}: line 1: field version: 9, this virtscope reads 1"),
    ]:  # fmt: skip
        path.write_bytes(content)
        assert says("show", path).startswith(message)
    assert says("show", tmp_path) == f"{tmp_path}: Is a directory"
    assert says("show", tmp_path / "missing") == f"{tmp_path / 'missing'}: No such file or directory"


def test_a_recording_on_a_full_disk_is_said(disk: str) -> None:
    done = virtscope("run", BLK, "--device", disk, "--trace=/dev/full")
    assert done.code == 2
    assert done.err.startswith("virtscope: /dev/full: writing failed after ")
    assert done.err.count("\n") == 1
