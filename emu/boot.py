"""Puts firmware, kernel, initrd and device tree into a machine's RAM and starts the hart as QEMU's `virt` does."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from emu.elf import Image, read_file
from emu.errors import InputError
from emu.fdt import Board, build_dtb, check_dtb, patch_dtb
from emu.loader import (
    KERNEL_OFFSET,
    check_room,
    fw_dynamic_info,
    image_xlen,
    is_linux,
    kernel_room,
    place,
    place_image,
    plan,
    read_image,
    read_kernel,
)
from emu.machine import RAM_BASE, Machine

BUILTIN, NO_BIOS = "builtin", "none"
MMU = {32: "riscv,sv32", 64: "riscv,sv48"}


@dataclass
class BootConfig:
    """Paths of what to run; empty is none.

    `image` starts in M mode at its ELF entry, a flat one at `load_address`. `bios` starts in M mode and enters
    `kernel` in S mode. With `BUILTIN` as `bios` the host is the firmware, with `NO_BIOS` the kernel starts in M mode;
    without `bios` it depends: a Linux for S mode gets the host's, others none. `dtb` replaces the board's device tree.
    """

    image: str = ""
    bios: str = ""
    kernel: str = ""
    initrd: str = ""
    dtb: str = ""
    append: str = ""
    load_address: int | None = None
    rng_seed: bytes = b""

    @property
    def firmware(self) -> str:
        """The path of the firmware that starts in M mode, or an empty string."""
        return "" if self.bios in (BUILTIN, NO_BIOS) else self.bios


@dataclass
class Boot:
    """What was read, and how to (re)start: `start` is pc, a0, a1, a2; `images` have symbols and lines."""

    machine: Machine
    images: list[Image] = field(default_factory=list)
    blobs: list[tuple[int, bytes, str]] = field(default_factory=list)
    dtb: bytes = b""
    start: tuple[int, int, int, int] = (RAM_BASE, 0, 0, 0)
    restored_from: list[list[str]] = field(default_factory=list)

    def restart(self) -> None:
        """Put everything into RAM again and set the hart to its first instruction."""
        ram = self.machine.ram
        for image in self.images:
            place_image(ram, image)
        for address, data, name in self.blobs:
            place(ram, address, data, name)
        pc, a0, a1, a2 = self.start
        self.machine.hart.reset(pc, a0, a1, a2)
        if self.machine.sbi is not None:
            self.machine.sbi.start()

    def files(self) -> list[list[str]]:
        """Name and SHA-256 of each image and of the initrd; without images, of those that the checkpoint names."""
        if not self.images:
            return self.restored_from
        found = []
        for image in self.images:
            digest = hashlib.sha256(f"{image.entry:x}".encode())
            for segment in image.segments:
                digest.update(f" {segment.address:x} {segment.size:x} ".encode() + segment.data)
            found.append([os.path.basename(image.path), digest.hexdigest()])
        ours = (self.dtb, "the fw_dynamic block")
        given = [(data, name) for _, data, name in self.blobs if data not in ours and name not in ours]
        return found + [[os.path.basename(name), hashlib.sha256(data).hexdigest()] for data, name in given]

    def image_at(self, address: int) -> Image | None:
        """The image that was loaded there."""
        return next((image for image in self.images if image.start <= address < image.end), None)

    def where(self, pc: int) -> str:
        """`function+0x12 file.c:34` for a pc inside a loaded image, or an empty string."""
        image = self.image_at(pc)
        if image is None:
            return ""
        name, at = image.symbols.name_at(pc), image.lines.at(pc)
        return f"{name} {at[0]}:{at[1]}".strip() if at is not None else name


def guess_xlen(config: BootConfig) -> int | None:
    """32 or 64 where one of the images says so."""
    paths = [path for path in (config.image, config.kernel, config.firmware) if path]
    return next((xlen for xlen in map(image_xlen, paths) if xlen is not None), None)


def prepare(machine: Machine, config: BootConfig, *, start: bool = True) -> Boot:
    """Read and place everything; raises InputError for what cannot be used. The hart is ready to run afterwards.

    Without `start` RAM and hart stay as they are, until the guest resets.
    """
    firmware, image_or_firmware = config.firmware, config.image or config.firmware
    _check_combination(config)
    xlen, ram = machine.config.xlen, machine.ram
    boot = Boot(machine)
    taken = RAM_BASE
    entry = next_address = 0
    if image_or_firmware:
        at = RAM_BASE if firmware or config.load_address is None else config.load_address
        first = _add(boot, config, read_image(image_or_firmware, at, ram))
        entry, taken = first.entry, first.end
    if config.kernel:
        kernel = _add(boot, config, _read_kernel(machine, config))
        if firmware and kernel.start < first.end and first.start < kernel.end:
            lies = f"its {kernel.start:#x} to {kernel.end:#x}"
            raise InputError(f"{config.kernel}: {lies} overlaps {firmware}, which ends at {taken:#x}")
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
    if firmware:
        boot.blobs.append((where.info, fw_dynamic_info(xlen, next_address), "the fw_dynamic block"))
    boot.start = (entry, 0, where.dtb, where.info if firmware else 0)
    if start:
        boot.restart()
    return boot


def _check_combination(config: BootConfig) -> None:
    """Raises InputError for parts that do not go together."""
    if config.image and (config.firmware or config.kernel or config.bios == BUILTIN):
        raise InputError(f"{config.image}: an IMAGE goes without --bios and --kernel")
    if config.bios == BUILTIN and not config.kernel:
        raise InputError("--bios builtin: give a --kernel for it to enter")
    if not (config.image or config.firmware or config.kernel):
        raise InputError("nothing to run: give an IMAGE, --bios or --kernel")


def _read_kernel(machine: Machine, config: BootConfig) -> Image:
    """The kernel, at its address; the machine answers SBI calls afterwards if this one will make them."""
    ram, builtin = machine.ram, config.bios == BUILTIN
    if config.load_address is not None:
        kernel = read_image(config.kernel, config.load_address, ram)
    else:
        in_s_mode = builtin or bool(config.firmware)
        kernel = read_kernel(config.kernel, ram, KERNEL_OFFSET[machine.config.xlen] if in_s_mode else 0)
    if builtin or (not config.bios and is_linux(kernel)):
        machine.answer_sbi()
    return kernel


def _add(boot: Boot, config: BootConfig, image: Image) -> Image:
    """See that this machine can run it."""
    path, xlen, ram = image.path, boot.machine.config.xlen, boot.machine.ram
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
