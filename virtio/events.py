"""What happened on a VirtIO device, as data. Register accesses are `emu.trace.RegisterAccess`.

Blame is typed: `SpecViolation` is the driver's, `emu.trace.Unimplemented` is ours, everything else is a plain fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from emu.regs import show
from emu.trace import Event, InterruptLine
from virtio import watched  # noqa: F401  (registers its kinds of events)
from virtio.spec import DeviceStatus, Interrupt

Words = tuple[int, int, int, int, int, int]


class RingWords(NamedTuple):
    """What both sides have written into the rings of a split queue (2.7.6, 2.7.8); -1: not looked at, or not readable.

    Events have them as `ring`, read at that moment; from a recording it is a plain tuple: `RingWords(*event.ring)`.
    """

    avail_flags: int = -1
    avail_idx: int = -1
    used_event: int = -1
    used_flags: int = -1
    used_idx: int = -1
    avail_event: int = -1


UNREAD = RingWords()


@dataclass(slots=True)
class StatusChanged(Event):
    """The Status register went from `old` to `new` (2.1); at a reset `rings` has (queue, six words) as they were."""

    kind: ClassVar[str] = "status"

    old: int
    new: int
    rings: tuple[tuple[int, ...], ...] = ()

    @property
    def text(self) -> str:
        if self.new == 0:
            return "reset"
        gained = show(DeviceStatus, self.new & ~self.old) if self.new & ~self.old else ""
        lost = show(DeviceStatus, self.old & ~self.new) if self.old & ~self.new else ""
        return " and ".join(part for part in (gained and f"{gained} set", lost and f"{lost} cleared") if part)


@dataclass(slots=True)
class FeaturesNegotiated(Event):
    """FEATURES_OK was written: the device `offered`, the driver `accepted` (64-bit words), `ok`: agreed."""

    kind: ClassVar[str] = "features"

    offered: int
    accepted: int
    ok: bool

    @property
    def text(self) -> str:
        verdict = "agreed" if self.ok else "refused by the device"
        return f"features accepted {self.accepted:#x} of {self.offered:#x} offered: {verdict}"


@dataclass(slots=True)
class QueueConfigured(Event):
    """QueueReady changed: `size` in elements, areas guest-physical (2.7).

    `ring` is what lay there when it changed. `dirty`: where in each area, when the queue became ready, the first byte
    lay that was not 0 (-1: none).
    """

    kind: ClassVar[str] = "queue"

    queue: int
    ready: bool
    size: int
    descriptor_area: int
    driver_area: int
    device_area: int
    ring: Words = UNREAD
    dirty: tuple[int, int, int] = (-1, -1, -1)

    @property
    def text(self) -> str:
        if not self.ready:
            return f"queue {self.queue} stopped"
        return (
            f"queue {self.queue} ready: {self.size} descriptors at {self.descriptor_area:#x}, "
            f"avail ring {self.driver_area:#x}, used ring {self.device_area:#x}"
        )


@dataclass(slots=True)
class QueueNotified(Event):
    """The driver kicked `queue` when `available` chains waited there (-1: the queue cannot be looked at).

    `heads` are the first of them (16 at most) as they stand in the avail ring.
    """

    kind: ClassVar[str] = "notify"

    queue: int
    available: int
    heads: tuple[int, ...] = ()
    ring: Words = UNREAD

    @property
    def text(self) -> str:
        if self.available < 0:
            return f"queue {self.queue}: notified while it is not ready"
        return f"queue {self.queue}: {self.available} chain{'s' * (self.available != 1)} available"


@dataclass(slots=True)
class ChainPopped(Event):
    """The device took a chain: `head` its first descriptor, `descriptors` as (address, length, flags, next).

    `indices`: which descriptors of the queue it consists of; with `indirect` the last of them points to a table, whose
    entries are the last of `descriptors`.
    """

    kind: ClassVar[str] = "pop"

    queue: int
    avail_idx: int
    head: int
    descriptors: tuple[tuple[int, int, int, int], ...]
    indices: tuple[int, ...] = ()
    indirect: bool = False

    @property
    def text(self) -> str:
        readable = sum(length for _, length, flags, _ in self.descriptors if not flags & 2)
        writable = sum(length for _, length, flags, _ in self.descriptors if flags & 2)
        n = len(self.descriptors)
        sizes = f"{readable} bytes readable, {writable} writable"
        return f"queue {self.queue}: took chain {self.head} ({n} descriptor{'s' * (n != 1)}, {sizes})"


@dataclass(slots=True)
class ChainUsed(Event):
    """The device returned a chain: `length` bytes were written to it; `used_idx` is the index after it (2.7.8)."""

    kind: ClassVar[str] = "used"

    queue: int
    used_idx: int
    head: int
    length: int
    ring: Words = UNREAD

    @property
    def text(self) -> str:
        return f"queue {self.queue}: returned chain {self.head}, {self.length} bytes written"


@dataclass(slots=True)
class InterruptStatusChanged(Event):
    """InterruptStatus went to `status`, raised by the device or cleared by InterruptACK (4.2.2)."""

    kind: ClassVar[str] = "interrupt"

    status: int

    @property
    def text(self) -> str:
        return f"interrupt pending: {show(Interrupt, self.status)}" if self.status else "interrupt acknowledged"


@dataclass(slots=True)
class ConfigChanged(Event):
    """The device changed its configuration space (2.5); `generation` is the new ConfigGeneration."""

    kind: ClassVar[str] = "config"

    generation: int

    @property
    def text(self) -> str:
        return f"configuration changed, generation {self.generation}"


@dataclass(slots=True)
class Probed(Event):
    """The device did something rare on purpose, to see how the driver takes it: `name` is the probe's."""

    kind: ClassVar[str] = "probe"

    name: str
    message: str
    queue: int = -1

    @property
    def text(self) -> str:
        return f"probe {self.name}: {self.message}"


@dataclass(slots=True)
class SpecViolation(Event):
    """The driver broke the specification. `rule` is the id, `section` its clause, `message` says it with the values.

    What a queue itself finds wrong names the `queue`, and with the chain that it was following the `head`, and
    `indices` and `descriptors` as far as they were read (those of the queue's table, not of an indirect one).
    """

    kind: ClassVar[str] = "violation"

    rule: str
    section: str
    message: str
    queue: int = -1
    head: int = -1
    indices: tuple[int, ...] = ()
    descriptors: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def text(self) -> str:
        return f"{self.message} [{self.rule}, {self.section}]"


def said_before(event: Event) -> bool:
    """Whether the line of the access or event before this one says it already."""
    if isinstance(event, InterruptStatusChanged):
        return event.status == 0
    return isinstance(event, StatusChanged | QueueNotified | InterruptLine)
