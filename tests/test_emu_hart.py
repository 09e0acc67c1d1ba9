"""What the hart has to do exactly, and what we rely on in Unicorn: each by a small assembled program, rv32 and rv64."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from asm import BASE, assemble

from emu.bus import Bus
from emu.hart import Hart, Stop
from emu.memory import Ram
from emu.trace import RegisterAccess, Trace
from emu.traps import Cause, Irq, M, S, U

RESULTS = 0x8000
XLEN = pytest.mark.parametrize("xlen", [32, 64])
# The handler stores cause, epc, tval and the status at RESULTS and waits.
TO_M = """
    la t0, handler
    csrw mtvec, t0
"""
HANDLER = """
.align 2
handler:
    la s0, results
    csrr s1, mcause
    sx s1, 0(s0)
    csrr s1, mepc
    sx s1, 8(s0)
    csrr s1, mtval
    sx s1, 16(s0)
    csrr s1, mstatus
    sx s1, 24(s0)
    wfi
s_handler:
    la s0, results
    csrr s1, scause
    sx s1, 0(s0)
    csrr s1, sepc
    sx s1, 8(s0)
    csrr s1, stval
    sx s1, 16(s0)
    csrr s1, sstatus
    sx s1, 24(s0)
    li s1, 1
    sx s1, 32(s0)
    wfi
.org 0x8000
results:
"""


def drop_to(priv: int) -> str:
    """Code that goes on at label `below` in this privilege."""
    return f"""
    li t0, 0x1800
    csrc mstatus, t0
    li t0, {priv << 11}
    csrs mstatus, t0
    la t0, below
    csrw mepc, t0
    mret
    below:
"""


class Guest:
    """A hart with 1 MiB of RAM, a device of ours at 0x10000000, and a program at 0x80000000."""

    def __init__(self, program: str, xlen: int) -> None:
        self.ram = Ram(BASE, 1 << 20)
        self.hart = Hart(self.ram, xlen, time=lambda: 0x1_2345_6789)
        self.program = assemble(program, xlen)
        self.ram.write(BASE, self.program)
        self.trace = Trace(lambda: self.hart.instructions, lambda: self.hart.pc)
        self.bus = Bus(self.trace)
        self.hart.reset(BASE)

    def device(self, load: Callable[[int, int], int], store: Callable[[int, int, int], None]) -> None:
        class Probe:
            def load(self, offset: int, width: int) -> int:
                return load(offset, width)

            def store(self, offset: int, width: int, value: int) -> None:
                store(offset, width, value)

        self.hart.map(self.bus.add("probe", 0x10000000, 0x1000, Probe(), traced=True))

    def run(self, limit: int = 100_000) -> Stop:
        return self.hart.run(limit)

    def result(self, index: int) -> int:
        at = BASE + RESULTS + 8 * index
        return self.ram.get64(at) if self.hart.xlen == 64 else self.ram.get32(at)

    def trap(self) -> tuple[int, int, int]:
        """(cause, epc - 0x80000000, tval) as the handler saw them."""
        assert self.run() is Stop.WAITING
        return self.result(0), self.result(1) - BASE, self.result(2)


def trap_of(code: str, xlen: int, prelude: str = "") -> tuple[int, int, int, Guest]:
    """Run `code` at label `here` and return (cause, epc - here, tval, guest)."""
    program = TO_M + prelude + ".align 2\nhere:\n" + code + "\nj here\n" + HANDLER
    guest = Guest(program, xlen)
    offset = len(assemble(TO_M + prelude + ".align 2\n", xlen))
    cause, epc, tval = guest.trap()
    return cause, epc - offset, tval, guest


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
def test_access_faults_beyond_the_end_of_ram_trap_too(xlen: int) -> None:
    assert trap_of("lw a0, 0(t1)", xlen, "li t1, 0x80100000\n")[::2][:2] == (Cause.LOAD_ACCESS, 0x80100000)


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
@pytest.mark.parametrize("bit", [Irq.MSIP, Irq.MTIP, Irq.MEIP])
@pytest.mark.parametrize("vectored", [False, True])
def test_machine_interrupts_are_delivered(xlen: int, bit: Irq, vectored: bool) -> None:
    number = int(bit).bit_length() - 1
    table = "\n.align 6\nvectors:\n" + "j wrong\n" * number + "j handler\n" + "j wrong\n" * 4 + "wrong: j wrong\n"
    program = f"""
    la t0, {"vectors" if vectored else "handler"}
    addi t0, t0, {int(vectored)}
    csrw mtvec, t0
    li t0, {int(bit)}
    csrw mie, t0
    csrsi mstatus, 8
    loop: addi a0, a0, 1
    j loop
    """
    guest = Guest(program + table + HANDLER, xlen)
    assert guest.run(1000) is Stop.LIMIT
    guest.hart.set_mip(bit, True)
    cause, epc, _ = guest.trap()
    assert cause == 1 << (xlen - 1) | number
    assert epc + BASE == guest.hart.core.mepc.value


@XLEN
def test_the_guest_reads_machine_pending_bits_in_mip(xlen: int) -> None:
    guest = Guest("csrr a0, mip\nwfi", xlen)
    for bit in (Irq.MSIP, Irq.MTIP, Irq.MEIP, Irq.SEIP):
        guest.hart.set_mip(bit, True)
    guest.hart.set_mip(Irq.MSIP, False)
    guest.run()
    assert guest.hart.core.x[10] == Irq.MTIP | Irq.MEIP | Irq.SEIP


@XLEN
def test_a_delegated_interrupt_goes_to_s_mode(xlen: int) -> None:
    prelude = """
    la t0, s_handler
    csrw stvec, t0
    li t0, 0x200
    csrw mideleg, t0
    csrw mie, t0
    """
    guest = Guest(TO_M + prelude + "csrsi mstatus, 2\n" + drop_to(S) + "loop: j loop" + HANDLER, xlen)
    guest.run(1000)
    guest.hart.set_mip(Irq.SEIP, True)
    assert guest.trap()[0] == 1 << (xlen - 1) | 9
    assert guest.result(4) == 1


@XLEN
def test_wfi_comes_back_and_goes_on_after_it(xlen: int) -> None:
    guest = Guest("li a0, 1\nwfi\nli a0, 2\nwfi\n", xlen)
    assert guest.run() is Stop.WAITING
    assert (guest.hart.core.x[10], guest.hart.pc, guest.hart.instructions) == (1, BASE + 8, 2)
    assert guest.run() is Stop.WAITING
    assert guest.hart.core.x[10] == 2


@XLEN
def test_a_limit_stops_after_exactly_so_many_instructions(xlen: int) -> None:
    guest = Guest("loop: addi a0, a0, 1\nj loop", xlen)
    done = 0
    for limit in (1, 2, 7, 1000):
        assert guest.run(limit) is Stop.LIMIT
        done += limit
        # the loop is two instructions, and the first one counts
        assert (guest.hart.core.x[10], guest.hart.pc) == ((done + 1) // 2, BASE + 4 * (done % 2))
    assert guest.hart.instructions == done


MMIO_LOOP = """
    li t0, 0x10000000
    li t1, 100
    loop: addi t2, t2, 1
    c.nop
    lw a0, 0(t0)
    c.nop
    sw t2, 4(t0)
    addi t1, t1, -1
    bnez t1, loop
    wfi
