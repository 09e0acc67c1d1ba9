"""Instructions that the core lacks, run by a guest: right results, right faults, one word about the cost."""

from __future__ import annotations

import pytest
from asm import BASE, assemble
from bare import HANDLER, TO_M, XLEN, Guest, drop_to
from bitmanip_model import IMMEDIATES, WORDS, model

from emu.boot import BootConfig, prepare
from emu.envcfg import Envcfg
from emu.extensions import SlowExtensions
from emu.fdt import read_dtb
from emu.machine import End, Machine, MachineConfig
from emu.trace import Event, Notice
from emu.traps import Cause, M, S, U

PAIRS = ((0x80000001_7FFF80F0, 5), (0xFFFFFFFF_80000000, 0x7FFFFFFF_FFFFFFFF), (0, 0xFFFFFFFF_FFFFFFC1))


def cbo(operation: int, rs1: int = 6) -> str:
    """`cbo.inval`, `clean`, `flush` or `zero` (0, 1, 2, 4) of the block that t1 points into."""
    return f".word {operation << 20 | rs1 << 15 | 0x200F:#x}\n"


INVAL, CLEAN, FLUSH, ZERO = 0, 1, 2, 4


def slow(program: str, xlen: int) -> tuple[Guest, list[str]]:
    guest = Guest(program, xlen)
    said: list[str] = []
    SlowExtensions(guest.hart.exceptions, said.append)
    return guest, said


@XLEN
@pytest.mark.parametrize("pair", PAIRS)
def test_a_guest_gets_the_right_result_of_every_instruction(xlen: int, pair: tuple[int, int]) -> None:
    a, b = (value % 2**xlen for value in pair)
    by = b % 32
    program = f"li a1, {a:#x}\nli a2, {b:#x}\nla s0, results\n"
    words = WORDS[xlen]
    for i, (name, word) in enumerate(words.items()):
        program += f".word {word | (by << 20 if name in IMMEDIATES else 0):#x}\nsx a0, {8 * i}(s0)\n"
    guest, _ = slow(program + "wfi\n.org 0x8000\nresults:\n", xlen)
    guest.run()
    for i, name in enumerate(words):
        assert guest.result(i) == model(name, a, by if name in IMMEDIATES else b, xlen), name


@XLEN
def test_a_result_for_x0_is_thrown_away(xlen: int) -> None:
    guest, _ = slow("li a1, 5\n.word 0x60259013\nadd a0, zero, zero\nwfi", xlen)  # cpop x0, a1
    guest.run()
    assert guest.hart.core.x[10] == guest.hart.core.x[0] == 0


@XLEN
def test_the_first_use_is_told_once_with_what_it_costs(xlen: int) -> None:
    said: list[str] = []
    machine = Machine(MachineConfig(xlen, 1 << 20, tell=said.append))
    events: list[Event] = []
    machine.trace.subscribe(events.append)
    machine.ram.write(BASE, assemble("nop\n.word 0x60259513\n.word 0x60159513\nwfi", xlen))
    machine.hart.reset(BASE)
    assert machine.run(timeout=5) is End.STUCK
    assert len(said) == 1
    start = "this guest uses Zbb (cpop at pc 0x80000004), which this core lacks; each such instruction takes about "
    assert said[0].startswith(start) and said[0].endswith(" µs")
    assert [(e.text, e.pc) for e in events if isinstance(e, Notice)] == [(said[0], BASE + 4)]


@XLEN
def test_a_machine_without_them_traps(xlen: int) -> None:
    said: list[str] = []
    machine = Machine(MachineConfig(xlen, 1 << 20, slow_extensions=False, tell=said.append))
    machine.ram.write(BASE, assemble(TO_M + ".word 0x60259513\n" + HANDLER, xlen))
    machine.hart.reset(BASE)
    machine.run(timeout=5)
    assert machine.hart.core.mcause.value == Cause.ILLEGAL_INSTRUCTION
    assert (machine.hart.core.mtval.value, said) == (0x60259513, [])


def filled(guest: Guest) -> None:
    guest.ram.write(BASE + 0x9000, b"\xaa" * 256)


