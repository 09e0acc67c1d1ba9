"""Code that changes under the core, misaligned loads, stores and jumps, and the PMP's second half."""

from __future__ import annotations

import pytest
from asm import BASE, assemble
from bare import HANDLER, TO_M, XLEN, Guest, drop_to, trap_of

from emu.config import Stop
from emu.traps import Cause, M, S
from emu.traps import U as USER

pytestmark = pytest.mark.usefixtures("pace")
LI_A0 = {value: int.from_bytes(assemble(f"li a0, {value}"), "little") for value in (1, 2)}


@XLEN
@pytest.mark.parametrize("fence", ["fence.i", "nop"])
@pytest.mark.parametrize("priv", [USER, S, M])
def test_code_that_the_guest_rewrites_runs_as_rewritten(xlen: int, fence: str, priv: int) -> None:
    """This core sees a store into code at once, so a forgotten fence.i does not show."""
    program = (
        (drop_to(priv) if priv != M else "")
        + f"""
        la s0, patch
        li s1, {LI_A0[2]:#x}
        again: nop
        patch: li a0, 1
        add s2, s2, a0
        bnez s3, end
        li s3, 1
        sw s1, 0(s0)
        {fence}
        j again
        end: ecall
    """
    )
    guest = Guest(TO_M + program + HANDLER, xlen)
    assert guest.trap()[0] == Cause.ECALL_U + priv
    assert guest.hart.core.x[18] == 1 + 2


@XLEN
@pytest.mark.parametrize("width", ["sb", "sh", "sw"])
def test_a_store_into_the_instruction_that_follows_it_is_seen(xlen: int, width: str) -> None:
    """With fence.i between: the block that is being executed is translated anew."""
    program = f"la s0, patch\nli s1, {LI_A0[2]:#x}\nla s3, patch\nlw s4, 0(s3)\n"
    if width != "sw":  # li a0, 2 differs from li a0, 1 in its upper half
        program += f"srli s1, s1, {16 if width == 'sh' else 20 - 4}\naddi s0, s0, 2\n"
    guest = Guest(program + f"{width} s1, 0(s0)\nfence.i\npatch: li a0, 1\nwfi\n", xlen)
    assert guest.run() is Stop.WAITING
    assert guest.hart.core.x[10] == 2


@XLEN
def test_a_copied_routine_runs_at_its_new_place_again_and_again(xlen: int) -> None:
    """As a boot loader does: the same place holds one routine after the other."""
    program = f"""
        li s0, 0x80010000
        li s1, {LI_A0[1]:#x}
        li s2, 0x8067
        li s4, 50
        again: sw s1, 0(s0)
        sw s2, 4(s0)
        fence.i
        jalr ra, s0, 0
        add s5, s5, a0
        li s3, {LI_A0[1] ^ LI_A0[2]:#x}
        xor s1, s1, s3
        addi s4, s4, -1
        bnez s4, again
        wfi
    """
    guest = Guest(program, xlen)
    assert guest.run() is Stop.WAITING
    assert guest.hart.core.x[21] == 25 * 1 + 25 * 2


@XLEN
@pytest.mark.parametrize("priv", [USER, S, M])
def test_a_device_that_writes_over_translated_code_changes_what_runs(xlen: int, priv: int) -> None:
    """DMA: a store to the device writes RAM, in the middle of the block that is being executed too."""
    program = (
        (drop_to(priv) if priv != M else "")
        + """
        la s0, patch
        li s1, 0x10000000
        again: nop
        patch: li a0, 1
        add s2, s2, a0
        bnez s3, end
        li s3, 1
        sw s0, 0(s1)
        j again
        end: ecall
    """
    )
    guest = Guest(TO_M + program + HANDLER, xlen)

    def store(offset: int, width: int, value: int) -> None:
        guest.ram.write(value, LI_A0[2].to_bytes(4, "little"))

    guest.device(lambda offset, width: 0, store)
    assert guest.trap()[0] == Cause.ECALL_U + priv
    assert guest.hart.core.x[18] == 1 + 2


@XLEN
def test_the_host_may_write_over_code_between_two_runs(xlen: int) -> None:
    guest = Guest("loop: li a0, 1\nj loop", xlen)
    guest.run(100)
    guest.ram.write(BASE, LI_A0[2].to_bytes(4, "little"))
    guest.run(100)
    assert guest.hart.core.x[10] == 2


