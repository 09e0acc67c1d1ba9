"""Puts firmware, kernel, initrd and device tree into a machine's RAM and starts the hart as QEMU's `virt` does."""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.elf import Image, read_file
from emu.errors import InputError
from emu.fdt import Board, build_dtb, check_dtb, patch_dtb
from emu.loader import check_room, fw_dynamic_info, kernel_address, kernel_room, place, place_image, plan, read_image
from emu.machine import RAM_BASE, Machine

MMU = {32: "riscv,sv32", 64: "riscv,sv48"}


@dataclass
class BootConfig:
    """Paths of what to run; empty is none.

    `image` starts in M mode at its ELF entry, a flat one at `load_address`. `bios` starts in M mode and enters
    `kernel` in S mode; `kernel` alone starts in M mode. `dtb` replaces the board's own device tree.
    """

    image: str = ""
    bios: str = ""
    kernel: str = ""
    initrd: str = ""
    dtb: str = ""
    append: str = ""
    load_address: int | None = None
    rng_seed: bytes = b""


@dataclass
class Boot:
    """What was read, and how to (re)start: `start` is pc, a0, a1, a2; `images` have symbols and lines."""

    machine: Machine
    images: list[Image] = field(default_factory=list)
    blobs: list[tuple[int, bytes, str]] = field(default_factory=list)
    dtb: bytes = b""
    start: tuple[int, int, int, int] = (RAM_BASE, 0, 0, 0)

    def restart(self) -> None:
        """Put everything into RAM again and set the hart to its first instruction."""
        ram = self.machine.ram
        for image in self.images:
            place_image(ram, image)
        for address, data, name in self.blobs:
            place(ram, address, data, name)
        pc, a0, a1, a2 = self.start
        self.machine.hart.reset(pc, a0, a1, a2)

    def where(self, pc: int) -> str:
        """`function+0x12 file.c:34` for a pc inside a loaded image, or an empty string."""
        for image in self.images:
            if image.start <= pc < image.end:
                name = image.symbols.name_at(pc)
                at = image.lines.at(pc)
                return f"{name} {at[0]}:{at[1]}".strip() if at is not None else name
        return ""


def guess_xlen(config: BootConfig) -> int | None:
    """32 or 64 where one of the images is an ELF that says so."""
    for path in (config.image, config.kernel, config.bios):
        if path:
            with_elf = read_image(path, config.load_address or RAM_BASE)
            if with_elf.xlen is not None:
                return with_elf.xlen
    return None


def prepare(machine: Machine, config: BootConfig) -> Boot:
    """Read and place everything; raises InputError for what cannot be used. The hart is ready to run afterwards."""
    if config.image and (config.bios or config.kernel):
        raise InputError(f"{config.image}: an IMAGE goes without --bios and --kernel")
    if not (config.image or config.bios or config.kernel):
        raise InputError("nothing to run: give an IMAGE, --bios or --kernel")
    xlen, ram = machine.config.xlen, machine.ram
    boot = Boot(machine)
    first = config.image or config.bios
    load_at = RAM_BASE if config.load_address is None else config.load_address
    taken = RAM_BASE
    entry = next_address = 0
    if first:
        image = _add(boot, config, first, load_at if config.image else RAM_BASE)
        entry, taken = image.entry, image.end
    if config.kernel:
        at = load_at
        if config.bios and config.load_address is None:
            at = kernel_address(ram, xlen, config.kernel)
        kernel = _add(boot, config, config.kernel, at)
        if first and kernel.start < boot.images[0].end and boot.images[0].start < kernel.end:
            raise InputError(
                f"{config.kernel}: its {kernel.start:#x} to {kernel.end:#x} overlaps {first}, which ends at {taken:#x}"
            )
        next_address, taken = kernel.entry, max(taken, kernel.start + kernel_room(kernel))
        entry = entry or kernel.entry
    initrd = read_file(config.initrd) if config.initrd else b""
    if config.initrd and not initrd:
        raise InputError(f"{config.initrd}: the file is empty")
    own_tree = read_file(config.dtb) if config.dtb else b""
    if config.dtb:
        check_dtb(own_tree, config.dtb)
    where = plan(ram, taken, max(len(own_tree), 0x2000) + len(config.append), len(initrd))
    if own_tree:
        ram_range = (ram.base, ram.size)
        boot.dtb = patch_dtb(own_tree, config.dtb, bootargs=config.append, initrd=where.initrd, ram=ram_range)
    else:
        boot.dtb = build_dtb(
            Board(xlen, ram.base, ram.size, machine.isa, MMU[xlen], config.append, where.initrd, config.rng_seed)
        )
    boot.blobs.append((where.dtb, boot.dtb, config.dtb or "the device tree"))
    if where.initrd is not None:
        boot.blobs.append((where.initrd[0], initrd, config.initrd))
    if config.bios:
        boot.blobs.append((where.info, fw_dynamic_info(xlen, next_address), "the fw_dynamic block"))
    boot.start = (entry, 0, where.dtb, where.info if config.bios else 0)
    boot.restart()
    return boot


def _add(boot: Boot, config: BootConfig, path: str, address: int) -> Image:
    """Read what `path` has and see that this machine can run it."""
    image = read_image(path, address)
    xlen, ram = boot.machine.config.xlen, boot.machine.ram
    if image.xlen not in (None, xlen):
        raise InputError(f"{path}: an rv{image.xlen} program on an rv{xlen} machine")
    for segment in image.segments:
        check_room(ram, segment.address, segment.size, path)
    if image.entry % 2 or not ram.contains(image.entry, 2):
        raise InputError(f"{path}: entry {image.entry:#x} is {'odd' if image.entry % 2 else 'not in RAM'}")
    if config.load_address is not None and path != config.bios and image.start != config.load_address:
        asked = f"--load-address {config.load_address:#x}"
        raise InputError(f"{path}: {asked} does not move it, it is an ELF linked at {image.start:#x}")
    boot.images.append(image)
    return image
