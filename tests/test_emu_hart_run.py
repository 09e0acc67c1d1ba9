"""Interrupts, stops, device accesses and counts: nothing runs twice, everything is counted once. rv32 and rv64."""

from __future__ import annotations

import threading
import time

import pytest
from asm import BASE, assemble
from bare import HANDLER, TO_M, XLEN, Guest, drop_to

from emu.config import Stop
from emu.hart import Hart
from emu.memory import Ram
from emu.trace import RegisterAccess
from emu.traps import Irq, S

pytestmark = pytest.mark.usefixtures("pace")


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
def test_a_limit_stops_where_the_count_says(xlen: int, pace: str) -> None:
    guest = Guest("loop: addi a0, a0, 1\nj loop", xlen)
    for limit in (1, 2, 7, 1000):
        before = guest.hart.instructions
        assert guest.run(limit) is Stop.LIMIT
        done = guest.hart.instructions
        # the loop is two instructions, and the first one counts
        assert (guest.hart.core.x[10], guest.hart.pc) == ((done + 1) // 2, BASE + 4 * (done % 2))
        late = done - before - limit
        assert late == 0 if pace == "count" else 0 <= late < 2, "the helper stops where a block begins"


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
def test_an_interrupt_or_a_stop_inside_an_access_does_not_repeat_it(xlen: int, pace: str) -> None:
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
    assert stops == 300 if pace == "count" else 100 <= stops <= 300, "two accesses of a block end in one stop"


@XLEN
@pytest.mark.parametrize("first", ["sw t1, 0(t0)", "lw t1, 0(t0)"])
def test_after_a_halt_inside_an_access_nothing_is_executed(xlen: int, first: str) -> None:
    guest = Guest(f"li t0, 0x10000000\nnop\n{first}\naddi s1, s1, 1\nsw s1, 4(t0)\nloop: addi s1, s1, 1\nj loop", xlen)
    accesses: list[int] = []

    def load(offset: int, width: int) -> int:
        store(offset, width, 0)
        return 0

    def store(offset: int, width: int, value: int) -> None:
        accesses.append(offset)
        guest.hart.halt()

    guest.device(load, store)
    assert guest.run() is Stop.LIMIT
    assert (accesses, guest.hart.core.x[9]) == ([0], 0)


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


def test_many_harts_in_one_process_each_find_their_own_state() -> None:
    for _ in range(100):
        hart = Hart(Ram(BASE, 1 << 20), 64)
        hart.ram.write(BASE, assemble("li a0, 7\nwfi"))
        hart.reset(BASE)
        assert hart.run(10) is Stop.WAITING
        assert hart.core.x[10] == 7
