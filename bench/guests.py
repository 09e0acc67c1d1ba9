"""The Linux guests that are timed: where their files are, what they run, and both machines' command lines for it."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from bench import qemu
from bench.measure import VIRTSCOPE
from bench.timed import Run
from tui.cache import guest_folder
from tui.get import IMAGE, INITRAMFS, LINUX, SMALL_LINUX, is_here
from tui.initramfs import packed, plain_file
from tui.linux import real_file

MIB = 1 << 20
RAM = 256 * MIB
FOLDER = "VIRTSCOPE_GUESTS"
SCRIPT_DID = (
    "@@disk vda pattern ok", "@@read disk-64k 1024+0", "@@read disk-4k 512+0", "@@read hwrng 64+0",
    f"@@md5 of 8 MiB of zeros {hashlib.md5(bytes(8 * MIB)).hexdigest()}", "@@fork and exec 50 times",
)  # fmt: skip
"""Lines that say that the script did its work; without them a time means nothing."""


@dataclass(frozen=True)
class Guest:
    """A kernel, its initial RAM disk, its command line, and the disk that both machines get."""

    kernel: Path
    initrd: Path
    append: str
    disk: Path

    def virtscope(self, *options: str) -> list[str]:
        """`--bios builtin` is the default for such a kernel; the host's time, as QEMU has it."""
        files = ["--kernel", str(self.kernel), "--initrd", str(self.initrd), "--append", self.append]
        return [*VIRTSCOPE, *files, "--device", f"blk,file={self.disk}", "--device", "rng", "--clock", "wall", *options]

    def qemu(self) -> list[str]:
        """With the OpenSBI that comes with QEMU."""
        files = ["-kernel", str(self.kernel), "-initrd", str(self.initrd), "-append", self.append]
        return [*qemu.COMMAND, *files, *qemu.disk(str(self.disk)), *qemu.RNG]


def new_disk(path: Path, size: int) -> Path:
    """A disk of random bytes."""
    path.write_bytes(os.urandom(size))
    return path


def linux(folder: Path) -> Guest | None:
    """Debian's kernel from the cache with today's /init, and a disk in `folder`; None if it is not in the cache.

    Linux takes several archives one after the other: the second one's /init replaces the one that was cached.
    """
    if not is_here(LINUX):
        return None
    place, initrd = guest_folder(LINUX), folder / INITRAMFS
    own = packed([plain_file("init", real_file("linux-init.sh"), executable=True)])
    initrd.write_bytes((place / INITRAMFS).read_bytes() + own)
    return Guest(place / IMAGE, initrd, "console=ttyS0 virtscope=bench,off", new_disk(folder / "linux.img", 64 * MIB))


def small_linux(folder: Path) -> Guest | None:
    """The small rv64 kernel of $VIRTSCOPE_GUESTS, else of the cache; None if there is neither. Unpacked, for QEMU."""
    own = Path(os.environ.get(FOLDER) or "/nonexistent")
    kernel, initrd = own / "Image-6.12-small-rv64.gz", own / "ninit64.cpio"
    if not (kernel.is_file() and initrd.is_file()):
        if not is_here(SMALL_LINUX):
            return None
        kernel, initrd = (guest_folder(SMALL_LINUX) / name for name in ("Image-rv64", "init-rv64.cpio.gz"))
    image = folder / "Image"
    data = kernel.read_bytes()
    image.write_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return Guest(image, initrd, "console=ttyS0 virtscope=check", new_disk(folder / "small.img", 16 * MIB))


def checked(done: Run, lines: tuple[str, ...] = SCRIPT_DID) -> Run:
    """`done`, if all of `lines` came; raises RuntimeError that names the first that did not."""
    for line in lines:
        done.at(line)
    return done
