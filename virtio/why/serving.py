"""The links of a queue that is ready on a live device: publish, kick, device, used ring, and whether to interrupt."""

from __future__ import annotations

from dataclasses import replace

from emu.broken import IDLE, UNHEARD, UNSTARTED, Broken
from emu.trace import RegisterAccess
from virtio.queue.split import NO_INTERRUPT
from virtio.spec import DeviceId
from virtio.status import DRIVER_OK
from virtio.why.view import DeviceView, QueueView

KICK = "write the queue's index to QueueNotify after avail.idx has advanced (a fence between), after DRIVER_OK"
LOOK_AGAIN = "look at used.idx again after interrupts are wanted again, before waiting"


def chains(count: int) -> str:
    return f"{count} chain" + ("s" if count != 1 else "")


def published(d: DeviceView, q: QueueView) -> Broken | None:
    """A kick without a chain: avail.idx did not move."""
    kick = q.kick
    if q.waiting or kick is None or kick.available != 0 or not kick.status & DRIVER_OK:
        return None
    if q.taken:
        moved = f"avail.idx is {q.taken} as before: no new chain was made available"
    else:
        moved = "avail.idx is 0: no chain was ever made available"
    ready = ""
    if q.head is not None and q.head < q.size and q.descriptor is not None and q.descriptor.length:
        ready = (
            f" (avail.ring[{q.taken % q.size}] is {q.head}, and descriptor {q.head} has "
            f"{q.descriptor.length} bytes at {q.descriptor.address:#x})"
        )
    return Broken(
        f"{q.label} was notified{d.place(kick.event)}, but {moved}{ready}",
        "2.7.13",
        "store the head into avail.ring[avail.idx % size], fence, then add 1 to avail.idx, then notify",
    )


def in_range(d: DeviceView, q: QueueView) -> Broken | None:
    """avail.idx cannot be further ahead than the queue has descriptors."""
    if q.waiting <= q.size:
        return None
    ahead = f"avail.idx {q.avail_idx} is {q.waiting} ahead of the device's {q.taken}"
    hint = "avail.idx counts chains from 0, modulo 65536, one for each head put into the ring"
    return Broken(f"{q.label}: {ahead}, the queue has {q.size} descriptors", "2.7.13", hint)


def kicked(d: DeviceView, q: QueueView) -> Broken | None:
    """Chains wait: the device takes them when it is told."""
    if q.avail_idx is None and not (q.kick or q.taken or q.input):
        message = f"{q.label} is ready and was never notified; whether a chain waits in it is not known"
        return Broken(message, "2.7.13.4", KICK, UNSTARTED)
    if not q.waiting or (q.input and not q.backlog):
        return None
    verb = "waits" if q.waiting == 1 else "wait"
    wait = f"{q.label}: {chains(q.waiting)} {verb} (avail.idx {q.avail_idx}, taken {q.taken})"
    kick = q.kick
    other = _elsewhere(d, q)
    dirty = _suppressed_kick(q)
    if dirty:
        hint = "zero the ring's memory before QueueReady, and let only the device write the used ring"
        return Broken(f"{wait}; {dirty}", "2.7.10.1", hint)
    if kick is not None and not kick.status & DRIVER_OK:
        return Broken(
            f"{wait}; it was notified only before DRIVER_OK{d.place(kick.event)}, which the device ignores",
            "3.1.1",
            "notify after DRIVER_OK (step 8 of 3.1.1), for chains that were made available before it too",
        )
    if other is not None:
        wrong = "" if other.value < len(d.queues) else ", which the device does not have"
        return Broken(
            f"{wait}; the driver notified queue {other.value} instead{d.place(other)}{wrong}",
            "4.2.3.3",
            f"write the index of the queue that the chain is in, {q.index}, to QueueNotify",
        )
    if kick is not None:
        what = "it was" if q.waiting == 1 else "they were"
        when = f"the last notification{d.place(kick.event)} came before {what} made available"
        return Broken(f"{wait}; {when}", "2.7.13.4", KICK)
    never = "QueueNotify was never written for it" if d.heard else "the device was not notified of it"
    return Broken(f"{wait}; {never}", "2.7.13.4", KICK)


def _suppressed_kick(q: QueueView) -> str:
    """Words that keep a driver from notifying, and that no device wrote: these devices always want to be told."""
    if not q.event_idx and q.used_flags:
        at = f"used.flags at {q.device_area:#x} is {q.used_flags}"
        return f"{at} (NO_NOTIFY), which the device never wrote" if q.used_flags & 1 else ""
    if q.event_idx and q.avail_event is not None and q.avail_event != q.taken:
        return f"avail_event is {q.avail_event}, which the device never wrote: it has taken {q.taken}"
    return ""


def _elsewhere(d: DeviceView, q: QueueView) -> RegisterAccess | None:
    """The driver's last notification, if it came after this queue's and named one where nothing waited."""
    other = d.wrote("QueueNotify")
    if other is None or other.value == q.index or (q.kick is not None and q.kick.event.seq > other.seq):
        return None
    named = next((o for o in d.queues if o.index == other.value), None)
    return other if named is None or named.kick is None or named.kick.available <= 0 else None


