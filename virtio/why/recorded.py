"""Views of the devices in a recording: what its events tell of the state at its end.

A recording does not show guest memory after the last notification, the PLIC, or the hart.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.broken import IDLE, UNHEARD, Broken
from emu.recording import Header
from emu.trace import Event, RegisterAccess
from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.events import QueueNotified, SpecViolation, StatusChanged
from virtio.queue_registers import AREAS
from virtio.registers import VirtioMmio
from virtio.sanitizer.slot import QueueState, Slot
from virtio.spec import Feature
from virtio.why.look import tell, tell_queue
from virtio.why.view import DeviceView, QueueView
from virtio.why.witness import PREFIX, Track, Witness

MODELS: dict[str, type[Device]] = {model.__name__.lower(): model for model in (Blk, Console, Rng)}
UNKNOWN = (
    "not in a recording: rings after the last notification, PLIC and hart; `virtscope why IMAGE` looks at them too"
)
NOT_READY = "; QueueReady stays 0"
LAYOUT = {register.name for register in (VirtioMmio.QueueSize, *AREAS)}
MOST_QUEUES = 1024
"""Queues of a device that are remembered: a driver can select any of 2^32."""


class Recorded:
    """A subscriber that keeps of each device what a view needs."""

    def __init__(self) -> None:
        self.witness = Witness()
        self.slots: dict[str, Slot] = {}
        self.offered_idx: dict[tuple[str, int], int] = {}
        self.refused: dict[tuple[str, int], str] = {}
        self.laid_out: set[tuple[str, int]] = set()

    def __call__(self, event: Event) -> None:
        source = event.source
        if isinstance(event, Header):
            self.slots |= {name: Slot(name) for name in event.devices if name}
            return
        if not source.startswith(PREFIX):
            return
        slot = self.slots.get(source)
        if slot is None:
            slot = self.slots[source] = Slot(source)
        if isinstance(event, QueueNotified):
            taken = slot.queue(event.queue).last_avail
            self.offered_idx[source, event.queue] = taken + max(event.available, 0) & 0xFFFF
        elif isinstance(event, SpecViolation) and event.message.endswith(NOT_READY) and slot.queue_sel is not None:
            self.refused[source, slot.queue_sel] = event.message.removesuffix(NOT_READY)
            slot.queue(slot.queue_sel)
        elif isinstance(event, RegisterAccess) and event.op == "w" and event.name in LAYOUT:
            if slot.queue_sel is not None and 0 <= slot.queue_sel < MOST_QUEUES:
                self.laid_out.add((source, slot.queue_sel))
                slot.queue(slot.queue_sel)
        elif isinstance(event, StatusChanged) and event.new == 0:
            self.laid_out = {key for key in self.laid_out if key[0] != source}
        self.witness(event)
        slot.follow(event)

    def views(self) -> list[DeviceView]:
        """The devices as they were at the end, in the order of their slots."""
        return [self._device(slot) for _, slot in sorted(self.slots.items()) if "-" in slot.source]  # else: no device

    def _device(self, slot: Slot) -> DeviceView:
        track = self.witness.tracks.get(slot.source, Track())
        accepted = track.features.accepted if track.features is not None else _words(slot.accepted)
        view = DeviceView(
            slot.source, slot.status, slot.offered, accepted, reason=track.reason, interrupt=slot.interrupt, heard=True,
            device_id=int(slot.device_id),
        )  # fmt: skip
        tell(view, track)
        model = MODELS.get(slot.source.partition("-")[2], Device)
        view.queues = [self._queue(slot, slot.queues[i], model, track) for i in sorted(slot.queues)]
        return view

    def _queue(self, slot: Slot, queue: QueueState, model: type[Device], track: Track) -> QueueView:
        key = slot.source, queue.index
        name = model.queue_names[queue.index] if queue.index < len(model.queue_names) else ""
        refused = "" if queue.ready else self.refused.get(key, "")
        laid_out = bool(refused) or key in self.laid_out
        view = QueueView(
            queue.index, name, queue.ready, queue.size, refused, laid_out, name in model.input_queues,
            event_idx=slot.has(Feature.EVENT_IDX), taken=queue.last_avail, returned=queue.used_idx,
            descriptor_area=queue.descriptor_area, driver_area=queue.driver_area, device_area=queue.device_area,
        )  # fmt: skip
        tell_queue(view, track)
        words = queue.words
        if queue.ready and view.busy:
            offered = words.avail_idx if words.avail_idx >= 0 else self.offered_idx.get(key, queue.last_avail)
            ahead = offered - queue.last_avail & 0xFFFF  # a chain taken without a notification was made available too
            view.avail_idx = offered if ahead <= queue.size else queue.last_avail
            view.avail_flags, view.used_event, view.used_flags = map(_seen, words[:1] + words[2:4])
        return view


def recorded(events: Iterable[Event]) -> list[DeviceView]:
    """The devices at the end of a recording."""
    watch = Recorded()
    for event in events:
        watch(event)
    return watch.views()


def behind_the_wire(view: DeviceView) -> tuple[str, Broken] | None:
    """What can be said of an interrupt that is up at the end."""
    message = f"{view.unacknowledged}; whether PLIC or hart hold the interrupt back is not in a recording"
    interrupts = ("r", "InterruptStatus") in view.last or view.wrote("InterruptACK") is not None
    hint = "acknowledge in every interrupt what InterruptStatus says; `virtscope why IMAGE` looks at PLIC and hart"
    return "recorded", Broken(message, "4.2.3.4.1", hint, UNHEARD if interrupts else IDLE)


def _seen(word: int) -> int | None:
    """A word of the rings as it was at the last event that looked; None if none did."""
    return word if word >= 0 else None


def _words(accepted: dict[int, int]) -> int:
    return sum(value << 32 * word for word, value in accepted.items() if 0 <= word < 4)
