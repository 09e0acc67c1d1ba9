"""A machine whose guest starts in S mode and calls the built-in SBI."""

from __future__ import annotations

from asm import BASE, assemble

from emu.machine import Machine, MachineConfig

HANDLER = """
    .align 2
    handler:
    csrr s1, scause
    csrr s2, sepc
    csrr s3, stval
    wfi
"""
TO_HANDLER = "la t0, handler\ncsrw stvec, t0\n"
CALL = "li a7, {}\nli a6, {}\necall\n"


def s_mode(program: str, xlen: int = 64, sstc: bool = True) -> tuple[Machine, bytearray]:
    """A machine that will run `program` in S mode, and what it prints."""
    printed = bytearray()
    machine = Machine(MachineConfig(xlen, 1 << 20, output=printed.extend, sstc=sstc))
    machine.ram.write(BASE, assemble(program, xlen))
    machine.hart.reset(BASE, 0, 0x1234)
    machine.answer_sbi().start()
    return machine, printed


def signed(value: int, xlen: int) -> int:
    return value - (1 << xlen) if value >> xlen - 1 else value


def call_on(machine: Machine, extension: int, function: int, *arguments: int) -> tuple[int, int]:
    """Make one call in S mode; returns a0 (signed) and a1."""
    x, xlen = machine.hart.core.x, machine.config.xlen
    machine.hart.core.pc.value = BASE
    x[17], x[16] = extension, function
    for i, argument in enumerate((*arguments, *[0x77] * 6)[:6]):
        x[10 + i] = argument
    machine.run(5)
    return signed(x[10], xlen), x[11]


def call(xlen: int, extension: int, function: int, *arguments: int) -> tuple[int, int]:
    machine, _ = s_mode("ecall\nwfi", xlen)
    return call_on(machine, extension, function, *arguments)