@XLEN
def test_cbo_zero_clears_the_block_around_the_address(xlen: int) -> None:
    guest, said = slow("li t1, 0x80009047\n" + cbo(ZERO) + "wfi", xlen)
    filled(guest)
    guest.run()
    assert guest.ram.read(BASE + 0x9000, 256) == b"\xaa" * 64 + bytes(64) + b"\xaa" * 128
    assert said[0].startswith("this guest uses Zicboz (cbo.zero at pc 0x8000")


@XLEN
def test_the_other_cbos_change_nothing(xlen: int) -> None:
    guest, said = slow("li t1, 0x80009047\n" + cbo(INVAL) + cbo(CLEAN) + cbo(FLUSH) + "li a0, 7\nwfi", xlen)
    filled(guest)
    guest.run()
    assert guest.ram.read(BASE + 0x9000, 256) == b"\xaa" * 256 and guest.hart.core.x[10] == 7
    assert len(said) == 1 and "Zicbom (cbo.inval" in said[0]


@XLEN
def test_cbo_zero_over_code_that_ran_before_is_seen(xlen: int) -> None:
    program = TO_M + "li s2, 0\nagain: la t1, code\njr t1\nback: bnez s2, end\nli s2, 1\n" + cbo(ZERO)
    guest, _ = slow(program + "fence.i\nj again\nend: wfi\n.align 6\ncode: j back\n.align 6\n" + HANDLER, xlen)
    cause, _, tval = guest.trap()
    assert (cause, tval) == (Cause.ILLEGAL_INSTRUCTION, 0)  # zeroes are no instruction


@XLEN
@pytest.mark.parametrize("operation", [INVAL, CLEAN, FLUSH, ZERO])
def test_a_block_outside_ram_is_a_store_access_fault(xlen: int, operation: int) -> None:
    guest, said = slow(TO_M + "li t1, 0x20000014\nhere: " + cbo(operation) + HANDLER, xlen)
    cause, _, tval = guest.trap()
    assert (cause, tval, said) == (Cause.STORE_ACCESS, 0x20000014, [])


@XLEN
@pytest.mark.parametrize("operation", [3, 5, 6, 7])
def test_other_operations_are_illegal(xlen: int, operation: int) -> None:
    guest, _ = slow(TO_M + "li t1, 0x80009000\n" + cbo(operation) + HANDLER, xlen)
    assert guest.trap()[0] == Cause.ILLEGAL_INSTRUCTION


BITS = {INVAL: 0x30, CLEAN: 0x40, FLUSH: 0x40, ZERO: 0x80}


@XLEN
@pytest.mark.parametrize("operation", list(BITS))
@pytest.mark.parametrize(
    ("priv", "by_m", "by_s", "legal"),
    [(M, 0, 0, True), (S, 0, 1, False), (S, 1, 0, True), (U, 1, 0, False), (U, 0, 1, False), (U, 1, 1, True)],
)
def test_lower_modes_need_the_permission_of_the_higher(
    xlen: int, operation: int, priv: int, by_m: int, by_s: int, legal: bool
) -> None:
    bits = BITS[operation]
    setup = f"li t0, {bits * by_m}\ncsrw 0x30a, t0\nli t0, {bits * by_s}\ncsrw 0x10a, t0\nli t1, 0x80009000\n"
    guest, _ = slow(TO_M + setup + (drop_to(priv) if priv != M else "") + cbo(operation) + "ecall" + HANDLER, xlen)
    assert guest.trap()[0] == (Cause.ECALL_U + priv if legal else Cause.ILLEGAL_INSTRUCTION)


# A superpage maps 0x80000000 to itself for S; the one at 0x40000000 leads to the same memory with FLAGS
PAGED = """
    la t0, table
    srli t0, t0, 12
    li t1, MODE
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0xf0
    csrw 0x30a, t0
"""
MODES = {64: hex(8 << 60), 32: hex(1 << 31)}
TABLES = {
    64: "\n.org 0xa000\ntable:\n.org 0xa008\n.dword {0:#x}\n.dword 0x200000cf\n",
    32: "\n.org 0xa000\ntable:\n.org 0xa400\n.word {0:#x}\n.org 0xa800\n.word 0x200000cf\n",
}
V, R, W, X, USER, A, D = 1, 2, 4, 8, 16, 64, 128


