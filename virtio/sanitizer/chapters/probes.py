"""What a driver has to do when something rare happens, which `--probe` brings about: see virtio/probes.

A device that does such a thing by itself is the same to these rules, where an event says so.
"""

from __future__ import annotations

from emu.trace import Event, RegisterAccess
from virtio.events import ConfigChanged, FeaturesNegotiated, Probed
from virtio.registers import CONFIG, VirtioMmio
from virtio.sanitizer.chapter import (
    AT_END,
    CONFIG_READS,
    Chapter,
    Earlier,
    Ended,
    events,
    follow,
    reads,
    rule,
    writes,
)
from virtio.sanitizer.slot import Slot
from virtio.spec import MAGIC, VERSION_MODERN, DeviceId, Interrupt
from virtio.status import DRIVER, DRIVER_OK, FAILED, NEEDS_RESET

ANY = (*reads(), *writes())
GOING_ON = writes(VirtioMmio.QueueReady, VirtioMmio.QueueNotify, VirtioMmio.Status)
LOOKS = (*reads(VirtioMmio.InterruptStatus), *writes(VirtioMmio.QueueNotify), *AT_END)
IDENTITY = tuple(r.name for r in (VirtioMmio.MagicValue, VirtioMmio.Version, VirtioMmio.DeviceID, VirtioMmio.VendorID))
"""Reads that leave a device alone."""
VERSIONS = (1, VERSION_MODERN)
"""A driver that goes on after 1 may know the legacy interface."""
USED, CONFIG_CHANGE = int(Interrupt.USED_BUFFER), int(Interrupt.CONFIG_CHANGE)
DEFINED = USED | CONFIG_CHANGE
MOST_LOOKS, MOST_KICKS = 8, 64
"""Reads of InterruptStatus that show an event which is not acknowledged, or kicks meanwhile."""
CAPACITY = range(CONFIG, CONFIG + 8)


