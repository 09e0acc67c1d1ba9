"""Page faults of every kind, with their cause and xtval, in Sv32, Sv39 and Sv48 (privileged 4.3 to 4.5)."""

from __future__ import annotations

import pytest
from asm import BASE
from paging import DATA, MODES, SV32, SV39, SV48, A, D, G, Mode, Paged, R, U, V, W, X

from emu.traps import Cause, S
from emu.traps import U as USER

ALL = V | R | W | X | A | D
FETCH, LOAD, STORE = Cause.FETCH_PAGE_FAULT, Cause.LOAD_PAGE_FAULT, Cause.STORE_PAGE_FAULT
ACCESS = {
    "load": ("lw a0, 4(t1)", LOAD, 4),
    "store": ("sw a0, 4(t1)", STORE, 4),
    "fetch": ("addi t1, t1, 4\njr t1", FETCH, 4),
    "amo": ("amoadd.w a0, a1, (t1)", STORE, 0),
    "lr": ("lr.w a0, (t1)", LOAD, 0),
}
NOTHING = set(ACCESS)
READS = {"load", "lr"}


def allowed(mode: Mode, flags: int, priv: int, kind: str, before: str = "") -> bool:
    """Whether the access goes through; if not, its cause and xtval are right."""
    code, cause, offset = ACCESS[kind]
    guest = Paged(mode, code, priv, before)
    guest.map(mode.va, DATA, flags)
    guest.ram.write(DATA, (0x00000073).to_bytes(4, "little") * 4)  # ecall
    got, tval = guest.fault()
    if got == Cause.ECALL_U + priv:
        return True
    assert (got, tval) == (cause, mode.va + offset)
    return False


@MODES
@pytest.mark.parametrize("kind", list(ACCESS))
@pytest.mark.parametrize(
    ("flags", "priv", "refused"),
    [
        (ALL, S, set()),
        (ALL | G, S, set()),
        (ALL & ~V, S, NOTHING),
        (V | A | D, S, NOTHING),  # a pointer where no table can be
        (V | W | A | D, S, NOTHING),  # reserved
        (V | W | X | A | D, S, NOTHING),  # reserved
        (V | R | A | D, S, {"store", "amo", "fetch"}),
        (V | R | W | A | D, S, {"fetch"}),
        (V | R | X | A | D, S, {"store", "amo"}),
        (V | X | A | D, S, NOTHING - {"fetch"}),
        (ALL | U, S, NOTHING),
        (ALL | U, USER, set()),
        (ALL, USER, NOTHING),
        (V | R | U | A | D, USER, {"store", "amo", "fetch"}),
    ],
)
def test_a_page_allows_what_its_bits_say(mode: Mode, kind: str, flags: int, priv: int, refused: set[str]) -> None:
    """An AMO loads first; where a page cannot be written it faults as a store, whatever else is forbidden."""
    assert allowed(mode, flags, priv, kind) == (kind not in refused)


SUM, MXR = "li t0, 0x40000\ncsrs mstatus, t0\n", "li t0, 0x80000\ncsrs mstatus, t0\n"


@MODES
@pytest.mark.parametrize("kind", list(ACCESS))
def test_sum_opens_user_pages_to_loads_and_stores_of_s_mode_but_never_to_fetches(mode: Mode, kind: str) -> None:
    assert allowed(mode, ALL | U, S, kind, SUM) == (kind != "fetch")


@MODES
@pytest.mark.parametrize("kind", list(ACCESS))
def test_sum_opens_nothing_to_user_mode(mode: Mode, kind: str) -> None:
    assert not allowed(mode, ALL, USER, kind, SUM)


@MODES
@pytest.mark.parametrize("kind", list(ACCESS))
def test_mxr_makes_executable_pages_readable(mode: Mode, kind: str) -> None:
    assert allowed(mode, V | X | A | D, S, kind, MXR) == (kind in READS | {"fetch"})


@MODES
@pytest.mark.parametrize("kind", list(ACCESS))
def test_the_core_sets_a_and_d_by_itself(mode: Mode, kind: str) -> None:
    guest = Paged(mode, ACCESS[kind][0], S)
    at = guest.map(mode.va, DATA, V | R | W | X)
    guest.ram.write(DATA, (0x00000073).to_bytes(4, "little") * 4)
    assert guest.fault()[0] == Cause.ECALL_S
    assert guest.get(at) & (A | D) == (A | D if kind in ("store", "amo") else A)


@MODES
def test_a_load_before_the_first_store_does_not_hide_the_page_getting_dirty(mode: Mode) -> None:
    guest = Paged(mode, "lw a0, 0(t1)\nlw a0, 0(t1)\nsw a0, 0(t1)", S)
    at = guest.map(mode.va, DATA, V | R | W)
    assert guest.fault()[0] == Cause.ECALL_S
    assert guest.get(at) & (A | D) == A | D


