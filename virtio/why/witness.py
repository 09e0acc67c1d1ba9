"""Remembers of the event stream what the state at the end cannot tell; small, whatever a driver does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from emu.trace import Event, Notice, RegisterAccess
from virtio.events import (
    ChainPopped,
    ChainUsed,
    FeaturesNegotiated,
    InterruptStatusChanged,
    QueueConfigured,
    QueueNotified,
    SpecViolation,
    StatusChanged,
)
from virtio.registers import CONFIG
from virtio.spec import Interrupt
from virtio.why.view import Kick, Lost

PREFIX = "virtio"
HISTORY, COMPLAINTS = 24, 8
USED_BUFFER = int(Interrupt.USED_BUFFER)
NEEDS_RESET_TEXT = " needs a reset: "


class Track:
    """What was heard of one device; see `DeviceView`. `seen` counts its accesses."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], RegisterAccess] = {}
        self.history: deque[tuple[RegisterAccess, int]] = deque(maxlen=HISTORY)
        self.complaints: deque[Event] = deque(maxlen=COMPLAINTS)
        self.driven = False
        self.reset()

    @property
    def when(self) -> int:
        """The `seq` of the last access; -1 for none."""
        return self.history[-1][0].seq if self.history else -1

    def reset(self) -> None:
        """The device was reset."""
        self.status = self.interrupt = 0
        self.features: FeaturesNegotiated | None = None
        self.reason = ""
        self.kicks: dict[int, Kick] = {}
        self.returned: dict[int, set[int]] = {}
        self.unannounced: dict[int, set[int]] = {}
        self.polls: set[int] = set()
        self.reused: set[int] = set()
        self.last_used: ChainUsed | None = None
        self.lost: Lost | None = None

    def access(self, event: RegisterAccess) -> None:
        name = event.name if event.offset < CONFIG else "configuration"
        if name == "InterruptACK" and event.op == "w":
            self._acknowledged(event)
        self.last[event.op, name] = event
        history = self.history
        if history and history[-1][0].pc == event.pc and history[-1][0].value == event.value:
            history[-1] = event, history[-1][1] + 1  # a loop that reads a register
        else:
            history.append((event, 1))

    def _acknowledged(self, event: RegisterAccess) -> None:
        """A chain that came back between the look at InterruptStatus and this is told to nobody."""
        used, look = self.last_used, self.last.get(("r", "InterruptStatus"))
        if used is None or look is None or not event.value & look.value & USED_BUFFER:
            return
        previous = self.last.get(("w", "InterruptACK"))
        if look.seq < used.seq and (previous is None or previous.seq < look.seq):
            self.lost = Lost(used.queue, used, event)

    def status_changed(self, event: StatusChanged) -> None:
        if event.new == 0:
            self.reset()
        else:
            self.driven = True
        self.status = event.new

    def negotiated(self, event: FeaturesNegotiated) -> None:
        self.features = event

    def configured(self, event: QueueConfigured) -> None:
        for table in (self.kicks, self.returned, self.unannounced):
            table.pop(event.queue, None)
        self.polls.discard(event.queue)
        self.reused.discard(event.queue)

    def notified(self, event: QueueNotified) -> None:
        self.kicks[event.queue] = Kick(self.status, event.available, event)

    def popped(self, event: ChainPopped) -> None:
        queue, head = event.queue, event.head
        if head in self.returned.get(queue, ()):
            self.reused.add(queue)
            if self.lost is not None and self.lost.queue == queue:
                self.lost = None
        silent = self.unannounced.get(queue)
        if silent and head in silent:
            self.polls.add(queue)
            silent.clear()

    def used(self, event: ChainUsed) -> None:
        self.last_used = event
        self.returned.setdefault(event.queue, set()).add(event.head)
        if not self.interrupt & USED_BUFFER:
            self.unannounced.setdefault(event.queue, set()).add(event.head)

    def interrupt_changed(self, event: InterruptStatusChanged) -> None:
        self.interrupt = event.status
        if event.status & USED_BUFFER:
            self.unannounced.clear()
            self.lost = None

    def noticed(self, event: Notice) -> None:
        before, needs, reason = event.message.partition(NEEDS_RESET_TEXT)
        if needs and " " not in before:
            self.reason = reason

    def complained(self, event: SpecViolation) -> None:
        self.complaints.append(event)


HEARD: dict[type[Event], Callable[[Track, Any], None]] = {
    StatusChanged: Track.status_changed,
    FeaturesNegotiated: Track.negotiated,
    QueueConfigured: Track.configured,
    QueueNotified: Track.notified,
    ChainPopped: Track.popped,
    ChainUsed: Track.used,
    InterruptStatusChanged: Track.interrupt_changed,
    Notice: Track.noticed,
    SpecViolation: Track.complained,
}
"""Each method takes the class of event that it stands beside."""


class Witness:
    """A subscriber of a trace. `tracks` are by device, `where(event)` names the place of an event."""

    def __init__(self, where: Callable[[Event], str] = lambda event: event.where) -> None:
        self.where = where
        self.tracks: dict[str, Track] = {}

    def __call__(self, event: Event) -> None:
        source = event.source
        track = self.tracks.get(source)
        if track is None:
            if not source.startswith(PREFIX):
                return
            track = self.tracks[source] = Track()
        kind = type(event)
        if kind is RegisterAccess:  # by far the most
            track.access(event)  # type: ignore[arg-type]  # its type was looked at
            return
        method = HEARD.get(kind)
        if method is not None:
            method(track, event)
