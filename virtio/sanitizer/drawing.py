"""A split queue as a drawing of a few lines: both rings with both sides' indices, each descriptor with its owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emu.trace import Event
from virtio.events import ChainPopped, QueueConfigured, QueueNotified, RingWords, SpecViolation, StatusChanged
from virtio.sanitizer.slot import QueueState
from virtio.spec import DescFlag

ROWS, WIDTH = 14, 100
"""Descriptors that are drawn one by one at most, and characters of a line."""
MOST_WAITING = 8
NEXT, WRITE, INDIRECT = int(DescFlag.NEXT), int(DescFlag.WRITE), int(DescFlag.INDIRECT)

Descriptor = tuple[int, int, int, int]


@dataclass(slots=True)
class Row:
    """Descriptor `index`, what is known of it, and whether it is of the chain that the drawing is about."""

    index: int
    holds: str
    marked: bool = False


def draw(queue: QueueState, event: Event | None = None) -> tuple[str, ...]:
    """About 20 lines of at most 100 columns: the queue just before `event`, whose chain is marked by `>`.

    Owners are told by the events so far: the device's are chains that it took or that wait in the avail ring, the
    driver's those that came back; free is what was in no chain that is known.
    """
    words = _words(queue, event)
    heads = event.heads if isinstance(event, QueueNotified) else queue.heads
    size = event.size if isinstance(event, QueueConfigured) and event.ready else queue.size
    areas = event if isinstance(event, QueueConfigured) and event.ready else queue
    rows = _rows(queue, event, heads, size)
    owners = _owners(queue, heads, [row.index for row in rows if row.marked])
    lines = [
        f"queue {queue.index}: {size} descriptors at {areas.descriptor_area:#x}",
        f"avail ring at {areas.driver_area:#x}: the driver's idx is {_shown(words.avail_idx)}, the device is at "
        f"{queue.last_avail}; flags {_shown(words.avail_flags)}, used_event {_shown(words.used_event)}",
        f"used ring at {areas.device_area:#x}: idx is {_shown(words.used_idx)}, the device's own {queue.used_idx}; "
        f"flags {_shown(words.used_flags)}, avail_event {_shown(words.avail_event)}",
    ]
    if heads and size:
        entries = [f"[{(queue.last_avail + i) % size}] {head}" for i, head in enumerate(heads[:MOST_WAITING])]
        more = " ..." if len(heads) > MOST_WAITING else ""
        lines.append(f"waiting in the avail ring: {', '.join(entries)}{more}")
    for row in rows[:ROWS]:
        mark = ">" if row.marked else " "
        lines.append(f"{mark} {row.index:5}  {owners.get(row.index, 'free'):<20} {row.holds}".rstrip())
    if len(rows) > ROWS:
        lines.append(f"  ... and {len(rows) - ROWS} more in chains")
    known = {row.index for row in rows}
    free = _gaps(known, size)
    if free:
        lines.append(f"  free: {', '.join(free[:10])}{' ...' if len(free) > 10 else ''}")
    return tuple(line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines)


def _words(queue: QueueState, event: Event | None) -> RingWords:
    """The rings' words as `event` tells them, or as they were seen last."""
    if isinstance(event, QueueConfigured | QueueNotified):
        return RingWords(*event.ring)
    if isinstance(event, StatusChanged):
        for index, *words in event.rings:
            if index == queue.index:
                return RingWords(*words)
    return queue.words


def _rows(queue: QueueState, event: Event | None, heads: Sequence[int], size: int) -> list[Row]:
    """Every descriptor of a known chain once: the event's chain, then what the device has, then what came back."""
    found: dict[int, Row] = {}
    marked: list[Row] = []
    if isinstance(event, ChainPopped):
        marked = _chain(event, size)
    elif isinstance(event, SpecViolation):
        marked = _links(event.indices, event.descriptors, size)
    for row in marked:
        row.marked = True
        found.setdefault(row.index, row)
    for chain in queue.out.values():
        for row in _chain(chain, size):
            found.setdefault(row.index, row)
    for head in heads:
        if head < size:
            found.setdefault(head, Row(head, "not read yet"))
    for chain in reversed(queue.returned):
        for row in _chain(chain, size):
            found.setdefault(row.index, row)
    return list(found.values())


def _chain(event: ChainPopped, size: int) -> list[Row]:
    """A chain that the device took; the last of its descriptors may point to a table."""
    indices = event.indices or (event.head,)  # a recording of an older version has the head alone
    if not event.indirect:
        return _links(indices, event.descriptors, size)
    plain = len(indices) - 1
    entries = event.descriptors[plain:]
    readable = sum(length for _, length, flags, _ in entries if not flags & WRITE)
    writable = sum(length for _, length, flags, _ in entries if flags & WRITE)
    table = Row(indices[-1], f"-> a table of {len(entries)}: {_bytes(readable)} readable, {writable} writable")
    return [*_links(indices[:-1], event.descriptors[:plain], size), table]


def _links(indices: Sequence[int], descriptors: Sequence[Descriptor], size: int) -> list[Row]:
    rows = []
    for place, (index, (address, length, flags, following)) in enumerate(zip(indices, descriptors, strict=False)):
        kind = "table" if flags & INDIRECT else "writable" if flags & WRITE else "readable"
        arrow = ""
        if flags & NEXT:
            outside = " (there is none)" if following >= size else ""
            again = " (again)" if following in indices[: place + 1] else ""
            arrow = f" -> {following}{outside}{again}"
        rows.append(Row(index, f"{address:#x}, {_bytes(length)} {kind}{arrow}"))
    return rows


def _owners(queue: QueueState, heads: Iterable[int], marked: Iterable[int]) -> dict[int, str]:
    owners: dict[int, str] = {}
    for chain in queue.returned:
        owners.update(dict.fromkeys(chain.indices or (chain.head,), "driver"))
    owners.update(dict.fromkeys((*heads, *marked), "device (waits)"))
    for chain in queue.out.values():
        owners.update(dict.fromkeys(chain.indices or (chain.head,), f"device (chain {chain.head})"))
    return owners


def _gaps(known: set[int], size: int) -> list[str]:
    """The ranges of 0 to `size` - 1 that are not in `known`."""
    spans, start = [], 0
    for index in [*sorted(i for i in known if i < size), size]:
        if index > start:
            spans.append(str(start) if index == start + 1 else f"{start} to {index - 1}")
        start = index + 1
    return spans


def _bytes(count: int) -> str:
    return f"{count} byte{'s' * (count != 1)}"


def _shown(word: int) -> str:
    return "?" if word < 0 else str(word)
