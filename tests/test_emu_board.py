"""emu/finisher.py and emu/rtc.py: how a guest ends the run, and what time it is."""

import pytest

from emu.finisher import Finisher
from emu.irq import Line
from emu.rtc import Goldfish, GoldfishRtc
from emu.trace import Event, Trace

HOUR = 3600 * 10**9


class Ends:
    """A finisher whose verdicts are remembered."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.resets = 0
        self.events: list[Event] = []
        trace = Trace()
        trace.subscribe(self.events.append)
        self.finisher = Finisher(self.codes.append, self.reset, trace)

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize(
    ("value", "code"), [(0x5555, 0), (0x3333, 1), (0x13333, 1), (0x2A3333, 42), (0xFFFF3333, 0xFFFF), (0x75555, 0)]
)
def test_a_store_to_the_finisher_ends_the_run_with_a_code(value: int, code: int) -> None:
    ends = Ends()
    ends.finisher.store(0, 4, value)
    assert ends.codes == [code] and ends.resets == 0 and ends.events == []


def test_the_reset_value_restarts_the_machine() -> None:
    ends = Ends()
    ends.finisher.store(0, 4, 0x7777)
    assert ends.resets == 1 and ends.codes == []


def test_a_value_that_the_finisher_does_not_know_is_told() -> None:
    ends = Ends()
    ends.finisher.store(0, 4, 0x1234)
    assert [event.text for event in ends.events] == ["the finisher does not know 0x1234"]
    assert ends.codes == [] and ends.resets == 0


def test_only_the_first_register_of_the_finisher_acts() -> None:
    ends = Ends()
    ends.finisher.store(4, 4, 0x5555)
    ends.finisher.store(0, 1, 0x55)
    assert ends.codes == [] and ends.finisher.load(0, 4) == 0


class Clock:
    """An RTC whose time a test sets."""

    def __init__(self) -> None:
        self.now = 0x17D3_5A00_8000_0000
        self.line = Line()
        self.rtc = GoldfishRtc(self.line, lambda: self.now)
        self.regs = Goldfish.bind(self.rtc)

    def time(self) -> int:
        low = self.regs.read(Goldfish.TimeLow)
        return self.regs.read(Goldfish.TimeHigh) << 32 | low

    def set_alarm(self, at: int) -> None:
        self.regs.write(Goldfish.AlarmHigh, at >> 32)
        self.regs.write(Goldfish.AlarmLow, at & 0xFFFFFFFF)


def test_reading_the_low_half_of_the_time_holds_the_high_half() -> None:
    clock = Clock()
    assert clock.time() == clock.now
    clock.now = 0x1_FFFF_FFFF
    low = clock.regs.read(Goldfish.TimeLow)
    clock.now += 1
    assert (clock.regs.read(Goldfish.TimeHigh), low) == (1, 0xFFFFFFFF)


def test_the_guest_sets_its_own_time_and_it_goes_on() -> None:
    clock = Clock()
    clock.regs.write(Goldfish.TimeHigh, 0x1111)
    clock.regs.write(Goldfish.TimeLow, 0x22222222)
    assert clock.time() == 0x1111_2222_2222
    clock.now += HOUR
    assert clock.time() == 0x1111_2222_2222 + HOUR


def test_an_alarm_rings_once_and_until_it_is_cleared() -> None:
    clock = Clock()
    clock.regs.write(Goldfish.IrqEnabled, 1)
    clock.set_alarm(clock.now + HOUR)
    assert clock.regs.read(Goldfish.AlarmStatus) == 1
    clock.rtc.update()
    assert not clock.line.level
    clock.now += HOUR
    clock.rtc.update()
    assert clock.line.level and clock.regs.read(Goldfish.AlarmStatus) == 0
    clock.regs.write(Goldfish.ClearInterrupt, 1)
    clock.rtc.update()
    assert not clock.line.level


def test_an_alarm_in_the_past_rings_at_once_where_it_is_enabled() -> None:
    clock = Clock()
    clock.set_alarm(1)
    assert not clock.line.level
    clock.regs.write(Goldfish.IrqEnabled, 1)
    assert clock.line.level
    clock.regs.write(Goldfish.IrqEnabled, 0)
    assert not clock.line.level


def test_a_cleared_alarm_does_not_ring() -> None:
    clock = Clock()
    clock.regs.write(Goldfish.IrqEnabled, 1)
    clock.set_alarm(clock.now + 1)
    clock.regs.write(Goldfish.ClearAlarm, 1)
    clock.now += 2
    clock.rtc.update()
    assert not clock.line.level
    assert clock.regs.read(Goldfish.AlarmLow) | clock.regs.read(Goldfish.AlarmHigh) << 32 == clock.now - 1


def test_other_widths_and_holes_do_nothing() -> None:
    clock = Clock()
    clock.rtc.store(0x10, 1, 1)
    clock.rtc.store(0x20, 4, 1)
    assert [clock.rtc.load(at, width) for at, width in ((0, 8), (0, 2), (0x20, 4), (0x10, 4), (0x14, 4))] == [0] * 5
