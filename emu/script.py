"""Console input from a file, at the same instruction in every run: `expect TEXT`, `send TEXT`, `after TIME`.

Output is looked at when the guest writes it, not when the host shows it, and time is the guest's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from emu.clock import TICKS_PER_SECOND
from emu.console import Matcher
from emu.elf import read_file
from emu.errors import InputError
from emu.machine import Machine

LONGEST = 4096
"""Bytes that one `send` types at most."""
UNITS = {"s": 1, "ms": 1000, "us": 1_000_000}
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.|$)", re.DOTALL)
TIME = re.compile(r"(\d+(?:\.\d+)?) ?(s|ms|us)", re.ASCII)


class Step(NamedTuple):
    """Line `number` of the script: `verb` with `data` (expect, send), or with `ticks` of mtime (after)."""

    number: int
    text: str
    verb: str
    data: bytes = b""
    ticks: int = 0


def read_script(path: str) -> list[Step]:
    """The steps of a script; raises InputError that names file and line. Empty lines and `#` lines are left out."""
    steps = []
    for number, line in enumerate(read_file(path).split(b"\n"), start=1):
        if line.strip() and not line.lstrip().startswith(b"#"):
            try:
                steps.append(_step(number, line.removesuffix(b"\r")))
            except ValueError as error:
                raise InputError(f"{path}: line {number}: {error}") from None
    return steps


def _step(number: int, line: bytes) -> Step:
    text = line.decode("utf-8", "backslashreplace")
    verb, _, rest = line.partition(b" ")
    if verb == b"after":
        match = TIME.fullmatch(rest.decode("utf-8", "replace").strip())
        if match is None:
            raise ValueError(f"after takes a time such as 2s, 500ms or 10us, not {rest.decode('utf-8', 'replace')!r}")
        return Step(number, text, "after", ticks=round(float(match[1]) * TICKS_PER_SECOND / UNITS[match[2]]))
    if verb not in (b"expect", b"send"):
        raise ValueError(f"{verb.decode('utf-8', 'replace')!r} is not expect, send or after")
    data = ESCAPE.sub(_unescape, rest)
    if not data:
        raise ValueError(f"{verb.decode()} without a text")
    if len(data) > LONGEST:
        raise ValueError(f"{len(data)} bytes in one line, at most {LONGEST}")
    return Step(number, text, verb.decode(), data)


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1].decode("utf-8", "replace")
    if len(code) == 3:
        return bytes([int(code[1:], 16)])
    if code not in ESCAPES:
        raise ValueError(rf"\{code} is none of \r \n \t \\ \xNN")
    return ESCAPES[code]


class ScriptedInput:
    """Plays the script at `path` on the machine's UART; `waiting` says where it is."""

    def __init__(self, machine: Machine, path: str) -> None:
        self._uart, self._path = machine.uart, path
        self._steps = read_script(path)
        self._at = 0
        self._matcher: Matcher | None = None
        self._due: int | None = None
        self._alarm = machine.alarms.new(self._ring)
        self._drained_before = machine.uart.on_drained
        machine.uart.listeners.append(self._hear)
        self._go_on()

    @property
    def waiting(self) -> str:
        """`FILE: line 3: still waits: expect => `, or an empty string at the end."""
        if self._at == len(self._steps):
            return ""
        step = self._steps[self._at]
        if step.verb == "send":
            return f"{self._path}: line {step.number}: the guest does not read what is typed: {step.text}"
        return f"{self._path}: line {step.number}: still waits: {step.text}"

    def _go_on(self) -> None:
        """Do what is next until something has to be waited for."""
        while self._at < len(self._steps):
            step = self._steps[self._at]
            if step.verb == "expect":
                self._matcher = Matcher(step.data)
                return
            if step.verb == "after":
                self._due = self._alarm.ticks() + step.ticks
                self._alarm.alarm(self._due)
                return
            if self._uart.room < len(step.data):
                self._drained_before, self._uart.on_drained = self._uart.on_drained, self._drained
                return
            self._uart.feed(step.data)
            self._at += 1

    def _drained(self) -> None:
        self._uart.on_drained = self._drained_before
        self._go_on()
        self._uart.on_drained()

    def _hear(self, data: bytes) -> None:
        while self._matcher is not None and data:
            taken = self._matcher.take(data)
            if not taken:
                return
            data = data[taken:]
            self._matcher = None
            self._at += 1
            self._go_on()

    def _ring(self) -> None:
        """The alarm, or somebody set the clock."""
        if self._due is None:
            return
        if self._alarm.ticks() < self._due:
            self._alarm.alarm(self._due)
            return
        self._due = None
        self._at += 1
        self._go_on()
