"""A device and its queues as plain numbers. None: it cannot be known (not in RAM, not in the recording)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from emu.trace import Event, RegisterAccess
from virtio.queue.chain import Descriptor


class Kick(NamedTuple):
    """The last notification of a queue: Status then, chains that waited (-1: not ready), and the event."""

    status: int
    available: int
    event: Event


class Lost(NamedTuple):
    """A chain came back (`used`) after the driver had read InterruptStatus, and then it wrote InterruptACK (`ack`)."""

    queue: int
    used: Event
    ack: Event


@dataclass(slots=True)
class QueueView:
    """Queue `index` called `name`. `taken` and `returned` are the device's positions in the rings, modulo 65536.

    `refused` says why the device did not make it ready, `laid_out`: the driver wrote a size or an address. `input`: its
    buffers wait for something from outside, of which `backlog` bytes are there. `avail_idx` and the fields after it lie
    in guest memory: `head` is what the next element of the avail ring holds, `descriptor` the one it names, `last_used`
    the last used element. `unannounced` counts chains that came back without an interrupt since the driver last used
    one again (`polls`: it has done so); `reused`: it has used any again. `read_now`: words of its rings that the hart
    reads in a loop.
    """

    index: int
    name: str = ""
    ready: bool = False
    size: int = 0
    refused: str = ""
    laid_out: bool = False
    input: bool = False
    backlog: int = 0
    event_idx: bool = False
    taken: int = 0
    returned: int = 0
    descriptor_area: int = 0
    driver_area: int = 0
    device_area: int = 0
    avail_idx: int | None = None
    avail_flags: int | None = None
    used_event: int | None = None
    used_idx: int | None = None
    used_flags: int | None = None
    avail_event: int | None = None
    head: int | None = None
    descriptor: Descriptor | None = None
    last_used: tuple[int, int] | None = None
    kick: Kick | None = None
    unannounced: int | None = None
    polls: bool = False
    reused: bool = False
    read_now: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"queue {self.index}" + (f" ({self.name})" if self.name else "")

    @property
    def waiting(self) -> int:
        """Chains that the driver made available and the device has not taken; 0 where nobody knows."""
        return 0 if self.avail_idx is None else (self.avail_idx - self.taken) & 0xFFFF

    @property
    def held(self) -> int:
        """Chains that the device took and has not returned."""
        return (self.taken - self.returned) & 0xFFFF

    @property
    def busy(self) -> bool:
        """Whether the driver has asked for anything here."""
        return bool(self.taken or self.waiting or self.kick)


@dataclass(slots=True)
class DeviceView:
    """A device in a slot. `accepted` and `offered` are features, `agreed` the device's answer to FEATURES_OK (None: not
    asked, or not known), `reason` why it needs a reset, `interrupt` InterruptStatus.

    The rest is from the event stream, empty where nobody listened (`heard` is False): the `last` access to each
    register by (op, name), the `history` of accesses with how often each came in a row, the last `complaints`.
    """

    name: str
    status: int = 0
    offered: int = 0
    accepted: int = 0
    agreed: bool | None = None
    agreeable: bool | None = None
    reason: str = ""
    interrupt: int = 0
    queues: list[QueueView] = field(default_factory=list)
    heard: bool = False
    driven: bool = False
    last: dict[tuple[str, str], RegisterAccess] = field(default_factory=dict)
    history: Sequence[tuple[RegisterAccess, int]] = ()
    complaints: Sequence[Event] = ()
    lost: Lost | None = None
    when: int = -1
    device_id: int = 0
    where: Callable[[Event], str] = field(default=lambda event: event.where)

    def place(self, event: Event | None) -> str:
        """` at pc 0x80000010 (main+0x4 x.c:3)`, or nothing for no event."""
        if event is None:
            return ""
        where = self.where(event)
        return f" at pc {event.pc:#x}" + (f" ({where})" if where else "")

    @property
    def unacknowledged(self) -> str:
        """What the driver did about InterruptStatus, which is not 0."""
        written = self.wrote("InterruptACK")
        if written is not None:
            how = f"was not acknowledged (InterruptACK was last {written.value:#x}{self.place(written)})"
        else:
            how = "was never acknowledged (no write to InterruptACK)" if self.heard else "is not acknowledged"
        return f"InterruptStatus {self.interrupt:#x} {how}"

    def wrote(self, register: str) -> RegisterAccess | None:
        """The driver's last store to `register`."""
        return self.last.get(("w", register))
