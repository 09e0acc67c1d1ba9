"""What `Machine.run` may run until: a condition, bytes on the UART, or an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emu.console import ConsoleUart, Matcher
from emu.hart import Hart
from emu.trace import Event, Trace


class OnEvent:
    """Until an event for which `predicate` is true; `event` is that one afterwards."""

    def __init__(self, predicate: Callable[[Event], bool]) -> None:
        self.predicate = predicate
        self.event: Event | None = None


Until = Callable[[], bool] | bytes | str | type[Event] | OnEvent | None
"""True between two slices; printed on the UART; the kind of an event, or its class; a predicate of events."""


@contextmanager
def condition(until: Until, hart: Hart, uart: ConsoleUart, trace: Trace) -> Iterator[Callable[[], bool]]:
    """Whether `until` has come true. Bytes and events stop the hart behind the instruction that made them, or with the

    native helper behind the block that it is in. Raises ValueError for a kind that no event has.
    """
    if until is None:
        yield lambda: False
    elif isinstance(until, bytes):
        with _printed(until, hart, uart) as came:
            yield came
    elif isinstance(until, str | type | OnEvent):
        with _happened(_event(until), hart, trace) as came:
            yield came
    else:
        yield until


def _event(until: str | type[Event] | OnEvent) -> OnEvent:
    if isinstance(until, OnEvent):
        until.event = None
        return until
    if isinstance(until, str) and until not in Event.kinds:
        raise ValueError(f"no event is of kind {until!r}; there are {', '.join(sorted(Event.kinds))}")
    wanted = Event.kinds[until] if isinstance(until, str) else until
    return OnEvent(lambda event: isinstance(event, wanted))


@contextmanager
def _happened(on: OnEvent, hart: Hart, trace: Trace) -> Iterator[Callable[[], bool]]:
    def listen(event: Event) -> None:
        if on.event is None and on.predicate(event):
            on.event = event
            hart.stop()

    trace.subscribe(listen)
    try:
        yield lambda: on.event is not None
    finally:
        trace.unsubscribe(listen)


@contextmanager
def _printed(pattern: bytes, hart: Hart, uart: ConsoleUart) -> Iterator[Callable[[], bool]]:
    matcher = Matcher(pattern)
    found = matcher.take(uart.unseen) > 0

    def listen(data: bytes) -> None:
        nonlocal found
        if not found and matcher.take(data):
            found = True
            hart.stop()

    def came() -> bool:
        if found:
            uart.see(pattern)
        return found

    uart.listeners.append(listen)
    try:
        yield came
    finally:
        uart.listeners.remove(listen)
