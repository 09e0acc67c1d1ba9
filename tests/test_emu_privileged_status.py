"""mstatus and its view sstatus; xRET; MPRV, TVM, TW and TSR; what may be written in mip, sip and sie."""

from __future__ import annotations

import pytest
from asm import BASE
from bare import XLEN, drop_to, trap_of
from paging import DATA, MODES, A, D, Mode, Paged, R, U, V, W, X

from emu.traps import Cause, M, S
from emu.traps import U as USER

ILLEGAL = Cause.ILLEGAL_INSTRUCTION
SIE, MIE, SPIE, MPIE, SPP, MPRV, SUM, MXR = (1 << n for n in (1, 3, 5, 7, 8, 17, 18, 19))
TVM, TW, TSR = (1 << n for n in (20, 21, 22))


MISPLACED = pytest.mark.xfail(strict=True, reason="QEMU 5.0 has TW and TSR at bits 29 and 30, not at 21 and 22")
NOT_MASKED = pytest.mark.xfail(strict=True, reason="QEMU 5.0 lets S mode see and change sie whatever mideleg says")


def set_bits(bits: int) -> str:
    return f"li t0, {bits}\ncsrs mstatus, t0\n"


def a0_of(code: str, xlen: int, prelude: str = "") -> int:
    """a0 at the ecall behind `code`."""
    cause, _, _, guest = trap_of(code + "\necall", xlen, prelude)
    assert cause in (Cause.ECALL_U, Cause.ECALL_S, Cause.ECALL_M)
    value: int = guest.hart.core.x[10]
    return value


@XLEN
@pytest.mark.parametrize("pie", [0, MPIE])
@pytest.mark.parametrize("mpp", [USER, S, M])
def test_mret_restores_mie_and_leaves_the_least_privileged_mode_in_mpp(xlen: int, pie: int, mpp: int) -> None:
    code = f"li t0, 0x1888\ncsrc mstatus, t0\n{set_bits(pie | mpp << 11)}la t0, on\ncsrw mepc, t0\nmret\non: ecall"
    cause, _, _, guest = trap_of(code, xlen)
    assert cause == Cause.ECALL_U + mpp
    status = guest.result(3)
    assert bool(status & MPIE) == bool(pie), "MIE was MPIE before the ecall stacked it again"
    assert status >> 11 & 3 == mpp
    if mpp == M:
        after = a0_of(code.replace("on: ecall", "on: csrr a0, mstatus"), xlen)
        assert after & MPIE and after >> 11 & 3 == USER
        assert bool(after & MIE) == bool(pie)


@XLEN
@pytest.mark.parametrize("pie", [0, SPIE])
@pytest.mark.parametrize("spp", [USER, S])
def test_sret_restores_sie_and_leaves_user_mode_in_spp(xlen: int, pie: int, spp: int) -> None:
    code = f"li t0, 0x122\ncsrc sstatus, t0\nli t0, {pie | spp << 8}\ncsrs sstatus, t0\nla t0, on\ncsrw sepc, t0\n"
    cause, _, _, guest = trap_of(code + "sret\non: ecall", xlen, drop_to(S))
    assert cause == Cause.ECALL_U + spp
    assert guest.result(3) & (SIE | SPIE | SPP) == SPIE | (SIE if pie else 0)


@XLEN
def test_sret_in_m_mode_goes_where_spp_says(xlen: int) -> None:
    code = f"{set_bits(SPP)}la t0, on\ncsrw sepc, t0\nsret\non: ecall"
    assert trap_of(code, xlen)[0] == Cause.ECALL_S


@XLEN
@pytest.mark.parametrize(
    ("code", "priv"), [("mret", S), ("mret", USER), ("sret", USER), ("sfence.vma", USER), ("csrr a0, sstatus", USER),
                       ("csrr a0, mstatus", S), ("csrw satp, zero", USER)],
)  # fmt: skip
def test_what_a_mode_lacks_is_illegal_there(xlen: int, code: str, priv: int) -> None:
    cause, epc, _, guest = trap_of(code, xlen, drop_to(priv))
    assert (cause, epc) == (ILLEGAL, 0)
    assert guest.result(3) >> 11 & 3 == priv


