"""The guest `small-linux`: kernels with every VirtIO driver built in, made here from Debian's source package."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

from emu.errors import InputError
from tui.debian import call, missing_tools
from tui.initramfs import folder, node, packed, plain_file
from tui.linux import real_file

CROSS = "riscv64-linux-gnu-"
TOOLS = {
    f"{CROSS}gcc": "gcc-riscv64-linux-gnu",
    "gcc": "gcc",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "perl": "perl",
    "tar": "tar",
    "xz": "xz-utils",
}
"""What a build needs -> the Debian package that has it."""
SOURCE = "linux-source-6.12"
WIDTH = {
    64: {"CONFIG_ARCH_RV64I": "y"},
    32: {"CONFIG_ARCH_RV32I": "y", "CONFIG_32BIT": "y"},
}
COMPILE = {64: ["-march=rv64imac", "-mabi=lp64"], 32: ["-march=rv32imac", "-mabi=ilp32"]}
SAME_EVERYWHERE = ["KBUILD_BUILD_TIMESTAMP=1970-01-01", "KBUILD_BUILD_USER=virtscope", "KBUILD_BUILD_HOST=virtscope"]

Fetch = Callable[[tuple[str, ...], Path, Callable[[str], None]], tuple[Path, list[str]]]


def need_tools() -> None:
    """Raises InputError that says what to install if a build could not work here."""
    missing = missing_tools(tuple(TOOLS))
    if missing:
        packages = " ".join(TOOLS[tool] for tool in missing)
        raise InputError(f"get small-linux --build needs {', '.join(missing)}: apt-get install {packages}")


def parse_config(text: str) -> dict[str, str]:
    """A kernel configuration as name -> value; `# CONFIG_X is not set` is the value n."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# CONFIG_") and line.endswith(" is not set"):
            found[line.split()[1]] = "n"
        elif line.startswith("CONFIG_"):
            name, _, value = line.partition("=")
            found[name] = value
    return found


def wanted_config(xlen: int) -> dict[str, str]:
    """What the kernel for `xlen` bits is to have, beyond the smallest configuration there is."""
    return parse_config(real_file("small-linux.config").decode()) | WIDTH[xlen]


def not_taken(wanted: dict[str, str], config: dict[str, str]) -> list[str]:
    """The settings that the kernel's own tool did not keep: renamed, or without what they depend on."""
    return [f"{name}={value}" for name, value in wanted.items() if config.get(name, "n") != value]


def build(made: Path, work: Path, say: Callable[[str], None], fetch: Fetch) -> list[str]:
    """Fetch Debian's kernel source and build both kernels and their initial RAM disks into `made`."""
    need_tools()
    root, about = fetch((SOURCE,), work, say)
    say("unpacking the source")
    call(["tar", "-xJf", str(root / "usr/src" / f"{SOURCE}.tar.xz"), "-C", str(work)], work)
    for xlen in (64, 32):
        build_one(made, work / SOURCE, work / f"rv{xlen}", xlen, say)
    return about


def build_one(made: Path, source: Path, out: Path, xlen: int, say: Callable[[str], None]) -> None:
    """Configure and build the kernel in the folder `source` for `xlen` bits, with `out` for what it makes."""
    out.mkdir()
    kernel_make = [
        "make", "-s", "-C", str(source), f"O={out}", "ARCH=riscv", f"CROSS_COMPILE={CROSS}",
        f"-j{os.cpu_count() or 1}", *SAME_EVERYWHERE,
    ]  # fmt: skip
    call([*kernel_make, "tinyconfig"], out)
    wanted = wanted_config(xlen)
    with open(out / ".config", "a", encoding="ascii") as config:
        config.writelines(f"{name}={value}\n" for name, value in wanted.items())
    call([*kernel_make, "olddefconfig"], out)
    for setting in not_taken(wanted, parse_config((out / ".config").read_text())):
        say(f"rv{xlen}: this source does not take {setting}")
    say(f"rv{xlen}: building the kernel (some minutes)")
    call([*kernel_make, "Image", "headers"], out)
    image = (out / "arch/riscv/boot/Image").read_bytes()
    (made / f"Image-rv{xlen}").write_bytes(image)
    (made / f"init-rv{xlen}.cpio.gz").write_bytes(initramfs(compile_init(source, out, xlen)))
    say(f"rv{xlen}: {len(image) >> 10} KiB, {len(gzip.compress(image, 6)) >> 10} KiB packed")


def compile_init(source: Path, out: Path, xlen: int, compiler: tuple[str, ...] = (f"{CROSS}gcc",)) -> bytes:
    """The ELF file of guests/real/small-init.c, built against the headers in `out`."""
    code, program = out / "small-init.c", out / "small-init"
    code.write_bytes(real_file("small-init.c"))
    call(
        [
            *compiler, *COMPILE[xlen], "-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector",
            "-fno-pic", f"-I{out / 'usr/include'}", "-include", str(source / "tools/include/nolibc/nolibc.h"),
            "-o", str(program), str(code),
        ],
        out,
    )  # fmt: skip
    return program.read_bytes()


def initramfs(init: bytes) -> bytes:
    """The packed RAM disk with /init alone."""
    folders = [folder(path) for path in ("dev", "proc", "sys")]
    return packed([*folders, node("dev/console", 5, 1), plain_file("init", init, executable=True)])
