"""emu/trace.py: events, and who hears them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from emu.trace import NO_TRACE, Event, InterruptLine, Notice, RegisterAccess, Trace, Unimplemented, event_from_json

ACCESS = RegisterAccess("virtio0", "r", 0x70, 4, 11, "Status", "DRIVER_OK")


def test_published_events_are_stamped_and_heard_in_order() -> None:
    times = iter([100, 250])
    trace = Trace(lambda: next(times), lambda: 0x80000000)
    heard: list[tuple[str, int]] = []
    trace.subscribe(lambda event: heard.append(("first", event.seq)))
    trace.subscribe(lambda event: heard.append(("second", event.seq)))
    one, two = Notice("machine", "a"), Notice("machine", "b")
    trace.publish(one)
    trace.publish(two)
    assert heard == [("first", 0), ("second", 0), ("first", 1), ("second", 1)]
    assert [(e.seq, e.time, e.pc) for e in (one, two)] == [(0, 100, 0x80000000), (1, 250, 0x80000000)]


def test_on_says_whether_anybody_listens() -> None:
    trace = Trace()
    heard: list[Event] = []
    assert not trace.on
    trace.subscribe(heard.append)
    assert trace.on
    trace.unsubscribe(heard.append)
    assert not trace.on
    trace.publish(Notice("machine", "x"))
    assert heard == []


def test_a_subscriber_may_leave_while_it_hears_an_event() -> None:
    trace = Trace()
    heard: list[str] = []

    def once(event: Event) -> None:
        heard.append("once")
        trace.unsubscribe(once)

    trace.subscribe(once)
    trace.subscribe(lambda event: heard.append("always"))
    trace.publish(Notice("machine", "x"))
    trace.publish(Notice("machine", "y"))
    assert heard == ["once", "always", "always"]


def test_nobody_listens_to_no_trace() -> None:
    assert not NO_TRACE.on


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (ACCESS, "access", "DRIVER_OK"),
        (InterruptLine("virtio0", 1), "irq", "interrupt raised"),
        (InterruptLine("virtio0", 0), "irq", "interrupt dropped"),
        (Notice("machine", "hello"), "notice", "hello"),
        (Unimplemented("virtio0", "packed rings"), "unimplemented", "not implemented: packed rings"),
    ],
)
def test_an_event_says_what_happened_and_comes_back_from_json(event: Event, kind: str, text: str) -> None:
    data = event.to_json()
    assert (data["kind"], data["text"]) == (kind, text)
    assert list(data)[:5] == ["seq", "time", "pc", "source", "kind"] and list(data)[-1] == "text"
    back = event_from_json(data)
    assert back == event and back.text == text and type(back) is type(event)


def test_stamps_and_place_come_back_from_json() -> None:
    data = {**Notice("machine", "x").to_json(), "seq": 5, "time": 6, "pc": 7, "where": "main"}
    event = event_from_json(data)
    assert (event.seq, event.time, event.pc, event.where) == (5, 6, 7, "main")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("kind"), "field kind: missing"),
        (lambda data: data.pop("offset"), "field offset: missing in a access event"),
        (lambda data: data.pop("text"), "field text: missing in a access event"),
        (lambda data: data.update(kind="other"), "field kind: unknown value 'other'"),
        (lambda data: data.update(kind={}), "field kind: unknown value {}"),
        (lambda data: data.update(offset="0x70"), "field offset: '0x70' is not of type int"),
        (lambda data: data.update(value=1.5), "field value: 1.5 is not of type int"),
        (lambda data: data.update(name=None), "field name: None is not of type str"),
        (lambda data: data.update(seq=[1]), "field seq: [1] is not of type int"),
    ],
)
def test_a_wrong_field_is_named(change: Callable[[dict[str, object]], object], message: str) -> None:
    data = ACCESS.to_json()
    change(data)
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        event_from_json(data)
