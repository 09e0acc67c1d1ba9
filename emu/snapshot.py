"""State that can be written down and read back: a class names its attributes and what each of them may hold.

What comes back may have been made by anybody: types and ranges are checked before anything is set. Attribute `_ier`
is written as `ier`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

State = dict[str, Any]
"""Named numbers, strings, flags, lists and further states: what JSON can hold."""


class BadState(Exception):
    """A state that cannot be taken over: says what is wrong with the field at `path`, the outermost name first."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.message}" if self.path else self.message


class Stateful(Protocol):
    """Whatever has a state. `restore` raises BadState; the guest and the trace hear nothing of it."""

    def snapshot(self) -> State: ...

    def restore(self, state: object) -> None: ...


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Let a BadState say that it happened in `name`."""
    try:
        yield
    except BadState as error:
        raise BadState(error.message, name, *error.path) from None


def record(state: object, names: Collection[str]) -> State:
    """`state`, if it is an object with exactly these fields."""
    if not isinstance(state, dict):
        raise BadState("not an object")
    for name in names:
        if name not in state:
            raise BadState("missing", name)
    for name in state:
        if name not in names:
            raise BadState("unknown", shortened(name))
    return state


class Field(Protocol):
    """How an attribute's value is written, and read back beside the `old` one."""

    def dump(self, value: Any) -> Any: ...

    def load(self, data: object, old: Any) -> Any: ...


@dataclass(frozen=True)
class Number:
    """An integer from 0 to `high`, or from `low`."""

    high: int
    low: int = 0

    def dump(self, value: Any) -> int:
        return int(value)

    def load(self, data: object, old: Any = None) -> int:
        if type(data) is not int or not self.low <= data <= self.high:
            raise BadState(f"{shortened(data)} is not a number from {self.low:#x} to {self.high:#x}")
        return data


def bits(width: int) -> Number:
    """A number of so many bits."""
    return Number((1 << width) - 1)


class Flag:
    """True or false."""

    def dump(self, value: Any) -> bool:
        return bool(value)

    def load(self, data: object, old: Any = None) -> bool:
        if not isinstance(data, bool):
            raise BadState(f"{shortened(data)} is not true or false")
        return data


@dataclass(frozen=True)
class Maybe:
    """A number, or null for None."""

    number: Number

    def dump(self, value: Any) -> int | None:
        return None if value is None else self.number.dump(value)

    def load(self, data: object, old: Any = None) -> int | None:
        return None if data is None else self.number.load(data)


@dataclass(frozen=True)
class Numbers:
    """A list of numbers, as long as the one that is there."""

    number: Number

    def dump(self, value: Any) -> list[int]:
        return [self.number.dump(item) for item in value]

    def load(self, data: object, old: Any) -> list[int]:
        if not isinstance(data, list) or len(data) != len(old):
            raise BadState(f"{shortened(data)} is not a list of {len(old)} numbers")
        return [self.number.load(item) for item in data]


@dataclass(frozen=True)
class Octets:
    """At most `most` bytes, written in base64; `kind` makes the attribute's value of them."""

    most: int
    kind: Callable[[bytes], Any] = bytearray

    def dump(self, value: Any) -> str:
        return base64.b64encode(bytes(value)).decode()

    def load(self, data: object, old: Any = None) -> Any:
        try:
            content = base64.b64decode(data, validate=True) if isinstance(data, str) else None
        except (binascii.Error, ValueError):
            content = None
        if content is None or len(content) > self.most:
            raise BadState(f"{shortened(data)} is not base64 of at most {self.most} bytes")
        return self.kind(content)


class Same:
    """A text that is not set, but has to be what it was."""

    def dump(self, value: Any) -> str:
        return str(value)

    def load(self, data: object, old: Any) -> Any:
        if data != old:
            raise BadState(f"{old!r} now, it was {shortened(data)}")
        return old


class Part:
    """Something that has a state of its own, and stays where it is."""

    def dump(self, value: Any) -> State:
        state: State = value.snapshot()
        return state

    def load(self, data: object, old: Any) -> Any:
        old.restore(data)
        return old


Fields = Mapping[str, Field]
"""Attribute -> what it may hold."""


def dump(thing: object, fields: Fields) -> State:
    """These attributes of `thing`, by their names without a leading underscore."""
    return {name.lstrip("_"): field.dump(getattr(thing, name)) for name, field in fields.items()}


def load(thing: object, fields: Fields, state: object) -> None:
    """Set these attributes of `thing`; raises BadState."""
    given = record(state, {name.lstrip("_") for name in fields})
    for name, field in fields.items():
        key = name.lstrip("_")
        with inside(key):
            setattr(thing, name, field.load(given[key], getattr(thing, name)))


class Saved:
    """Base of a class whose state is the attributes in `saved`."""

    saved: ClassVar[Fields] = {}

    def snapshot(self) -> State:
        """The state as named fields."""
        return dump(self, self.saved)

    def restore(self, state: object) -> None:
        """Take over a state; raises BadState. What follows from it follows without a word to guest or trace."""
        load(self, self.saved, state)
        self.restored()

    def restored(self) -> None:
        """Everything in `saved` is set: see that it fits together, and derive the rest. May raise BadState."""


def shortened(data: object) -> str:
    """A value as it goes into a message."""
    text = repr(data) if not isinstance(data, int) or abs(data) < 1 << 64 else "a number of more than 64 bits"
    return text if len(text) <= 40 else text[:37] + "..."
