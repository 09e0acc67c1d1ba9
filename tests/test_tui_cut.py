"""Real kernels that were cut, and an initrd that does not fit: one line and exit code 2, before anything runs."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from cli import complaint
from test_guests_linux import guest

XLEN = pytest.mark.parametrize("xlen", [32, 64])


@XLEN
@pytest.mark.parametrize("keep", [64, 1000, 100_000, 0.4])
def test_a_linux_image_that_was_cut_is_named(
    xlen: int, keep: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.decompress(guest(f"Image-6.12-small-rv{xlen}.gz").read_bytes())
    size = keep if isinstance(keep, int) else int(keep * len(whole))
    path = tmp_path / "Image"
    path.write_bytes(whole[:size])
    said = complaint(capsys, "run", "--kernel", path, "--timeout", "5")
    assert said.startswith(f"{path}: truncated: {size} bytes, and its header says that it takes ")


@XLEN
@pytest.mark.parametrize("keep", [5, 30, 100_000, -1])
def test_a_packed_linux_that_was_cut_is_named(
    xlen: int, keep: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "Image.gz"
    path.write_bytes(guest(f"Image-6.12-small-rv{xlen}.gz").read_bytes()[:keep])
    said = complaint(capsys, "run", "--kernel", path, "--timeout", "5")
    assert said.startswith(f"{path}: truncated: the gzip stream does not end within its ")


@XLEN
def test_an_initrd_too_large_for_ram_is_named(xlen: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel, initrd = guest(f"Image-6.12-small-rv{xlen}.gz"), tmp_path / "initrd"
    initrd.write_bytes(bytes(20 << 20))
    said = complaint(capsys, "run", "--kernel", kernel, "--initrd", initrd, "--ram", "24M")
    assert said.startswith("RAM too small: an initrd of 0x1400000 and a device tree of ")
