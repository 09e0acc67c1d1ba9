"""The composed board: timers, interrupts through PLIC and CLINT, exits, waiting, and what comes from other threads."""

from __future__ import annotations

import threading
import time

import pytest
from asm import assemble

from emu.console import ConsoleTimeout
from emu.machine import RAM_BASE, End, Machine, MachineConfig, slot_base

pytestmark = pytest.mark.usefixtures("pace")

XLEN = pytest.mark.parametrize("xlen", [32, 64])
EXIT = """
exit_ok:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stay: j stay
"""


def machine_with(program: str, xlen: int = 64, wall: bool = False) -> Machine:
    machine = Machine(MachineConfig(xlen, 1 << 20, wall_clock=wall))
    machine.ram.write(RAM_BASE, assemble(program, xlen))
    machine.hart.reset(RAM_BASE)
    return machine


@XLEN
def test_the_finisher_ends_the_run_with_the_guests_code(xlen: int) -> None:
    machine = machine_with("li t0, 0x100000\nli t1, 0x73333\nsw t1, 0(t0)\nstay: j stay", xlen)
    assert machine.run(5) is End.EXIT
    assert machine.exit_code == 7


TIMER = """
    la t0, handler
    csrw mtvec, t0
    li t0, 0x80
    csrw mie, t0
    csrsi mstatus, 8
    li s0, 0x0200bff8
    li s1, 0x02004000
    lw t0, 0(s0)
    li t1, 10000
    add t0, t0, t1
    sw t0, 0(s1)
    sw zero, 4(s1)
    {wait}
    .align 2
    handler:
    li t0, -1
    sw t0, 4(s1)
    addi s2, s2, 1
"""


@XLEN
@pytest.mark.parametrize("wall", [False, True])
@pytest.mark.parametrize("wait", ["loop: j loop", "loop: wfi\nj loop"])
def test_the_timer_interrupt_comes_while_running_and_while_waiting(xlen: int, wall: bool, wait: str) -> None:
    machine = machine_with(TIMER.format(wait=wait) + EXIT, xlen, wall)
    start = time.monotonic()
    assert machine.run(5) is End.EXIT
    assert machine.hart.core.x[18] == 1
    if wall:
        assert time.monotonic() - start >= 0.001
    else:
        assert machine.clock.ticks() >= 10_000


@XLEN
def test_a_software_interrupt_to_oneself(xlen: int) -> None:
    program = "la t0, exit_ok\ncsrw mtvec, t0\nli t0, 8\ncsrw mie, t0\ncsrsi mstatus, 8\nli t0, 0x02000000\nli t1, 1\n"
    machine = machine_with(program + "sw t1, 0(t0)\nloop: j loop\n.align 2\n" + EXIT, xlen)
    assert machine.run(5) is End.EXIT


@XLEN
def test_a_slots_interrupt_reaches_the_guest_through_the_plic(xlen: int) -> None:
    program = """
    la t0, handler
    csrw mtvec, t0
    li t0, 0x0c000000
    li t1, 1
    sw t1, 12(t0)
    li t0, 0x0c002000
    li t1, 8
    sw t1, 0(t0)
    li t0, 0x800
    csrw mie, t0
    csrsi mstatus, 8
    loop: wfi
    j loop
    .align 2
    handler:
    li t0, 0x0c200004
    lw s1, 0(t0)
    """
    machine = machine_with(program + EXIT, xlen)
    machine.waits_for_input = True
    line = machine.slot_line(2, "virtio2")
    threading.Timer(0.05, lambda: machine.post(lambda: line.set(True))).start()
    assert machine.run(5) is End.EXIT
    assert machine.hart.core.x[9] == 3, "slot 2 is irq 3"


def test_a_guest_that_nothing_can_wake_is_stuck() -> None:
    assert machine_with("loop: wfi\nj loop").run(5) is End.STUCK


def test_a_guest_that_never_ends_times_out() -> None:
    start = time.monotonic()
    assert machine_with("loop: j loop").run(0.2) is End.TIMEOUT
    assert 0.2 <= time.monotonic() - start < 2


