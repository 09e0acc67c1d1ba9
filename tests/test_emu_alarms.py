"""emu/alarms.py: several timers on one alarm."""

from __future__ import annotations

from asm import assemble

from emu.alarms import Alarms
from emu.machine import CLINT, RAM_BASE, End, Machine, MachineConfig


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 100
        self.at: int | None = None

    def ticks(self) -> int:
        return self.now

    read = ticks

    def set_ticks(self, value: int) -> None:
        self.now = value

    def alarm(self, at: int | None) -> None:
        self.at = at


def test_the_clock_is_set_for_the_earliest_and_each_rings_once() -> None:
    clock = HandClock()
    alarms = Alarms(clock)
    rang: list[str] = []
    first, second = alarms.new(lambda: rang.append("first")), alarms.new(lambda: rang.append("second"))
    first.alarm(300)
    second.alarm(200)
    assert clock.at == 200
    clock.now = 250
    alarms.update()
    alarms.update()
    assert rang == ["second"] and clock.at == 300
    first.alarm(None)
    assert clock.at is None
    clock.now = 1000
    alarms.update()
    assert rang == ["second"]


def test_an_alarm_that_sets_itself_again_while_ringing_stays_set() -> None:
    clock = HandClock()
    alarms = Alarms(clock)
    again = alarms.new(lambda: again.alarm(clock.now + 50))
    again.alarm(100)
    alarms.update()
    assert clock.at == 150


def test_setting_the_clock_lets_the_other_timers_compare_again() -> None:
    clock = HandClock()
    alarms = Alarms(clock)
    rang: list[str] = []
    setter, other = alarms.new(lambda: rang.append("setter")), alarms.new(lambda: rang.append("other"))
    setter.set_ticks(5000)
    assert (clock.now, rang, other.ticks(), setter.read()) == (5000, ["other"], 5000, 5000)


def test_a_timer_that_nobody_enabled_neither_slows_the_machine_nor_keeps_it_waiting() -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    code = assemble(f"li t0, {CLINT + 0x4000:#x}\nli t1, 5\nsd t1, 0(t0)\nli t2, 1000000\nloop: addi t2, t2, -1\n"
                    "bnez t2, loop\nwfi")  # fmt: skip
    machine.ram.write(RAM_BASE, code)
    machine.hart.reset(RAM_BASE)
    assert machine.run(timeout=10) is End.STUCK
