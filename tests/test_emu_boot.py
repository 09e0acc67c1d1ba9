"""emu/boot.py: in which mode and where a kernel starts, and who is its firmware."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from asm import BASE, assemble
from elfs import make_elf

from emu.boot import BootConfig, guess_xlen, prepare
from emu.errors import InputError
from emu.machine import End, Machine, MachineConfig
from emu.sbi_spec import Extension
from emu.traps import M, S

MIB = 1 << 20
Change = Callable[[bytes], bytes]
OFFSET = {32: 4 * MIB, 64: 2 * MIB}
XLEN = pytest.mark.parametrize("xlen", [32, 64])
ON = f"li a7, {int(Extension.SRST)}\nli a6, 0\nli a0, {{}}\nli a1, 0\necall\nstay: j stay"
POWER_OFF, REBOOT = ON.format(0), ON.format(1)


def linux(code: str, xlen: int, text_offset: int | None = None) -> bytes:
    """A kernel with the header of Linux, which begins with a jump behind itself."""
    offset = OFFSET[xlen] if text_offset is None else text_offset
    body = assemble(code, xlen)
    size = 64 + len(body) + 50  # with what is zero at the start
    header = struct.pack("<I4xQQQII16s4sI", 0x0400006F, offset, size, 0, 2, 0, b"RISCV", b"RSC\x05", 0)
    assert len(header) == 64
    return header + body


def start(kernel: bytes, xlen: int, tmp_path: Path, bios: str = "") -> Machine:
    path = tmp_path / "kernel"
    path.write_bytes(kernel)
    machine = Machine(MachineConfig(xlen, 32 * MIB))
    prepare(machine, BootConfig(kernel=str(path), bios=bios))
    return machine


@XLEN
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("bios", ["", "builtin"])
def test_linux_is_entered_in_s_mode_where_its_header_says(xlen: int, pack: Change, bios: str, tmp_path: Path) -> None:
    machine = start(pack(linux(POWER_OFF, xlen)), xlen, tmp_path, bios)
    core = machine.hart.core
    assert (core.priv.value, machine.hart.pc, core.x[10]) == (S, BASE + OFFSET[xlen], 0)
    assert machine.ram.read(core.x[11], 4) == b"\xd0\x0d\xfe\xed"
    assert machine.run(5) is End.EXIT and machine.exit_code == 0


@XLEN
def test_builtin_enters_any_kernel_where_firmware_would(xlen: int, tmp_path: Path) -> None:
    machine = start(assemble(POWER_OFF, xlen), xlen, tmp_path, "builtin")
    assert (machine.hart.core.priv.value, machine.hart.pc) == (S, BASE + OFFSET[xlen])
    assert machine.run(5) is End.EXIT


@XLEN
def test_other_kernels_start_in_m_mode(xlen: int, tmp_path: Path) -> None:
    flat = assemble("stay: j stay", xlen)
    for kernel, bios in ((flat, ""), (flat, "none"), (linux("", xlen, text_offset=0), "")):
        machine = start(kernel, xlen, tmp_path, bios)
        assert (machine.hart.core.priv.value, machine.hart.pc, machine.sbi) == (M, BASE, None)
    machine = start(linux("", xlen), xlen, tmp_path, "none")
    assert (machine.hart.core.priv.value, machine.hart.pc, machine.sbi) == (M, BASE + OFFSET[xlen], None)


@XLEN
def test_an_elf_of_linux_runs_at_its_physical_addresses(xlen: int, tmp_path: Path) -> None:
    virtual = 0xFFFFFFFF80000000 if xlen == 64 else 0xC0000000
    code = linux(POWER_OFF, xlen)
    kernel = make_elf([(0, code, len(code) + 4096)], bits=xlen, entry=virtual, virtual=virtual)
    machine = start(kernel, xlen, tmp_path)
    assert (machine.hart.core.priv.value, machine.hart.pc) == (S, BASE + OFFSET[xlen])
    assert machine.run(5) is End.EXIT


@XLEN
def test_a_reboot_enters_the_kernel_again(xlen: int, tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(linux("csrr s0, satp\n" + REBOOT, xlen))
    machine = Machine(MachineConfig(xlen, 32 * MIB))
    boot = prepare(machine, BootConfig(kernel=str(path)))
    entered: list[tuple[int, int]] = []

    def restart() -> None:
        machine.power_on()
        boot.restart()
        entered.append((machine.hart.pc, machine.hart.core.priv.value))
        if len(entered) == 3:
            machine.exit(0)

    machine.on_reset(restart)
    assert machine.run(5) is End.EXIT
    assert entered == [(BASE + OFFSET[xlen], S)] * 3


def test_the_width_is_read_from_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    for xlen in (32, 64):
        path.write_bytes(gzip.compress(linux("", xlen)))
        assert guess_xlen(BootConfig(kernel=str(path), bios="builtin")) == xlen
    with pytest.raises(InputError, match=re.escape(f"{path}: an rv32 program on an rv64 machine")):
        start(linux("", 32), 64, tmp_path)


def test_what_does_not_go_together_is_named(tmp_path: Path) -> None:
    machine = Machine(MachineConfig(64, 32 * MIB))
    for config, message in (
        (BootConfig(bios="builtin"), "--bios builtin: give a --kernel for it to enter"),
        (BootConfig(image="x.elf", bios="builtin"), "x.elf: an IMAGE goes without --bios and --kernel"),
        (BootConfig(bios="none"), "nothing to run: give an IMAGE, --bios or --kernel"),
    ):
        with pytest.raises(InputError, match="^" + re.escape(message)):
            prepare(machine, config)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda packed: packed[:-20], "truncated: the gzip stream does not end"),
        (lambda packed: packed[:-8] + bytes(8), "corrupt: incorrect data check"),
        (lambda packed: gzip.compress(bytes(33 * MIB)), "unpacks to more than RAM's 32 MiB"),
        (lambda packed: gzip.compress(linux("nop\n" * 500, 64)[:900]), "truncated: 900 bytes, and its header says "),
    ],
)
def test_a_packed_kernel_that_cannot_be_used_is_one_line(spoil: Change, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'kernel'}: {message}")):
        start(spoil(gzip.compress(linux(POWER_OFF, 64))), 64, tmp_path)
