"""A device and a driver whose every load, store and fence is seen, without an emulator.

`Driver` does by hand what a driver does in memory, one step a line, so that a test leaves one out or does one too many.
Each step takes an instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from emu.trace import Event, event_from_json
from virtio.device import Device
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio
from virtio.sanitizer.engine import Sanitizer
from virtio.spec import DescFlag, Feature, mask
from virtio.testing import RAM_BASE, VERSION_1, RawQueue, driver_ok, negotiate, pair
from virtio.watching import RingWatch

FENCE = 0x0F
EVENT_IDX = mask(Feature.EVENT_IDX)
BUFFER, OTHER_BUFFER = RAM_BASE + 0x3000, RAM_BASE + 0x3100
NEXT, WRITE = int(DescFlag.NEXT), int(DescFlag.WRITE)


class Hart:
    """What a watched hart tells, for a driver in Python (`virtio.watching.MemoryWatcher`)."""

    def __init__(self) -> None:
        self.accesses = self.instructions = 0
        self.seconds = 0.0
        self.pc = 0x1000
        self.insn = 0
        self.ranges: list[tuple[int, int]] = []
        self.accessed: Callable[[str, int, int, int], object] = lambda *access: None
        self.executed: Callable[[int, int], object] | None = None

    def watch(self, ranges: Iterable[tuple[int, int]], accessed: Callable[[str, int, int, int], object]) -> None:
        self.ranges, self.accessed = list(ranges), accessed

    def follow(self, executed: Callable[[int, int], object]) -> None:
        self.executed = executed

    def unfollow(self) -> None:
        self.executed = None

    def step(self, insn: int = 0x13) -> None:
        """One instruction begins."""
        self.pc, self.insn = self.pc + 4, insn
        self.instructions += 1
        if self.executed is not None:
            self.executed(self.pc, 4)

    def access(self, op: str, address: int, width: int, value: int) -> None:
        self.step()
        if any(start < address + width and address < end for start, end in self.ranges):
            self.accesses += 1
            self.accessed(op, address, width, value)


class Driver:
    """Queue 0 of an rng (answers at once) or a console (keeps what it gets until there is input), and its sanitizer.

    Or queue `index`, where the ones before it are set up too. `live`: DRIVER_OK is set.
    """

    def __init__(
        self, device: Device | None = None, features: int = VERSION_1, size: int = 8, index: int = 0, live: bool = True
    ) -> None:
        self.hart = Hart()
        self.device = device or Rng(bytes)
        self.pair = pair(self.device, name=f"virtio0-{self.device.name}")
        trace = self.pair.trace
        trace.now, trace.pc = lambda: self.hart.instructions, lambda: self.hart.pc
        self.watch = RingWatch(trace, self.pair.memory, self.hart, lambda pc: self.hart.insn)
        self.sanitizer = Sanitizer(advice=True)
        trace.subscribe(self.watch)
        trace.subscribe(self.sanitizer)
        negotiate(self.pair, features)
        self.others = [RawQueue(self.pair, i, at=RAM_BASE + 0x8000 * (i + 1)).enable() for i in range(index)]
        self.ring = RawQueue(self.pair, index, size)
        if size > 16:
            self.ring.avail, self.ring.used_ring = RAM_BASE + 0x1000, RAM_BASE + 0x2000
        self.ring.enable()
        if live:
            driver_ok(self.pair)
        self.idx = 0

    @classmethod
    def console(cls, features: int = VERSION_1, size: int = 8, live: bool = True) -> Driver:
        return cls(Console(lambda data: None), features, size, live=live)

    @property
    def events(self) -> list[Event]:
        return self.pair.events

    def found(self, *rules: str) -> list[str]:
        """The sentences of these rules' findings."""
        return [finding.message for finding in self.sanitizer.findings if finding.rule.id in rules]

    def replayed(self) -> list[dict[str, Any]]:
        """The findings of a recording of all this."""
        again = Sanitizer(advice=True)
        for event in self.events:
            again(event_from_json(event.to_json()))
        return [finding.to_json() for finding in again.findings]

    # single steps

    def store(self, address: int, value: int, width: int = 2) -> None:
        self.hart.access("w", address, width, value)
        self.pair.memory.write(address, value.to_bytes(width, "little"))

    def load(self, address: int, width: int = 2) -> int:
        value = int.from_bytes(self.pair.memory.read(address, width), "little")
        self.hart.access("r", address, width, value)
        return value

    def fence(self, before: str, after: str, mode: int = 0) -> None:
        bits = [sum(8 >> "iorw".index(kind) for kind in kinds) for kinds in (before, after)]
        self.hart.step(mode << 28 | bits[0] << 24 | bits[1] << 20 | FENCE)

    def idle(self, instructions: int) -> None:
        """So many instructions that do nothing."""
        self.hart.instructions += instructions
        self.hart.step()

    def descriptor(
        self, index: int = 0, address: int = BUFFER, length: int = 16, flags: int = WRITE, next: int = 0
    ) -> None:
        at = self.ring.desc + 16 * index
        for offset, value, width in ((0, address, 8), (8, length, 4), (12, flags, 2), (14, next, 2)):
            self.store(at + offset, value, width)

    def entry(self, head: int = 0) -> None:
        self.store(self.ring.avail + 4 + 2 * (self.idx % self.ring.size), head)

    def publish(self) -> None:
        self.idx = self.idx + 1 & 0xFFFF
        self.store(self.ring.avail + 2, self.idx)

    def wants_kick(self) -> bool:
        return not self.load(self.ring.used_ring) & 1

    def kick(self) -> None:
        self.hart.step()
        self.ring.notify()

    def look(self) -> int:
        """used.idx."""
        return self.load(self.ring.used_ring + 2)

    def element(self, position: int = 0) -> tuple[int, int]:
        at = self.ring.used_ring + 4 + 8 * (position % self.ring.size)
        return self.load(at, 4), self.load(at + 4, 4)

    # whole steps, done right

    def offer(self, index: int = 0, address: int = BUFFER, length: int = 16, flags: int = WRITE) -> None:
        """Make a chain of one descriptor available, and kick if the device wants it."""
        self.descriptor(index, address, length, flags)
        self.entry(index)
        self.fence("w", "w")
        self.publish()
        self.ring_the_bell()

    def ring_the_bell(self) -> None:
        self.fence("rw", "rw")
        if self.wants_kick():
            self.fence("w", "o")
            self.kick()

    def take(self) -> None:
        """Look at used.idx and take the newest element."""
        idx = self.look()
        self.fence("r", "r")
        self.element(idx - 1)

    def waits(self) -> None:
        """WFI, and nothing is pending."""
        self.hart.step()
        self.watch.waits()

    def acknowledge(self) -> None:
        self.hart.step()
        self.pair.write(VirtioMmio.InterruptACK, self.pair.read(VirtioMmio.InterruptStatus))
