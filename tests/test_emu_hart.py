"""Traps, as the hart has to take them exactly: each by a small assembled program, on rv32 and rv64."""

from __future__ import annotations

import pytest
from asm import BASE
from bare import HANDLER, TO_M, XLEN, Guest, drop_to, trap_of

from emu.config import Stop
from emu.traps import Cause, M, S, U

pytestmark = pytest.mark.usefixtures("pace")


@XLEN
@pytest.mark.parametrize(("priv", "cause"), [(U, Cause.ECALL_U), (S, Cause.ECALL_S), (M, Cause.ECALL_M)])
def test_an_ecall_reports_the_privilege_it_came_from(xlen: int, priv: int, cause: Cause) -> None:
    got, epc, tval, guest = trap_of("ecall", xlen, drop_to(priv) if priv != M else "")
    assert (got, epc, tval) == (cause, 0, 0)
    assert guest.result(3) >> 11 & 3 == priv  # mstatus.MPP


@XLEN
def test_an_illegal_instruction_is_shown_in_mtval(xlen: int) -> None:
    assert trap_of(".word 0xfabcd00b", xlen)[:3] == (Cause.ILLEGAL_INSTRUCTION, 0, 0xFABCD00B)


@XLEN
def test_an_absent_csr_is_an_illegal_instruction(xlen: int) -> None:
    assert trap_of("csrrs a0, 0x7a0, zero", xlen)[:3] == (Cause.ILLEGAL_INSTRUCTION, 0, 0x7A002573)


@XLEN
@pytest.mark.parametrize("breakpoint_", ["ebreak", "c.ebreak"])
def test_both_breakpoints_trap_at_their_own_pc(xlen: int, breakpoint_: str) -> None:
    cause, epc, _, _ = trap_of(breakpoint_ + "\nc.nop", xlen)
    assert (cause, epc) == (Cause.BREAKPOINT, 0)


@XLEN
@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("lw a0, 20(t1)", Cause.LOAD_ACCESS),
        ("sb a0, 20(t1)", Cause.STORE_ACCESS),
        ("addi t1, t1, 20\namoadd.w a0, a1, (t1)", Cause.STORE_ACCESS),
        ("addi t1, t1, 20\nlr.w a0, (t1)", Cause.LOAD_ACCESS),
    ],
)
def test_an_unmapped_physical_address_is_an_access_fault(xlen: int, code: str, cause: Cause) -> None:
    got, epc, tval, _ = trap_of(code, xlen, "li t1, 0x20000000\n")
    assert (got, tval) == (cause, 0x20000014)
    assert epc == (4 if "\n" in code else 0)


@XLEN
def test_a_jump_to_nowhere_is_a_fetch_access_fault_with_that_pc(xlen: int) -> None:
    cause, _, tval, _ = trap_of("jr t1", xlen, "li t1, 0x20000000\n")
    assert (cause, tval) == (Cause.FETCH_ACCESS, 0x20000000)


@XLEN
def test_a_jump_into_a_devices_registers_is_a_fetch_access_fault(xlen: int) -> None:
    guest = Guest(TO_M + "li t1, 0x10000100\njr t1\n" + HANDLER, xlen)
    guest.device(lambda offset, width: 0x13, lambda offset, width, value: None)
    assert guest.trap() == (Cause.FETCH_ACCESS, 0x10000100 - BASE, 0x10000100)


@XLEN
def test_an_instruction_that_crosses_the_end_of_ram_faults_at_its_second_half(xlen: int) -> None:
    cause, epc, tval, _ = trap_of("jr t1", xlen, "li t1, 0x800ffffe\nli t0, 3\nsh t0, 0(t1)\n")
    assert (cause, tval) == (Cause.FETCH_ACCESS, 0x80100000)
    assert epc > 0, "mepc is the beginning of the instruction"