@XLEN
@pytest.mark.parametrize(
    ("bit", "code"),
    [
        (TVM, "csrr a0, satp"),
        (TVM, "csrw satp, zero"),
        (TVM, "sfence.vma"),
        pytest.param(TW, "wfi", marks=MISPLACED),
        pytest.param(TSR, "sret", marks=MISPLACED),
    ],
)
def test_tvm_tw_and_tsr_make_it_illegal_in_s_mode(xlen: int, bit: int, code: str) -> None:
    cause, epc, tval, _ = trap_of(code, xlen, set_bits(bit) + drop_to(S))
    assert (cause, epc) == (ILLEGAL, 0)
    assert tval & 0x7F == 0x73, "mtval shows the instruction"


@XLEN
@pytest.mark.parametrize("code", ["csrr a0, satp", "csrw satp, zero", "sfence.vma"])
def test_tvm_leaves_m_mode_alone_and_without_it_s_mode_too(xlen: int, code: str) -> None:
    assert trap_of(code + "\necall", xlen, set_bits(TVM))[0] == Cause.ECALL_M
    assert trap_of(code + "\necall", xlen, drop_to(S))[0] == Cause.ECALL_S


@XLEN
def test_sstatus_shows_of_mstatus_what_is_for_s_mode(xlen: int) -> None:
    everything = MIE | SPIE | MPIE | SPP | 3 << 11 | SUM | MXR | TVM
    seen = a0_of("csrr a0, sstatus", xlen, set_bits(everything))
    assert seen & 0x7FFFFF == SPIE | SPP | SUM | MXR


@XLEN
def test_sstatus_changes_of_mstatus_what_is_for_s_mode(xlen: int) -> None:
    code = "li t0, -1\ncsrw sstatus, t0\ncsrr a0, mstatus"
    changed = a0_of(code, xlen, "csrw mstatus, zero\n")
    assert changed & 0x7FFFFF & ~(3 << 13) == SIE | SPIE | SPP | SUM | MXR
    kept = a0_of("csrw sstatus, zero\ncsrr a0, mstatus", xlen, set_bits(MIE | MPIE | 3 << 11 | TVM | SUM))
    assert kept & 0x7FFFFF == MIE | MPIE | 3 << 11 | TVM


@XLEN
@pytest.mark.xfail(strict=True, reason="QEMU 5.0 keeps the reserved MPP = 2")
def test_an_impossible_mpp_is_not_kept(xlen: int) -> None:
    status = a0_of("li t0, 0x1800\ncsrc mstatus, t0\nli t0, 0x1000\ncsrs mstatus, t0\ncsrr a0, mstatus", xlen)
    assert status >> 11 & 3 in (USER, S, M)


ALL = V | R | W | X | A | D


def mprv(mode: Mode, mpp: int, flags: int, code: str = "lw a0, 0(t1)") -> tuple[int, int, int]:
    """(cause, xtval, a0) of `code` in M mode under MPRV; t1 is a page with `flags`."""
    under = f"csrw satp, s2\nsfence.vma\nli t0, 0x1800\ncsrc mstatus, t0\n{set_bits(MPRV | mpp << 11)}{code}\n"
    restore = f"li t0, {MPRV}\ncsrc mstatus, t0\necall\n"
    guest = Paged(mode, "", S, before=under + restore)
    guest.map(mode.va, DATA, flags)
    guest.map(BASE, BASE, ALL, level=1 if mode.levels == 2 else 2)
    guest.ram.put32(DATA, 0x1234567)
    guest.run()
    core = guest.hart.core
    return core.mcause.value, core.mtval.value, core.x[10]


@MODES
@pytest.mark.parametrize("mpp", [USER, S])
@pytest.mark.parametrize("page", [0, U])
def test_mprv_loads_and_stores_as_the_mode_in_mpp(mode: Mode, mpp: int, page: int) -> None:
    fits = (mpp == USER) == bool(page)
    cause, tval, a0 = mprv(mode, mpp, ALL | page)
    assert (cause, a0) == (Cause.ECALL_M, 0x1234567) if fits else (cause, tval) == (Cause.LOAD_PAGE_FAULT, mode.va)
    cause, tval, _ = mprv(mode, mpp, ALL | page, "sw a1, 4(t1)")
    assert cause == Cause.ECALL_M if fits else (cause, tval) == (Cause.STORE_PAGE_FAULT, mode.va + 4)


