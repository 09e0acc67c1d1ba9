"""Random bytes that are the same in every run: SHA-256 of a seed, a label and a counter."""

from __future__ import annotations

from hashlib import sha256

BLOCK = 32


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
