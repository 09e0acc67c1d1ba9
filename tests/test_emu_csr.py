"""CSRs that the core lacks: which bits they keep, and who may touch them."""

from __future__ import annotations

import pytest
from asm import BASE, assemble
from bare import HANDLER, TO_M, XLEN, Guest, drop_to, trap_of

from emu.extensions import SlowExtensions
from emu.machine import RAM_BASE, Machine, MachineConfig
from emu.traps import Cause, S, U

MENVCFG, MENVCFGH, SENVCFG, MSECCFG, MSECCFGH, STIMECMP, STIMECMPH = 0x30A, 0x31A, 0x10A, 0x747, 0x757, 0x14D, 0x15D


def a0_after(code: str, xlen: int) -> int:
    guest = Guest(code + "\nwfi", xlen)
    SlowExtensions(guest.hart.exceptions, lambda line: None)
    guest.run()
    value: int = guest.hart.core.x[10]
    return value


@XLEN
@pytest.mark.parametrize(
    ("written", "read"),
    [(0xF1, 0xF1), (0x30, 0x30), (0x10, 0x10), (0x20, 0), (0xFFFFFFFF & ~0x30, 0xC1), (0, 0)],
)
@pytest.mark.parametrize("csr", [MENVCFG, SENVCFG])
def test_envcfg_keeps_the_bits_of_what_is_there(xlen: int, csr: int, written: int, read: int) -> None:
    assert a0_after(f"li t0, {written:#x}\ncsrw {csr:#x}, t0\ncsrr a0, {csr:#x}", xlen) == read


@XLEN
def test_the_reserved_value_of_cbie_keeps_the_old_one(xlen: int) -> None:
    assert a0_after("li t0, 0x30\ncsrw 0x30a, t0\nli t0, 0xa0\ncsrw 0x30a, t0\ncsrr a0, 0x30a", xlen) == 0xB0


@XLEN
def test_set_and_clear_give_the_old_value_and_change_the_bits(xlen: int) -> None:
    code = (
        "li t0, 0xf0\ncsrrs a1, 0x30a, t0\nli t0, 0x70\ncsrrc a2, 0x30a, t0\ncsrrsi a3, 0x30a, 1\ncsrrci a4, 0x30a, 1"
    )
    guest = Guest(code + "\ncsrr a0, 0x30a\nwfi", xlen)
    SlowExtensions(guest.hart.exceptions, lambda line: None)
    guest.run()
    assert list(guest.hart.core.x[10:15]) == [0x80, 0, 0xF0, 0x80, 0x81]


@XLEN
@pytest.mark.parametrize("csr", [MENVCFG, MSECCFG, 0x320, 0xF15])
def test_machine_csrs_are_illegal_below(xlen: int, csr: int) -> None:
    assert trap_of(f"csrr a0, {csr:#x}", xlen, drop_to(S))[0] == Cause.ILLEGAL_INSTRUCTION
    assert trap_of(f"csrr a0, {csr:#x}\necall", xlen)[0] == Cause.ECALL_M


@XLEN
def test_senvcfg_is_for_s_mode_and_above(xlen: int) -> None:
    assert trap_of("csrr a0, 0x10a\necall", xlen, drop_to(S))[0] == Cause.ECALL_S
    assert trap_of("csrr a0, 0x10a\necall", xlen, drop_to(U))[0] == Cause.ILLEGAL_INSTRUCTION


@XLEN
def test_mconfigptr_cannot_be_written_and_mcountinhibit_keeps_nothing(xlen: int) -> None:
    assert trap_of("csrw 0xf15, zero", xlen)[0] == Cause.ILLEGAL_INSTRUCTION
    assert a0_after("li t0, 5\ncsrw 0x320, t0\ncsrr a0, 0x320", xlen) == 0


@pytest.mark.parametrize("csr", [MENVCFGH, MSECCFGH, STIMECMPH])
def test_upper_halves_are_of_rv32_alone(csr: int) -> None:
    assert trap_of(f"csrr a0, {csr:#x}", 64)[0] == Cause.ILLEGAL_INSTRUCTION


