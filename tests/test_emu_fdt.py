"""emu/fdt.py: the board's device tree, and a person's own."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from typing import Any

import fdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import InputError
from emu.fdt import Board, build_dtb, check_dtb, patch_dtb, read_dtb


def words(tree: Any, path: str, name: str) -> list[int]:
    return list(tree.get_property(name, path).data)


def text(tree: Any, path: str, name: str) -> list[str]:
    return list(tree.get_property(name, path).data)


def own_tree(*, address_cells: int = 2, size_cells: int = 2, with_memory: bool = False) -> bytes:
    tree = fdt.FDT(entries=[])
    tree.header.version = 17
    tree.set_property("#address-cells", address_cells, "/")
    tree.set_property("#size-cells", size_cells, "/")
    tree.set_property("compatible", "somebody,board", "/")
    if with_memory:
        tree.set_property("reg", [0, 0x80000000, 0, 0x1000], "/memory@80000000")
    return bytes(tree.to_dtb())


@pytest.mark.parametrize("xlen", [32, 64])
def test_the_tree_describes_the_hart(xlen: int) -> None:
    isa = f"rv{xlen}imafdc_zicsr_zifencei"
    tree = read_dtb(build_dtb(Board(xlen=xlen, isa=isa, mmu_type=f"riscv,sv{xlen}")), "board")
    cpu = "/cpus/cpu@0"
    assert words(tree, "/cpus", "timebase-frequency") == [10_000_000]
    assert text(tree, cpu, "riscv,isa") == [isa]
    assert text(tree, cpu, "riscv,isa-base") == [f"rv{xlen}i"]
    assert text(tree, cpu, "riscv,isa-extensions") == ["i", "m", "a", "f", "d", "c", "zicsr", "zifencei"]
    assert text(tree, cpu, "mmu-type") == [f"riscv,sv{xlen}"]
    assert tree.exist_property("interrupt-controller", f"{cpu}/interrupt-controller")


def test_a_hart_without_an_mmu_has_no_mmu_type() -> None:
    tree = read_dtb(build_dtb(Board(mmu_type="", isa="rv32i")), "board")
    assert not tree.exist_property("mmu-type", "/cpus/cpu@0")
    assert text(tree, "/cpus/cpu@0", "riscv,isa-extensions") == ["i"]


def test_every_device_is_where_qemu_has_it() -> None:
    tree = read_dtb(build_dtb(Board()), "board")
    found = {node.name: words(tree, f"/soc/{node.name}", "reg") for node in tree.get_node("/soc").nodes}
    assert found == {
        "clint@2000000": [0, 0x2000000, 0, 0x10000],
        "plic@c000000": [0, 0xC000000, 0, 0x600000],
        "serial@10000000": [0, 0x10000000, 0, 0x100],
        "rtc@101000": [0, 0x101000, 0, 0x1000],
        "test@100000": [0, 0x100000, 0, 0x1000],
        **{f"virtio_mmio@{0x10001000 + 0x1000 * i:x}": [0, 0x10001000 + 0x1000 * i, 0, 0x1000] for i in range(8)},
    }
    assert words(tree, "/soc/serial@10000000", "interrupts") == [10]
    assert words(tree, "/soc/serial@10000000", "clock-frequency") == [3686400]
    assert words(tree, "/soc/rtc@101000", "interrupts") == [11]
    assert words(tree, "/soc/plic@c000000", "riscv,ndev") == [95]


def test_the_slots_stand_in_order_with_their_interrupts() -> None:
    tree = read_dtb(build_dtb(Board()), "board")
    slots = [node.name for node in tree.get_node("/soc").nodes if node.name.startswith("virtio")]
    assert slots == [f"virtio_mmio@{0x10001000 + 0x1000 * i:x}" for i in range(8)]
    assert [words(tree, f"/soc/{slot}", "interrupts") for slot in slots] == [[1 + i] for i in range(8)]


def test_references_between_nodes_resolve() -> None:
    tree = read_dtb(build_dtb(Board()), "board")
    handles = {
        words(tree, path, "phandle")[0]: path for path, _, _ in tree.walk() if tree.exist_property("phandle", path)
    }
    plic, intc, test = (
        next(n for n, path in handles.items() if path.endswith(end))
        for end in ("plic@c000000", "interrupt-controller", "test@100000")
    )
    assert words(tree, "/soc/clint@2000000", "interrupts-extended") == [intc, 3, intc, 7]
    assert words(tree, "/soc/plic@c000000", "interrupts-extended") == [intc, 11, intc, 9]
    assert words(tree, "/soc/serial@10000000", "interrupt-parent") == [plic]
    assert (words(tree, "/poweroff", "regmap"), words(tree, "/poweroff", "value")) == ([test], [0x5555])
    assert (words(tree, "/reboot", "regmap"), words(tree, "/reboot", "value")) == ([test], [0x7777])


def test_chosen_says_how_to_boot() -> None:
    board = Board(bootargs="root=/dev/vda rw", initrd=(0x84000000, 0x1_0000_0000), rng_seed=bytes(range(32)))
    tree = read_dtb(build_dtb(board), "board")
    assert text(tree, "/chosen", "bootargs") == ["root=/dev/vda rw"]
    assert text(tree, "/chosen", "stdout-path") == ["/soc/serial@10000000"]
    assert words(tree, "/chosen", "linux,initrd-start") == [0, 0x84000000]
    assert words(tree, "/chosen", "linux,initrd-end") == [1, 0]
    assert words(tree, "/chosen", "rng-seed") == list(struct.unpack(">8I", bytes(range(32))))


def test_chosen_leaves_out_what_there_is_not() -> None:
    tree = read_dtb(build_dtb(Board()), "board")
    assert [p.name for p in tree.get_node("/chosen").props] == ["stdout-path"]


def test_bootargs_may_hold_any_text() -> None:
    args = 'say="grüß Gott"\ttab'
    assert args.encode() + b"\0" in build_dtb(Board(bootargs=args))


def test_ram_above_four_gigabytes_takes_both_cells() -> None:
    tree = read_dtb(build_dtb(Board(ram_size=5 << 30)), "board")
    assert words(tree, "/memory@80000000", "reg") == [0, 0x80000000, 1, 1 << 30]


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed (apt-get install device-tree-compiler)")
def test_dtc_reads_the_tree_without_an_error() -> None:
    done = subprocess.run(
        ["dtc", "-I", "dtb", "-O", "dts"], input=build_dtb(Board(bootargs="x")), capture_output=True, check=True
    )
    complaints = [line for line in done.stderr.decode().splitlines() if "interrupt_provider" not in line]
    assert complaints == [] and b"virtio_mmio@10008000" in done.stdout


def damaged(at: int, value: int) -> bytes:
    data = bytearray(build_dtb(Board()))
    data[at : at + 4] = struct.pack(">I", value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.dtb: not a device tree: 0 bytes, the header takes 40"),
        (b"MZ" + bytes(100), "x.dtb: not a device tree: magic 0x4d5a0000, expected 0xd00dfeed"),
        (build_dtb(Board())[:-1], "x.dtb: truncated device tree: totalsize 2"),
        (damaged(20, 3), "x.dtb: device tree version 3 (last_comp_version 16), expected 17"),
        (damaged(24, 99), "x.dtb: device tree version 17 (last_comp_version 99), expected 17"),
        (damaged(8, 0xFFFFFFF0), "x.dtb: device tree: off_dt_struct 0xfffffff0 or off_dt_strings"),
    ],
)
def test_a_file_that_is_no_device_tree_is_named(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match="^" + re.escape(message)):
        check_dtb(data, "x.dtb")


@given(st.lists(st.tuples(st.integers(8, 2800), st.integers(0, 255)), min_size=1, max_size=20), st.booleans())
def test_a_corrupt_tree_is_read_or_refused(pokes: list[tuple[int, int]], cut: bool) -> None:
    data = bytearray(build_dtb(Board()))
    for at, value in pokes:
        data[at % len(data)] = value
    try:
        patch_dtb(bytes(data[: -len(pokes)] if cut else data), "x.dtb", bootargs="quiet", ram=(0x80000000, 1 << 27))
    except InputError as error:
        assert str(error).startswith("x.dtb: ") and "\n" not in str(error)


def test_a_tree_without_a_root_is_refused() -> None:
    tree = fdt.FDT(entries=[])
    tree.header.version = 17
    data = bytearray(tree.to_dtb())
    at = struct.unpack_from(">I", data, 8)[0]
    data[at : at + 4] = struct.pack(">I", 9)  # FDT_END first
    with pytest.raises(InputError, match=r"^x\.dtb: corrupt device tree: it has no root node"):
        read_dtb(bytes(data), "x.dtb")


def test_a_persons_tree_gets_bootargs_initrd_and_ram() -> None:
    patched = patch_dtb(
        own_tree(), "x.dtb", bootargs="quiet", initrd=(0x84000000, 0x84001000), ram=(0x80000000, 1 << 28)
    )
    tree = read_dtb(patched, "x.dtb")
    assert text(tree, "/", "compatible") == ["somebody,board"]
    assert text(tree, "/chosen", "bootargs") == ["quiet"]
    assert words(tree, "/chosen", "linux,initrd-end") == [0, 0x84001000]
    assert words(tree, "/memory@80000000", "reg") == [0, 0x80000000, 0, 1 << 28]


def test_ram_is_written_in_the_cells_that_the_tree_uses() -> None:
    patched = patch_dtb(own_tree(address_cells=1, size_cells=1), "x.dtb", ram=(0x80000000, 1 << 28))
    assert words(read_dtb(patched, "x.dtb"), "/memory@80000000", "reg") == [0x80000000, 1 << 28]


def test_a_memory_node_that_is_there_stays() -> None:
    patched = patch_dtb(own_tree(with_memory=True), "x.dtb", ram=(0x80000000, 1 << 28))
    assert words(read_dtb(patched, "x.dtb"), "/memory@80000000", "reg") == [0, 0x80000000, 0, 0x1000]


def test_patching_with_nothing_changes_nothing() -> None:
    ours = build_dtb(Board(bootargs="x", rng_seed=b"12345678"))
    assert patch_dtb(ours, "x.dtb") == ours


def test_reservations_of_one_tree_do_not_leak_into_the_next() -> None:
    tree = fdt.FDT(entries=[{"address": 0x80000000, "size": 0x1000}])
    tree.header.version = 17
    reserved = bytes(tree.to_dtb())
    first = read_dtb(reserved, "a.dtb")
    assert read_dtb(own_tree(), "b.dtb").entries == []
    assert first.entries == [{"address": 0x80000000, "size": 0x1000}]
