"""WHEN of `--save-at`: what can be said, and when it comes."""

from __future__ import annotations

import pytest
from asm import assemble

from emu.errors import InputError
from emu.machine import RAM_BASE, End, Machine, MachineConfig
from emu.trace import Notice
from tui.when import AtTime, parse

EXIT = "li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\nstay: j stay\n"
LOOP = "li s0, 300000\nloop: addi s0, s0, -1\nbnez s0, loop\n" + EXIT
SLEEP = """
    li t0, 0x2004000
    li t1, 500000
    sw t1, 0(t0)
    sw zero, 4(t0)
    li t0, 0x80
    csrw mie, t0
    wfi
""" + EXIT
PRINT = "li a0, 0x10000000\n" + "".join(f"li a1, {ord(c)}\nsb a1, 0(a0)\n" for c in "one two\n") + EXIT


def ran(program: str, text: str, **options: object) -> tuple[list[int], Machine]:
    """Run a program to its end; the instruction counts at which WHEN had come."""
    machine = Machine(MachineConfig(64, 1 << 20, **options))  # type: ignore[arg-type]
    machine.ram.write(RAM_BASE, assemble(program))
    machine.hart.reset(RAM_BASE)
    when, came = parse(text)(machine), []

    def look() -> int:
        if not came and when.due():
            came.append(machine.hart.instructions)
        return 1 << 40 if came else when.left()

    machine.between_slices = look
    assert machine.run(10) is End.EXIT
    when.cease()
    return came, machine


@pytest.mark.parametrize(
    "text",
    ["", "soon", "1.5", "5m", "-3s", "1e9s", "0x10", "uart", "uart:", "access:", "header", "event:x", "1.s", "٣s"],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line_that_says_what_can(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    said = str(caught.value)
    allowed = "not a time (1.5s, 250ms, 20us), a number of instructions (5000000), uart:TEXT, or KIND"
    assert said.startswith(f"--save-at {text}: {allowed}")
    assert "status" in said and "violation" in said and "header," not in said


@pytest.mark.usefixtures("pace")
@pytest.mark.parametrize("count", [0, 1, 5000, 600_000])
def test_a_number_of_instructions_is_met_at_the_next_block(count: int) -> None:
    came, _ = ran(LOOP, str(count))
    assert len(came) == 1 and 0 <= came[0] - count <= 4


@pytest.mark.usefixtures("pace")
@pytest.mark.parametrize(("text", "ticks"), [("0.001s", 10_000), ("2ms", 20_000), ("500.05us", 5_001)])
def test_a_guest_time_is_met_in_a_loop(text: str, ticks: int) -> None:
    came, _ = ran(LOOP, text)
    assert len(came) == 1 and 0 <= came[0] - ticks * 10 <= 20


def test_a_time_in_a_sleep_does_not_wake_the_guest() -> None:
    undisturbed, machine = ran(SLEEP, "9s")
    ended = machine.hart.instructions, machine.clock.ticks()
    came, machine = ran(SLEEP, "20ms")
    assert undisturbed == [] and len(came) == 1 and came[0] < ended[0]
    assert (machine.hart.instructions, machine.clock.ticks()) == ended


def test_a_time_that_comes_wakes_nobody_for_ever() -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    machine.ram.write(RAM_BASE, assemble("wfi\nstay: j stay\n"))
    machine.hart.reset(RAM_BASE)
    when = AtTime(machine, 1000)
    machine.between_slices = lambda: 1 << 40 if when.due() else when.left()
    assert machine.run(10) is End.STUCK
    assert machine.clock.ticks() == 1000


def test_text_on_the_uart_may_come_in_pieces_and_is_seen_once() -> None:
    came, machine = ran(PRINT, "uart:ne tw")
    assert len(came) == 1
    assert ran(PRINT, "uart:three")[0] == []
    assert machine.uart.listeners == [], "nobody listens any more"


def test_an_event_is_known_by_its_kind_and_text() -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    when = parse("notice:wrong")(machine)
    machine.trace.publish(Notice("hart", "all is well"))
    assert not when.due()
    machine.trace.publish(Notice("hart", "something wrong"))
    assert when.due()
    when.cease()
    assert not machine.trace.on
