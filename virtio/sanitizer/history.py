"""What a device's driver did last: the accesses and events that a finding shows as what led to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from emu.trace import Event, RegisterAccess, Site
from virtio.events import SpecViolation, said_before
from virtio.watched import FenceExecuted, MemoryAccess

LENGTH = 12
"""How many lines a finding shows."""
PLACE_WIDTH = 24
"""Longer places push the rest of their line to the right."""


class History:
    """The last `LENGTH` different things; the same access again and again (polling) counts as one."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=LENGTH)
        self._times: deque[int] = deque(maxlen=LENGTH)

    def add(self, event: Event) -> None:
        """Remember `event`; what the one before says already is left out."""
        if self._kept and _same(self._kept[-1], event):
            self._times[-1] += 1
        elif not said_before(event):
            self._kept.append(event)
            self._times.append(1)

    def lines(self, last: Event, site: Callable[[Event], Site]) -> tuple[str, ...]:
        """What happened up to `last`: `virtio.c:105  W QueueSize = 0x3  queue 0: 3 descriptors`, one a line.

        `last` is there too, if it is not blame itself, and what is kept of later. What the device did has no place,
        and a dot.
        """
        shown = list(zip(self._kept, self._times, strict=True))
        if not isinstance(last, SpecViolation) and all(event is not last for event in self._kept):
            later = [number for number, event in enumerate(self._kept) if event.seq > last.seq]
            shown.insert(later[0] if later else len(shown), (last, 1))
        shown = shown[-LENGTH:] if shown[:1] != [(last, 1)] else shown[:LENGTH]
        placed = [(_place(event, site), _phrase(event, times)) for event, times in shown]
        width = min(PLACE_WIDTH, max((len(place) for place, _ in placed), default=0))
        return tuple(f"{place:<{width}}  {phrase}" for place, phrase in placed)


def _same(before: Event, event: Event) -> bool:
    return (
        type(event) is RegisterAccess
        and type(before) is RegisterAccess
        and (before.pc, before.op, before.offset, before.value) == (event.pc, event.op, event.offset, event.value)
    )


def _place(event: Event, site: Callable[[Event], Site]) -> str:
    """`file.c:34` of an access; the function or the pc where there is no line."""
    if not isinstance(event, RegisterAccess | MemoryAccess | FenceExecuted):
        return ""
    return site(event).where.rpartition(" ")[2] or f"{event.pc:#x}"


def _phrase(event: Event, times: int) -> str:
    again = f" ({times} times)" if times > 1 else ""
    if isinstance(event, FenceExecuted):
        return f"{event.text}{again}"
    if not isinstance(event, RegisterAccess | MemoryAccess):
        return f"· {event.text}{again}"
    op = event.op.upper() if isinstance(event, RegisterAccess) else event.op
    register, value, meaning = event.shown
    return f"{op} {register} = {value}" + (f"  {meaning}" if meaning else "") + again