@MODES
def test_superpages_of_every_size_translate_and_misaligned_ones_fault(mode: Mode) -> None:
    for level in range(1, mode.levels):
        span = 1 << 12 + mode.bits * level
        va = mode.va & -span
        for wrong in (0, 1, span // 0x2000):
            guest = Paged(mode, "li t2, 0x24\nadd t3, t1, t2\nlw a0, 0(t3)", S, at=va | (DATA & span - 1))
            pa = (BASE & -span) | wrong * 0x1000
            guest.map(va, pa, ALL, level)
            guest.ram.put32(DATA + 0x24, 0x5A5A)
            cause, tval = guest.fault()
            if wrong:
                assert (cause, tval) == (LOAD, (va | (DATA & span - 1)) + 0x24), (level, wrong)
            else:
                assert (cause, guest.hart.core.x[10]) == (Cause.ECALL_S, 0x5A5A), level


@MODES
@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_empty_entry_at_any_level_faults(mode: Mode, level: int) -> None:
    if level >= mode.levels:
        pytest.skip(f"{mode.name} has {mode.levels} levels")
    guest = Paged(mode, "sw a0, 8(t1)", S)
    guest.map(mode.va, DATA, ALL)
    guest.map(mode.va, 0, 0, level)
    assert guest.fault() == (STORE, mode.va + 8)


@pytest.mark.parametrize(
    ("mode", "address"),
    [
        (SV39, 0x00000040_40001000), (SV39, 0xFFFFFFBF_40001000), (SV39, 0x80000000_40001000),
        (SV48, 0x00008000_40001000), (SV48, 0xFFFF7FFF_40001000), (SV48, 0x00FF1234_40001000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["load", "store", "fetch"])
def test_an_address_that_is_not_sign_extended_faults(mode: Mode, address: int, kind: str) -> None:
    code, cause, offset = ACCESS[kind]
    guest = Paged(mode, code, S, at=address)
    guest.map(address, DATA, ALL)  # what its low bits would find
    assert guest.fault() == (cause, address + offset)


@MODES
@pytest.mark.parametrize("kind", ["load", "store"])
@pytest.mark.parametrize("missing", [0, 1])
def test_an_access_over_two_pages_faults_at_the_part_that_is_missing(mode: Mode, kind: str, missing: int) -> None:
    at = mode.va + 0xFFE
    guest = Paged(mode, "lw a0, 0(t1)" if kind == "load" else "sw a1, 0(t1)", S, at=at)
    guest.map(mode.va + 0x1000 * (1 - missing), DATA, ALL)
    guest.hart.core.x[11] = 0x11223344
    assert guest.fault() == (ACCESS[kind][1], mode.va + 0x1000 if missing else at)
    assert guest.ram.read(DATA, 0x1000) == bytes(0x1000), "no part of a store that faults is done"


@MODES
def test_an_instruction_over_two_pages_faults_at_its_second_half(mode: Mode) -> None:
    guest = Paged(mode, "jr t1", S, at=mode.va + 0xFFE)
    guest.map(mode.va, DATA, ALL)
    guest.ram.write(DATA + 0xFFE, b"\x13\x00")  # the first half of nop
    cause, epc, tval = guest.trap()
    assert (cause, epc + BASE, tval) == (FETCH, mode.va + 0xFFE, mode.va + 0x1000)


@MODES
def test_a_compressed_instruction_at_the_end_of_a_page_needs_no_second(mode: Mode) -> None:
    guest = Paged(mode, "jr t1", S, at=mode.va + 0xFFE)
    guest.map(mode.va, DATA, ALL)
    guest.ram.write(DATA + 0xFFE, b"\x02\x90")  # c.ebreak
    cause, epc, _ = guest.trap()
    assert (cause, epc + BASE) == (Cause.BREAKPOINT, mode.va + 0xFFE)


@MODES
@pytest.mark.parametrize("kind", ["load", "store", "fetch"])
def test_a_table_outside_memory_is_an_access_fault(mode: Mode, kind: str) -> None:
    code, cause, offset = ACCESS[kind]
    guest = Paged(mode, code, S)
    guest.map(mode.va, 0x20000000, V, level=1)
    assert guest.fault() == ({FETCH: 1, LOAD: 5, STORE: 7}[cause], mode.va + offset)


@MODES
def test_a_delegated_page_fault_comes_to_s_mode_with_its_address(mode: Mode) -> None:
    delegate = "li t0, 0x2000\ncsrw medeleg, t0\nla t0, s_handler\ncsrw stvec, t0\n"
    guest = Paged(mode, "lw a0, 12(t1)", S, delegate)
    assert guest.fault() == (LOAD, mode.va + 12)
    assert guest.result(4) == 1, "the S handler ran"


def test_sv32_reaches_the_end_of_the_address_space() -> None:
    guest = Paged(SV32, "lw a0, -4(zero)", S)
    assert guest.fault() == (LOAD, 0xFFFFFFFC)
