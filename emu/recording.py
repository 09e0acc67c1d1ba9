"""Recordings: the event stream as JSON lines, one object an event, the first a header.

Every line has `seq time pc source kind`, then the event's own fields and `text`; of the instruction at pc `where`
(symbol and source line), `insn` (its text) and `file` (path of the source) if they are known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any, ClassVar, TextIO

from emu.elf import open_input
from emu.errors import InputError
from emu.trace import Event, RegisterAccess, Site, event_from_json

VERSION = 1
LONGEST_LINE = 1 << 20
"""Bytes; the longest event, a chain of 1024 descriptors, takes a tenth of it."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Header(Event):
    """The first line: the format's `version`, and the machine (`devices` by slot, empty strings for empty slots).

    `resumed`: it went on from a checkpoint, so the first events are not the machine's first.
    """

    kind: ClassVar[str] = "header"

    version: int
    xlen: int
    image: str
    devices: tuple[str, ...] = ()
    resumed: bool = False

    @property
    def text(self) -> str:
        mounted = ", ".join(f"slot {slot} {name}" for slot, name in enumerate(self.devices) if name)
        return f"recording of {self.image or 'no image'} on rv{self.xlen}" + (f" with {mounted}" if mounted else "")


class Recorder:
    """A subscriber that writes every event to `stream`; `site(pc)` says what is known of the instruction at pc.

    A stream that fails (a full disk) ends the recording, not the run: `close` raises InputError then.
    """

    def __init__(self, stream: TextIO, header: Header | None = None, site: Callable[[int], Site] | None = None) -> None:
        self.written = 0
        self._stream = stream
        self._site = site
        self._tails: dict[int, str] = {}
        self._error: OSError | None = None
        self._open = True
        if header is not None:
            self(header)

    def __call__(self, event: Event) -> None:
        if not self._open:
            return
        try:
            self._stream.write(_line(event, self._tail(event.pc) if self._site else _tail(event)))
            self.written += 1
        except OSError as error:
            self._error, self._open = error, False

    def flush(self) -> None:
        """Let what was recorded so far reach the file."""
        if self._open:
            try:
                self._stream.flush()
            except OSError as error:
                self._error, self._open = error, False

    def close(self) -> None:
        """End the recording and close the stream; later events are ignored. Raises InputError if any was lost."""
        self._open = False
        try:
            self._stream.close()
        except OSError as error:
            self._error = self._error or error
        if self._error is not None:
            lost, self._error = self._error, None
            name = getattr(self._stream, "name", "recording")
            raise InputError(f"{name}: writing failed after {self.written} events: {lost.strerror or lost}")

    def _tail(self, pc: int) -> str:
        """The site as the tail of a JSON object; asked for once a pc."""
        tail = self._tails.get(pc)
        if tail is None:
            tail = self._tails[pc] = _tail(self._site(pc) if self._site else Site())
        return tail


def _tail(site: Site | Event) -> str:
    known = [(name, getattr(site, name)) for name in Site._fields]
    return "".join(f',"{name}":{quote(text)}' for name, text in known if text) + "}\n"


def _line(event: Event, tail: str) -> str:
    """One JSON object, as `event.to_json` describes it: formatted here in a third of the time that `json` takes."""
    if type(event) is RegisterAccess:  # by far the most
        return (
            f'{{"seq":{event.seq},"time":{event.time},"pc":{event.pc},"source":{quote(event.source)},"kind":"access",'
            f'"op":"{event.op}","offset":{event.offset},"width":{event.width},"value":{event.value},'
            f'"name":{quote(event.name)},"text":{quote(event.detail)}{tail}'
        )
    fields = "".join([f'"{name}":{_json(getattr(event, name))},' for name in event.own_fields()])
    return (
        f'{{"seq":{event.seq},"time":{event.time},"pc":{event.pc},"source":{quote(event.source)},"kind":"{event.kind}",'
        f'{fields}"text":{quote(event.text)}{tail}'
    )


def _json(value: Any) -> str:
    """`value` as JSON: a number or a string at once, anything else (a tuple, a flag, true) by the library."""
    kind = type(value)
    if kind is int:
        return repr(value)
    return quote(value) if kind is str else _encode(value)


def read_recording(path: str | Path) -> Iterator[Event]:
    """The events of a recording, their sites included; keys that nobody knows are ignored.

    The modules that define its events must have been imported. Raises InputError that names the line and the field.
    """
    try:
        with open_input(path) as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE):
                number += 1
                yield _event(line, f"{path}: line {number}")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _event(line: bytes, place: str) -> Event:
    try:
        event = event_from_json(json.loads(line))
    except (ValueError, RecursionError) as error:
        if not line.endswith(b"\n") and line.startswith(b"{"):
            raise InputError(f"{place} is truncated: the recording stops in the middle of it") from None
        if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
            raise InputError(f"{place}: not JSON: {error}") from None
        raise InputError(f"{place}: {error}") from None
    if isinstance(event, Header) and event.version != VERSION:
        raise InputError(f"{place}: field version: {event.version}, this virtscope reads {VERSION}")
    return event
