"""Kernel modules: the order in which they can be loaded, and files that are none."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest
from debian_mirror import module

from emu.errors import InputError
from tui.modules import Modules, information, unpack_module


def modules(folder: Path, needs: dict[str, str], builtin: str = "") -> Modules:
    for name, depends in needs.items():
        (folder / f"{name}.ko.xz").write_bytes(lzma.compress(module(f"depends={depends}\0".encode())))
    if builtin:
        (folder / "modules.builtin").write_text(builtin)
    return Modules(folder)


def names(found: Modules, *wanted: str) -> list[str]:
    return [entry.name for entry in found.in_load_order(list(wanted))]


def test_a_module_comes_after_what_it_needs_and_once(tmp_path: Path) -> None:
    found = modules(tmp_path, {"ext4": "jbd2,crc-16", "jbd2": "crc-16", "crc-16": "", "virtio-rng": "", "other": ""})
    assert names(found, "virtio-rng", "ext4", "jbd2") == ["virtio_rng", "crc_16", "jbd2", "ext4"]


def test_what_is_built_into_the_kernel_is_not_loaded(tmp_path: Path) -> None:
    found = modules(tmp_path, {"a": "virtio_ring"}, "kernel/drivers/virtio/virtio_ring.ko\nkernel/x/b-c.ko\n")
    assert names(found, "b_c", "a") == ["a"]


def test_a_missing_module_is_named_with_the_one_that_needs_it(tmp_path: Path) -> None:
    found = modules(tmp_path, {"ext4": "jbd2"})
    with pytest.raises(InputError, match="the module jbd2, which ext4 needs, is missing"):
        names(found, "ext4")
    with pytest.raises(InputError, match="the module virtio_blk is missing"):
        names(found, "virtio_blk")


def test_a_circle_ends_in_a_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the modules a, b need each other"):
        names(modules(tmp_path, {"a": "b", "b": "a"}), "a")


def test_modules_are_unpacked_whatever_packed_them() -> None:
    data = module(b"depends=\0")
    packed = {"a.ko": data, "a.ko.gz": gzip.compress(data), "a.ko.xz": lzma.compress(data)}
    assert [unpack_module(content, name) for name, content in packed.items()] == [data] * 3


def test_files_that_are_no_modules_are_named() -> None:
    data = lzma.compress(module(b"depends=\0"))
    with pytest.raises(InputError, match=r"^a\.ko\.xz: corrupt: Compressed data ended before"):
        unpack_module(data[:-20], "a.ko.xz")
    with pytest.raises(InputError, match=r"^a\.ko\.gz: corrupt: "):
        unpack_module(b"\x1f\x8b", "a.ko.gz")
    with pytest.raises(InputError, match=r"^a\.ko\.zst: not a module: it holds no ELF file \(plain, xz and gzip"):
        unpack_module(b"\x28\xb5\x2f\xfd", "a.ko.zst")
    with pytest.raises(InputError, match="does not say depends="):
        information(module(b"license=GPL\0"), "a.ko")
    with pytest.raises(InputError, match=r"^a\.ko: not a module: "):
        information(b"\x7fELF", "a.ko")
