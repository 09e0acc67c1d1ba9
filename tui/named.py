"""`virtscope run NAME`: a guest from the cache instead of an IMAGE. What a person gives by options wins."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from emu.errors import InputError
from tui.cache import guest_folder
from tui.get import IMAGE, INITRAMFS, LINUX, OPENSBI, RECIPES, SMALL_LINUX, U_BOOT, is_here

CONSOLE = "console=ttyS0"
WITH_OPENSBI = OPENSBI + "+"
ONLY_64 = (LINUX, U_BOOT)


def path(name: str, file: str) -> str:
    """A file of a guest in the cache; raises InputError if the guest is not there."""
    if not is_here(name):
        build = " --build" if RECIPES[name].built else ""
        raise InputError(f"{name} is not here yet: virtscope get {name}{build}")
    return str(guest_folder(name) / file)


def linux(args: argparse.Namespace) -> None:
    """Debian's kernel with our initramfs, to a shell on ttyS0."""
    args.kernel = args.kernel or path(LINUX, IMAGE)
    args.initrd = args.initrd or path(LINUX, INITRAMFS)
    args.append = CONSOLE if args.append is None else args.append


def small_linux(args: argparse.Namespace) -> None:
    """A small kernel with an init that exercises the devices and powers off."""
    xlen = args.xlen = args.xlen or 64
    args.kernel = args.kernel or path(SMALL_LINUX, f"Image-rv{xlen}")
    args.initrd = args.initrd or path(SMALL_LINUX, f"init-rv{xlen}.cpio.gz")
    args.append = CONSOLE if args.append is None else args.append


def u_boot(args: argparse.Namespace) -> None:
    """U-Boot in S mode if there is firmware below it, else the one for M mode."""
    supervised = args.bios not in (None, "none")
    args.kernel = args.kernel or path(U_BOOT, "u-boot-smode.bin" if supervised else "u-boot.bin")


PAYLOADS: dict[str, Callable[[argparse.Namespace], None]] = {LINUX: linux, SMALL_LINUX: small_linux, U_BOOT: u_boot}
NAMES = (*PAYLOADS, *(WITH_OPENSBI + name for name in PAYLOADS))


def fill_in(args: argparse.Namespace) -> None:
    """Put what `run NAME` stands for into the options that were not given. A file of that name is an IMAGE."""
    name = args.image
    if name not in NAMES or os.path.exists(name):
        return
    payload = name.removeprefix(WITH_OPENSBI)
    if args.xlen == 32 and payload in ONLY_64:
        raise InputError(f"{payload} is for rv64; --xlen 32 needs another guest")
    args.image = None
    if payload != name and args.bios is None:
        args.bios = path(OPENSBI, f"fw_dynamic-rv{args.xlen or 64}.bin")
    PAYLOADS[payload](args)
