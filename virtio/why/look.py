"""A live transport as views: its own state, the words of the rings in guest memory, and what a witness has heard."""

from __future__ import annotations

from collections.abc import Callable

from emu.memory import BadAddress
from virtio.mmio import MmioTransport
from virtio.queue.chain import Descriptor
from virtio.queue.split import Queue
from virtio.queue.walk import DESCRIPTOR
from virtio.why.view import DeviceView, QueueView
from virtio.why.witness import Track, Witness


def look(transport: MmioTransport, witness: Witness | None = None) -> DeviceView | None:
    """The device in a slot as it is now; None for an empty slot. Changes nothing, and reads only guest RAM."""
    device = transport.device
    if device is None:
        return None
    view = DeviceView(
        transport.name, transport.status, device.features, transport.accepted, None, transport.agreeable(),
        transport.reset_reason, transport.interrupt_status, device_id=int(device.device_id),
    )  # fmt: skip
    track = witness.tracks.get(transport.name) if witness is not None else None
    view.queues = [_queue(queue, track) for queue in transport.queues]
    for queue in view.queues:
        queue.input = queue.name in device.input_queues
        queue.backlog = device.backlog if queue.input else 0
    if witness is not None:
        view.where, view.heard = witness.where, True
        if track is not None:
            tell(view, track)
    return view


def tell(view: DeviceView, track: Track) -> None:
    """Add what was heard of the device."""
    view.driven, view.last, view.when = track.driven, dict(track.last), track.when
    view.history, view.complaints, view.lost = tuple(track.history), tuple(track.complaints), track.lost
    if track.features is not None:
        view.agreed = track.features.ok


def tell_queue(view: QueueView, track: Track) -> None:
    """Add what was heard of the queue."""
    index = view.index
    view.kick, view.polls, view.reused = track.kicks.get(index), index in track.polls, index in track.reused
    view.unannounced = len(track.unannounced.get(index, ()))


def _queue(queue: Queue, track: Track | None) -> QueueView:
    areas = queue.descriptor_area, queue.driver_area, queue.device_area
    refused = queue.refused
    if queue.size_refused is not None:
        refused = refused or f"QueueSize {queue.size_refused} was refused, 1 to {queue.size_max} is offered"
    view = QueueView(
        queue.index, queue.name, queue.ready, queue.size, refused, any(areas) or bool(refused),
        event_idx=queue.event_idx, taken=queue.last_avail, returned=queue.used_idx, descriptor_area=areas[0],
        driver_area=areas[1], device_area=areas[2],
    )  # fmt: skip
    if queue.ready:
        _read_rings(view, queue)
    if track is not None:
        tell_queue(view, track)
    return view


def _read_rings(view: QueueView, queue: Queue) -> None:
    memory, size = queue.memory, max(queue.size, 1)
    avail, used = queue.driver_area, queue.device_area

    def word(read: Callable[[int], int], address: int) -> int | None:
        try:
            return read(address)
        except BadAddress:
            return None

    view.avail_flags, view.avail_idx = word(memory.get16, avail), word(memory.get16, avail + 2)
    view.used_flags, view.used_idx = word(memory.get16, used), word(memory.get16, used + 2)
    if queue.event_idx:
        view.used_event = word(memory.get16, avail + 4 + 2 * size)
        view.avail_event = word(memory.get16, used + 4 + 8 * size)
    view.head = word(memory.get16, avail + 4 + 2 * (queue.last_avail % size))
    if view.head is not None and view.head < size:
        try:
            raw = memory.read(queue.descriptor_area + 16 * view.head, 16)
            view.descriptor = Descriptor(*DESCRIPTOR.unpack(raw))
        except BadAddress:
            view.descriptor = None
    if queue.used_idx or queue.last_avail:
        element = used + 4 + 8 * ((queue.used_idx - 1) % size)
        head, length = word(memory.get32, element), word(memory.get32, element + 4)
        if head is not None and length is not None:
            view.last_used = head, length


def ring_word(view: QueueView, address: int, width: int) -> str:
    """The name of the word of the queue's rings that a load of `width` bytes at physical `address` reads, or ''."""
    if not view.ready:
        return ""
    avail, used, size = view.driver_area, view.device_area, view.size
    single = {used + 2: "used.idx", avail + 2: "avail.idx", used: "used.flags", avail: "avail.flags"}
    single[avail + 4 + 2 * size], single[used + 4 + 8 * size] = "used_event", "avail_event"
    for at, name in single.items():
        if address <= at < address + width:
            return name
    arrays = ((used + 4, 8, "used.ring"), (avail + 4, 2, "avail.ring"), (view.descriptor_area, 16, "desc"))
    for base, each, name in arrays:
        if base <= address < base + each * size:
            return f"{name}[{(address - base) // each}]"
    return ""