@XLEN
@pytest.mark.parametrize("nowhere", ["0", "0x10000000"])
def test_a_guest_lost_in_fetch_faults_still_spends_its_instructions(xlen: int, nowhere: str) -> None:
    guest = Guest(f"li t0, {nowhere}\ncsrw mtvec, t0\njr t0", xlen)
    guest.device(lambda offset, width: 0, lambda offset, width, value: None)
    assert guest.run(500) is Stop.LIMIT
    assert guest.hart.instructions == 500


@XLEN
def test_access_faults_beyond_the_end_of_ram_trap_too(xlen: int) -> None:
    assert trap_of("lw a0, 0(t1)", xlen, "li t1, 0x80100000\n")[::2][:2] == (Cause.LOAD_ACCESS, 0x80100000)


@XLEN
@pytest.mark.parametrize("code", ["lw a0, -2(t1)", "sw a0, -2(t1)", "lh a0, -1(t1)", "sh a0, -1(t1)"])
def test_an_access_of_which_only_the_second_page_is_missing_reports_that_page(xlen: int, code: str) -> None:
    assert trap_of(code, xlen, "li t1, 0x80100000\n")[2] == 0x80100000
    back = 2 if "-2" in code else 1
    assert trap_of(code, xlen, "li t1, 0x80101000\n")[2] == 0x80101000 - back, "both pages are missing"


def test_the_widths_of_s_and_u_mode_are_64_bits_and_stay_so() -> None:
    guest = Guest("csrw mstatus, zero\ncsrr a0, mstatus\nli t0, -1\ncsrw mstatus, t0\ncsrr a1, mstatus\nwfi", 64)
    guest.run()
    assert [guest.hart.core.x[i] >> 32 & 0xF for i in (10, 11)] == [0xA, 0xA]


@XLEN
def test_a_delegated_exception_is_taken_in_s_mode(xlen: int) -> None:
    prelude = "li t0, 0x100\ncsrw medeleg, t0\nla t0, s_handler\ncsrw stvec, t0\ncsrsi mstatus, 2\n" + drop_to(U)
    cause, epc, tval, guest = trap_of("ecall", xlen, prelude)
    assert (cause, epc, tval) == (Cause.ECALL_U, 0, 0)
    assert guest.result(4) == 1, "the S handler ran"
    status = guest.result(3)
    assert not status & 1 << 8, "SPP says U"
    assert status & 1 << 5, "SPIE holds what SIE was"
    assert not status & 1 << 1, "SIE is off"


@XLEN
def test_m_mode_exceptions_are_never_delegated(xlen: int) -> None:
    prelude = "li t0, 0xffff\ncsrw medeleg, t0\n"
    assert trap_of("ecall", xlen, prelude)[0] == Cause.ECALL_M


@XLEN
def test_trap_entry_stacks_mie_and_mret_restores_it(xlen: int) -> None:
    _, _, _, guest = trap_of("ecall", xlen, "csrsi mstatus, 8\n")
    assert guest.result(3) & 0x88 == 0x80


@XLEN
def test_exceptions_go_to_the_base_even_when_the_vector_mode_is_on(xlen: int) -> None:
    prelude = "la t0, handler\naddi t0, t0, 1\ncsrw mtvec, t0\n"
    assert trap_of("ecall", xlen, prelude)[0] == Cause.ECALL_M


PAGED = """
    la t0, table
    srli t0, t0, 12
    li t1, MODE
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
"""
# One giant page maps 0x80000000 to itself for S, everything else is unmapped.
TABLE = {
    64: "\n.org 0xa000\ntable:\n.org 0xa010\n.dword 0x200000cf\n",
    32: "\n.org 0xa000\ntable:\n.org 0xa800\n.word 0x200000cf\n",
}
MODE = {64: str(8 << 60), 32: str(1 << 31)}


