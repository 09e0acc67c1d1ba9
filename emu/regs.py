"""Declarative register maps: declare a map once, bind it to a port, print a value.

A map is read by everyone: the device side dispatches on it, the driver side stores through it, the trace prints
with it, and the C header of the guests is generated from it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum, IntFlag
from functools import lru_cache
from typing import Any, ClassVar, Protocol, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Access(Enum):
    """How a driver may use a register."""

    RO = "R"
    WO = "W"
    RW = "RW"
    W1C = "W1C"

    @property
    def readable(self) -> bool:
        return self in (Access.RO, Access.RW)

    @property
    def writable(self) -> bool:
        return self is not Access.RO


RO, WO, RW, W1C = Access.RO, Access.WO, Access.RW, Access.W1C


class u8(int):
    """A plain number in one byte."""

    bytes_ = 1


class u16(int):
    """A plain number in two bytes."""

    bytes_ = 2


class u32(int):
    """A plain number in four bytes."""

    bytes_ = 4


class addr32(int):
    """Half of an address: a number that reads best in hexadecimal."""

    bytes_ = 4


class Port(Protocol):
    """What you can load and store on: offsets and widths in bytes, values unsigned."""

    def load(self, offset: int, width: int) -> int: ...

    def store(self, offset: int, width: int, value: int) -> None: ...


def show(kind: type[int], value: int) -> str:
    """`value` as a person reads it: flags by name, enumerations by name, addresses in hex, numbers in decimal."""
    if issubclass(kind, IntFlag):
        return _show_flags(kind, value)
    if issubclass(kind, IntEnum):
        try:
            return str(kind(value).name)
        except ValueError:
            return f"{value}?"
    if kind is addr32 or value >= 0x10000:
        return f"{value:#x}"
    return str(value)


@lru_cache(maxsize=256)  # flags are slow to look through, and a trace shows few different words
def _show_flags(kind: type[IntFlag], value: int) -> str:
    names = [str(flag.name) for flag in kind if value & flag]
    rest = value & ~sum(int(flag) for flag in kind)
    if rest:
        names.append(f"{rest:#x}?")
    return " | ".join(names) if names else "0"


class Reg:
    """One register: its offset in bytes, who may use it, the type of its value, and (from the map) its name.

    `width` is in bytes; flags and enumerations are four bytes wide unless said otherwise.
    """

    __slots__ = ("access", "doc", "kind", "name", "offset", "readable", "width", "writable")

    def __init__(self, offset: int, access: Access, kind: type[int] = u32, doc: str = "", width: int = 0) -> None:
        self.offset = offset
        self.access = access
        self.readable, self.writable = access.readable, access.writable
        self.kind = kind
        self.doc = doc
        self.width: int = width or getattr(kind, "bytes_", 4)
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} {self.offset:#05x} {self.access.value}>"

    def show(self, value: int) -> str:
        """`value` with its fields decoded."""
        return show(self.kind, value)


class RegisterMap:
    """Subclass it with `Reg` attributes; overlapping or misaligned registers fail at class creation."""

    registers: ClassVar[tuple[Reg, ...]] = ()
    _at: ClassVar[dict[int, Reg]] = {}
    _containing: ClassVar[dict[int, Reg]] = {}

    def __init_subclass__(cls) -> None:
        named = {name: value for owner in reversed(cls.__mro__) for name, value in vars(owner).items()}
        cls.registers = tuple(sorted((r for r in named.values() if isinstance(r, Reg)), key=lambda r: r.offset))
        cls._at = {r.offset: r for r in cls.registers}
        cls._containing = {at: r for r in cls.registers for at in range(r.offset, r.offset + r.width)}
        end, last = 0, ""
        for reg in cls.registers:
            if reg.offset % reg.width:
                raise TypeError(f"{cls.__name__}.{reg.name} at {reg.offset:#x} is not aligned to {reg.width}")
            if reg.offset < end:
                raise TypeError(f"{cls.__name__}.{reg.name} at {reg.offset:#x} overlaps {last}")
            end, last = reg.offset + reg.width, reg.name

    @classmethod
    def at(cls, offset: int) -> Reg | None:
        """The register that starts at `offset`, or None for a hole."""
        return cls._at.get(offset)

    @classmethod
    def containing(cls, offset: int) -> Reg | None:
        """The register that has the byte at `offset`, or None for a hole."""
        return cls._containing.get(offset)

    @classmethod
    def bind(cls, port: Port) -> Registers:
        """Read and write this map's registers on `port`."""
        return Registers(port)


class Registers:
    """A register map bound to a port."""

    def __init__(self, port: Port) -> None:
        self.port = port

    def read(self, reg: Reg) -> int:
        return self.port.load(reg.offset, reg.width)

    def write(self, reg: Reg, value: int) -> None:
        if not 0 <= value < 1 << (8 * reg.width):
            raise ValueError(f"{reg.name}: {value:#x} does not fit into {reg.width} bytes")
        self.port.store(reg.offset, reg.width, value)


def reads(*regs: Reg) -> Callable[[F], F]:
    """Mark a method as the handler of loads from `regs`: `def handler(self) -> int`."""
    return _mark("_reads", regs)


def writes(*regs: Reg) -> Callable[[F], F]:
    """Mark a method as the handler of stores to `regs`: `def handler(self, value: int) -> None`."""
    return _mark("_writes", regs)


def _mark(attribute: str, regs: tuple[Reg, ...]) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, attribute, getattr(function, attribute, ()) + regs)
        return function

    return mark


class RegisterHandlers:
    """Base of a device whose registers are methods marked with `@reads` and `@writes`.

    Two handlers for one register fail at class creation; a subclass may have its own in place of its parent's.
    """

    _readers: ClassVar[dict[int, str]] = {}
    _writers: ClassVar[dict[int, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._readers, cls._writers = dict(cls._readers), dict(cls._writers)
        for table, attribute in ((cls._readers, "_reads"), (cls._writers, "_writes")):
            here: dict[int, str] = {}
            for name, member in vars(cls).items():
                for reg in getattr(member, attribute, ()):
                    if reg.offset in here:
                        raise TypeError(f"{cls.__name__}: {reg.name} is handled by {here[reg.offset]} and by {name}")
                    here[reg.offset] = name
            table.update(here)

    def bound_readers(self) -> dict[int, Callable[[], int]]:
        """Offset -> bound handler of loads."""
        return {offset: getattr(self, name) for offset, name in self._readers.items()}

    def bound_writers(self) -> dict[int, Callable[[int], None]]:
        """Offset -> bound handler of stores."""
        return {offset: getattr(self, name) for offset, name in self._writers.items()}