@MODES
def test_mprv_with_m_in_mpp_does_not_translate(mode: Mode) -> None:
    cause, tval, _ = mprv(mode, M, ALL, "li t1, 0x20000000\nlw a0, 0(t1)")
    assert (cause, tval) == (Cause.LOAD_ACCESS, 0x20000000)


@MODES
def test_mprv_and_mxr_read_what_only_executes(mode: Mode) -> None:
    cause, _, a0 = mprv(mode, S, V | X | A | D, f"li t0, {MXR}\ncsrs mstatus, t0\nlw a0, 0(t1)")
    assert (cause, a0) == (Cause.ECALL_M, 0x1234567)


@XLEN
@pytest.mark.xfail(strict=True, reason="QEMU 5.0 follows privileged 1.11, where mret keeps MPRV")
def test_mret_to_a_lower_mode_clears_mprv(xlen: int) -> None:
    assert not trap_of("ecall", xlen, set_bits(MPRV) + drop_to(USER))[3].result(3) & MPRV


OF_S, OF_ALL = 0x222, 0xAAA
"""SSIP, STIP, SEIP; those and M's. The core also has the bits of the hypervisor's guests, which nothing sets."""


@XLEN
def test_m_mode_can_write_the_pending_bits_of_s_mode_only(xlen: int) -> None:
    assert a0_of("li t0, -1\ncsrw mip, t0\ncsrr a0, mip", xlen) & OF_ALL == OF_S


@XLEN
@pytest.mark.xfail(strict=True, reason="QEMU 5.0 has the bits of VS mode in mip and mie without the H extension")
def test_mip_has_no_bits_of_a_hypervisor(xlen: int) -> None:
    assert not a0_of("li t0, -1\ncsrw mip, t0\ncsrr a0, mip", xlen) & ~OF_ALL


@XLEN
@pytest.mark.parametrize("delegated", [0, OF_S])
def test_s_mode_can_write_ssip_only_and_if_it_is_delegated(xlen: int, delegated: int) -> None:
    prelude = f"li t0, {delegated}\ncsrw mideleg, t0\n" + drop_to(S)
    assert a0_of("li t0, -1\ncsrw sip, t0\ncsrr a0, sip", xlen, prelude) == delegated & 2


@XLEN
@pytest.mark.parametrize("delegated", [0x20, 0x222])
def test_sip_shows_what_is_delegated(xlen: int, delegated: int) -> None:
    prelude = f"li t0, {delegated}\ncsrw mideleg, t0\nli t0, -1\ncsrw mip, t0\n" + drop_to(S)
    assert a0_of("csrr a0, sip", xlen, prelude) & OF_ALL == delegated


PARTLY = pytest.mark.parametrize(
    "delegated", [OF_S, pytest.param(0x20, marks=NOT_MASKED), pytest.param(0, marks=NOT_MASKED)]
)


@XLEN
@PARTLY
def test_s_mode_enables_only_what_is_delegated(xlen: int, delegated: int) -> None:
    prelude = f"li t0, {delegated}\ncsrw mideleg, t0\n"
    assert a0_of("li t0, -1\ncsrw sie, t0\ncsrr a0, mie", xlen, prelude) & OF_ALL == delegated


@XLEN
@pytest.mark.parametrize("delegated", [0, 0x20, OF_S])
def test_sie_shows_of_mie_what_is_delegated(xlen: int, delegated: int) -> None:
    prelude = f"li t0, {delegated}\ncsrw mideleg, t0\n"
    assert a0_of("li t0, -1\ncsrw mie, t0\ncsrr a0, sie", xlen, prelude) & OF_ALL == delegated


@XLEN
@PARTLY
def test_s_mode_disables_only_what_is_delegated(xlen: int, delegated: int) -> None:
    prelude = f"li t0, {delegated}\ncsrw mideleg, t0\n"
    after = a0_of("li t0, -1\ncsrw mie, t0\ncsrw sie, zero\ncsrr a0, mie", xlen, prelude)
    assert after & OF_ALL == OF_ALL & ~delegated