@XLEN
@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("lw a0, 8(t1)", Cause.LOAD_PAGE_FAULT),
        ("sw a0, 8(t1)", Cause.STORE_PAGE_FAULT),
        ("addi t1, t1, 8\njr t1", Cause.FETCH_PAGE_FAULT),
    ],
)
def test_a_page_fault_reports_the_virtual_address(xlen: int, code: str, cause: Cause) -> None:
    setup = TO_M + PAGED.replace("MODE", MODE[xlen]) + "li t1, 0x40001000\n" + drop_to(S)
    guest = Guest(setup + code + HANDLER + TABLE[xlen], xlen)
    got, _, tval = guest.trap()
    assert (got, tval) == (cause, 0x40001008)


@XLEN
def test_an_access_fault_behind_translation_reports_the_virtual_address(xlen: int) -> None:
    # the giant page at 0x40000000 points at physical 0x20000000 (rv32: a 4 MiB page), where nothing is
    entry = {64: "\n.org 0xa000\ntable:\n.org 0xa008\n.dword 0x100000cf\n.dword 0x200000cf\n",
             32: "\n.org 0xa000\ntable:\n.org 0xa400\n.word 0x080000cf\n.org 0xa800\n.word 0x200000cf\n"}
    setup = TO_M + PAGED.replace("MODE", MODE[xlen]) + "li t1, 0x40000010\n" + drop_to(S)
    guest = Guest(setup + "lw a0, 4(t1)" + HANDLER + entry[xlen], xlen)
    got, _, tval = guest.trap()
    assert (got, tval) == (Cause.LOAD_ACCESS, 0x40000014)


@XLEN
def test_the_time_csr_is_read_by_trap_and_emulate(xlen: int) -> None:
    code = "csrr a0, time\n" + ("csrr a1, timeh\n" if xlen == 32 else "") + "wfi"
    guest = Guest(code, xlen)
    assert guest.run() is Stop.WAITING
    if xlen == 64:
        assert guest.hart.core.x[10] == 0x1_2345_6789
    else:
        assert (guest.hart.core.x[10], guest.hart.core.x[11]) == (0x2345_6789, 1)


@XLEN
@pytest.mark.parametrize(("mcounteren", "scounteren", "priv", "legal"), [
    (0, 0, S, False), (2, 0, S, True), (2, 0, U, False), (2, 2, U, True), (0, 2, U, False)])  # fmt: skip
def test_time_is_legal_only_where_counteren_says_so(
    xlen: int, mcounteren: int, scounteren: int, priv: int, legal: bool
) -> None:
    prelude = f"csrwi mcounteren, {mcounteren}\nli t0, {scounteren}\ncsrw scounteren, t0\n" + drop_to(priv)
    cause = trap_of("csrr a0, time\necall", xlen, prelude)[0]
    assert cause == (Cause.ECALL_U + priv if legal else Cause.ILLEGAL_INSTRUCTION)


@XLEN
def test_writing_time_is_illegal(xlen: int) -> None:
    assert trap_of("csrrw zero, time, a0", xlen)[0] == Cause.ILLEGAL_INSTRUCTION


@XLEN
def test_a_fault_under_mprv_lets_the_handler_see_untranslated_memory(xlen: int) -> None:
    # S maps 0x80000000 to the other half of RAM; the M handler stores with MPRV still set, now with MPP = M
    entry = {
        64: "\n.org 0xa000\ntable:\n.org 0xa010\n.dword {leaf:#x}\n",
        32: "\n.org 0xa000\ntable:\n.org 0xa800\n.word {leaf:#x}\n",
    }
    leaf = {64: 0x300000CF, 32: 0x201000CF}[xlen]
    setup = TO_M + PAGED.replace("MODE", MODE[xlen]) + """
    li t0, 0x800
    csrs mstatus, t0
    la t2, results
    li t1, 0x40000000
    li t0, 0x20000
    csrs mstatus, t0
    lw a0, 0(t1)
    """
    guest = Guest(setup + HANDLER + entry[xlen].format(leaf=leaf), xlen)
    assert guest.trap()[0] == Cause.LOAD_PAGE_FAULT
