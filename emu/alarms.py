"""Lets several timers share the one alarm of the machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emu.clint import Clock
from emu.snapshot import Maybe, Saved, bits


class Alarm(Saved):
    """A clock with an alarm of its own; `ring` is called once when its time has come, and when the clock was set.

    After `restore` the machine arms all of them at once.
    """

    saved: ClassVar = {"at": Maybe(bits(64))}

    def __init__(self, alarms: Alarms, ring: Callable[[], None], quiet: bool) -> None:
        self._alarms = alarms
        self.ring = ring
        self.quiet = quiet
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

    def new(self, ring: Callable[[], None], *, quiet: bool = False) -> Alarm:
        """One more alarm. A `quiet` one is ours, not the guest's: a hart that waits goes on waiting."""
        alarm = Alarm(self, ring, quiet)
        self._all.append(alarm)
        return alarm

    def arm(self) -> None:
        """Set the clock for the earliest."""
        self.clock.alarm(min((alarm.at for alarm in self._all if alarm.at is not None), default=None))

    def update(self) -> bool:
        """Ring what is due, once; the machine calls it when the clock's alarm may have passed.

        Whether that concerns the guest: not where only a quiet one rang.
        """
        now = self.clock.ticks()
        due = [alarm for alarm in self._all if alarm.at is not None and alarm.at <= now]
        for alarm in due:
            alarm.at = None
            alarm.ring()
        if due:
            self.arm()
        return not due or not all(alarm.quiet for alarm in due)

    def time_was_set(self, by: Alarm) -> None:
        for alarm in self._all:
            if alarm is not by:
                alarm.ring()
