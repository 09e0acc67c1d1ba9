"""An explanation as lines of at most 100 columns: the sentence, what to do, and the evidence."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from emu.regs import show
from emu.trace import RegisterAccess
from tui.why import Explanation
from virtio.spec import DeviceStatus, Interrupt
from virtio.why.judge import Verdict
from virtio.why.view import DeviceView, QueueView

WIDTH = 100
FEW, MANY = 2, 8
"""Accesses that are shown in a short and in a long explanation."""
NOTHING = "nothing is outstanding: every chain that was made available came back and was announced"
DEAF = (
    "nothing is outstanding, as far as the state at the end tells; nobody listened to the events: `virtscope why` does"
)
ENDED = "the guest ended by itself with code 0: nothing holds it up"
OWN = "a driver that still waits compares with an index or a flag of its own that is wrong"
UNKNOWN = "?"


def lines(found: Explanation, *, short: bool) -> list[str]:
    """All of it, or (`short`) the first broken link with six lines at most; nothing if there is no device."""
    if not found.devices:
        return [] if short else ["why: there is no VirtIO device in any slot"]
    out: list[str] = []
    if found.broken:
        for verdict in found.verdicts[: 1 if short else None]:
            out += _verdict(found, verdict, short)
        if short and len(found.verdicts) > 1:
            out.append(f"  and {len(found.verdicts) - 1} more: `virtscope why` shows all")
    else:
        heard = any(device.heard for device in found.devices)
        out += _wrap("why: ", ENDED if found.ended else NOTHING if heard else DEAF)
        for verdict in found.verdicts:
            out += _wrap("  ", verdict.sentence)
        out += _idle(found, short)
    if not (short and found.broken):
        for place in found.elsewhere:
            out += _wrap("  ", f"the hart reads {place} again and again")
    return out + (_wrap("  ", found.unknown) if found.unknown else [])


def _verdict(found: Explanation, verdict: Verdict, short: bool) -> Iterator[str]:
    device, broken = verdict.device, verdict.broken
    yield from _wrap("why: ", f"{verdict.sentence} [{broken.section}]")
    yield from _wrap("  do: ", broken.hint)
    evidence = list(_state(verdict.device, verdict.queue))
    delivery = found.deliveries.get(device.name)
    if delivery is not None and device.interrupt:
        evidence += delivery.facts
    for text in evidence:
        yield from _wrap("  ", text)
    yield from _complaint(device)
    yield from _accesses(device, FEW if short else MANY)


def _complaint(device: DeviceView) -> Iterator[str]:
    """The last rule that the driver broke."""
    for event in list(device.complaints)[-1:]:
        yield from _wrap("  ! ", event.text + device.place(event))


def _state(device: DeviceView, queue: QueueView | None) -> Iterator[str]:
    up = f"InterruptStatus {device.interrupt:#x}"
    if device.interrupt:
        up += f" {show(Interrupt, device.interrupt)}"
    yield f"Status {device.status:#x} {show(DeviceStatus, device.status)}, {up}"
    for q in (queue,) if queue is not None else tuple(q for q in device.queues if q.busy and q.ready):
        yield _queue(q)


def _queue(q: QueueView) -> str:
    if not q.ready:
        return f"{q.label}: not ready, QueueSize {q.size}"
    text = f"{q.label}: {q.size} descriptors, avail.idx {_known(q.avail_idx)}, taken {q.taken}, returned {q.returned}"
    text += f", used_event {_known(q.used_event)}" if q.event_idx else f", avail.flags {_known(q.avail_flags)}"
    if q.last_used is not None and q.returned:
        text += f"; last used: chain {q.last_used[0]}, {q.last_used[1]} bytes"
    return text


def _known(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _accesses(device: DeviceView, most: int) -> Iterator[str]:
    for event, count in list(device.history)[-most:]:
        yield _access(event, count, device.where(event))


def _access(event: RegisterAccess, count: int, where: str) -> str:
    name = event.name or f"{event.offset:#05x}"
    times = f" ({count} times)" if count > 1 else ""
    text = f"{event.time:>11,} {event.op.upper()} {name} = {event.value:#x}{times}"
    place = f"{event.pc:x} {where}".strip()
    return f"{text:<48} {place}"[:WIDTH]


def _idle(found: Explanation, short: bool) -> Iterator[str]:
    """What each driven device has done."""
    unseen = False
    for device in found.devices:
        busy = [q for q in device.queues if q.busy]
        if not busy:
            continue
        told = device.wrote("InterruptACK")
        ack = f"; last interrupt acknowledged{device.place(told)}" if told is not None else ""
        for q in busy:
            rest = f", {q.waiting} wait for input" if q.input and q.waiting else ""
            seen = f", used_event {q.used_event}" if q.event_idx and q.used_event is not None else ""
            unseen = unseen or (bool(q.returned) and q.used_event != q.returned)
            yield from _wrap("  ", f"{device.name}: {q.label}: used.idx {q.returned}{rest}{seen}{ack}")
        yield from _complaint(device)
        if not short:
            yield from _accesses(device, FEW)
    if unseen and not found.ended:
        yield from _wrap("  ", OWN)


def _wrap(prefix: str, text: str) -> list[str]:
    return textwrap.wrap(prefix + text, WIDTH, subsequent_indent=" " * max(len(prefix), 4), break_long_words=True)