PATTERN = bytes(range(0x81, 0xA1))


@XLEN
@pytest.mark.parametrize("offset", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("at", [0x9000, 0x9FFC - 4])
def test_misaligned_loads_are_done_by_the_core(xlen: int, offset: int, at: int) -> None:
    """Over the end of a page too; no trap (3.6.1 leaves that to the machine)."""
    loads = "lhu a0, 0(s0)\nlw a1, 0(s0)\n" + ("ld a2, 0(s0)\n" if xlen == 64 else "")
    guest = Guest(TO_M + f"li s0, {BASE + at + offset:#x}\n" + loads + "li s1, 1\nwfi\n" + HANDLER, xlen)
    guest.ram.write(BASE + at, PATTERN)
    assert guest.run() is Stop.WAITING
    x = guest.hart.core.x
    here = PATTERN[offset:]
    assert x[9] == 1
    assert (x[10], x[11] & 0xFFFFFFFF) == (int.from_bytes(here[:2], "little"), int.from_bytes(here[:4], "little"))
    if xlen == 64:
        assert x[12] == int.from_bytes(here[:8], "little")


@XLEN
@pytest.mark.parametrize("offset", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("at", [0x9000, 0x9FFC - 4])
def test_misaligned_stores_are_done_by_the_core(xlen: int, offset: int, at: int) -> None:
    store, size = ("sd", 8) if xlen == 64 else ("sw", 4)
    guest = Guest(TO_M + f"li s0, {BASE + at + offset:#x}\nli s1, 0x12345678\n{store} s1, 0(s0)\nwfi\n" + HANDLER, xlen)
    guest.run()
    expected = bytes(offset) + (0x12345678).to_bytes(size, "little") + bytes(16 - offset - size)
    assert guest.ram.read(BASE + at, 16) == expected


@XLEN
def test_jumps_to_odd_halfwords_are_fine_and_jalr_drops_the_lowest_bit(xlen: int) -> None:
    """With compressed instructions every even address is aligned, so a misaligned fetch cannot be."""
    guest = Guest(
        TO_M + "la t0, target\naddi t0, t0, 3\njr t0\n.align 2\ntarget: c.nop\nc.ebreak\n.align 2\n" + HANDLER, xlen
    )
    cause, epc, _ = guest.trap()
    assert cause == Cause.BREAKPOINT
    assert epc % 4 == 2


@XLEN
@pytest.mark.xfail(strict=True, reason="QEMU 5.0 keeps bit 0 of mepc and sepc")
@pytest.mark.parametrize("csr", ["mepc", "sepc"])
def test_xepc_drops_the_lowest_bit_only(xlen: int, csr: str) -> None:
    guest = Guest(f"li t0, 0x80000007\ncsrw {csr}, t0\ncsrr a0, {csr}\nwfi", xlen)
    guest.run()
    assert guest.hart.core.x[10] == 0x80000006


@XLEN
def test_a_compressed_illegal_instruction_is_shown_in_mtval_as_16_bits(xlen: int) -> None:
    cause, epc, tval, _ = trap_of(".word 0x00010000", xlen)  # all zeroes, then c.nop
    assert (cause, epc, tval) == (Cause.ILLEGAL_INSTRUCTION, 0, 0)


def test_pmpcfg0_keeps_what_is_written() -> None:
    guest = Guest("li t0, 0x1f\ncsrw 0x3a0, t0\ncsrr a0, 0x3a0\nwfi", 64)
    guest.run()
    assert guest.hart.core.x[10] == 0x1F


@pytest.mark.xfail(
    strict=True,
    reason="QEMU 5.0 drops writes of pmpcfg2 on rv64; the CSR is there, so nothing traps that could be emulated",
)
def test_pmpcfg2_keeps_what_is_written_on_rv64() -> None:
    guest = Guest("li t0, 0x1f\ncsrw 0x3a2, t0\ncsrr a0, 0x3a2\nwfi", 64)
    guest.run()
    assert guest.hart.core.x[10] == 0x1F


@pytest.mark.parametrize("csr", [0x3A0, 0x3A1, 0x3A2, 0x3A3])
def test_every_pmpcfg_keeps_what_is_written_on_rv32(csr: int) -> None:
    guest = Guest(f"li t0, 0x1f\ncsrw {csr:#x}, t0\ncsrr a0, {csr:#x}\nwfi", 32)
    guest.run()
    assert guest.hart.core.x[10] == 0x1F
