"""The configuration space (2.5.1, 4.2.2.2): which field may be touched, how wide, and what belongs together."""

from __future__ import annotations

from collections.abc import Iterator

from emu.trace import RegisterAccess
from virtio.config_fields import CONFIG_FIELDS, ConfigField
from virtio.registers import CONFIG, VirtioMmio
from virtio.sanitizer.chapter import (
    AT_END,
    CONFIG_READS,
    CONFIG_WRITES,
    Chapter,
    Earlier,
    Ended,
    follow,
    reads,
    rule,
    writes,
)
from virtio.sanitizer.slot import Slot

ACCESSES = (*CONFIG_READS, *CONFIG_WRITES)
ANY = (*reads(), *writes())
FEATURE_WORDS = 4


def verb(event: RegisterAccess) -> str:
    return "read" if event.op == "r" else "written"


class Config(Chapter):
    """A run of reads is what lies between two accesses to anything but the configuration and its generation.

    `offered` has the words of DeviceFeatures that were read, also before a reset. `read` are the last reads of each
    part in this run, `before` the generation in front of the run, `closed`: it was read after them, as `after`.
    """

    def __init__(self, slot: Slot) -> None:
        self.offered: dict[int, int] = {}
        self.generation: int | None = None
        super().__init__(slot)

    def reset(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new run."""
        self.read: dict[ConfigField, dict[int, RegisterAccess]] = {}
        self.unsure: dict[ConfigField, RegisterAccess] = {}
        self.before = self.after = self.generation
        self.closed = False

    def touched(self, event: RegisterAccess) -> list[ConfigField]:
        """The fields that an access is about, at least in part."""
        at, end = event.offset - CONFIG, event.offset - CONFIG + event.width
        return [f for f in CONFIG_FIELDS.get(self.slot.device_id, ()) if at < f.offset + f.width and f.offset < end]

    @rule("cfg.optional-field-feature-check", on=ACCESSES)
    def feature_check(self, event: RegisterAccess) -> Iterator[str]:
        """A field may be used once its feature is offered; it need not be accepted."""
        for field in self.touched(event):
            if field.feature is None:
                continue
            word, bit = divmod(field.feature, 32)
            offered = self.offered.get(word)
            if offered is None:
                name = field.feature.name
                yield f"{field.name} was {verb(event)} before DeviceFeatures was read to see if {name} is offered"
            elif not offered >> bit & 1:
                yield f"{field.name} was {verb(event)}, and {field.feature.name} (bit {field.feature}) is not offered"

    @rule("mmio.cfg-width-match", on=ACCESSES)
    def width_match(self, event: RegisterAccess) -> Iterator[str]:
        """Fields of 8, 16 and 32 bits as they are, those of 64 bits in two halves."""
        at = event.offset - CONFIG
        access = f"{event.width}-byte {'read' if event.op == 'r' else 'write'} at config+{at:#x}"
        if self.slot.device_id not in CONFIG_FIELDS:
            if event.width > 4 or at % event.width:
                yield f"{access}: use aligned accesses of 1, 2 or 4 bytes"
            return
        for field in self.touched(event):
            width = min(field.width, 4)
            if event.width != width or (at - field.offset) % width:
                yield f"{access}: {field.name} has {field.width} bytes" + (", read in two halves" * (field.width > 4))

    @rule("cfg.no-assume-atomic", on=(*ANY, *AT_END))
    def assumed_atomic(self, event: RegisterAccess | Ended) -> Iterator[Earlier]:
        """Both halves of a 64-bit field, and no look whether they belong together."""
        if self.unsure and self.run_ends(event):
            for field, second in self.unsure.items():
                message = f"{field.name} was read in two halves, without ConfigGeneration before and after"
                yield Earlier(message, second)

    @rule("cfg.generation-loop", on=(*ANY, *AT_END))
    def generation_loop(self, event: RegisterAccess | Ended) -> Iterator[Earlier]:
        if not self.read or not self.run_ends(event):
            return
        last = max((access for parts in self.read.values() for access in parts.values()), key=lambda access: access.seq)
        names = [field.name for field in self.read]
        which = names[0] if len(names) == 1 else f"{len(names)} fields, {names[0]} to {names[-1]},"
        if self.closed and self.after != self.before:
            message = f"ConfigGeneration went from {self.before} to {self.after}: no second try"
            yield Earlier(f"{which} read while {message}", last)
        elif len(self.read) > 1 and not self.unsure and not self.closed:
            yield Earlier(f"{which} were read without ConfigGeneration before and after", last)

    def run_ends(self, event: RegisterAccess | Ended) -> bool:
        if isinstance(event, Ended) or event.op == "w":
            return True
        if event.name == VirtioMmio.ConfigGeneration.name:
            return self.before is None  # there is nothing to compare it with
        return event.offset < CONFIG

    @follow(ANY)
    def accessed(self, event: RegisterAccess) -> None:
        if self.read and self.run_ends(event):
            self.begin()

    @follow(CONFIG_READS)
    def config_read(self, event: RegisterAccess) -> None:
        if self.closed:  # it was read again, or another bracket begins
            self.begin()
        for field in self.touched(event):
            parts = self.read.setdefault(field, {})
            again = event.offset in parts
            parts[event.offset] = event
            if again:  # a half that is read twice tells as well whether both belong together
                self.unsure.pop(field, None)
            elif field.width > 4 and len(parts) == 2:
                self.unsure[field] = event

    @follow(reads(VirtioMmio.ConfigGeneration))
    def generation_read(self, event: RegisterAccess) -> None:
        self.generation = event.value
        if self.read and self.before is not None:
            self.closed, self.after = True, event.value
            self.unsure.clear()
        else:
            self.begin()

    @follow(reads(VirtioMmio.DeviceFeatures))
    def features_read(self, event: RegisterAccess) -> None:
        word = self.slot.device_sel or 0
        if word < FEATURE_WORDS:
            self.offered[word] = event.value
