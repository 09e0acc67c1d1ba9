"""Disks that are in use, and texts that no guest could be given."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from cli import complaint

from emu.errors import InputError
from tui.devices import make_devices
from tui.guests import guest_path

RNG = guest_path("rng-rv64")
Said = pytest.CaptureFixture[str]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4096))
    return path


def open_disks(*texts: str) -> int:
    return len(make_devices(list(texts), 8, lambda data: None))


def test_a_disk_that_is_written_is_used_once(disk: Path) -> None:
    for other in ("", ",readonly"):
        with pytest.raises(InputError, match=r"disk\.img: in use as a disk already, by this machine or another$"):
            open_disks(f"blk,file={disk}", f"blk,file={disk}{other}")
        gc.collect()  # the traceback held the first one open
    assert open_disks(f"blk,file={disk}") == 1


def test_a_disk_that_is_only_read_is_used_as_often_as_one_likes(disk: Path) -> None:
    assert open_disks(f"blk,file={disk},readonly", f"blk,file={disk},readonly") == 2


def test_a_serial_beyond_ascii_is_named(disk: Path, capsys: Said) -> None:
    text = f"blk,file={disk},serial=Ä"
    assert complaint(capsys, "run", RNG, "--device", text) == f"--device {text}: serial is ASCII only, not 'Ä'"


def test_a_command_line_that_is_not_utf_8_is_named(capsys: Said) -> None:
    said = complaint(capsys, "run", RNG, "--append", "\udcff")
    assert said == "argument --append: invalid utf8 value: '\\udcff' (see virtscope run --help)"
