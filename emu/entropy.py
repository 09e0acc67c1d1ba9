"""Random bytes that are the same in every run: SHA-256 of a seed, a label and a counter."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from emu.snapshot import Maybe, bits

BLOCK = 32
POSITION = Maybe(bits(62))


class SeededEntropy:
    """A stream of bytes; each call gives the next ones. `label` is who gets them: what one takes, no other misses.

    Block i is SHA-256 of the ASCII text `virtscope SEED LABEL i`, numbers in decimal. `position` (bytes given so far)
    is all of the state.
    """

    def __init__(self, seed: int, label: str) -> None:
        self._key = f"virtscope {seed} {label} ".encode()
        self.position = 0

    def __call__(self, size: int) -> bytes:
        """The next `size` bytes."""
        first, skip = divmod(self.position, BLOCK)
        blocks = range(first, first + -(-(skip + size) // BLOCK))
        data = b"".join(sha256(self._key + b"%d" % block).digest() for block in blocks)
        self.position += size
        return data[skip : skip + size]


class Position:
    """How far a source of random bytes was read, as a field of a state: null where it has no position (the host's)."""

    def dump(self, value: Any) -> int | None:
        return POSITION.dump(getattr(value, "position", None))

    def load(self, data: object, old: Any) -> Any:
        position = POSITION.load(data)
        if position is not None and hasattr(old, "position"):
            old.position = position
        return old
