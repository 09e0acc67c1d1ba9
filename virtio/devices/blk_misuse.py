"""Requests to a block device whose shape is wrong, whatever their data says (5.2.6)."""

from __future__ import annotations

from collections.abc import Iterator

from virtio.spec import BlkRequest

Misuse = tuple[str, str, str]
"""A rule, its section, and a sentence."""
LAYOUT, COMMAND, SECTION = "inv.reqhdr-layout", "inv.blk-unsupported-cmd", "5.2.6"
TO_THE_DRIVER = (BlkRequest.IN, BlkRequest.GET_ID)
"""The requests whose data the device writes."""


def misuse(kind: int, readable: int, room: int) -> Iterator[Misuse]:
    """What is wrong with a request of type `kind` with so many bytes of data to read, and of room beside the status."""
    if kind not in BlkRequest._value2member_map_:
        yield COMMAND, SECTION, f"request type {kind}, which no negotiated feature defines"
        return
    name = BlkRequest(kind).name
    if kind == BlkRequest.FLUSH:
        if readable or room:
            yield "blk.flush-no-data", "5.2.6.1", f"FLUSH with {readable + room} bytes of data"
    elif kind in TO_THE_DRIVER:
        if readable:
            yield LAYOUT, SECTION, f"{name} with {readable} readable bytes after the header: its data is written"
    elif room:
        yield LAYOUT, SECTION, f"{name} with {room} writable bytes before the status: its data is read"
