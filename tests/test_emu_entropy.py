"""Seeded random bytes: as documented, whatever the pieces they are taken in."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from emu.entropy import SeededEntropy


def test_the_bytes_are_those_that_the_documentation_says() -> None:
    expected = b"".join(sha256(f"virtscope 7 slot 3 {i}".encode()).digest() for i in range(3))
    assert SeededEntropy(7, "slot 3")(96) == expected


@given(st.lists(st.integers(0, 100), max_size=10))
def test_a_stream_is_the_same_in_any_pieces(sizes: list[int]) -> None:
    whole, pieces = SeededEntropy(0, "x"), SeededEntropy(0, "x")
    assert b"".join(map(pieces, sizes)) == whole(sum(sizes))
    assert pieces.position == sum(sizes)


def test_another_seed_and_another_taker_get_other_bytes() -> None:
    assert len({SeededEntropy(seed, label)(16) for seed in (0, 1, 10) for label in ("slot 0", "slot 1")}) == 6
