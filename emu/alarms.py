"""Lets several timers share the one alarm of the machine's clock."""

from __future__ import annotations

from collections.abc import Callable

from emu.clint import Clock


class Alarm:
    """A clock with an alarm of its own; `ring` is called once when its time has come, and when the clock was set."""

    def __init__(self, alarms: Alarms, ring: Callable[[], None]) -> None:
        self._alarms = alarms
        self.ring = ring
        self.at: int | None = None
        self.ticks = alarms.clock.ticks
        self.read = alarms.clock.read

    def set_ticks(self, value: int) -> None:
        """Let now be `value`; the other timers compare again."""
        self._alarms.clock.set_ticks(value)
        self._alarms.time_was_set(self)

    def alarm(self, at: int | None) -> None:
        """Ring when mtime reaches `at` (ticks); None: never."""
        self.at = at
        self._alarms.arm()


class Alarms:
    """Hands out `Alarm`s on `clock`, whose own alarm is always the earliest of theirs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._all: list[Alarm] = []

    def new(self, ring: Callable[[], None]) -> Alarm:
        """One more alarm."""
        alarm = Alarm(self, ring)
        self._all.append(alarm)
        return alarm

    def arm(self) -> None:
        """Set the clock for the earliest."""
        self.clock.alarm(min((alarm.at for alarm in self._all if alarm.at is not None), default=None))

    def update(self) -> None:
        """Ring what is due, once; the machine calls it when the clock's alarm may have passed."""
        now = self.clock.ticks()
        due = [alarm for alarm in self._all if alarm.at is not None and alarm.at <= now]
        for alarm in due:
            alarm.at = None
            alarm.ring()
        if due:
            self.arm()

    def time_was_set(self, by: Alarm) -> None:
        for alarm in self._all:
            if alarm is not by:
                alarm.ring()
