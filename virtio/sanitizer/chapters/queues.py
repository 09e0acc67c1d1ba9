"""Setting queues up, stopping and resetting them (2.6.1, 3.1.1 step 7, 4.2.2.2, 4.2.3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.trace import RegisterAccess
from virtio.events import SpecViolation
from virtio.queue_registers import AREAS
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import AT_END, Chapter, Earlier, Ended, events, follow, reads, rule, writes
from virtio.sanitizer.slot import Slot
from virtio.spec import Feature
from virtio.status import DRIVER_OK

AREA_NAMES = tuple(register.name for register in AREAS)
SETTINGS = (VirtioMmio.QueueSize, *AREAS)
SETTING_NAMES = tuple(register.name for register in SETTINGS)
TOUCHES = writes(*SETTINGS, VirtioMmio.QueueReady, VirtioMmio.QueueReset, VirtioMmio.QueueNotify)
MOST_QUEUES = 1024
"""QueueSel can name four thousand million queues; more than these are not remembered."""


@dataclass(slots=True)
class SetUp:
    """What the driver did to a queue since the last reset of the device or the queue.

    `ready_read` is what QueueReady read as since it was last written, `written` the settings given, `live`: it has been
    made ready, `touched`: settings were written while it was. `stopped` and `reset` are the writes that asked for
    that, until it was seen to be done or another set-up ended, `reset_read` what QueueReset read as since.
    """

    ready_read: int | None = None
    written: set[str] = field(default_factory=set)
    live: bool = False
    touched: bool = False
    stopped: RegisterAccess | None = None
    reset: RegisterAccess | None = None
    reset_read: int | None = None

    def missing(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if name not in self.written]


class Queues(Chapter):
    """`most` has QueueSizeMax as it was read; a device does not change it, so a reset does not make it forgotten."""

    def __init__(self, slot: Slot) -> None:
        self.most: dict[int, int] = {}
        super().__init__(slot)

    def reset(self) -> None:
        self.known: dict[int, SetUp] = {}
        self.refused_for_less = False

    @property
    def index(self) -> int:
        """The queue that QueueSel names."""
        return self.slot.queue_sel or 0

    def set_up(self, index: int) -> SetUp:
        found = self.known.get(index)
        if found is None:
            found = SetUp()
            if len(self.known) < MOST_QUEUES:
                self.known[index] = found
        return found

    def is_ready(self, index: int) -> bool:
        queue = self.slot.queues.get(index)
        return queue is not None and queue.ready

    @rule("inv.queue-size-max-read", on=writes(VirtioMmio.QueueSize))
    def size_max_read(self, event: RegisterAccess) -> str | None:
        most = self.most.get(self.index)
        if most is None and len(self.most) < MOST_QUEUES:
            return f"queue {self.index}: QueueSize was written as {event.value} before QueueSizeMax was read"
        return f"queue {self.index} was given size {event.value}; its QueueSizeMax reads 0" if most == 0 else None

    @rule("inv.queue-size-max-read", on=writes(VirtioMmio.QueueReady))
    def queue_exists(self, event: RegisterAccess) -> str | None:
        if not event.value or self.most.get(self.index) != 0 or not self.set_up(self.index).missing(SETTING_NAMES[:1]):
            return None
        return f"queue {self.index} was made ready; its QueueSizeMax reads 0"

    @rule("inv.queue-ready-read-0", on=writes(VirtioMmio.QueueReady))
    def ready_read_0(self, event: RegisterAccess) -> str | None:
        queue = self.set_up(self.index)
        if not event.value or self.is_ready(self.index) or queue.reset or queue.ready_read == 0:
            return None
        if queue.ready_read is None:
            return f"queue {self.index} was made ready, and QueueReady was not read as 0 before"
        return f"queue {self.index} was set up although its QueueReady read {queue.ready_read}"

    @rule("inv.addresses-complete", on=writes(VirtioMmio.QueueReady))
    def addresses_complete(self, event: RegisterAccess) -> str | None:
        missing = self.missing_addresses()
        if not event.value or self.is_ready(self.index) or not missing:
            return None
        which = "any of its address registers" if len(missing) == len(AREA_NAMES) else " and ".join(missing)
        return f"queue {self.index} was made ready before {which} was written"

    @rule("inv.addresses-complete", on=events(SpecViolation))
    def addresses_in_ram(self, event: SpecViolation) -> str | None:
        """Only the transport knows where RAM is."""
        return event.message if event.rule == "inv.addresses-complete" and not self.refused_for_less else None

    def missing_addresses(self) -> list[str]:
        queue = self.set_up(self.index)
        return [] if queue.reset else queue.missing(AREA_NAMES)

    @rule("vqreset.reenable-full-config", on=writes(VirtioMmio.QueueReady))
    def reenable_full_config(self, event: RegisterAccess) -> str | None:
        queue = self.set_up(self.index)
        missing = queue.missing(SETTING_NAMES)
        if not event.value or not queue.reset or not missing:
            return None
        more = f" and {len(missing) - 1} more registers" if len(missing) > 1 else ""
        return f"queue {self.index} was made ready again after its reset without {missing[0]}{more}"

    @rule("mmio.queue-stop-write0", on=writes(VirtioMmio.QueueReady))
    def stop_write0(self, event: RegisterAccess) -> str | None:
        if not event.value or not self.is_ready(self.index) or not self.set_up(self.index).touched:
            return None
        return f"queue {self.index} was set up anew while it is in use: QueueReady was not written as 0 first"

    @rule("mmio.queue-stop-readback", on=(*TOUCHES, *AT_END))
    def stop_readback(self, event: RegisterAccess | Ended) -> list[Earlier]:
        queues = self.known.items() if isinstance(event, Ended) else [(i := self.touches(event), self.set_up(i))]
        message = "QueueReady was written as 0 and not read back"
        return [Earlier(f"queue {index}: {message}", queue.stopped) for index, queue in queues if queue.stopped]

    @rule("vqreset.verify-done", on=TOUCHES)
    def verify_done(self, event: RegisterAccess) -> str | None:
        index = self.touches(event)
        queue = self.set_up(index)
        if queue.reset is None or queue.reset_read is not None:
            return None
        return f"queue {index}: {event.name} was written after QueueReset = 1, and QueueReset not read"

    @rule("mmio.vqreset-poll-zero", on=TOUCHES)
    def poll_zero(self, event: RegisterAccess) -> str | None:
        index = self.touches(event)
        queue = self.set_up(index)
        if queue.reset is None or not queue.reset_read:
            return None
        return f"queue {index}: {event.name} was written while its QueueReset still read {queue.reset_read}"

    @rule("init.setup-before-driver-ok", on=writes(VirtioMmio.QueueReady))
    def set_up_in_time(self, event: RegisterAccess) -> str | None:
        """Whether it is too early is judged where the steps are. A queue that was live before may come back."""
        status = self.slot.status
        if not event.value or not status & DRIVER_OK or self.set_up(self.index).live:
            return None
        return f"queue {self.index} was set up after DRIVER_OK (Status is {status:#04x})"

    def touches(self, event: RegisterAccess) -> int:
        return event.value if event.name == VirtioMmio.QueueNotify.name else self.index

    @follow(reads(VirtioMmio.QueueSizeMax))
    def size_max_was_read(self, event: RegisterAccess) -> None:
        if self.index in self.most or len(self.most) < MOST_QUEUES:
            self.most[self.index] = event.value

    @follow(reads(VirtioMmio.QueueReady))
    def ready_was_read(self, event: RegisterAccess) -> None:
        queue = self.set_up(self.index)
        queue.ready_read, queue.stopped = event.value, None

    @follow(reads(VirtioMmio.QueueReset))
    def reset_was_read(self, event: RegisterAccess) -> None:
        self.set_up(self.index).reset_read = event.value

    @follow(writes(*SETTINGS))
    def setting_written(self, event: RegisterAccess) -> None:
        queue = self.set_up(self.index)
        queue.written.add(event.name)
        queue.touched = queue.touched or self.is_ready(self.index)

    @follow(writes(VirtioMmio.QueueReady))
    def ready_written(self, event: RegisterAccess) -> None:
        queue = self.set_up(self.index)
        self.refused_for_less = bool(self.missing_addresses() or (queue.reset and queue.missing(SETTING_NAMES)))
        queue.ready_read = None
        if event.value:
            queue.live, queue.touched, queue.reset, queue.stopped = True, False, None, None
        elif self.is_ready(self.index):
            queue.stopped = event

    @follow(writes(VirtioMmio.QueueReset))
    def reset_written(self, event: RegisterAccess) -> None:
        if event.value & 1 and self.slot.has(Feature.RING_RESET):
            queue = self.set_up(self.index)
            queue.written.clear()
            queue.reset, queue.reset_read, queue.stopped = event, None, None
