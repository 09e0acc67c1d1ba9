"""Standard streams that are closed or full: no disk takes their place, and the exit code says what happened."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from cli import COMMAND, ENVIRONMENT

from tui.guests import guest_path

BLK, RNG = guest_path("blk-rv64"), guest_path("rng-rv64")


def shell(redirection: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command with its streams redirected by a shell."""
    line = shlex.join([*COMMAND, *map(str, arguments)])
    return subprocess.run(
        ["bash", "-c", f"{line} {redirection}"], capture_output=True, check=False, env=ENVIRONMENT, timeout=60
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_disk_never_takes_the_place_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"mine".ljust(1 << 20, b"\0"))
    shell(closed, "run", BLK, "--device", f"blk,file={disk},readonly", "--trace")
    shell(closed, "run", BLK, "--device", f"blk,file={disk}", "--trace")
    data = disk.read_bytes()
    assert data[:512] == b"mine".ljust(512, b"\0")
    assert b"blk:" not in data
    assert b"virtio" not in data


@pytest.mark.parametrize("arguments", [("run", RNG, "--device", "rng"), ("errors",), ("demo",)])
def test_a_closed_standard_output_is_said(arguments: tuple[str | Path, ...]) -> None:
    done = shell(">&-", *arguments)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, b"virtscope: output: Bad file descriptor")


def test_a_recording_cannot_be_shown_to_a_closed_standard_output(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    assert shell("", "run", RNG, "--device", "rng", f"--trace={trace}").returncode == 0
    done = shell(">&-", "show", trace)
    assert (done.returncode, done.stderr) == (2, b"virtscope: output: Bad file descriptor\n")


def test_a_run_goes_on_without_standard_input_and_without_standard_error() -> None:
    done = shell("<&- 2>&-", "run", RNG, "--device", "rng", "--trace")
    assert done.returncode == 0
    assert b"rng: ok" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_error_ends_the_run_with_2() -> None:
    done = shell("2> /dev/full", "run", RNG, "--device", "rng", "--trace")
    assert done.returncode == 2
