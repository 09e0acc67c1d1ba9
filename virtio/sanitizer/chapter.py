"""How a chapter of the specification becomes code: a class an instance of which watches one device.

A method marked `@rule(id, on=...)` is asked about each event it names, before anything has taken the event over, and
returns what is wrong (a sentence with the values, or several), or None. A sentence about an earlier event is an
`Earlier`. A method marked `@follow(...)` is called after all rules, to remember. Both may be on several kinds of event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

from emu.regs import Reg
from emu.trace import Event
from virtio.sanitizer.slot import Slot


class Earlier(NamedTuple):
    """What is wrong with an event that came before the one that shows it."""

    message: str
    event: Event


@dataclass(slots=True)
class Ended(Event):
    """The run is over: `Sanitizer.finish` asks the rules that can only be judged then."""

    kind: ClassVar[str] = "ended"


Key = tuple[str, str]
"""("r" or "w", a register's name; empty: anything in the slot; "config"), or ("", an event's kind)."""


class About(NamedTuple):
    """What is wrong with `queue`, for events that are about no queue or about another."""

    queue: int
    message: str


Said = str | About | Earlier
Answer = Said | Iterable[Said] | None
Method = TypeVar("Method", bound=Callable[..., Any])

ALL = ""
CONFIG_SPACE = "config"
AT_END: tuple[Key, ...] = (("", Ended.kind),)
"""When the run is over."""
CONFIG_READS: tuple[Key, ...] = (("r", CONFIG_SPACE),)
CONFIG_WRITES: tuple[Key, ...] = (("w", CONFIG_SPACE),)
"""Loads from and stores to the device's configuration."""


def reads(*registers: Reg) -> tuple[Key, ...]:
    """Loads of these registers; of anything in the slot if none is named."""
    return tuple(("r", register.name) for register in registers) or (("r", ALL),)


def writes(*registers: Reg) -> tuple[Key, ...]:
    """Stores to these registers; to anything in the slot if none is named."""
    return tuple(("w", register.name) for register in registers) or (("w", ALL),)


def events(*kinds: type[Event]) -> tuple[Key, ...]:
    """Events of these classes."""
    return tuple(("", kind.kind) for kind in kinds)


def rule(name: str, *, on: tuple[Key, ...]) -> Callable[[Method], Method]:
    """Mark a method as the code of the rule `name`."""

    def mark(method: Method) -> Method:
        method.rules = (*getattr(method, "rules", ()), (name, on))  # type: ignore[attr-defined]
        return method

    return mark


def follow(on: tuple[Key, ...]) -> Callable[[Method], Method]:
    """Mark a method that remembers what happened."""

    def mark(method: Method) -> Method:
        method.follows = on  # type: ignore[attr-defined]
        return method

    return mark


class Chapter:
    """Watches `slot`. `rule_methods` and `follow_methods` are the marked methods, in the order they are written."""

    rule_methods: ClassVar[tuple[tuple[str, Key, str], ...]] = ()
    follow_methods: ClassVar[tuple[tuple[Key, str], ...]] = ()

    def __init_subclass__(cls) -> None:
        members = list(vars(cls).items())
        cls.rule_methods = tuple(
            (name, key, attribute) for attribute, m in members for name, on in getattr(m, "rules", ()) for key in on
        )
        cls.follow_methods = tuple((key, attribute) for attribute, m in members for key in getattr(m, "follows", ()))

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.reset()

    def reset(self) -> None:
        """The device was reset: forget."""
