"""`virtscope run NAME`: what a name stands for, and that options win."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from cli import complaint

from emu.errors import InputError
from tui.cli import build_parser
from tui.get import RECIPES
from tui.named import NAMES, fill_in


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with every guest in it."""
    monkeypatch.setenv("VIRTSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name, recipe in RECIPES.items():
        (tmp_path / "cache" / name).mkdir(parents=True)
        for file in recipe.files:
            (tmp_path / "cache" / name / file).write_bytes(b"x")
    return tmp_path / "cache"


def filled(*arguments: str) -> argparse.Namespace:
    args = build_parser().parse_args(["run", *arguments])
    fill_in(args)
    return args


def test_linux_is_a_kernel_with_its_initramfs_and_a_console(folder: Path) -> None:
    args = filled("linux")
    assert (args.image, args.bios, args.append) == (None, None, "console=ttyS0")
    assert (args.kernel, args.initrd) == (f"{folder}/linux/Image", f"{folder}/linux/initramfs.cpio.gz")


def test_what_a_person_gives_wins() -> None:
    args = filled("linux", "--kernel", "k", "--initrd", "i", "--append", "", "--bios", "none")
    assert (args.kernel, args.initrd, args.append, args.bios) == ("k", "i", "", "none")


def test_u_boot_is_the_one_for_the_mode_that_it_starts_in(folder: Path) -> None:
    assert filled("u-boot").kernel == f"{folder}/u-boot/u-boot.bin"
    assert filled("u-boot", "--bios", "none").kernel == f"{folder}/u-boot/u-boot.bin"
    assert filled("u-boot", "--bios", "fw.bin").kernel == f"{folder}/u-boot/u-boot-smode.bin"
    args = filled("opensbi+u-boot")
    assert args.kernel == f"{folder}/u-boot/u-boot-smode.bin"
    assert args.bios == f"{folder}/opensbi/fw_dynamic-rv64.bin"
    assert filled("opensbi+u-boot", "--bios", "fw.bin").bios == "fw.bin"


def test_small_linux_has_a_kernel_for_each_width(folder: Path) -> None:
    args = filled("small-linux")
    assert (args.kernel, args.xlen) == (f"{folder}/small-linux/Image-rv64", 64)
    args = filled("opensbi+small-linux", "--xlen", "32")
    assert args.kernel == f"{folder}/small-linux/Image-rv32"
    assert args.initrd == f"{folder}/small-linux/init-rv32.cpio.gz"
    assert args.bios == f"{folder}/opensbi/fw_dynamic-rv32.bin"


def test_a_guest_that_is_not_there_says_how_to_get_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "linux" / "initramfs.cpio.gz").unlink()
    (folder / "small-linux" / "Image-rv32").unlink()
    (folder / "opensbi" / "fw_jump-rv64.bin").unlink()
    assert complaint(capsys, "run", "linux") == "linux is not here yet: virtscope get linux"
    assert complaint(capsys, "run", "opensbi+u-boot") == "opensbi is not here yet: virtscope get opensbi"
    text = complaint(capsys, "run", "small-linux")
    assert text == "small-linux is not here yet: virtscope get small-linux --build"


def test_an_rv64_guest_does_not_run_on_an_rv32_hart() -> None:
    with pytest.raises(InputError, match=r"^u-boot is for rv64; --xlen 32 needs another guest$"):
        filled("opensbi+u-boot", "--xlen", "32")


def test_a_file_of_that_name_is_an_image_and_others_are_left_alone(tmp_path: Path) -> None:
    Path("linux").write_bytes(b"x")
    assert filled("linux").image == "linux"
    assert filled("other.elf").image == "other.elf"
    assert "opensbi+linux" in NAMES and "opensbi" not in NAMES
