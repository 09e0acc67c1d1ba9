"""When an interrupt is taken that a device raises: behind the block of the access, whatever ran before."""

from __future__ import annotations

import pytest
from asm import assemble

from emu.decode import ends_block
from emu.machine import RAM_BASE, Machine, MachineConfig

MSIP = """
    la t0, handler
    csrw mtvec, t0
    csrrsi zero, mstatus, 8
    li s0, 0x2000000
    li t1, 1
    li s1, 3
    again:                  # twice with the interrupt disabled, so that all of it is translated, then enabled
    addi s1, s1, -1
    bnez s1, go
    csrrsi zero, mie, 8
    go:
    li s3, 0
    sw t1, 0(s0)
    addi s3, s3, 1
    j a1
    a1: addi s3, s3, 1
    j a2
    a2: addi s3, s3, 1
    j a3
    a3: addi s3, s3, 1
    sw zero, 0(s0)
    j again
    .align 4
    handler: sw zero, 0(s0)
    wfi
"""


@pytest.mark.usefixtures("pace")
@pytest.mark.parametrize("xlen", [32, 64])
def test_an_interrupt_that_a_device_raises_is_taken_behind_the_block(xlen: int) -> None:
    machine = Machine(MachineConfig(xlen, 1 << 20))
    machine.ram.write(RAM_BASE, assemble(MSIP, xlen))
    machine.hart.reset(RAM_BASE)
    machine.run(10)
    assert machine.hart.core.mcause.value == 1 << xlen - 1 | 3
    assert machine.hart.core.x[19] == 1, "the instruction behind the store, and the jump"


@pytest.mark.parametrize(
    ("insn", "pc", "xlen", "ends"),
    [
        (0x00000063, 0, 64, True), (0x0000006F, 0, 64, True), (0x00008067, 0, 64, True), (0x30052573, 0, 64, True),
        (0x0000100F, 0, 64, True), (0x0FF0000F, 0, 64, False), (0x00000013, 0, 64, False),
        (0x00000013, 0xFFC, 64, True),
        (0x00000013, 0xFFE, 64, True), (0x0001, 0, 64, False), (0x0001, 0xFFE, 64, True), (0x8082, 0, 64, True),
        (0x9082, 0, 64, True), (0x9002, 0, 64, True), (0x80AA, 0, 64, False), (0xA001, 0, 64, True),
        (0xC101, 0, 64, True), (0x2001, 0, 32, True), (0x2001, 0, 64, False),
    ],
)  # fmt: skip
def test_where_a_block_ends_is_known_from_its_instruction(insn: int, pc: int, xlen: int, ends: bool) -> None:
    assert ends_block(insn, pc, xlen) is ends
