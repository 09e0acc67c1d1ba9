"""Sstc: S mode's own timer on the machine."""

from __future__ import annotations

import pytest
from asm import assemble
from bare import HANDLER, TO_M, XLEN, drop_to

from emu.clint import NEVER
from emu.machine import CLINT, RAM_BASE, End, Machine, MachineConfig
from emu.traps import Cause, Irq, S, U

STCE = {
    64: "li t0, 0x8000000000000000\ncsrs 0x30a, t0\n",
    32: "li t0, 0x80000000\ncsrs 0x31a, t0\n",
}
NO_STCE = {xlen: code.replace("csrs", "csrc") for xlen, code in STCE.items()}
pytestmark = pytest.mark.usefixtures("pace")
QUIET = "\n.align 2\nquiet: csrw sie, zero\nj s_handler\n"
DELEGATE = "la t0, quiet\ncsrw stvec, t0\nli t0, 0x20\ncsrw mideleg, t0\ncsrw mie, t0\n"
TM = "csrwi mcounteren, 2\n"
RESULTS = RAM_BASE + 0x8000


def machine_with(program: str, xlen: int, wall: bool = False) -> Machine:
    machine = Machine(MachineConfig(xlen, 1 << 20, wall_clock=wall))
    machine.ram.write(RAM_BASE, assemble(program + QUIET + HANDLER, xlen))
    machine.hart.reset(RAM_BASE)
    return machine


def stimecmp(ticks: int, xlen: int) -> str:
    """Set the comparator `ticks` after now, as Linux does."""
    if xlen == 64:
        return f"csrr t0, time\nli t1, {ticks}\nadd t0, t0, t1\ncsrw 0x14d, t0\n"
    return (
        f"li t2, -1\ncsrw 0x14d, t2\ncsrr t0, time\nli t1, {ticks}\nadd t0, t0, t1\ncsrw 0x15d, zero\ncsrw 0x14d, t0\n"
    )


def cause_of(machine: Machine) -> int:
    machine.run(timeout=5)
    ram = machine.ram
    return ram.get64(RESULTS) if machine.config.xlen == 64 else ram.get32(RESULTS)


@XLEN
@pytest.mark.parametrize("wall", [False, True])
@pytest.mark.parametrize("waiting", ["loop: j loop", "wfi\nloop: j loop"])
def test_the_timer_interrupts_s_mode_when_its_time_has_come(xlen: int, wall: bool, waiting: str) -> None:
    code = TO_M + DELEGATE + TM + STCE[xlen] + "csrsi mstatus, 2\n" + drop_to(S) + stimecmp(20_000, xlen) + waiting
    machine = machine_with(code, xlen, wall)
    assert cause_of(machine) == 1 << xlen - 1 | 5
    timer = machine.supervisor_timer
    assert timer is not None and machine.clock.ticks() >= timer.stimecmp > 0
    if not wall:
        assert machine.clock.ticks() - timer.stimecmp < 100


@XLEN
def test_a_later_comparator_takes_the_interrupt_back(xlen: int) -> None:
    """STIP is 1 at once, 0 with the comparator moved, and mip shows both."""
    never = "li t0, -1\ncsrw 0x14d, t0\n" + ("csrw 0x15d, t0\n" if xlen == 32 else "")
    now = "csrw 0x14d, zero\n" + ("csrw 0x15d, zero\n" if xlen == 32 else "")
    machine = machine_with(STCE[xlen] + now + "csrr a0, mip\n" + never + "csrr a1, mip\n" + now + NO_STCE[xlen]
                           + "csrr a2, mip\nwfi", xlen)  # fmt: skip
    assert machine.run(timeout=5) is End.STUCK
    assert list(machine.hart.core.x[10:13]) == [Irq.STIP, 0, 0]


@XLEN
def test_the_comparator_counts_only_while_stce_is_on(xlen: int) -> None:
    now = "csrw 0x14d, zero\n" + ("csrw 0x15d, zero\n" if xlen == 32 else "")
    machine = machine_with(now + "csrr a0, mip\n" + STCE[xlen] + "csrr a1, mip\nwfi", xlen)
    machine.run(timeout=5)
    assert list(machine.hart.core.x[10:12]) == [0, Irq.STIP]


