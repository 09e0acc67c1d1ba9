"""The flattened device tree: built for our board (the nodes of QEMU's `virt`), or a person's own, checked and amended.

The library `fdt` lays out the bytes; it is imported on use.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emu.errors import InputError

MAGIC, HEADER = 0xD00DFEED, struct.Struct(">10I")
VERSION = 17
CPU_PHANDLE, INTC, PLIC, TEST = 1, 2, 3, 4
STDOUT = "/soc/serial@10000000"
Value = str | bytes | int | list[int] | list[str] | None
"""Strings, raw bytes, 32-bit cells; None for a property without a value."""


CACHE_BLOCK = 64
"""Bytes that one cbo.* instruction works on."""


@dataclass(frozen=True)
class Board:
    """What a guest may know of the machine. Addresses and sizes in bytes; `mmu_type` as in `riscv,sv39`, or empty."""

    xlen: int = 64
    ram_base: int = 0x80000000
    ram_size: int = 128 << 20
    isa: str = "rv64imafdc_zicsr_zifencei"
    mmu_type: str = "riscv,sv39"
    bootargs: str = ""
    initrd: tuple[int, int] | None = None
    rng_seed: bytes = b""
    stdout: str = STDOUT
    timebase: int = 10_000_000
    virtio_bases: tuple[int, ...] = tuple(0x10001000 + 0x1000 * slot for slot in range(8))
    virtio_irq: int = 1
    plic_sources: int = 95


def build_dtb(board: Board) -> bytes:
    """The device tree of `board`."""
    import fdt  # noqa: PLC0415  (8 ms)

    tree = fdt.FDT(entries=[])  # its default is one list for all trees
    tree.header.version = VERSION
    for path, properties in _nodes(board):
        node = tree.get_node(path, create=True)
        for name, value in properties.items():
            _set(node, name, value)
    return bytes(tree.to_dtb())


def _nodes(board: Board) -> list[tuple[str, Mapping[str, Value]]]:
    two: dict[str, Value] = {"#address-cells": 2, "#size-cells": 2}
    base, _, extensions = board.isa.partition("_")
    cpu: dict[str, Value] = {
        "phandle": CPU_PHANDLE,
        "device_type": "cpu",
        "reg": 0,
        "status": "okay",
        "compatible": "riscv",
        "riscv,isa": board.isa,
        "riscv,isa-base": base[:4] + "i",
        "riscv,isa-extensions": [*base[4:], *(extensions.split("_") if extensions else [])],
    }
    if board.mmu_type:
        cpu["mmu-type"] = board.mmu_type
    for name in ("zicbom", "zicboz"):
        if name in extensions.split("_"):
            cpu[f"riscv,{name[2:]}-block-size"] = CACHE_BLOCK
    irq: dict[str, Value] = {"interrupt-parent": PLIC}
    return [
        ("/", {**two, "compatible": "riscv-virtio", "model": "riscv-virtio,qemu"}),
        ("/chosen", chosen(board.bootargs, board.initrd, board.rng_seed, board.stdout)),
        (f"/memory@{board.ram_base:x}", {"device_type": "memory", "reg": _reg(board.ram_base, board.ram_size)}),
        ("/cpus", {"#address-cells": 1, "#size-cells": 0, "timebase-frequency": board.timebase}),
        ("/cpus/cpu@0", cpu),
        (
            "/cpus/cpu@0/interrupt-controller",
            {"#interrupt-cells": 1, "interrupt-controller": None, "compatible": "riscv,cpu-intc", "phandle": INTC},
        ),
        ("/cpus/cpu-map/cluster0/core0", {"cpu": CPU_PHANDLE}),
        ("/poweroff", {"value": 0x5555, "offset": 0, "regmap": TEST, "compatible": "syscon-poweroff"}),
        ("/reboot", {"value": 0x7777, "offset": 0, "regmap": TEST, "compatible": "syscon-reboot"}),
        ("/soc", {**two, "compatible": "simple-bus", "ranges": None}),
        (
            "/soc/clint@2000000",
            {
                "compatible": ["sifive,clint0", "riscv,clint0"],
                "reg": _reg(0x2000000, 0x10000),
                "interrupts-extended": [INTC, 3, INTC, 7],
            },
        ),
        (
            "/soc/plic@c000000",
            {
                "compatible": ["sifive,plic-1.0.0", "riscv,plic0"],
                "reg": _reg(0xC000000, 0x600000),
                "interrupts-extended": [INTC, 11, INTC, 9],
                "interrupt-controller": None,
                "#address-cells": 0,
                "#interrupt-cells": 1,
                "riscv,ndev": board.plic_sources,
                "phandle": PLIC,
            },
        ),
        (
            STDOUT,
            {
                "compatible": "ns16550a",
                "reg": _reg(0x10000000, 0x100),
                "interrupts": 10,
                **irq,
                "clock-frequency": 3686400,
            },
        ),
        ("/soc/rtc@101000", {"compatible": "google,goldfish-rtc", "reg": _reg(0x101000), "interrupts": 11, **irq}),
        (
            "/soc/test@100000",
            {"compatible": ["sifive,test1", "sifive,test0", "syscon"], "reg": _reg(0x100000), "phandle": TEST},
        ),
        *(
            # U-Boot and Linux number devices in the tree's order: the first slot first
            (
                f"/soc/virtio_mmio@{at:x}",
                {"compatible": "virtio,mmio", "reg": _reg(at), "interrupts": board.virtio_irq + slot, **irq},
            )
            for slot, at in enumerate(board.virtio_bases)
        ),
    ]


def chosen(
    bootargs: str = "", initrd: tuple[int, int] | None = None, rng_seed: bytes = b"", stdout: str = ""
) -> dict[str, Value]:
    """The properties of /chosen; empty ones are left out."""
    properties: dict[str, Value] = {}
    if bootargs:
        properties["bootargs"] = bootargs
    if stdout:
        properties["stdout-path"] = stdout
    if initrd is not None:
        properties["linux,initrd-start"], properties["linux,initrd-end"] = _cells(initrd[0]), _cells(initrd[1])
    if rng_seed:
        properties["rng-seed"] = rng_seed
    return properties


def check_dtb(data: bytes, name: str) -> None:
    """Raises InputError unless `data` is a whole flattened device tree of a version that is in use."""
    if len(data) < HEADER.size:
        raise InputError(f"{name}: not a device tree: {len(data)} bytes, the header takes {HEADER.size}")
    magic, total, structure, strings, _, version, compatible, *_ = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise InputError(f"{name}: not a device tree: magic {magic:#010x}, expected {MAGIC:#x}")
    if total > len(data):
        raise InputError(f"{name}: truncated device tree: totalsize {total}, the file has {len(data)} bytes")
    if compatible > VERSION or version < 16:
        raise InputError(f"{name}: device tree version {version} (last_comp_version {compatible}), expected {VERSION}")
    if not HEADER.size <= structure < total or not HEADER.size <= strings <= total:
        raise InputError(
            f"{name}: device tree: off_dt_struct {structure:#x} or off_dt_strings {strings:#x} is outside its "
            f"{total} bytes"
        )


def read_dtb(data: bytes, name: str) -> Any:
    """The tree in `data` (an `fdt.FDT`); `name` is for messages. Raises InputError."""
    check_dtb(data, name)
    import fdt  # noqa: PLC0415

    fdt.FDT().entries.clear()  # the library shares this list between all trees
    try:
        tree = fdt.parse_dtb(data[: HEADER.unpack_from(data)[1]])
    except Exception as error:  # the library raises whatever a corrupt tree leads it to
        raise InputError(f"{name}: corrupt device tree: {error or type(error).__name__}") from None
    if tree.root is None:
        raise InputError(f"{name}: corrupt device tree: it has no root node")
    tree.entries = list(tree.entries)
    return tree


def patch_dtb(
    data: bytes,
    name: str,
    *,
    bootargs: str = "",
    initrd: tuple[int, int] | None = None,
    ram: tuple[int, int] | None = None,
) -> bytes:
    """A person's own tree with these put in: kernel command line, initrd (start, end), RAM (base, size).

    A memory node that the tree has already stays as it is. Raises InputError.
    """
    tree = read_dtb(data, name)
    try:
        if ram is not None and not any(node.name.split("@")[0] == "memory" for node in tree.root.nodes):
            node = tree.get_node(f"/memory@{ram[0]:x}", create=True)
            widths = (_cell_count(tree.root, "#address-cells", 2), _cell_count(tree.root, "#size-cells", 1))
            reg = [cell for value, width in zip(ram, widths, strict=True) for cell in _cells(value)[-width:]]
            _set(node, "device_type", "memory")
            _set(node, "reg", reg)
        node = tree.get_node("/chosen", create=True)
        for key, value in chosen(bootargs, initrd).items():
            _set(node, key, value)
        tree.header.version = VERSION
        return bytes(tree.to_dtb())
    except Exception as error:  # as above: names that are not ASCII, nodes nested without end
        raise InputError(f"{name}: device tree cannot be written back: {error or type(error).__name__}") from None


def _set(node: Any, name: str, value: Value) -> None:
    if isinstance(value, str):
        value = value.encode() + b"\0"  # the library takes printable ASCII only
    node.set_property(name, value)


def _cell_count(node: Any, name: str, default: int) -> int:
    found = node.get_property(name)
    if found is None:
        return default
    return 1 if found.value == 1 else 2


def _cells(value: int) -> list[int]:
    return [value >> 32, value & 0xFFFFFFFF]


def _reg(base: int, size: int = 0x1000) -> list[int]:
    return [*_cells(base), *_cells(size)]
