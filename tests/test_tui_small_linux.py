"""Building the small kernels: what is needed, the configuration, and the RAM disk. The build itself takes too long."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from cli import complaint

from tui.linux import real_file
from tui.small_linux import TOOLS, initramfs, not_taken, parse_config, wanted_config


def test_missing_tools_are_named_with_the_packages_that_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIRTSCOPE_CACHE", str(tmp_path / "cache"))
    for tool in (set(TOOLS) | {"apt-get", "apt-cache", "dpkg-deb"}) - {"bc", "riscv64-linux-gnu-gcc"}:
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tui.get.RECIPES", {"small-linux": small_recipe()})
    assert complaint(capsys, "get", "small-linux", "--build") == (
        "get small-linux --build needs riscv64-linux-gnu-gcc, bc: apt-get install gcc-riscv64-linux-gnu bc"
    )


def small_recipe() -> object:
    """As it is, for any disk."""
    from dataclasses import replace  # noqa: PLC0415

    from tui.get import RECIPES  # noqa: PLC0415

    return replace(RECIPES["small-linux"], needed=0)


def test_a_configuration_is_read_as_linux_writes_it() -> None:
    text = '#\n# Linux\n#\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="-x=1"\n\nCONFIG_D=-1\n'
    assert parse_config(text) == {"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_C": '"-x=1"', "CONFIG_D": "-1"}


def test_the_kernels_have_every_virtio_driver_and_differ_in_their_width() -> None:
    wide, narrow = wanted_config(64), wanted_config(32)
    for driver in ("MMIO", "BLK", "NET", "CONSOLE", "BALLOON", "INPUT", "VSOCKETS"):
        assert wide[f"CONFIG_VIRTIO_{driver}"] == narrow[f"CONFIG_VIRTIO_{driver}"] == "y"
    assert wide["CONFIG_HW_RANDOM_VIRTIO"] == "y"
    assert set(narrow.items()) ^ set(wide.items()) == {
        ("CONFIG_ARCH_RV64I", "y"), ("CONFIG_ARCH_RV32I", "y"), ("CONFIG_32BIT", "y"),
    }  # fmt: skip


def test_a_setting_that_the_kernel_did_not_keep_is_named() -> None:
    wanted = {"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_C": "n", "CONFIG_D": "y", "CONFIG_E": "1"}
    config = {"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_D": "m"}
    assert not_taken(wanted, config) == ["CONFIG_D=y", "CONFIG_E=1"]


def test_the_ram_disk_holds_init_alone() -> None:
    content = gzip.decompress(initramfs(b"\x7fELF init"))
    assert content.count(b"070701") == 6 and b"init\0" in content and b"\x7fELF init" in content


def test_the_init_writes_to_a_disk_only_when_asked() -> None:
    source = real_file("small-init.c").decode()
    assert 'open("/dev/vda", may_write ? O_RDWR : O_RDONLY)' in source
    assert source.count("pwrite64") == 1
