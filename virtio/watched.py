"""What watching the rings adds to the trace (`run --watch rings`): loads and stores, fences, chains made available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emu.trace import Event

DESCRIPTORS, AVAIL, USED, BUFFER = "descriptors", "avail", "used", "buffer"
"""Areas of memory: the three of a queue, and what its chains consist of."""
FOLLOWED = 2000
"""Instructions that are looked at for fences after an access that needs one."""
REPEATED = 100_000
"""Instructions for which a load that finds the same again, at the same pc, is not told again."""


@dataclass(slots=True)
class MemoryAccess(Event):
    """The driver loaded (`op` r) or stored (w) `width` bytes at physical `address`, in an `area` of `queue`.

    A store is told before its effect. `name` says what is there: `avail.idx`, `used.ring[3].id`, `buffer of chain 5`.
    """

    kind: ClassVar[str] = "memory"

    op: str
    address: int
    width: int
    value: int
    area: str
    queue: int
    name: str

    @property
    def shown(self) -> tuple[str, str, str]:
        """For a person: what is there (and the width in bits where it is not 16), the value, and the queue."""
        width = "" if self.width == 2 else f".{8 * self.width}"
        return f"{self.name}{width}", f"{self.value:#x}", f"queue {self.queue}"

    @property
    def text(self) -> str:
        verb = "stored to" if self.op == "w" else "loaded from"
        return f"queue {self.queue}: {verb} {self.name}: {self.value:#x}"


@dataclass(slots=True)
class FenceExecuted(Event):
    """The hart executed a fence: what is in `before` (of i, o, r, w) comes before what is in `after`.

    An AMO or LR/SC that both acquires and releases is one of memory. `total`: not FENCE.TSO, which leaves stores and
    later loads unordered. Told only where rings are being worked on.
    """

    kind: ClassVar[str] = "fence"

    before: str
    after: str
    total: bool = True

    @property
    def text(self) -> str:
        return f"fence {self.before},{self.after}{'' if self.total else ' (TSO)'}"

    def orders(self, before: str, after: str) -> bool:
        """Whether every `before` (i, o, r or w) is kept before every `after`."""
        return before in self.before and after in self.after and (self.total or (before, after) != ("w", "r"))


@dataclass(slots=True)
class ChainAvailable(Event):
    """A store to avail.idx made the chain of descriptor `head` available, at position `avail_idx` of the avail ring.

    `descriptors` are its entries in the descriptor table as (index, address, length, flags, next), `buffers` what it
    consists of as (address, length, writable), an indirect table included. `kick`: the device wants to be told.
    """

    kind: ClassVar[str] = "available"

    queue: int
    avail_idx: int
    head: int
    descriptors: tuple[tuple[int, int, int, int, int], ...]
    buffers: tuple[tuple[int, int, bool], ...]
    kick: bool

    @property
    def text(self) -> str:
        return f"queue {self.queue}: chain {self.head} made available"


@dataclass(slots=True)
class DriverWaits(Event):
    """Nothing is left to do but wait for an interrupt (WFI), or the run is over (`ended`)."""

    kind: ClassVar[str] = "waits"

    ended: bool

    @property
    def text(self) -> str:
        return "the run is over" if self.ended else "the hart waits for an interrupt"