def returned(d: DeviceView, q: QueueView) -> Broken | None:
    """The device has taken chains and keeps them."""
    if not q.held:
        return None
    message = f"the device has taken {chains(q.held)} of {q.label} (avail index {q.taken}) and not returned them yet"
    return Broken(message, "2.7.14", "wait: the device is at work, or its backend does not answer")


def used_ring_whole(d: DeviceView, q: QueueView) -> Broken | None:
    """used.idx is the device's to write."""
    if q.used_idx is None or q.used_idx == q.returned:
        return None
    message = (
        f"{q.label}: used.idx in memory ({q.device_area + 2:#x}) is {q.used_idx}, the device wrote {q.returned}: "
        "something overwrote the used ring"
    )
    return Broken(message, "2.7.8", "only the device writes the used ring; is its memory used for something else?")


def interrupt_wanted(d: DeviceView, q: QueueView) -> Broken | None:
    """Chains came back in silence, because the driver asked for silence."""
    if not q.returned or d.interrupt & 1 or q.polls or q.unannounced == 0:
        return None
    broken = _used_event(q) if q.event_idx else _suppressed(q)
    # without the events nobody knows whether the driver has looked by itself
    return broken if broken is None or q.unannounced is not None else replace(broken, weight=IDLE)


def _suppressed(q: QueueView) -> Broken | None:
    came = f"{q.label}: the device returned {_count(q)} (used.idx {q.returned}) without an interrupt"
    if q.avail_flags is None or q.avail_flags & NO_INTERRUPT:
        flags = "avail.flags has NO_INTERRUPT set" if q.avail_flags is not None else "NO_INTERRUPT was set"
        hint = f"clear NO_INTERRUPT (avail.flags) before waiting for an interrupt, or poll used.idx; {LOOK_AGAIN}"
        return Broken(f"{came}: {flags}", "2.7.7", hint, UNHEARD)
    if q.unannounced is None:
        return None  # InterruptStatus was acknowledged, as far as can be seen
    message = f"{came}: NO_INTERRUPT was set then and has been cleared since"
    return Broken(message, "2.7.14", LOOK_AGAIN, UNHEARD)


def _used_event(q: QueueView) -> Broken | None:
    event = q.used_event
    if event == q.returned:
        return None  # the driver has seen all there is
    behind = (q.returned - (event or 0)) & 0xFFFF
    if event is None:
        state = "used_event (not known now) did not ask for one"
    elif behind == 1:
        if not q.unannounced:
            return None  # the last one was announced
        state = f"used_event became {event} only after that"
    elif behind > 0x8000:
        state = f"used_event is {event}, so none comes before used.idx passes it"
    else:
        state = f"used_event is still {event}: only the step of used.idx from {event} to {event + 1} interrupts"
    return Broken(
        f"{q.label}: used.idx is {q.returned} and no interrupt was raised for it, because EVENT_IDX is on and {state}",
        "2.7.10.1",
        "after each look at the used ring store the driver's own last used index into used_event, then look again",
        UNHEARD,
    )


def _count(q: QueueView) -> str:
    if q.unannounced:
        return chains(q.unannounced)
    return f"chain {q.last_used[0]}" if q.last_used is not None else "chains"


def acknowledged_in_time(d: DeviceView, q: QueueView) -> Broken | None:
    """The acknowledgement took away an interrupt that the driver had not seen."""
    lost = d.lost
    if lost is None or lost.queue != q.index or d.interrupt & 1:
        return None
    head = getattr(lost.used, "head", 0)
    return Broken(
        f"chain {head} of {q.label} came back after the driver had read InterruptStatus, and InterruptACK"
        f"{d.place(lost.ack)} took its interrupt away",
        "4.2.3.4.1",
        "write InterruptACK first and look at the used rings after it, or look once more afterwards",
        UNHEARD,
    )


def buffered(d: DeviceView, q: QueueView) -> Broken | None:
    """Input came, and there is no buffer for it."""
    if not q.backlog or q.waiting:
        return None
    came = f"all {q.taken} that it was given came back" if q.taken else "none was ever made available"
    message = f"{q.backlog} bytes of input wait in the device, and {q.label} has no buffer for them: {came}"
    hint = "put each buffer back into the avail ring, and notify, when what was in it has been taken"
    return Broken(message, "5.3.6.1" if d.device_id == DeviceId.CONSOLE else "2.7.13", hint)


def satisfied(d: DeviceView, q: QueueView) -> Broken | None:
    """The hart reads the ring again and again, though there is nothing to wait for any more."""
    for word, place in q.read_now.items():
        if not q.taken:
            message = f"{q.label}: the driver waits for {word}{place}, but never made a chain available (avail.idx 0)"
            return Broken(message, "2.7.13", KICK)
        if word.startswith(("used.idx", "used.ring")):
            message = (
                f"{q.label}: the driver reads {word}{place} again and again, but all is delivered (used.idx "
                f"{q.used_idx}, the device has nothing left): the index it compares with is wrong"
            )
            hint = f"the driver's last used index counts elements from 0, modulo 65536; it should be {q.returned} now"
            return Broken(message, "2.7.14", hint, UNHEARD)
        message = f"{q.label}: the driver waits for {word}{place} to change, but the device announces in used.idx"
        hint = f"wait for used.idx at {q.device_area + 2:#x}, which is {q.used_idx} now"
        return Broken(message, "2.7.8", hint, UNHEARD)
    return None
