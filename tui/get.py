"""`virtscope get NAME`: fetch a guest into the cache, through the machine's own Debian mirror, or build it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emu.errors import InputError
from tui.cache import guest_folder, new_guest
from tui.debian import APT_FOLDER, SUITE, Apt, MirrorOutOfStep, find_mirror, missing_tools, unpack, version_of
from tui.linux import find_kernel, initramfs

INTERRUPTED = 130
LINUX, SMALL_LINUX, U_BOOT, OPENSBI = "linux", "small-linux", "u-boot", "opensbi"
IMAGE, INITRAMFS = "Image", "initramfs.cpio.gz"
FIRMWARE = "usr/lib/riscv{}-linux-gnu/opensbi/generic/{}.bin"
MIB = 1 << 20

Say = Callable[[str], None]
"""Tells the person what is going on, in a line."""
Maker = Callable[[Path, Path, Say], list[str]]
"""Puts a guest's files into the first folder, with the second to work in; returns lines about what they are made of."""


@dataclass(frozen=True)
class Recipe:
    """What a guest consists of, the bytes of disk that making it takes, and how it is made."""

    files: tuple[str, ...]
    needed: int
    make: Maker
    built: bool = False


def fetch(packages: tuple[str, ...], work: Path, say: Say) -> tuple[Path, list[str]]:
    """Download and unpack Debian packages; returns the folder with their files, and a line for each."""
    mirror = find_mirror()
    if mirror is None:
        raise InputError(f"no Debian mirror in the apt sources in {APT_FOLDER}")
    apt = Apt(work / "apt", mirror)
    say(f"reading Debian {SUITE}'s list of riscv64 packages")
    apt.update()
    root, about = work / "root", []
    for wanted in packages:
        package = apt.newest_image(wanted) if wanted.startswith("linux-image-") else wanted
        say(f"downloading {package} ({apt.size(package) / MIB:.1f} MiB)")
        deb = apt.download(package)
        unpack(deb, root)
        about.append(f"{package} {version_of(deb)}")
        deb.unlink()
    return root, about


def make_linux(made: Path, work: Path, say: Say) -> list[str]:
    """Debian's kernel and an initramfs of ours."""
    root, about = fetch(("linux-image-riscv64", "busybox-static"), work, say)
    say("building the initramfs")
    shutil.copyfile(find_kernel(root), made / IMAGE)
    (made / INITRAMFS).write_bytes(initramfs(root))
    return about


def make_u_boot(made: Path, work: Path, say: Say) -> list[str]:
    """Debian's U-Boot for QEMU's board, for M mode and for S mode."""
    root, about = fetch(("u-boot-qemu",), work, say)
    for kind, name in (("qemu-riscv64", "u-boot.bin"), ("qemu-riscv64_smode", "u-boot-smode.bin")):
        take(root, f"usr/lib/u-boot/{kind}/u-boot.bin", made / name)
    return about


def make_opensbi(made: Path, work: Path, say: Say) -> list[str]:
    """Debian's OpenSBI, for rv64 and rv32."""
    root, about = fetch(("opensbi",), work, say)
    for xlen in (64, 32):
        for kind in ("fw_dynamic", "fw_jump"):
            take(root, FIRMWARE.format(xlen, kind), made / f"{kind}-rv{xlen}.bin")
    return about


def make_small_linux(made: Path, work: Path, say: Say) -> list[str]:
    """Small kernels for rv64 and rv32, from Debian's source package."""
    from tui.small_linux import build  # noqa: PLC0415  (only where something is built)

    return build(made, work, say, fetch)


RECIPES = {
    LINUX: Recipe((IMAGE, INITRAMFS), 500 * MIB, make_linux),
    U_BOOT: Recipe(("u-boot.bin", "u-boot-smode.bin"), 100 * MIB, make_u_boot),
    OPENSBI: Recipe(
        ("fw_dynamic-rv64.bin", "fw_jump-rv64.bin", "fw_dynamic-rv32.bin", "fw_jump-rv32.bin"), 60 * MIB, make_opensbi
    ),
    SMALL_LINUX: Recipe(
        ("Image-rv64", "Image-rv32", "init-rv64.cpio.gz", "init-rv32.cpio.gz"), 4000 * MIB, make_small_linux, built=True
    ),
}


def take(root: Path, name: str, target: Path) -> None:
    """Copy a file out of an unpacked package; raises InputError if the package has changed its layout."""
    if not (root / name).is_file():
        raise InputError(f"{name}: not in the Debian package")
    shutil.copyfile(root / name, target)


def is_here(name: str) -> bool:
    """Whether every file of the guest `name` is in the cache."""
    return all((guest_folder(name) / file).is_file() for file in RECIPES[name].files)


def check(name: str, build: bool) -> None:
    """Raises InputError if this guest cannot be had on this machine, or is asked for in a wrong way."""
    recipe = RECIPES.get(name)
    if recipe is None:
        raise InputError(f"get {name}: no such guest; there are {', '.join(RECIPES)}")
    if recipe.built and not build and not is_here(name):
        raise InputError(f"get {name}: it is built, not downloaded: virtscope get {name} --build")
    if build and not recipe.built:
        raise InputError(f"get {name} --build: it is downloaded, not built")


def get(names: list[str], *, refresh: bool = False, build: bool = False) -> int:
    """Put the guests `names` into the cache and print their folders; what is there stays, unless `refresh`."""
    for name in names:
        check(name, build)
    try:
        for name in names:
            if refresh or not is_here(name):
                make(name)
            print(guest_folder(name), flush=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def make(name: str) -> None:
    """Make a guest and put it in the place of an older one."""

    def say(text: str) -> None:
        print(f"virtscope: {name}: {text}", file=sys.stderr, flush=True)

    recipe, place = RECIPES[name], guest_folder(name)
    missing = missing_tools()
    by_hand = f"put {' and '.join(recipe.files)} into {place} yourself"
    if missing:
        raise InputError(f"get {name}: there is no {missing[0]} here (Debian and Ubuntu have it); {by_hand}")
    try:
        with new_guest(name, recipe.needed) as (made, work):
            about = recipe.make(made, work, say)
            (made / "made-from.txt").write_text("".join(f"{line}\n" for line in about))
    except MirrorOutOfStep:
        raise InputError(
            f"get {name}: the Debian mirror is being updated, its lists do not fit each other now; "
            f"nothing was changed: try again in some hours, or {by_hand}"
        ) from None
    for line in about:
        say(line)
