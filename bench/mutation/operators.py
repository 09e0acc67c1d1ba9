"""Which single changes are made to what the driver did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.mutation.face import CHANGE, DROP, DUPLICATE, READ, SWAP, WRITE, Access, Change

OCCURRENCES = (1, 4)
"""Of accesses that look the same these are mutated: the first, and one of a later round."""
PUBLISHING = ("avail.idx", "QueueNotify", "QueueReady")
"""Stores after which the device looks at others."""
VALUES: dict[str, tuple[Callable[[int], int], ...]] = {
    "desc.addr": (lambda v: v ^ 1 << 40, lambda v: 0),
    "desc.len": (lambda v: v + 1, lambda v: v - 1, lambda v: 0, lambda v: v ^ 1 << 31),
    "desc.flags": (lambda v: v ^ 1, lambda v: v ^ 2, lambda v: v ^ 4, lambda v: v ^ 8),
    "desc.next": (lambda v: v + 1, lambda v: v ^ 1, lambda v: 0xFFFF),
    "avail.idx": (lambda v: v + 1, lambda v: v - 1, lambda v: v ^ 0x8000, lambda v: 0),
    "avail.ring": (lambda v: v + 1, lambda v: v - 1, lambda v: 0xFFFF, lambda v: v ^ 8),
    "avail.flags": (lambda v: v ^ 1, lambda v: v ^ 2),
    "used_event": (lambda v: v + 1, lambda v: v - 1, lambda v: v ^ 0x8000),
    "": (lambda v: v ^ 1, lambda v: v + 1, lambda v: v - 1, lambda v: 0, lambda v: v ^ 2, lambda v: v ^ 1 << 31),
}
"""What another value than the right one is, by place; the last for registers."""
READ_OTHERWISE: dict[str, tuple[Callable[[int], int], ...]] = {
    "avail_event": (lambda v: v + 1, lambda v: v - 1), "used.flags": (lambda v: v ^ 1,),
}  # fmt: skip
"""Loads that the driver may take for something else than they are."""


@dataclass(frozen=True)
class Mutation:
    """A change and its words: `swap: W Status = 0x1, then R Status`; `like` is one for all that are alike."""

    change: Change
    text: str
    like: str


def mutations(accesses: list[Access]) -> Iterator[Mutation]:
    """All that are made, each at most `OCCURRENCES` times at accesses that look the same."""
    times: dict[str, int] = {}
    for access, following in zip(accesses, [*accesses[1:], None], strict=True):
        for mutation in _of(access, following):
            times[mutation.like] = times.get(mutation.like, 0) + 1
            if times[mutation.like] in OCCURRENCES:
                yield mutation


def _of(access: Access, following: Access | None) -> Iterator[Mutation]:
    def mutation(how: str, value: int = 0, *, text: str = "", number: int = 0) -> Mutation:
        like = f"{how} {number}: {_like(access)}" + (f", {_like(following)}" if how == SWAP and following else "")
        return Mutation(Change(access.index, how, value), f"{how}: {access.text}{text}", like)

    if access.of_register or (access.op == WRITE and not access.idle and access.place != "buffer"):
        yield mutation(DROP)
    if following is not None and _ordered(access, following):
        yield mutation(SWAP, text=f", then {following.text}")
    if access.of_register and access.op == WRITE:
        yield mutation(DUPLICATE)
    if isinstance(access.value, int):
        place = access.place.replace("table.", "desc.")
        usual = VALUES[""] if access.of_register and not place.startswith("Config") else ()
        changes = READ_OTHERWISE.get(place, ()) if access.op == READ else VALUES.get(place, usual)
        given = {access.value}
        if place == "desc.next" and access.value == 0:
            changes = ()  # the last of its chain, where nobody looks at it
        for number, other in enumerate(changes):
            value = other(access.value) & (1 << 8 * access.width) - 1
            if value not in given:
                given.add(value)
                yield mutation(CHANGE, value, text=f" -> {value:#x}", number=number)


def _ordered(access: Access, following: Access) -> bool:
    """Whether it could matter which of two neighbours comes first: loads and stores that publish nothing may do so."""
    if following.place in PUBLISHING and following.op == WRITE:
        return access.op == WRITE
    stores = WRITE in (access.op, following.op)
    return access.of_register and following.of_register and stores


def _like(access: Access) -> str:
    return access.text if access.of_register else f"{access.op} {access.place}"