def booted(code: str, xlen: int, **config: bool) -> tuple[Machine, list[str]]:
    said: list[str] = []
    machine = Machine(MachineConfig(xlen, 1 << 20, tell=said.append, **config))  # type: ignore[arg-type]  # bools
    machine.ram.write(RAM_BASE, assemble(code, xlen))
    machine.hart.reset(RAM_BASE)
    machine.run(timeout=5)
    return machine, said


@XLEN
def test_mseccfg_keeps_its_bits_and_the_first_ones_for_ever(xlen: int) -> None:
    machine, said = booted("csrwi 0x747, 7\ncsrr a0, 0x747\ncsrwi 0x747, 0\ncsrr a1, 0x747\nwfi", xlen)
    assert list(machine.hart.core.x[10:12]) == [7, 3]
    assert said == [
        "this guest set mseccfg to 0x7; the value is kept, but the PMP does not follow it (no MML, MMWP or RLB)"
    ]
    machine.power_on()
    assert machine.hart.exceptions.csrs.environment.mseccfg == 0


@XLEN
def test_mseccfg_takes_the_3_that_tock_writes(xlen: int) -> None:
    machine, _ = booted("csrwi 0x747, 3\ncsrr a0, 0x747\nli t0, -8\ncsrs 0x747, t0\ncsrr a1, 0x747\nwfi", xlen)
    assert list(machine.hart.core.x[10:12]) == [3, 3]


def test_mseccfgh_keeps_nothing() -> None:
    machine, _ = booted("li t0, -1\ncsrw 0x757, t0\ncsrr a0, 0x757\nwfi", 32)
    assert machine.hart.core.x[10] == 0


@XLEN
def test_a_bare_hart_has_no_stimecmp_and_a_machine_without_sstc_neither(xlen: int) -> None:
    assert trap_of("csrr a0, 0x14d", xlen)[0] == Cause.ILLEGAL_INSTRUCTION
    machine, _ = booted(TO_M + "csrr a0, 0x14d\n" + HANDLER, xlen, sstc=False)
    assert machine.hart.core.mcause.value == Cause.ILLEGAL_INSTRUCTION
    assert machine.hart.core.mepc.value > BASE


@XLEN
@pytest.mark.parametrize("sstc", [True, False])
def test_stce_can_be_set_where_sstc_is(xlen: int, sstc: bool) -> None:
    code = (
        "li t0, -1\ncsrw 0x31a, t0\ncsrr a0, 0x31a\n" if xlen == 32 else "li t0, -1\ncsrw 0x30a, t0\ncsrr a0, 0x30a\n"
    )
    machine, _ = booted(code + "wfi", xlen, sstc=sstc)
    assert machine.hart.core.x[10] >> xlen - 1 == sstc


@XLEN
def test_mcyclecfg_is_mcounteren_to_the_core_and_minstretcfg_gives_it_back(xlen: int) -> None:
    grant = "li t0, 7\ncsrw mcounteren, t0\ncsrr a1, 0x30a\n"
    assert a0_after(grant + "csrw 0x321, zero\ncsrr a0, mcounteren", xlen) == 0  # a fact of Unicorn 2.1.4
    bits = "li t0, 1\nslli t0, t0, 62\n" if xlen == 64 else "li t0, 0\n"  # on rv32 they are in mcyclecfgh
    opensbi = bits + "csrw 0x321, t0\ncsrw 0x322, t0\n"
    assert a0_after(grant + opensbi + "csrr a0, mcounteren", xlen) == 7
    assert a0_after(grant + opensbi + "csrr a0, 0x322", xlen) == 0


@XLEN
def test_minstretcfg_leaves_counters_that_are_still_granted(xlen: int) -> None:
    code = "li t0, 7\ncsrw mcounteren, t0\ncsrr a1, 0x30a\nli t0, 2\ncsrw mcounteren, t0\ncsrw 0x322, zero\n"
    assert a0_after(code + "csrr a0, mcounteren", xlen) == 2
