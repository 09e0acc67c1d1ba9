"""What the driver touches, with one access of it changed: the registers of its slot and the memory of its rings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.mutation.watching import Watcher
from emu.memory import Memory
from emu.regs import Port
from virtio.drivers.queue import SplitVirtqueue
from virtio.errors import DriverMisuse
from virtio.registers import CONFIG, VirtioMmio

READ, WRITE = "r", "w"
DROP, DUPLICATE, SWAP, CHANGE = "drop", "duplicate", "swap", "change"
MOST = 5000
"""Accesses after which a mutant that goes round in circles is ended."""
FIELDS = {0: "addr", 8: "len", 12: "flags", 14: "next"}


@dataclass(frozen=True)
class Access:
    """The driver's access number `index`: `place` is a register (`Status`), or what lies there (`avail.idx`)."""

    index: int
    op: str
    place: str
    width: int
    value: int | bytes
    idle: bool = False
    """A store of what lies there already."""

    @property
    def of_register(self) -> bool:
        return self.place[0].isupper()

    @property
    def text(self) -> str:
        """`W Status = 0xb`."""
        value = f" = {self.value:#x}" if isinstance(self.value, int) else ""
        return f"{self.op.upper()} {self.place}{value}"


@dataclass(frozen=True)
class Change:
    """What happens to access `index`: it is dropped, comes twice, swaps places with the next, or has `value` instead.

    A dropped load answers what was read there without the change: the driver takes it for granted.
    """

    index: int
    how: str
    value: int = 0


class Watched:
    """Memory whose loads and stores `watcher` is told of."""

    def __init__(self, memory: Memory, watcher: Watcher) -> None:
        self.memory = memory
        self._told = watcher.told

    def read(self, address: int, size: int) -> bytes:
        data = self.memory.read(address, size)
        self._told(READ, address, data)
        return data

    def write(self, address: int, data: bytes) -> None:
        self._told(WRITE, address, data)
        self.memory.write(address, data)

    def get(self, address: int, size: int) -> int:
        return int.from_bytes(self.read(address, size), "little")

    def put(self, address: int, size: int, value: int) -> None:
        self.write(address, value.to_bytes(size, "little"))


class TooMuch(Exception):
    """The driver does not come to an end."""


class Face:
    """The port and the memory that a driver with queues of `size` gets. `change` is made to one of its `accesses`.

    `before` are those of the driver without the change.
    """

    def __init__(
        self, port: Port, memory: Watched, size: int, change: Change | None = None, before: list[Access] | None = None
    ) -> None:
        self._port, self._memory = port, memory
        self._change = change
        self._before = before or []
        self._delayed: Callable[[], object] | None = None
        self.queues: list[SplitVirtqueue] = []
        self._areas = {16 * size, 6 + 2 * size, 6 + 8 * size}
        self.accesses: list[Access] = []

    def load(self, offset: int, width: int) -> int:
        return int(self._do(READ, register(offset), width, lambda: self._port.load(offset, width)))

    def store(self, offset: int, width: int, value: int) -> None:
        self._do(WRITE, register(offset), width, lambda new: self._port.store(offset, width, new), value)

    def get16(self, address: int) -> int:
        return int(self._do(READ, self._place(address), 2, lambda: self._memory.get(address, 2)))

    def get32(self, address: int) -> int:
        return int(self._do(READ, self._place(address), 4, lambda: self._memory.get(address, 4)))

    def get64(self, address: int) -> int:
        return int(self._do(READ, self._place(address), 8, lambda: self._memory.get(address, 8)))

    def put16(self, address: int, value: int) -> None:
        self._do(WRITE, self._place(address), 2, lambda new: self._memory.put(address, 2, new), value,
                 lambda: self._there(address, 2))  # fmt: skip

    def put32(self, address: int, value: int) -> None:
        self._do(WRITE, self._place(address), 4, lambda new: self._memory.put(address, 4, new), value,
                 lambda: self._there(address, 4))  # fmt: skip

    def put64(self, address: int, value: int) -> None:
        self._do(WRITE, self._place(address), 8, lambda new: self._memory.put(address, 8, new), value,
                 lambda: self._there(address, 8))  # fmt: skip

    def write(self, address: int, data: bytes) -> None:
        place = "ring" if not data.strip(b"\0") and len(data) in self._areas else "buffer"
        self._do(WRITE, place, len(data), lambda new: self._memory.write(address, new), data,
                 lambda: self._memory.memory.read(address, len(data)))  # fmt: skip

    def read(self, address: int, size: int) -> bytes:
        return self._memory.read(address, size)

    def contains(self, address: int, size: int) -> bool:
        return self._memory.memory.contains(address, size)

    def _there(self, address: int, size: int) -> int:
        return int.from_bytes(self._memory.memory.read(address, size), "little")

    def finish(self) -> None:
        """Make up for an access that waits for a next one."""
        if self._delayed is not None:
            delayed, self._delayed = self._delayed, None
            delayed()

    def _do(
        self,
        op: str,
        place: str,
        width: int,
        act: Callable[..., Any],
        value: Any = None,
        there: Callable[[], Any] | None = None,
    ) -> Any:
        index = len(self.accesses)
        if index >= MOST:
            raise TooMuch
        change = self._change if self._change is not None and self._change.index == index else None
        arguments = () if op == READ else (value,)
        idle = op == WRITE and there is not None and there() == value
        result: Any = None
        if change is None:
            result = act(*arguments)
            self.finish()
        elif change.how == CHANGE:
            result = act() if op == READ else act(change.value)
            result = change.value if op == READ else result
        else:
            if op == READ:
                result = self._before[index].value
            if change.how == SWAP:
                self._delayed = lambda: act(*arguments)
            elif change.how == DUPLICATE:
                act(*arguments)
                result = act(*arguments)
        self.accesses.append(Access(index, op, place, width, result if op == READ else value, idle))
        return result

    def _place(self, address: int) -> str:
        for queue in self.queues:
            try:
                descriptors, avail, used = queue.physical_addresses()
            except DriverMisuse:  # not set up yet
                continue
            n = queue.size
            if descriptors <= address < descriptors + 16 * n:
                return f"desc.{FIELDS[(address - descriptors) % 16]}"
            for name, ring, entry, event in (("avail", avail, 2, "used_event"), ("used", used, 8, "avail_event")):
                at = address - ring
                if 0 <= at < 6 + entry * n:
                    return {0: f"{name}.flags", 2: f"{name}.idx", 4 + entry * n: event}.get(at, f"{name}.ring")
        return f"table.{FIELDS.get(address % 16, address % 16)}"


def register(offset: int) -> str:
    """The register at `offset`, or the bytes of the configuration."""
    if offset >= CONFIG:
        return f"Config+{offset - CONFIG}"
    found = VirtioMmio.containing(offset)
    return found.name if found is not None else f"0x{offset:03x}"
