"""What every mutant does: find the device, initialize it, requests with their interrupts, a reset, and again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from bench.mutation.edits import Classes, Edit, classes
from bench.mutation.face import Access, Change, Face, Watched
from bench.mutation.watching import Watcher, watch_rings
from emu.memory import Memory
from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.drivers.arena import Arena
from virtio.drivers.base import QueueDriver
from virtio.sanitizer.engine import Sanitizer
from virtio.testing import Pair, pair

SIZE = 8
"""Elements of a queue: the requests below go round the rings."""
LIVES = 2
LONG = 10_000_000
"""Instructions that go by after a step: enough for whatever was still to be done."""
PATIENCE = 3
"""How often a mutant looks for what does not come."""


@dataclass(frozen=True)
class Case:
    """A device and how its queues are."""

    device: str
    indirect: bool
    event_idx: bool

    @property
    def text(self) -> str:
        with_features = [name for name, on in (("indirect", self.indirect), ("event_idx", self.event_idx)) if on]
        return "+".join([self.device, *with_features])


CASES = [Case(device, on, on) for device in ("blk", "rng", "console") for on in (False, True)]


@dataclass
class Outcome:
    """The rules that were broken and with what words, what the driver did, and what its steps died of."""

    broken: dict[str, str]
    accesses: list[Access]
    died: list[str]


def run(
    case: Case, change: Change | None = None, before: list[Access] | None = None, edit: Edit | None = None,
    *, watched: bool = True,
) -> Outcome:  # fmt: skip
    """The scenario with at most one mutation; `watched`: with the memory of the rings watched."""
    device = make(case.device)
    p = pair(device, name=f"virtio0-{case.device}")
    sanitizer, watcher = Sanitizer(advice=True, strict=True), Watcher()
    rings = watch_rings(p.trace, p.memory, watcher) if watched else None
    p.trace.subscribe(sanitizer)
    face = Face(p.port, Watched(p.memory, watcher), SIZE, change, before)
    clock = 0
    died: list[str] = []
    p.trace.now = lambda: clock + len(face.accesses)
    driver = drive(case, classes(edit), face, p)
    for life in range(LIVES):
        for step in steps(case, driver, device, p, life):
            try:
                step()
            except Exception as error:  # whatever a mutant dies of, somebody starts it again
                died.append(repr(error))
            clock += LONG
            if rings is not None:
                rings.waits()
    for last in (face.finish, driver.transport.reset):  # type: ignore[attr-defined]
        with suppress(Exception):
            last()
    if rings is not None:
        rings.waits(ended=True)
    sanitizer.finish()
    return Outcome({f.rule.id: f.message for f in sanitizer.findings}, face.accesses, died)


def make(kind: str) -> Device:
    """The device, with everything it does the same in every run."""
    if kind == "rng":
        numbers = count()
        return Rng(lambda n: bytes(next(numbers) & 0xFF for _ in range(n)))
    if kind == "console":
        return Console(lambda data: None, (80, 25))
    return Blk(io.BytesIO(bytes(64 * 512)), serial="mutation", size_max=512, seg_max=4)


def drive(case: Case, made: Classes, face: Face, p: Pair) -> QueueDriver:
    """The driver of this case on `face`."""
    transport = made.transport(face, patience=PATIENCE)
    memory: Memory = face
    arena = Arena(p.memory.base, p.memory.size)
    driver: QueueDriver = made.drivers[case.device](transport, memory, arena, SIZE)
    driver.queues = face.queues = [
        made.queue(
            transport, memory, arena, SIZE, indirect=case.indirect, event_idx=case.event_idx,
            idle=lambda: None, patience=PATIENCE,
        )
        for _ in driver.queues
    ]  # fmt: skip
    return driver


def steps(case: Case, driver: QueueDriver, device: Device, p: Pair, life: int) -> Iterator[Callable[[], object]]:
    """What is done, one after the other; interrupts are served after each."""

    def serve() -> None:
        for _ in range(PATIENCE):
            if p.irq.level:
                driver.transport.handle_interrupt()  # type: ignore[attr-defined]

    def config_changed() -> None:
        if device.host is not None:
            device.host.config_changed()

    yield driver.start
    for step in requests(case, driver, device, life):
        yield step
        yield serve
    yield config_changed
    yield serve


def requests(case: Case, driver: Any, device: Device, life: int) -> Iterator[Callable[[], object]]:
    """The requests of one life."""
    queue = driver.queues[0]
    again = range(SIZE if life == 0 else 1)
    if case.device == "rng":
        driver.on_bytes = lambda data: None
        yield lambda: (driver.request(16), driver.request(8))
        yield from [lambda: driver.request(16) for _ in again]
        yield lambda: queue.want_interrupts(False)
        yield lambda: driver.read(16)
        yield lambda: queue.want_interrupts(True)
        yield lambda: driver.request(16)
    elif case.device == "console":
        driver.on_input = lambda data: None
        feed = device.feed  # type: ignore[attr-defined]
        yield lambda: driver.write(b"hello")
        yield from [lambda: feed(b"abc") for _ in again]
        yield from [lambda: driver.write(b"x" * 100) for _ in again]
        yield lambda: driver.emergency_write(0x21)
    else:
        yield lambda: driver.read(0, 1)
        yield lambda: driver.write(3, b"w" * 1024)
        yield driver.flush
        yield driver.get_id
        yield lambda: driver.discard(8, 8)
        yield lambda: driver.write_zeroes(16, 8)
        yield from [lambda: driver.read(1, 1) for _ in again]