class Ignored:
    """Something that a driver has to answer: the `event`, and what it did since instead."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.looks = self.kicks = 0

    def overdue(self, event: Event) -> bool:
        """Whether no answer is to be expected any more, now that `event` comes."""
        if isinstance(event, Ended):
            return self.looks > 1 or self.kicks > 1
        return self.looks >= MOST_LOOKS or self.kicks >= MOST_KICKS


class Probes(Chapter):
    """`magic` and `version` are what was read last; `unknown`: an unknown feature was offered, `minimal`: nothing but
    VERSION_1, and the driver `tried` to initialize it; `reached`: it came to DRIVER_OK once. These outlive a reset.

    `refused`: FEATURES_OK was, and the driver not told of going on. `spurious`, `odd` and `changed` wait for an answer
    to an interrupt without work, to an undefined bit beside defined ones, and to an interrupt for the configuration.
    """

    def __init__(self, slot: Slot) -> None:
        self.magic, self.version = MAGIC, VERSION_MODERN
        self.intruded = self.unknown = self.minimal = self.tried = self.reached = self.excused = False
        self.last: RegisterAccess | None = None
        super().__init__(slot)

    def reset(self) -> None:
        self.refused = False
        self.spurious: Ignored | None = None
        self.odd: Ignored | None = None
        self.shown = 0
        self.changed: Ignored | None = None
        self.told = False

    # slots that are to be left alone

    @rule("mmio.ignore-bad-magic", on=ANY)
    def ignore_bad_magic(self, event: RegisterAccess) -> str | None:
        if self.magic == MAGIC or not self.intrudes(event):
            return None
        return f"MagicValue read {self.magic:#x}, and {self.touch(event)} all the same"

    @rule("mmio.ignore-bad-version", on=ANY)
    def ignore_bad_version(self, event: RegisterAccess) -> str | None:
        if self.magic != MAGIC or self.version in VERSIONS or not self.intrudes(event):
            return None
        return f"Version read {self.version:#x}, and {self.touch(event)} all the same"

    def intrudes(self, event: RegisterAccess) -> bool:
        return not self.intruded and not (event.op == "r" and event.name in IDENTITY)

    def touch(self, event: RegisterAccess) -> str:
        return f"{event.name or 'the configuration'} was {'read' if event.op == 'r' else 'written'}"

    @follow(ANY)
    def accessed(self, event: RegisterAccess) -> None:
        if (self.magic != MAGIC or self.version not in VERSIONS) and self.intrudes(event):
            self.intruded = True  # told once

    @follow(reads(VirtioMmio.MagicValue))
    def magic_read(self, event: RegisterAccess) -> None:
        self.magic = event.value

    @follow(reads(VirtioMmio.Version))
    def version_read(self, event: RegisterAccess) -> None:
        self.version = event.value

    # features

    @rule("init.no-continue-after-failure", on=GOING_ON)
    def no_continue_after_failure(self, event: RegisterAccess) -> str | None:
        """Another try with other features is no going on."""
        if not self.refused or not self.goes_on(event):
            return None
        step = "DRIVER_OK was set" if event.name == VirtioMmio.Status.name else f"{event.name} was written"
        return f"{step} after the device had refused FEATURES_OK"

    def goes_on(self, event: RegisterAccess) -> bool:
        match event.name:
            case VirtioMmio.Status.name:
                return bool(event.value & ~self.slot.status & DRIVER_OK)
            case VirtioMmio.QueueReady.name:
                return event.value != 0
        return True

    @follow(GOING_ON)
    def went_on(self, event: RegisterAccess) -> None:
        if self.goes_on(event):
            self.refused = False  # told once

    @follow(events(FeaturesNegotiated))
    def negotiated(self, event: FeaturesNegotiated) -> None:
        self.refused = not event.ok
        self.excused |= not event.ok

    @rule("feat.no-fail-on-unknown", on=AT_END)
    def no_fail_on_unknown(self, event: Ended) -> Earlier | None:
        if not self.unknown or not self.gave_up or self.minimal or self.last is None:
            return None
        message = f"an unknown feature was offered, and DRIVER_OK never set: Status ended as {self.slot.status:#04x}"
        return Earlier(message, self.last)

    @rule("feat.unusable-sets-failed", on=AT_END)
    def unusable_sets_failed(self, event: Ended) -> Earlier | None:
        status = self.slot.status
        if not self.minimal or not self.gave_up or self.last is None or not status or status & FAILED:
            return None
        message = f"only VERSION_1 was offered, and the driver gave up without FAILED: Status {status:#04x}"
        return Earlier(message, self.last)

    @property
    def gave_up(self) -> bool:
        """Began to initialize the device, and never came to the end, for no other reason that is known."""
        return self.tried and not self.reached and not self.excused

    @follow(events(Probed))
    def probed(self, event: Probed) -> None:
        match event.name:
            case "unknown-feature":
                self.unknown = True
            case "minimal-features":
                self.minimal = True
            case "spurious-interrupt":
                self.spurious = Ignored(event)

    @follow(reads(VirtioMmio.DeviceFeatures))
    def features_read(self, event: RegisterAccess) -> None:
        self.tried |= bool(self.slot.status & DRIVER)

    @follow(writes(VirtioMmio.Status))
    def status_written(self, event: RegisterAccess) -> None:
        if event.value:
            self.last = event
        self.reached |= bool(event.value & DRIVER_OK)
        self.excused |= bool(self.slot.status & NEEDS_RESET)

    # interrupts

    @rule("split.handle-spurious-irq", on=LOOKS)
    def handle_spurious(self, event: Event) -> Earlier | None:
        spurious = self.spurious
        if spurious is None or not spurious.overdue(event):
            return None
        self.spurious = None
        return Earlier("an interrupt without anything in a used ring was never acknowledged", spurious.event)

    @rule("mmio.irqstatus-ignore-undef", on=LOOKS)
    def ignore_undefined(self, event: Event) -> Earlier | None:
        odd = self.odd
        if odd is None or not odd.overdue(event):
            return None
        self.odd = None
        return Earlier(f"InterruptStatus read {self.shown:#x}, and its defined bits were never acknowledged", odd.event)

    @rule("blk.capacity-recheck", on=LOOKS)
    def capacity_recheck(self, event: Event) -> Earlier | None:
        changed = self.changed
        if changed is None or not self.told or not changed.overdue(event):
            return None
        self.changed = None
        return Earlier("the configuration changed, with an interrupt, and capacity was not read again", changed.event)

    @follow(events(ConfigChanged))
    def config_changed(self, event: ConfigChanged) -> None:
        if self.slot.device_id == DeviceId.BLOCK and self.slot.status & DRIVER_OK:
            self.changed, self.told = Ignored(event), False

    @follow(CONFIG_READS)
    def config_read(self, event: RegisterAccess) -> None:
        if event.offset in CAPACITY:
            self.changed = None

    @follow(reads(VirtioMmio.InterruptStatus))
    def interrupt_read(self, event: RegisterAccess) -> None:
        if event.value & ~DEFINED and event.value & DEFINED:
            self.odd, self.shown = self.odd or Ignored(event), event.value
        for waiting in (self.spurious, self.odd):
            if waiting is not None and event.value & DEFINED:
                waiting.looks += 1

    @follow(writes(VirtioMmio.InterruptACK))
    def acknowledged(self, event: RegisterAccess) -> None:
        if event.value & USED:
            self.spurious = None
        if event.value & self.shown & DEFINED:
            self.odd = None
        self.told |= bool(event.value & CONFIG_CHANGE)

    @follow(writes(VirtioMmio.QueueNotify))
    def notified(self, event: RegisterAccess) -> None:
        waiting = (self.spurious, self.odd, self.changed if self.told else None)
        for ignored in waiting:
            if ignored is not None:
                ignored.kicks += 1
