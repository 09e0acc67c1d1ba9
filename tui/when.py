"""WHEN of `--save-at`: a guest time, a number of instructions, or something that the guest does."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from emu.clock import TICKS_PER_SECOND
from emu.console import Matcher
from emu.errors import InputError
from emu.machine import ENDLESS, Machine
from emu.trace import Event

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}
TIME = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(s|ms|us)", re.ASCII)
INSTRUCTIONS = re.compile(r"\d{1,18}", re.ASCII)
UART = "uart"
NOT_KINDS = ("event", "header")


class When(Protocol):
    """`due` is asked between two instructions, at the latest `left` instructions later again; `cease` at the end."""

    def due(self) -> bool: ...

    def left(self) -> int: ...

    def cease(self) -> None: ...


class AtInstruction:
    """`count` instructions were executed."""

    def __init__(self, machine: Machine, count: int) -> None:
        self._hart, self._count = machine.hart, count

    def due(self) -> bool:
        return self._hart.instructions >= self._count

    def left(self) -> int:
        return self._count - self._hart.instructions

    def cease(self) -> None:
        """Nothing waits."""


class AtTime:
    """mtime has reached `ticks`. Its alarm is a quiet one: the guest runs as it would without."""

    def __init__(self, machine: Machine, ticks: int) -> None:
        self._clock, self._ticks = machine.clock, ticks
        self._alarm = machine.alarms.new(lambda: None, quiet=True)

    def due(self) -> bool:
        return self._clock.ticks() >= self._ticks

    def left(self) -> int:
        if self._alarm.at is None:
            self._alarm.alarm(self._ticks)
        return ENDLESS

    def cease(self) -> None:
        self._alarm.alarm(None)


class Seen:
    """Something came by; the machine is stopped before the next instruction."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._came = False

    def due(self) -> bool:
        return self._came

    def left(self) -> int:
        return ENDLESS

    def come(self) -> None:
        self._came = True
        self._machine.hart.stop()


class OnOutput(Seen):
    """The guest printed `text` on the UART."""

    def __init__(self, machine: Machine, text: str) -> None:
        super().__init__(machine)
        self._matcher = Matcher(text.encode())
        machine.uart.listeners.append(self._hear)

    def _hear(self, data: bytes) -> None:
        if not self._came and self._matcher.take(data):
            self.come()

    def cease(self) -> None:
        self._machine.uart.listeners.remove(self._hear)


class OnEvent(Seen):
    """The trace had an event of `kind` with `text` in it."""

    def __init__(self, machine: Machine, kind: str, text: str) -> None:
        super().__init__(machine)
        self._kind, self._text = kind, text
        machine.trace.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        if event.kind == self._kind and not self._came and self._text in event.text:
            self.come()

    def cease(self) -> None:
        self._machine.trace.unsubscribe(self._hear)


def parse(text: str) -> Callable[[Machine], When]:
    """What to make of WHEN for a machine; raises InputError that says what is allowed."""
    if INSTRUCTIONS.fullmatch(text):
        count = int(text)
        return lambda machine: AtInstruction(machine, count)
    if found := TIME.fullmatch(text):
        exact = Decimal(found[1]) * TICKS_PER_SECOND / UNITS[found[2]]
        ticks = int(exact.to_integral_value(ROUND_CEILING))
        return lambda machine: AtTime(machine, ticks)
    kind, colon, rest = text.partition(":")
    if kind == UART and rest:
        return lambda machine: OnOutput(machine, rest)
    kinds = sorted(set(Event.kinds) - set(NOT_KINDS))
    if kind in kinds and (rest or not colon):
        return lambda machine: OnEvent(machine, kind, rest)
    raise InputError(
        f"--save-at {text}: not a time (1.5s, 250ms, 20us), a number of instructions (5000000), uart:TEXT, "
        f"or KIND or KIND:TEXT with a kind of the trace ({', '.join(kinds)})"
    )
