"""cycle and instret: executed instructions, the same in every run, by both ways to count."""

from __future__ import annotations

import ctypes

import pytest
from asm import assemble
from bare import XLEN, Guest, drop_to, trap_of

from emu.core import UnknownUnicorn
from emu.counters import withhold
from emu.traps import Cause, M, S, U

pytestmark = pytest.mark.usefixtures("pace")

CYCLE, INSTRET, MCYCLE, MINSTRET = 0xC00, 0xC02, 0xB00, 0xB02
GRANT = "csrwi mcounteren, {}\ncsrwi scounteren, {}\n"


def registers_after(code: str, xlen: int, limit: int = 1000) -> list[int]:
    guest = Guest(code + "\nwfi", xlen)
    guest.run(limit)
    return list(guest.hart.core.x)


@XLEN
@pytest.mark.parametrize("csr", [CYCLE, INSTRET, MCYCLE, MINSTRET])
def test_a_counter_says_how_many_instructions_came_before(xlen: int, csr: int) -> None:
    x = registers_after(f"nop\nnop\ncsrr a0, {csr:#x}\nj on\nnop\non: nop\ncsrr a1, {csr:#x}", xlen)
    assert (x[10], x[11]) == (2, 5)


@XLEN
@pytest.mark.parametrize("priv", [S, U])
def test_a_counter_is_the_same_in_every_mode_that_may_look(xlen: int, priv: int) -> None:
    setup = "li t0, -1\ncsrw 0x3b0, t0\nli t0, 0x1f\ncsrw 0x3a0, t0\n" + GRANT.format(7, 7) + drop_to(priv)
    count = len(assemble(setup, xlen)) // 4
    x = registers_after(setup + "csrr a0, 0xc00\ncsrr a1, 0xc02", xlen, count + 2)
    assert (x[10], x[11]) == (count, count + 1)


@XLEN
@pytest.mark.parametrize(
    ("mcounteren", "scounteren", "priv", "csr", "legal"),
    [
        (0, 7, S, CYCLE, False), (1, 0, S, CYCLE, True), (1, 0, S, INSTRET, False), (4, 0, S, INSTRET, True),
        (7, 0, U, CYCLE, False), (0, 7, U, CYCLE, False), (1, 1, U, CYCLE, True), (7, 4, U, INSTRET, True),
        (0, 0, M, CYCLE, True), (7, 7, S, MCYCLE, False),
    ],
)  # fmt: skip
def test_who_may_look_at_a_counter(  # the core itself would let everybody
    xlen: int, mcounteren: int, scounteren: int, priv: int, csr: int, legal: bool
) -> None:
    open_memory = "li t0, -1\ncsrw 0x3b0, t0\nli t0, 0x1f\ncsrw 0x3a0, t0\n"
    prelude = open_memory + GRANT.format(mcounteren, scounteren) + drop_to(priv)
    cause = trap_of(f"csrr a0, {csr:#x}\necall", xlen, prelude)[0]
    assert cause == (Cause.ECALL_U + priv if legal else Cause.ILLEGAL_INSTRUCTION)


@XLEN
def test_what_m_mode_writes_is_what_the_next_instruction_finds(xlen: int) -> None:
    x = registers_after("li t0, 1000\ncsrw 0xb02, t0\ncsrr a0, 0xc02\nnop\ncsrr a1, 0xb02\ncsrr a2, 0xb00", xlen)
    assert (x[10], x[11], x[12]) == (1000, 1002, 5)


def test_rv32_has_the_upper_halves() -> None:
    x = registers_after("li t0, 5\ncsrw 0xb82, t0\ncsrr a0, 0xc82\ncsrr a1, 0xb82\ncsrr a2, 0xc80\ncsrr a3, 0xc02", 32)
    assert x[10:14] == [5, 5, 0, 4], "the write was instead of counting (3.1.10)"
    assert trap_of("csrr a0, 0xc80", 64)[0] == Cause.ILLEGAL_INSTRUCTION


@XLEN
def test_the_shadows_cannot_be_written(xlen: int) -> None:
    assert trap_of("csrw 0xc00, a0", xlen)[0] == Cause.ILLEGAL_INSTRUCTION


def test_a_unicorn_whose_table_cannot_be_changed_is_refused() -> None:
    with pytest.raises(UnknownUnicorn, match=r"cannot find riscv_set_csr_ops in this build of Unicorn"):
        withhold(ctypes.CDLL(None), 64)
