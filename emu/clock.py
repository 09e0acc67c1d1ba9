"""Where mtime comes from: executed instructions (the same every time) or the host's clock (for people)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

TICKS_PER_SECOND = 10_000_000
"""The timebase of the board, 10 MHz."""


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


class OneAlarm:
    """What both clocks share: an alarm, and how far mtime is ahead of what it is derived from."""

    def __init__(self) -> None:
        self._ahead = 0
        self._alarm: int | None = None
        self.on_alarm_change: Callable[[], None] = lambda: None

    def ticks(self) -> int:
        raise NotImplementedError

    def set_ticks(self, value: int) -> None:
        self._ahead += value - self.ticks()

    def alarm(self, at: int | None) -> None:
        self._alarm = at
        self.on_alarm_change()

    def due(self) -> bool:
        return self._alarm is not None and self.ticks() >= self._alarm


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
        super().__init__()
        self._charge = 1
        self._last_look = 0

    def ticks(self) -> int:
        return self._instructions() // self.INSTRUCTIONS_PER_TICK + self._ahead

    def read(self) -> int:
        now = self._instructions()
        if now == self._last_look:
            pass  # the other half of one 8-byte load
        elif now - self._last_look < self.SPIN:
            charge = self._charge = min(self._charge * 2, self.LONGEST_CHARGE)
            self._ahead += charge
            if self._alarm is not None:
                self.on_alarm_change()
        else:
            self._charge = 1
        self._last_look = now
        return now // self.INSTRUCTIONS_PER_TICK + self._ahead

    def deadline(self, now: int) -> int:
        if self._alarm is None:
            return self.SLICE
        left = (self._alarm - self._ahead) * self.INSTRUCTIONS_PER_TICK - now
        return max(1, min(left, self.SLICE))

    def idle(self) -> float | None:
        if self._alarm is None:
            return None
        self._ahead += max(0, self._alarm - self.ticks())
        return 0.0


class WallClock(OneAlarm):
    """mtime is the host's monotonic clock. The machine looks at the alarm every millisecond or so."""

    SLICE = 300_000

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._start = now_ns()
        super().__init__()

    def ticks(self) -> int:
        return (self._now_ns() - self._start) // 100 + self._ahead

    def read(self) -> int:
        now = self.ticks()
        if self._alarm is not None and now >= self._alarm:
            self.on_alarm_change()
        return now

    def deadline(self, now: int) -> int:
        return self.SLICE

    def idle(self) -> float | None:
        if self._alarm is None:
            return None
        return max(0, self._alarm - self.ticks()) / TICKS_PER_SECOND
