"""emu/bitmanip.py against a second opinion that works on lists of bits."""

from __future__ import annotations

import pytest
from bitmanip_model import IMMEDIATES, WORDS, model
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.bitmanip import decode

XLEN = pytest.mark.parametrize("xlen", [32, 64])


def numbers(xlen: int) -> st.SearchStrategy[int]:
    """Numbers of `xlen` bits, those at the edges often."""
    top = 1 << xlen - 1
    edges = st.sampled_from([0, 1, top - 1, top, 2 * top - 1, 0x80, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
    return st.one_of(edges, st.integers(0, 2 * top - 1), st.integers(0, xlen - 1).map(lambda n: 1 << n))


@pytest.mark.parametrize(("xlen", "name"), [(xlen, name) for xlen in WORDS for name in WORDS[xlen]])
@settings(max_examples=50)
@given(data=st.data())
def test_every_instruction_gives_what_the_model_gives(xlen: int, name: str, data: st.DataObject) -> None:
    word, a = WORDS[xlen][name], data.draw(numbers(xlen))
    if name in IMMEDIATES:
        b = data.draw(st.integers(0, 31 if name == "roriw" else xlen - 1))
        operation = decode(word | b << 20, xlen)
    else:
        b = data.draw(numbers(xlen))
        operation = decode(word, xlen)
    assert operation is not None and operation.kind.name == name
    assert (operation.rd, operation.rs1) == (10, 11)
    assert operation.result(a, b, xlen) == model(name, a, b, xlen)


@XLEN
def test_every_instruction_of_the_extensions_is_there(xlen: int) -> None:
    names = [operation.kind.name for word in WORDS[xlen].values() if (operation := decode(word, xlen))]
    assert names == list(WORDS[xlen])
    assert len(names) == {32: 29, 64: 40}[xlen]


def test_what_rv32_lacks_is_not_decoded_there() -> None:
    for name, word in WORDS[64].items():
        if name not in WORDS[32] or word != WORDS[32][name]:
            assert decode(word, 32) is None, name


@pytest.mark.parametrize(
    ("insn", "xlen", "why"),
    [
        (WORDS[32]["rori"] | 32 << 20, 32, "a shift amount of 32"),
        (WORDS[32]["bseti"] | 63 << 20, 32, "a shift amount of 63"),
        (WORDS[64]["roriw"] | 32 << 20, 64, "a word has 32 bits"),
        (WORDS[32]["zext.h"] | 1 << 20, 32, "pack is of Zbkb"),
        (WORDS[64]["zext.h"] | 1 << 20, 64, "packw is of Zbkb"),
        (WORDS[32]["rev8"], 64, "rev8 of rv32"),
        (WORDS[64]["rev8"], 32, "rev8 of rv64"),
        (0x6875D513, 64, "brev8 is of Zbkb"),
        (0x60359513, 64, "no unary operation 3"),
        (0x0AC5A533, 64, "clmulr is of Zbc"),
        (0x00C58533, 64, "add"),
        (0, 64, "nothing"),
    ],
)
def test_neighbours_are_not_taken_for_them(insn: int, xlen: int, why: str) -> None:
    assert decode(insn, xlen) is None, why


@XLEN
@given(insn=st.integers(0, 2**32 - 1), a=st.integers(0, 2**64 - 1), b=st.integers(0, 2**64 - 1))
def test_no_word_gives_more_than_the_register_holds(xlen: int, insn: int, a: int, b: int) -> None:
    operation = decode(insn & 0xFFFFFF00 | 0x13 | insn & 0x28, xlen)
    if operation is not None:
        assert 0 <= operation.result(a % 2**xlen, b % 2**xlen, xlen) < 1 << xlen
