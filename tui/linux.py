"""The guest `linux`: Debian's riscv64 kernel as it is, and an initial RAM disk of ours with its VirtIO modules."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from emu.elf import read_file
from emu.errors import InputError
from tui.initramfs import Entry, folder, link, node, packed, plain_file
from tui.modules import Modules

MODULES = ["virtio_mmio", "virtio_blk", "virtio-rng", "virtio_console", "crc32c_generic", "ext4"]
"""What /init loads. ext4 asks for crc32c by its algorithm's name, so no module says that it needs this one."""


def real_file(name: str) -> bytes:
    """A file of `guests/real`."""
    return (files("guests") / "real" / name).read_bytes()


def find_kernel(root: Path) -> Path:
    """The kernel in an unpacked Debian package; raises InputError if there is none."""
    found = sorted((root / "boot").glob("vmlinu[xz]-*"))
    if not found:
        raise InputError(f"{root / 'boot'}: no vmlinux there")
    return found[0]


def find_modules(root: Path) -> Modules:
    """The kernel's modules in an unpacked Debian package; raises InputError if there are none."""
    for place in ("usr/lib/modules", "lib/modules"):
        for release in sorted((root / place).glob("*")):
            if (release / "kernel").is_dir():
                return Modules(release)
    raise InputError(f"{root}: no usr/lib/modules/*/kernel there")


def find_busybox(root: Path) -> bytes:
    """The static busybox in an unpacked Debian package; raises InputError if there is none."""
    for place in ("usr/bin/busybox", "bin/busybox"):
        if (root / place).is_file():
            return read_file(root / place)
    raise InputError(f"{root}: no usr/bin/busybox there")


def initramfs(root: Path) -> bytes:
    """The packed RAM disk for the kernel in `root`: busybox, the modules in the order of /mod/order, and /init."""
    modules = find_modules(root).in_load_order(MODULES)
    entries: list[Entry] = [folder(path) for path in ("bin", "dev", "mnt", "mod", "proc", "root", "sys", "tmp")]
    entries += [node("dev/console", 5, 1), node("dev/null", 1, 3)]
    entries.append(plain_file("bin/busybox", find_busybox(root), executable=True))
    entries += [link(f"bin/{applet}", "busybox") for applet in real_file("applets.txt").decode().split()]
    entries += [plain_file(f"mod/{module.name}.ko", module.data) for module in modules]
    entries.append(plain_file("mod/order", "".join(f"{module.name}\n" for module in modules).encode()))
    entries.append(plain_file("init", real_file("linux-init.sh"), executable=True))
    return packed(entries)
