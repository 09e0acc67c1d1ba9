"""QEMU for the comparisons: the options that all of them share, and how it is installed where it can be."""

from __future__ import annotations

import os
import shutil
import sys

from bench.measure import ROOT
from emu.errors import InputError
from tui.debian import call

PROGRAM = "qemu-system-riscv64"
PACKAGE = "qemu-system-riscv64"
"""Debian's virtual package: qemu-system-misc in Debian 12, qemu-system-riscv in 13."""
COMMAND = [
    PROGRAM, "-M", "virt", "-m", "256M", "-accel", "tcg,thread=single", "-global", "virtio-mmio.force-legacy=false",
    "-display", "none", "-monitor", "none", "-serial", "stdio",
]  # fmt: skip
RNG = ["-device", "virtio-rng-device"]


def disk(path: str) -> list[str]:
    """The options for a virtio-blk device with this raw image."""
    return ["-drive", f"file={path},if=none,id=d,format=raw", "-device", "virtio-blk-device,drive=d"]


def is_here() -> bool:
    return shutil.which(PROGRAM) is not None


def install() -> str:
    """Install QEMU from Debian unless it is there; returns why there is none afterwards, or an empty string."""
    if is_here():
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"{PROGRAM} is not installed, and installing it takes root and apt-get"
    print(f"bench: installing {PACKAGE} for the comparison", file=sys.stderr, flush=True)
    try:
        call(["apt-get", "-q", "update"], ROOT)
        call(["apt-get", "-q", "-y", "--no-install-recommends", "install", PACKAGE], ROOT)
    except InputError as error:
        return f"{PROGRAM} could not be installed: {error}"
    return "" if is_here() else f"{PACKAGE} was installed and brought no {PROGRAM}"
