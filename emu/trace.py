"""The event stream: everything that happens is an `Event`; printer, recorder, tests and tools subscribe.

Events are plain data (ints, strings, tuples of them), so they can be written as JSON lines and read back.
A write is published before its effect, a read after its value is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, NamedTuple, get_args, get_origin, get_type_hints

from emu.snapshot import Saved, bits


class Site(NamedTuple):
    """What is known of the instruction at a pc: `where` it is (symbol and source line), its text, the source `file`.

    `file` is a path as the compiler was given it. Each is empty where nobody knows.
    """

    where: str = ""
    insn: str = ""
    file: str = ""


@dataclass(slots=True)
class Event:
    """Base of every event. `publish` stamps `seq` (0, 1, 2, ...), `time` (instructions since reset) and `pc`.

    `where`, `insn` and `file` are those of the `Site` at `pc`, if the event was read from a recording that has them.
    """

    kind: ClassVar[str] = "event"
    kinds: ClassVar[dict[str, type[Event]]] = {}

    source: str
    seq: int = field(default=-1, init=False)
    time: int = field(default=0, init=False)
    pc: int = field(default=0, init=False)
    where: str = field(default="", init=False)
    insn: str = field(default="", init=False)
    file: str = field(default="", init=False)

    def __init_subclass__(cls) -> None:
        # dataclass(slots=True) creates each class twice; the second is the one that stays
        if "kind" in cls.__dict__:
            Event.kinds[cls.kind] = cls

    @property
    def text(self) -> str:
        """One short English phrase: what happened."""
        return self.kind

    def own_fields(self) -> tuple[str, ...]:
        """The names of the fields that this kind of event has beside those of all."""
        return _own_fields(type(self))  # type: ignore[arg-type]  # mypy looks at the __hash__ of the instances

    def to_json(self) -> dict[str, Any]:
        """A flat JSON object: `seq time pc source kind`, the event's own fields, `text`."""
        head: dict[str, Any] = {"seq": self.seq, "time": self.time, "pc": self.pc, "source": self.source}
        head["kind"] = self.kind
        for name in self.own_fields():
            head[name] = getattr(self, name)
        head["text"] = self.text
        return head


@cache  # dataclasses.fields takes a microsecond
def _own_fields(cls: type[Event]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls) if f.init and f.name != "source")


@dataclass(slots=True)
class RegisterAccess(Event):
    """A load from or a store to a device: `op` r or w, `offset` and `width` in bytes, register `name` (empty: a hole).

    `detail` is the decoded value and what it meant, found by the device when the access happened.
    """

    kind: ClassVar[str] = "access"

    op: str
    offset: int
    width: int
    value: int
    name: str
    detail: str = ""

    @property
    def text(self) -> str:
        return self.detail

    @property
    def shown(self) -> tuple[str, str, str]:
        """For a person: the register (and the width in bits where it is not 32), the value, and what it meant."""
        width = "" if self.width == 4 else f".{8 * self.width}"
        meaning = "" if self.detail in (f"{self.value:#x}", str(self.value)) else self.detail
        return f"{self.name or f'{self.offset:#05x}'}{width}", f"{self.value:#x}", meaning

    def to_json(self) -> dict[str, Any]:
        head = Event.to_json(self)
        del head["detail"]  # it is `text`
        return head


@dataclass(slots=True)
class InterruptLine(Event):
    """A device raised (`level` 1) or dropped (0) its interrupt line."""

    kind: ClassVar[str] = "irq"

    level: int

    @property
    def text(self) -> str:
        return "interrupt raised" if self.level else "interrupt dropped"


@dataclass(slots=True)
class Notice(Event):
    """Something worth telling about the machine itself; nobody's fault."""

    kind: ClassVar[str] = "notice"

    message: str

    @property
    def text(self) -> str:
        return self.message


@dataclass(slots=True)
class Unimplemented(Event):
    """The guest asked for something that virtscope does not do; ours to fix, not the driver's."""

    kind: ClassVar[str] = "unimplemented"

    message: str

    @property
    def text(self) -> str:
        return f"not implemented: {self.message}"


def event_from_json(data: Any) -> Event:
    """The event that `to_json` wrote (its `Site` if it is there); defaults fill missing keys, others are ignored.

    Raises ValueError that names the missing, unknown or ill-typed field.
    """
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    kind = data.get("kind")
    cls = Event.kinds.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"field kind: unknown value {kind!r}" if "kind" in data else "field kind: missing")
    arguments = {}
    for name, key, hint, optional in _plan(cls.kind):
        if key not in data:
            if optional:  # a recording made before the field was there
                continue
            raise ValueError(f"field {key}: missing in a {cls.kind} event")
        value = _tupled(data[key])
        if not _fits(value, hint):
            raise ValueError(f"field {key}: {data[key]!r} is not of type {getattr(hint, '__name__', hint)}")
        arguments[name] = value
    stamps = {name: arguments.pop(name) for name in ("seq", "time", "pc")}
    event = cls(**arguments)
    event.seq, event.time, event.pc = stamps["seq"], stamps["time"], stamps["pc"]
    for name in Site._fields:
        text = data.get(name, "")
        if not isinstance(text, str):
            raise ValueError(f"field {name}: {text!r} is not of type str")
        setattr(event, name, text)
    return event


@cache
def _plan(kind: str) -> tuple[tuple[str, str, Any, bool], ...]:
    """The fields of an event as (attribute, JSON key, type, whether it may be missing)."""
    cls = Event.kinds[kind]
    hints = get_type_hints(cls)
    plan = [(f, "text" if f.name == "detail" else f.name) for f in fields(cls) if f.name not in Site._fields]
    return tuple((f.name, key, hints[f.name], f.init and key == f.name and f.default is not MISSING) for f, key in plan)


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is not tuple:
        return type(value) is hint
    kinds = get_args(hint)
    if not isinstance(value, tuple):
        return False
    if kinds[-1] is Ellipsis:
        return all(_fits(item, kinds[0]) for item in value)
    return len(value) == len(kinds) and all(map(_fits, value, kinds))


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value


Subscriber = Callable[[Event], None]


class Trace(Saved):
    """Publish and subscribe. `now` and `pc` (callables) stamp the events; both are 0 where there is no machine.

    Publishers look at `on` first: without subscribers no event is even made.
    """

    saved: ClassVar = {"_seq": bits(63)}

    def __init__(self, now: Callable[[], int] | None = None, pc: Callable[[], int] | None = None) -> None:
        self.now: Callable[[], int] = now or (lambda: 0)
        self.pc: Callable[[], int] = pc or (lambda: 0)
        self.on = False
        self._subscribers: tuple[Subscriber, ...] = ()
        self._seq = 0

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers = (*self._subscribers, subscriber)
        self.on = True

    def unsubscribe(self, subscriber: Subscriber) -> None:
        self._subscribers = tuple(s for s in self._subscribers if s != subscriber)
        self.on = bool(self._subscribers)

    def publish(self, event: Event) -> None:
        """Stamp `event` and hand it to every subscriber, in the order of their subscription."""
        event.seq = self._seq
        event.time = self.now()
        event.pc = self.pc()
        self._seq += 1
        for subscriber in self._subscribers:
            subscriber(event)


NO_TRACE = Trace()
"""A trace that nobody listens to, for devices used on their own. Do not subscribe to it."""