@XLEN
@pytest.mark.parametrize(
    ("flags", "operation", "allowed"),
    [
        (V | R | W | A | D, ZERO, True),
        (V | R | A | D, ZERO, False),
        (V | R | A | D, CLEAN, True),
        (V | X | A | D, FLUSH, False),
        (V | R | W | USER | A | D, ZERO, False),
        (V | R | W | USER | A | D, CLEAN, False),
        (R | W | A | D, ZERO, False),
        (R | W | A | D, INVAL, False),
    ],
)
def test_pages_permit_a_block_operation_or_it_is_a_store_page_fault(
    xlen: int, flags: int, operation: int, allowed: bool
) -> None:
    code = TO_M + PAGED.replace("MODE", MODES[xlen]) + "li t1, 0x40009047\n" + drop_to(S) + cbo(operation) + "ecall"
    guest, _ = slow(code + HANDLER + TABLES[xlen].format(0x20000000 | flags), xlen)
    filled(guest)
    cause, _, tval = guest.trap()
    assert (cause, tval) == ((Cause.ECALL_S, 0) if allowed else (Cause.STORE_PAGE_FAULT, 0x40009047))
    cleared = guest.ram.read(BASE + 0x9040, 64) == bytes(64)
    assert cleared == (allowed and operation == ZERO)


@XLEN
def test_sum_lets_s_mode_clear_a_block_of_a_user_page_and_the_page_gets_dirty(xlen: int) -> None:
    code = TO_M + PAGED.replace("MODE", MODES[xlen]) + "li t0, 0x40000\ncsrs mstatus, t0\nli t1, 0x40009047\n"
    guest, _ = slow(code + drop_to(S) + cbo(ZERO) + "ecall" + HANDLER + TABLES[xlen].format(0x20000017), xlen)
    assert guest.trap()[0] == Cause.ECALL_S
    entry = guest.ram.get64(BASE + 0xA008) if xlen == 64 else guest.ram.get32(BASE + 0xA400)
    assert entry == 0x200000D7


@XLEN
def test_mprv_makes_a_block_operation_of_m_mode_translate(xlen: int) -> None:
    code = TO_M + PAGED.replace("MODE", MODES[xlen]) + "li t1, 0x40009047\nli t0, 0x20800\ncsrs mstatus, t0\n"
    guest, _ = slow(code + cbo(ZERO) + HANDLER + TABLES[xlen].format(0), xlen)
    guest.run()
    assert guest.hart.core.mcause.value == Cause.STORE_PAGE_FAULT
    assert guest.hart.core.mtval.value == 0x40009047


@pytest.mark.parametrize(
    ("config", "isa"),
    [
        (MachineConfig(64, 4 << 20), "rv64imafdc_zicsr_zifencei_sstc"),
        (MachineConfig(32, 4 << 20, sstc=False), "rv32imafdc_zicsr_zifencei"),
        (MachineConfig(64, 4 << 20, announce_slow=True),
         "rv64imafdc_zicbom_zicboz_zicsr_zifencei_zba_zbb_zbs_sstc"),
        (MachineConfig(64, 4 << 20, announce_slow=True, slow_extensions=False), "rv64imafdc_zicsr_zifencei_sstc"),
    ],
)  # fmt: skip
def test_the_device_tree_announces_what_is_fast_and_the_rest_on_request(
    config: MachineConfig, isa: str, tmp_path: pytest.TempPathFactory
) -> None:
    image = f"{tmp_path}/image"
    with open(image, "wb") as file:
        file.write(bytes(64))
    tree = read_dtb(prepare(Machine(config), BootConfig(image=image)).dtb, "board")
    cpu = tree.get_node("/cpus/cpu@0")
    assert cpu.get_property("riscv,isa").value == isa
    slow_ones = "zicbom" in isa
    assert cpu.exist_property("riscv,cbom-block-size") == cpu.exist_property("riscv,cboz-block-size") == slow_ones


def test_bits_of_menvcfg_come_with_what_they_are_for() -> None:
    guest = Guest("wfi", 64)
    environment = guest.hart.exceptions.csrs.environment
    environment.set_menvcfg(2**64 - 1)
    assert environment.menvcfg == Envcfg.FIOM
    SlowExtensions(guest.hart.exceptions, lambda line: None)
    environment.set_menvcfg(2**64 - 1)
    assert environment.menvcfg == 0xF1