@XLEN
@pytest.mark.parametrize(
    ("setup", "priv", "legal"),
    [
        ("STCE TM", S, True), ("STCE", S, False), ("TM", S, False), ("STCE TM", U, False), ("", 3, True),
    ],
)  # fmt: skip
def test_s_mode_needs_stce_and_tm(xlen: int, setup: str, priv: int, legal: bool) -> None:
    code = TO_M + (STCE[xlen] if "STCE" in setup else "") + (TM if "TM" in setup else "")
    machine = machine_with(code + (drop_to(priv) if priv != 3 else "") + "csrr a0, 0x14d\necall", xlen)
    assert cause_of(machine) == (Cause.ECALL_U + priv if legal else Cause.ILLEGAL_INSTRUCTION)


@XLEN
def test_both_timers_of_the_machine_ring(xlen: int) -> None:
    """The Clint's comparator lies before stimecmp; M takes its interrupt, S the other."""
    code = f"""
        la t0, m_timer
        csrw mtvec, t0
        li t0, {CLINT + 0x4000:#x}
        li t1, 3000
        sw t1, 0(t0)
        sw zero, 4(t0)
        li t0, 0xa0
        csrs mie, t0
    """
    m_timer = f"""
        .align 2
        m_timer: li t0, {CLINT + 0x4000:#x}
        li t1, -1
        sw t1, 0(t0)
        sw t1, 4(t0)
        addi s5, s5, 1
        mret
    """
    setup = TO_M + DELEGATE + code + TM + STCE[xlen] + "csrsi mstatus, 10\n" + drop_to(S)
    machine = machine_with(setup + stimecmp(5000, xlen) + "loop: wfi\nj loop" + m_timer, xlen)
    assert cause_of(machine) == 1 << xlen - 1 | 5
    assert machine.hart.core.x[21] == 1


@XLEN
def test_setting_mtime_forward_makes_the_comparator_due(xlen: int) -> None:
    far = "li t0, 1\n" + ("csrw 0x14d, zero\ncsrw 0x15d, t0\n" if xlen == 32 else "slli t0, t0, 32\ncsrw 0x14d, t0\n")
    jump = f"li t0, {CLINT + 0xBFF8:#x}\nli t1, 2\nsw t1, 4(t0)\n"
    machine = machine_with(STCE[xlen] + far + "csrr a0, mip\n" + jump + "csrr a1, mip\nwfi", xlen)
    machine.run(timeout=5)
    assert list(machine.hart.core.x[10:12]) == [0, Irq.STIP]


def test_stimecmp_is_seen_in_halves_on_rv32() -> None:
    code = "li t0, 0x12345678\ncsrw 0x14d, t0\nli t0, 0x9abcdef0\ncsrw 0x15d, t0\ncsrr a0, 0x14d\ncsrr a1, 0x15d\nwfi"
    machine = machine_with(code, 32)
    machine.run(timeout=5)
    assert list(machine.hart.core.x[10:12]) == [0x12345678, 0x9ABCDEF0]
    assert machine.supervisor_timer is not None and machine.supervisor_timer.stimecmp == 0x9ABCDEF0_12345678


@XLEN
def test_power_on_forgets_the_comparator(xlen: int) -> None:
    machine = machine_with(STCE[xlen] + "csrw 0x14d, zero\nwfi", xlen)
    machine.run(timeout=5)
    machine.power_on()
    timer = machine.supervisor_timer
    assert timer is not None and timer.stimecmp == NEVER and not timer.enabled
    assert not machine.hart.core.mip.value & Irq.STIP


@XLEN
@pytest.mark.xfail(strict=True, reason="the core writes mip.STIP itself, so M mode can clear it while stimecmp is due")
def test_m_mode_cannot_clear_the_interrupt_while_the_comparator_is_due(xlen: int) -> None:
    now = "csrw 0x14d, zero\n" + ("csrw 0x15d, zero\n" if xlen == 32 else "")
    machine = machine_with(STCE[xlen] + now + "li t0, 0x20\ncsrc mip, t0\ncsrr a0, mip\nwfi", xlen)
    machine.run(timeout=5)
    assert machine.hart.core.x[10] == Irq.STIP
