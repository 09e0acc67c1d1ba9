"""A driver's hands for tests of the sanitizer: steps done right, to be left out, doubled or done wrong by a script.

A test file collects its scripts with `breaks` and `obeys` of a `Scripts`; every rule is on, advice and strict ones too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from emu.regs import Reg
from emu.trace import event_from_json
from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.mmio import MmioTransport
from virtio.queue_registers import AREAS
from virtio.registers import CONFIG
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapter import Chapter
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.findings import Finding
from virtio.testing import RAM_BASE, VERSION_1, Pair, RawQueue, driver_ok, negotiate, pair

AVAIL, USED = RAM_BASE + 0x100, RAM_BASE + 0x200
"""Where `place` puts a queue's rings, if nothing else is said."""


class Hands:
    """A device (None: an empty slot) under a sanitizer. The slot is called as that of a device of `kind`."""

    def __init__(
        self, device: Device | None, kind: str = "", slot: Callable[..., MmioTransport] = MmioTransport
    ) -> None:
        self.device = device
        kind = kind or (device.name if device is not None else "")
        self.p: Pair = pair(device, name=f"virtio0-{kind}" if kind else "virtio0", slot=slot)
        self.sanitizer = Sanitizer(advice=True, strict=True)
        self.p.trace.subscribe(self.sanitizer)

    def read(self, *registers: Reg) -> int:
        """Read them in turn; returns what the last one said."""
        for register in registers:
            value = self.p.read(register)
        return value

    def write(self, register: Reg, *values: int) -> None:
        for value in values:
            self.p.write(register, value)

    def config(self, *fields: tuple[int, int]) -> None:
        """Read parts of the configuration, as (offset, width)."""
        for at, width in fields:
            self.p.port.load(CONFIG + at, width)

    def answer(self, register: Reg, value: int) -> None:
        """From now on the register reads as `value`, whatever the device says."""
        self.p.transport._loads[register.offset] = lambda: value

    def find(self) -> None:
        self.read(R.MagicValue, R.Version, R.DeviceID)

    def begin(self) -> None:
        """Steps 1 to 3."""
        self.find()
        self.write(R.Status, 0)
        self.read(R.Status)
        self.write(R.Status, 1, 3)

    def offer(self, *words: int) -> None:
        """Read what is offered."""
        for word in words or (0, 1):
            self.write(R.DeviceFeaturesSel, word)
            self.read(R.DeviceFeatures)

    def accept(self, features: int = VERSION_1) -> None:
        for word in (0, 1):
            self.write(R.DriverFeaturesSel, word)
            self.write(R.DriverFeatures, features >> 32 * word & 0xFFFFFFFF)

    def agree(self) -> None:
        """Steps 5 and 6."""
        self.write(R.Status, 11)
        self.read(R.Status)

    def agreed(self) -> None:
        """Steps 5, 6 and 8: a device that has nothing to do."""
        self.agree()
        self.write(R.Status, 15)

    def negotiate(self, features: int = VERSION_1) -> None:
        """Everything up to step 6."""
        negotiate(self.p, features)

    def select(self, index: int = 0) -> None:
        """Ask whether the queue is there and free."""
        self.write(R.QueueSel, index)
        self.read(R.QueueReady, R.QueueSizeMax)

    def place(self, desc: int = RAM_BASE, avail: int = AVAIL, used: int = USED) -> None:
        """Write the size, 8, and all six address registers of the selected queue."""
        self.write(R.QueueSize, 8)
        for register, address in zip(AREAS, (desc, 0, avail, 0, used, 0), strict=True):
            self.write(register, address)

    def queue(self, index: int = 0) -> RawQueue:
        """Step 7 for one queue, in memory that holds zeros."""
        queue = RawQueue(self.p, index, at=self.p.memory.base + 0x8000 * index)
        self.p.memory.write(queue.desc, bytes(0x300))
        return queue.enable()

    def live(self, features: int = VERSION_1) -> RawQueue:
        """Everything; returns the first queue."""
        self.negotiate(features)
        queue = self.queue()
        driver_ok(self.p)
        return queue

    def end(self) -> list[Finding]:
        """The run is over: what was found."""
        self.sanitizer.finish()
        return list(self.sanitizer.findings)

    def recorded(self) -> list[Finding]:
        """What is found in the events as a recording has them."""
        again = Sanitizer(advice=True, strict=True)
        for event in self.p.events:
            again(event_from_json(json.loads(json.dumps(event.to_json()))))
        again.finish()
        return list(again.findings)


Script = Callable[[Hands], object]
Make = Callable[[], Hands]


def rng() -> Hands:
    """An entropy device; its bytes are zeros."""
    return Hands(Rng(bytes))


@dataclass
class Scripts:
    """The scripts of a test file: `broken` as (rules, what a finding says, script, device), `obeyed` without a finding.

    The first rule is the one that the script is about, the others cannot be kept with it.
    """

    broken: list[tuple[tuple[str, ...], str, Script, Make]] = field(default_factory=list)
    obeyed: list[tuple[str, Script, Make]] = field(default_factory=list)

    def breaks(self, rule: str, says: str, *also: str, on: Make = rng) -> Callable[[Script], Script]:
        """The script breaks `rule` and what is in `also`, and nothing else."""

        def collect(script: Script) -> Script:
            self.broken.append(((rule, *also), says, script, on))
            return script

        return collect

    def obeys(self, *rules: str, on: Make = rng) -> Callable[[Script], Script]:
        """The script comes close to breaking `rules`, and does not."""

        def collect(script: Script) -> Script:
            self.obeyed.extend((rule, script, on) for rule in rules)
            return script

        return collect

    @property
    def broken_ids(self) -> list[str]:
        return [f"{i}-{rules[0]}" for i, (rules, _, _, _) in enumerate(self.broken)]

    @property
    def obeyed_ids(self) -> list[str]:
        return [f"{i}-{rule}" for i, (rule, _, _) in enumerate(self.obeyed)]

    def check_broken(self, rules: tuple[str, ...], says: str, script: Script, on: Make) -> None:
        hands = on()
        script(hands)
        found = hands.end()
        assert hands.recorded() == found
        messages = {finding.rule.id: finding.message for finding in found}
        assert set(messages) == set(rules), messages
        assert says in messages[rules[0]]
        assert all(len(message) <= 120 for message in messages.values())

    def check_obeyed(self, script: Script, on: Make) -> None:
        hands = on()
        script(hands)
        assert [(finding.rule.id, finding.message) for finding in hands.end()] == []

    def check_complete(self, chapters: Iterable[type[Chapter]]) -> None:
        """Every rule of the chapters has a script of each kind."""
        rules = {name for chapter in chapters for name, _, _ in chapter.rule_methods}
        assert rules - {rules[0] for rules, _, _, _ in self.broken} == set()
        assert rules - {rule for rule, _, _ in self.obeyed} == set()
