"""What `run` hands to a guest: device tree, initrd, command line, semihosting, and the machine again after a reset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fdt
import pytest
from asm import assemble
from cli import complaint, virtscope
from guest_run import Guest, program

from emu.boot import BootConfig
from emu.fdt import read_dtb
from emu.machine import End
from tui.guests import guest_path
from virtio.events import StatusChanged

Complaint = Callable[..., str]
RNG = guest_path("rng-rv64")
CALL = "slli zero, zero, 31\nebreak\n.word 0x40705013\n"  # srai zero, zero, 7


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Complaint:
    return lambda *arguments: complaint(capsys, *arguments)


def dumped(folder: Path, *options: str | Path) -> Any:
    """The device tree of a machine with `options`, parsed by the library."""
    path = folder / "board.dtb"
    assert virtscope("run", RNG, "--dump-dtb", path, *options).code == 0
    return fdt.parse_dtb(path.read_bytes())


def numbers(tree: Any, path: str, name: str) -> list[int]:
    return list(tree.get_node(path).get_property(name).data)


def test_the_device_tree_tells_ram_command_line_and_initrd(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"\x5a" * 5000)
    tree = dumped(tmp_path, "--ram", "64M", "--append", "console=ttyS0 größe", "--initrd", initrd)
    assert numbers(tree, "/memory@80000000", "reg") == [0, 0x80000000, 0, 64 << 20]
    raw = (tmp_path / "board.dtb").read_bytes()
    assert "console=ttyS0 größe\0".encode() in raw
    start = numbers(tree, "/chosen", "linux,initrd-start")
    end = numbers(tree, "/chosen", "linux,initrd-end")
    assert end[1] - start[1] == 5000
    assert 0x80000000 < start[1] < end[1] < 0x84000000


def test_the_initrd_lies_where_the_device_tree_says(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    content = bytes(range(256)) * 20
    initrd.write_bytes(content)
    guest = Guest("rng-rv64", "rng", boot=BootConfig(image=str(RNG), initrd=str(initrd)))
    tree = read_dtb(guest.session.boot.dtb, "dtb")
    address = numbers(tree, "/chosen", "linux,initrd-start")[1]
    assert guest.machine.ram.read(address, len(content)) == content
    assert guest.run().code == 0


def test_a_device_tree_of_ones_own_is_used_and_completed(tmp_path: Path) -> None:
    own = tmp_path / "own.dtb"
    tree = dumped(tmp_path)
    tree.get_node("/").set_property("model", "mine")
    own.write_bytes(tree.to_dtb(version=17))
    again = dumped(tmp_path, "--dtb", own, "--append", "quiet")
    assert again.get_node("/").get_property("model").value == "mine"
    assert again.get_node("/chosen").get_property("bootargs").value == "quiet"


def test_a_device_tree_that_is_none_is_named(says: Complaint, tmp_path: Path) -> None:
    dumped(tmp_path)
    good, bad = (tmp_path / "board.dtb").read_bytes(), tmp_path / "bad.dtb"
    for content, message in [
        (b"", "not a device tree: 0 bytes, the header takes 40"),
        (good[:30], "not a device tree: 30 bytes, the header takes 40"),
        (b"hello" * 100, "not a device tree: magic 0x68656c6c, expected 0xd00dfeed"),
        (good[:100], f"truncated device tree: totalsize {len(good)}, the file has 100 bytes"),
        (good[:200] + b"\xff" * 60 + good[260:], "corrupt device tree: "),
    ]:
        bad.write_bytes(content)
        assert says("run", RNG, "--dtb", bad).startswith(f"{bad}: {message}")


def test_an_initrd_that_cannot_be_used_is_named(says: Complaint, tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.touch()
    assert says("run", RNG, "--initrd", initrd) == f"{initrd}: the file is empty"
    initrd.write_bytes(bytes(8 << 20))
    assert says("run", RNG, "--initrd", initrd, "--ram", "4M").startswith("RAM too small: an initrd of 0x800000 and ")


@pytest.mark.parametrize("xlen", [32, 64])
def test_semihosting_prints_refuses_files_by_name_and_exits(xlen: int, tmp_path: Path) -> None:
    word = ".dword" if xlen == 64 else ".word"
    image = program(
        tmp_path,
        f"""
        la a1, text
        li a0, 4            # SYS_WRITE0
        {CALL}
        la a1, open
        li a0, 1            # SYS_OPEN
        {CALL}
        la a1, leave
        li a0, 0x20         # SYS_EXIT_EXTENDED
        {CALL}
        l: j l
        .align 3
        text: .word 0x0a6948
        .align 3
        name: .word 0x6374652f
        .word 0x7361702f
        .dword 0x647773
        open: {word} name
        {word} 0
        {word} 11
        leave: {word} 0x20026
        {word} 42
        """,
        xlen,
    )
    trace = tmp_path / "trace.jsonl"
    done = virtscope("run", image, "--xlen", str(xlen), "--semihosting", f"--trace={trace}", "--timeout", "10")
    assert (done.code, done.out, done.err) == (42, "Hi\n", "")
    told = [json.loads(row)["text"] for row in trace.read_text().splitlines()]
    assert any("SYS_OPEN of '/etc/passwd' refused" in text for text in told)


def test_without_the_option_a_semihosting_call_is_a_breakpoint(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(assemble(f"{CALL}l: j l"))
    assert virtscope("run", image, "--timeout", "0.2").code == 124


COUNTING = """
    li t0, 0x80100000       # beyond the image: survives a reset
    lw t1, 0(t0)
    addi t1, t1, 1
    sw t1, 0(t0)
    la t2, once             # in the image: new after each reset
    lw t3, 0(t2)
    addi t3, t3, 1
    sw t3, 0(t2)
    li t4, 0x10001000
    lw t5, 0x70(t4)         # Status, which a reset clears
    add s1, t3, t5
    li t5, 1
    sw t5, 0x70(t4)
    li a0, 0x100000
    li a1, 0x7777
    li t5, 3
    bne t1, t5, end
    slli s1, s1, 16
    li a1, 0x3333
    add a1, a1, s1
    end: sw a1, 0(a0)
    l: j l
    .align 2
    once: .word 4
"""


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_reset_boots_again_with_a_fresh_image_and_fresh_devices(xlen: int, tmp_path: Path) -> None:
    guest = Guest(program(tmp_path, COUNTING, xlen), "rng", xlen=xlen)
    ran = guest.run()
    assert (ran.end, ran.code) == (End.EXIT, 5)
    assert guest.machine.ram.get32(0x80100000) == 3
    assert [event.new for event in ran.events if isinstance(event, StatusChanged)] == [1, 0, 1, 0, 1]


def test_a_guest_that_needs_slow_instructions_is_told_what_they_cost(tmp_path: Path) -> None:
    image = tmp_path / "image"
    exit_0 = "li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\nloop: j loop\n"
    image.write_bytes(assemble(".word 0x60259513\n.word 0x60159513\n" + exit_0))  # cpop, ctz
    text = "this guest uses Zbb (cpop at pc 0x80000000), which this core lacks; each such instruction takes about 5 µs"
    assert virtscope("run", image).err == f"virtscope: {text}\n"
    assert virtscope("run", image, "--trace").err.count(text) == 1
