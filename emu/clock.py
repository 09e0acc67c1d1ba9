"""Where mtime comes from: executed instructions (the same every time) or the host's clock (for people)."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Protocol

from emu.snapshot import BadState, Number, State, inside, record

TICKS_PER_SECOND = 10_000_000
"""The timebase of the board, 10 MHz."""
LAST_TICK = NO_ALARM = (1 << 64) - 1
FOREIGN, WALL, VIRTUAL = range(3)
"""Kinds of clock: one that only Python can read, the host's, and executed instructions."""


class Clock(Protocol):
    """mtime in ticks of 100 ns, and one alarm."""

    def ticks(self) -> int: ...

    def read(self) -> int:
        """The guest looks at the time (a spinning guest may be helped along)."""

    def set_ticks(self, value: int) -> None: ...

    def alarm(self, at: int | None) -> None:
        """The guest wants to hear when mtime reaches `at`; None: never."""

    def due(self) -> bool:
        """Whether the alarm's time has come."""

    def deadline(self, now: int) -> int:
        """How many instructions may run from instruction `now` before the machine must look at the alarm again."""

    def idle(self) -> float | None:
        """The hart waits: 0 after skipping to the alarm, else seconds of wall time to sleep; None: no alarm is set."""

    def snapshot(self) -> State: ...

    def restore(self, state: object) -> None:
        """Go on at the time of a state, of whichever clock it is; the alarms set the alarm."""


class ClockWords(ctypes.Structure):
    """A clock's state where the native helper can see it (`struct clock` of helper.h): `kind` of clock, `ahead` of
    what mtime is derived from (ticks), `alarm` (ticks, or `NO_ALARM`), the last look's `charge` and when it was
    (instructions), and the host's time at the `start` (ns).
    """

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("kind", "ahead", "alarm", "charge", "last_look", "start"))


class OneAlarm:
    """What both clocks share: an alarm, and how far mtime is ahead of what it is derived from."""

    def __init__(self, kind: int) -> None:
        self.words = ClockWords(kind=kind, alarm=NO_ALARM)
        self._alarm: int | None = None
        self.on_alarm_change: Callable[[], None] = lambda: None

    def ticks(self) -> int:
        raise NotImplementedError

    def set_ticks(self, value: int) -> None:
        self.words.ahead += value - self.ticks()

    def alarm(self, at: int | None) -> None:
        self._alarm = at
        self.words.alarm = NO_ALARM if at is None else at
        self.on_alarm_change()

    def due(self) -> bool:
        return self._alarm is not None and self.ticks() >= self._alarm

    def snapshot(self) -> State:
        return {"ticks": self.ticks()}

    def restore(self, state: object) -> None:
        if not isinstance(state, dict):
            raise BadState("not an object")
        with inside("ticks"):
            self.set_ticks(Number(LAST_TICK).load(state.get("ticks")))


class VirtualClock(OneAlarm):
    """Time is a function of executed instructions: 10 a tick, so 100 million a second; waiting is skipped.

    A guest that polls the clock in a tight loop is waiting too: each look within `SPIN` instructions of the last
    costs twice what that one did, from 0.1 µs up to 1 ms. A wait so overshoots at most by its own length.
    """

    INSTRUCTIONS_PER_TICK = 10
    SPIN = 256
    LONGEST_CHARGE = TICKS_PER_SECOND // 1000
    SLICE = 20_000_000

    def __init__(self, instructions: Callable[[], int]) -> None:
        self._instructions = instructions
        super().__init__(VIRTUAL)
        self.words.charge = 1

    def snapshot(self) -> State:
        return {"ticks": self.ticks(), "charge": self.words.charge, "last_look": self.words.last_look}

    def restore(self, state: object) -> None:
        super().restore(state)
        if isinstance(state, dict) and len(state) > 1:  # else a wall clock's
            fields = record(state, ("ticks", "charge", "last_look"))
            with inside("charge"):
                self.words.charge = Number(self.LONGEST_CHARGE, 1).load(fields["charge"])
            with inside("last_look"):
                self.words.last_look = Number(self._instructions()).load(fields["last_look"])

    def ticks(self) -> int:
        return self._at(self._instructions())

    def _at(self, now: int) -> int:
        """mtime at instruction `now`."""
        ticks: int = now // self.INSTRUCTIONS_PER_TICK + self.words.ahead & LAST_TICK
        return ticks

    def read(self) -> int:
        now, words = self._instructions(), self.words
        since = now - words.last_look
        if since == 0:
            pass  # the other half of one 8-byte load
        elif since < self.SPIN:
            words.charge = min(words.charge * 2, self.LONGEST_CHARGE)
            words.ahead += words.charge
            if self._alarm is not None:
                self.on_alarm_change()
        else:
            words.charge = 1
        words.last_look = now
        return self._at(now)

    def deadline(self, now: int) -> int:
        if self._alarm is None:
            return self.SLICE
        left = (self._alarm - self._at(now)) * self.INSTRUCTIONS_PER_TICK - now % self.INSTRUCTIONS_PER_TICK
        return max(1, min(left, self.SLICE))

    def idle(self) -> float | None:
        if self._alarm is None:
            return None
        self.words.ahead += max(0, self._alarm - self.ticks())
        return 0.0


class WallClock(OneAlarm):
    """mtime is the host's monotonic clock. The machine looks at the alarm every millisecond or so, and when it is due
    as the guest looks at the time.
    """

    SLICE = 1_000_000

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        super().__init__(WALL if now_ns is time.monotonic_ns else FOREIGN)
        self.words.start = now_ns()

    def ticks(self) -> int:
        ticks: int = (self._now_ns() - self.words.start) // 100 + self.words.ahead & LAST_TICK
        return ticks

    def read(self) -> int:
        now = self.ticks()
        if self._alarm is not None and now >= self._alarm:
            self.on_alarm_change()
        return now

    def deadline(self, now: int) -> int:
        return 1 if self.due() else self.SLICE

    def idle(self) -> float | None:
        if self._alarm is None:
            return None
        return max(0, self._alarm - self.ticks()) / TICKS_PER_SECOND
