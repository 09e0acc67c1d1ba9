"""States as named fields: written, read back, and refused by name where they are not what they have to be."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, ClassVar

import pytest

from emu.alarms import Alarms
from emu.clint import NEVER, Clint
from emu.clock import VirtualClock, WallClock
from emu.irq import Line
from emu.plic import Plic
from emu.rtc import GoldfishRtc
from emu.snapshot import BadState, Flag, Maybe, Number, Numbers, Octets, Part, Saved, bits
from emu.uart import Uart


class Inner(Saved):
    saved: ClassVar = {"level": Flag()}

    def __init__(self) -> None:
        self.level = False


class Thing(Saved):
    saved: ClassVar = {
        "_count": bits(8), "at": Maybe(Number(9, 1)), "data": Octets(4, deque), "pair": Numbers(bits(4)),
        "inner": Part(),
    }  # fmt: skip

    def __init__(self) -> None:
        self._count, self.at, self.data, self.pair, self.inner = 1, 2, deque(b"ab"), [3, 4], Inner()


def state(**changes: Any) -> dict[str, Any]:
    """The state of a Thing as JSON gives it back, with other values."""
    found: dict[str, Any] = json.loads(json.dumps(Thing().snapshot()))
    return found | changes


def test_a_state_survives_json_and_keeps_what_is_there() -> None:
    thing = Thing()
    inner = thing.inner
    thing.restore(state(count=255, at=None, inner={"level": True}))
    assert (thing._count, thing.at, thing.data, thing.pair) == (255, None, deque(b"ab"), [3, 4])
    assert thing.inner is inner and inner.level


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"count": 256}, "count: 256 is not a number from 0x0 to 0xff"),
        ({"count": True}, "count: True is not a number"),
        ({"count": 1.0}, "count: 1.0 is not a number"),
        ({"count": 1 << 4000}, "count: a number of more than 64 bits is not a number"),
        ({"at": 0}, "at: 0 is not a number from 0x1 to 0x9"),
        ({"data": "YWJjZGU="}, "data: 'YWJjZGU=' is not base64 of at most 4 bytes"),
        ({"data": "%"}, "data: '%' is not base64"),
        ({"data": 5}, "data: 5 is not base64"),
        ({"pair": [1]}, "pair: [1] is not a list of 2 numbers"),
        ({"pair": [1, 16]}, "pair: 16 is not a number from 0x0 to 0xf"),
        ({"inner": {}}, "inner.level: missing"),
        ({"inner": []}, "inner: not an object"),
        ({"inner": {"level": 1}}, "inner.level: 1 is not true or false"),
        ({"more": 1}, "'more': unknown"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_its_field(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(BadState) as caught:
        Thing().restore(state(**bad))
    assert str(caught.value).startswith(message)


def test_an_interrupt_controller_comes_back_without_a_word_to_its_outputs() -> None:
    heard: list[bool] = []
    plic, again = Plic([heard.append, heard.append]), Plic([heard.append, heard.append])
    plic.store(4 * 10, 4, 3)
    plic.store(0x2080, 4, 1 << 10)
    plic.line(10).set(True)
    assert heard == [True]
    again.restore(plic.snapshot())
    assert heard == [True]
    assert again.load(0x201004, 4) == 10
    assert heard == [True, False], "it knew that the output was up"
    with pytest.raises(BadState, match="there are sources 1 to 95 only"):
        again.restore(plic.snapshot() | {"pending": 1})


def test_a_uart_keeps_registers_and_input_and_its_wire_stays_as_it_was() -> None:
    heard: list[bool] = []
    uart, again = Uart(Line(), lambda data: None), Uart(Line(heard.append), lambda data: None)
    uart.store(1, 1, 1)
    uart.store(2, 1, 1)
    uart.feed(bytes(range(100)))
    again.restore(json.loads(json.dumps(uart.snapshot())))
    assert heard == [] and again.irq.level
    assert bytes(again.load(0, 1) for _ in range(100)) == bytes(range(100))


def test_a_clock_goes_on_from_the_same_tick_whichever_it_was() -> None:
    count, now = [1000], [5_000]
    clock = VirtualClock(lambda: count[0])
    clock.set_ticks(77)
    for count[0] in range(1001, 1020):
        clock.read()
    again, wall = VirtualClock(lambda: count[0]), WallClock(lambda: now[0])
    again.restore(clock.snapshot())
    wall.restore(clock.snapshot())
    then = clock.ticks()
    now[0] += 1_000
    assert wall.ticks() == then + 10
    count[0] += 1
    assert again.read() == clock.read(), "the charge for the next look is the same"
    with pytest.raises(BadState, match="last_look"):
        again.restore(clock.snapshot() | {"last_look": 1 << 40})


def test_a_comparator_and_an_alarm_clock_come_back() -> None:
    clock = VirtualClock(lambda: 0)
    def clint() -> Clint:
        found = Clint(Alarms(clock).new(lambda: found.update()), lambda level: None, lambda level: None)  # noqa: PLW0108
        return found

    one, other = clint(), clint()
    one.store(0x4000, 8, 1234)
    other.restore(one.snapshot())
    assert other.mtimecmp == 1234 and other.snapshot()["clock"] == {"at": 1234}
    assert clint().snapshot()["mtimecmp"] == NEVER
    rtc, again = GoldfishRtc(Line(), lambda: 10), GoldfishRtc(Line(), lambda: 10)
    rtc.store(0x04, 4, 7)
    rtc.store(0x10, 4, 1)
    rtc.store(0x08, 4, 5)
    again.restore(rtc.snapshot())
    assert again.snapshot() == rtc.snapshot() and again.load(0x18, 4) == rtc.load(0x18, 4)