"""


@XLEN
def test_every_access_happens_once_and_shows_its_own_pc_and_time(xlen: int) -> None:
    guest = Guest(MMIO_LOOP, xlen)
    guest.device(lambda offset, width: 0, lambda offset, width, value: None)
    seen: list[RegisterAccess] = []
    guest.trace.subscribe(seen.append)  # type: ignore[arg-type]
    assert guest.run() is Stop.WAITING
    loop = len(assemble(MMIO_LOOP.partition("loop:")[0], xlen))
    setup = loop // 4
    assert len(seen) == 200
    for i, event in enumerate(seen):
        turn, store = divmod(i, 2)
        assert event.pc == BASE + loop + (12 if store else 6)
        assert event.time == setup + turn * 7 + (5 if store else 3)
        assert (event.op, event.value) == (("w", turn + 1) if store else ("r", 0))


@XLEN
def test_an_interrupt_or_a_stop_inside_an_access_does_not_repeat_it(xlen: int) -> None:
    program = "la t0, handler\ncsrw mtvec, t0\nli t0, 0x800\ncsrw mie, t0\ncsrsi mstatus, 8\n" + MMIO_LOOP + """
    .align 2
    handler: csrr s1, mcause
    addi s2, s2, 1
    sw s2, 8(t0)
    mret
    """
    guest = Guest(program, xlen)
    stores: list[tuple[int, int]] = []
    loads = 0

    def load(offset: int, width: int) -> int:
        nonlocal loads
        loads += 1
        guest.hart.stop()
        return 7

    def store(offset: int, width: int, value: int) -> None:
        stores.append((offset, value))
        guest.hart.set_mip(Irq.MEIP, offset == 4)
        guest.hart.stop()

    guest.device(load, store)
    stops = 0
    while guest.run() is Stop.LIMIT:
        stops += 1
        assert stops < 1000
    assert loads == 100
    assert [s for s in stores if s[0] == 4] == [(4, i) for i in range(1, 101)]
    assert [s for s in stores if s[0] == 8] == [(8, i) for i in range(1, 101)]
    assert stops == 300


@XLEN
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_an_access_of_every_width_reaches_the_device_whole(xlen: int, width: int) -> None:
    if width == 8 and xlen == 32:
        pytest.skip("rv32 has no 8-byte integer access")
    letter = {1: "b", 2: "h", 4: "w", 8: "d"}[width]
    guest = Guest(f"li t0, 0x10000000\nli a0, -2\ns{letter} a0, 16(t0)\nl{letter} a1, 24(t0)\nwfi", xlen)
    seen: list[tuple[int, int, int]] = []
    guest.device(lambda o, w: seen.append((o, w, -1)) or 0x41, lambda o, w, v: seen.append((o, w, v)))  # type: ignore[func-returns-value]
    guest.run()
    parts = [(16, width, (1 << 8 * width) - 2), (24, width, -1)]
    assert seen == parts
    assert guest.hart.core.x[11] == 0x41


@XLEN
def test_five_million_amos_count_exactly_under_timer_interrupts_and_host_stops(xlen: int) -> None:
    letter = "d" if xlen == 64 else "w"
    program = f"""
    la t0, handler
    csrw mtvec, t0
    li t0, 0x80
    csrw mie, t0
    csrsi mstatus, 8
    la t0, counter
    li t1, 5000000
    li t2, 1
    loop: amoadd.{letter} zero, t2, (t0)
    addi t1, t1, -1
    bnez t1, loop
    wfi
    .align 2
    handler: addi s1, s1, 1
    li s2, 0x10000000
    sw s1, 0(s2)
    mret
    .org 0x8000
    counter:
    """
    guest = Guest(program, xlen)
    guest.device(lambda o, w: 0, lambda o, w, v: guest.hart.set_mip(Irq.MTIP, False))
    done = threading.Event()

    def pester() -> None:
        while not done.wait(0.001):
            guest.hart.stop()

    thread = threading.Thread(target=pester)
    thread.start()
    ticks = stops = 0
    next_tick = 100_000  # 1 kHz where a second is 100 million instructions
    try:
        while True:
            if guest.hart.run(next_tick - guest.hart.instructions) is Stop.WAITING:
                break
            if guest.hart.instructions >= next_tick:
                guest.hart.set_mip(Irq.MTIP, True)
                ticks += 1
                next_tick += 100_000
            else:
                stops += 1
    finally:
        done.set()
        thread.join()
    assert guest.result(0) == 5_000_000
    assert ticks >= 149
    assert guest.hart.core.x[9] == ticks, "each interrupt was taken once"
    assert stops > 0


@XLEN
def test_a_device_write_over_code_takes_effect(xlen: int) -> None:
    guest = Guest("loop: li a0, 1\nwfi\nj loop", xlen)
    guest.run()
    guest.run()
    guest.ram.write(BASE, assemble("li a0, 2", xlen))
    guest.run()
    assert guest.hart.core.x[10] == 2


@XLEN
def test_a_trap_ends_an_lr_sc_pair_and_a_pending_bit_does_not(xlen: int) -> None:
    code = "la t0, data\nlr.w a0, (t0)\n{}\nsc.w a1, a0, (t0)\nwfi\n.align 2\nback: csrr s1, mepc\naddi s1, s1, 4\n"
    code += "csrw mepc, s1\nmret\n.org 0x8000\ndata:"
    setup = "la t0, back\ncsrw mtvec, t0\n"
    undisturbed, trapped = Guest(setup + code.format("nop"), xlen), Guest(setup + code.format("ecall"), xlen)
    lr = 2 * len(assemble("la t0, back", xlen)) // 4 + 2
    undisturbed.run(lr)
    undisturbed.hart.set_mip(Irq.MEIP, True)
    undisturbed.run()
    trapped.run()
    assert (undisturbed.hart.core.x[11], trapped.hart.core.x[11]) == (0, 1)


def test_an_exception_in_a_device_leaves_run_and_not_the_callback() -> None:
    guest = Guest(MMIO_LOOP, 64)

    def load(offset: int, width: int) -> int:
        raise ZeroDivisionError("a bug of ours")

    guest.device(load, lambda o, w, v: None)
    with pytest.raises(ZeroDivisionError, match="a bug of ours"):
        guest.run()


def test_a_hart_is_ready_in_a_fraction_of_a_second() -> None:
    start = time.monotonic()
    Hart(Ram(BASE, 1 << 20), 64)
    assert time.monotonic() - start < 1