def test_a_waiting_machine_costs_no_processor_and_hears_the_timeout() -> None:
    machine = machine_with("loop: wfi\nj loop")
    machine.waits_for_input = True
    used = time.process_time()
    assert machine.run(0.3) is End.TIMEOUT
    assert time.process_time() - used < 0.2


def test_another_thread_can_post_into_a_busy_guest_quickly() -> None:
    machine = machine_with("loop: addi a0, a0, 1\nj loop")
    called: list[float] = []
    posted: list[float] = []

    def post() -> None:
        posted.append(time.monotonic())
        machine.post(lambda: (called.append(time.monotonic()), machine.exit(3)))

    threading.Timer(0.1, post).start()
    assert machine.run(10) is End.EXIT
    assert machine.exit_code == 3
    assert called[0] - posted[0] < 0.5


def test_an_empty_physical_address_between_devices_is_an_access_fault() -> None:
    program = "la t0, handler\ncsrw mtvec, t0\nli t0, 0x10009000\nlw a0, 0(t0)\n.align 2\nhandler: csrr s1, mtval\n"
    machine = machine_with(program + EXIT)
    assert machine.run(5) is End.EXIT
    assert machine.hart.core.x[9] == slot_base(8)


ECHO = """
    li s0, 0x10000000
    loop: lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, loop
    lbu t1, 0(s0)
    addi t1, t1, 1
    sb t1, 0(s0)
    j loop
"""


@XLEN
def test_a_script_talks_to_the_guest_over_the_uart(xlen: int) -> None:
    console = machine_with(ECHO, xlen).uart
    console.send(b"HAL")
    assert console.expect(b"IBM", 5) == b"IBM"
    console.send(b"x" * 100)
    assert console.expect(b"y" * 100, 5) == b"y" * 100


def test_a_script_hears_what_came_instead() -> None:
    console = machine_with(ECHO).uart
    console.send(b"A")
    with pytest.raises(ConsoleTimeout, match=r"b'=> ' did not come \(timeout\); the guest's last words: 'B'"):
        console.expect(b"=> ", 0.2)


def test_the_real_time_clock_is_repeatable_where_time_is_virtual() -> None:
    machine = machine_with("li t0, 0x101000\nlw a0, 0(t0)\nlw a1, 4(t0)\n" + EXIT)
    machine.run(5)
    assert machine.hart.core.x[11] << 32 | machine.hart.core.x[10] & 0xFFFFFFFF == 1_767_225_600 * 10**9


@XLEN
def test_semihosting_tells_the_machines_time_and_no_other(xlen: int) -> None:
    call = "slli zero, zero, 31\nebreak\n.word 0x40705013\n"
    program = f"li a0, 0x11\n{call}mv s1, a0\nli a0, 0x10\n{call}mv s2, a0\n" + EXIT  # SYS_TIME, SYS_CLOCK
    machine = Machine(MachineConfig(xlen, 1 << 20, semihosting=True))
    machine.ram.write(RAM_BASE, assemble(program, xlen))
    machine.hart.reset(RAM_BASE)
    assert machine.run(5) is End.EXIT
    assert (machine.hart.core.x[9], machine.hart.core.x[18]) == (1_767_225_600, 0)


def test_a_post_that_is_not_urgent_waits_until_the_machine_comes_back() -> None:
    machine = machine_with("li t1, 1000000\nloop: addi t1, t1, -1\nbnez t1, loop\nwfi\nstay: j stay")
    seen: list[int] = []
    machine.waits_for_input = True
    machine.post(lambda: machine.post(lambda: seen.append(machine.hart.core.x[6]), soon=False))
    machine.run(10, until=lambda: bool(seen))
    assert seen == [0], "it was done in WFI, not in the loop"


def test_a_post_wakes_a_waiting_machine_at_once() -> None:
    machine = machine_with("loop: wfi\nj loop")
    machine.waits_for_input = True
    delays: list[float] = []

    def ask() -> None:
        asked = time.monotonic()
        machine.post(lambda: delays.append(time.monotonic() - asked))

    for i in range(10):
        threading.Timer(0.03 * i, ask).start()
    machine.run(0.5)
    assert len(delays) == 10
    assert sorted(delays)[5] < 0.02
