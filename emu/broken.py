"""A broken link on the way of a request: what somebody who waits for its end is to be told."""

from __future__ import annotations

from dataclasses import dataclass

STOPPED, UNHEARD, UNSTARTED, IDLE = range(4)
"""How much a broken link matters: work lies still; work is done and nobody hears of it; nobody began; nothing waits."""


@dataclass(frozen=True, slots=True)
class Broken:
    """`message` is one sentence with the values, `section` where it is specified, `hint` what to change."""

    message: str
    section: str
    hint: str
    weight: int = STOPPED
