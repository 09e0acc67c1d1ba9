"""emu/semihost.py: what a guest may ask of its host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.memory import BadAddress, Ram
from emu.semihost import Semihosting, Sys
from emu.trace import Event, Trace

BASE = 0x80000000
BLOCK, TEXT, LAST = BASE + 0x100, BASE + 0x800, BASE + 0xFFFF


class Guest:
    """Memory, and the host as this guest sees it."""

    def __init__(self, xlen: int = 64) -> None:
        self.ram = Ram(BASE, 1 << 16)
        self.out = bytearray()
        self.codes: list[int] = []
        self.events: list[Event] = []
        self.now = 5000.0
        self.input = [*b"hi"]
        self.xlen = xlen
        trace = Trace()
        trace.subscribe(self.events.append)
        self.host = Semihosting(
            self.ram,
            self.out.extend,
            self.codes.append,
            xlen=xlen,
            trace=trace,
            read_char=lambda: self.input.pop(0) if self.input else -1,
            now=lambda: self.now,
        )

    @property
    def failed(self) -> int:
        return (1 << self.xlen) - 1

    def call(self, operation: int, *words: int) -> int:
        """A call whose argument is a block of words."""
        size = self.xlen // 8
        self.ram.write(BLOCK, b"".join(word.to_bytes(size, "little") for word in words))
        return self.host.call(operation, BLOCK)

    def text(self, data: bytes) -> int:
        self.ram.write(TEXT, data + b"\0")
        return TEXT

    @property
    def told(self) -> list[str]:
        return [event.text for event in self.events]


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


def test_console_output_in_each_of_the_three_ways(guest: Guest) -> None:
    assert guest.host.call(Sys.WRITEC, guest.text(b"c")) == 0
    assert guest.host.call(Sys.WRITE0, guest.text(b"string\n")) == 0
    handle = guest.call(Sys.OPEN, guest.text(b":tt"), 4, 3)
    assert guest.call(Sys.WRITE, handle, guest.text(b"abcdef"), 5) == 0
    assert bytes(guest.out) == b"cstring\nabcde" and guest.told == []


def test_the_console_opens_for_input_output_and_errors(guest: Guest) -> None:
    name = guest.text(b":tt")
    assert [guest.call(Sys.OPEN, name, mode, 3) for mode in (0, 4, 8)] == [1, 2, 3]
    assert [guest.call(Sys.ISTTY, handle) for handle in (1, 2, 3)] == [1, 1, 1]
    assert [guest.call(Sys.CLOSE, handle) for handle in (1, 2, 3)] == [0, 0, 0]
    assert guest.call(Sys.CLOSE, 9) == guest.failed


def test_a_file_is_refused_by_its_name(guest: Guest) -> None:
    assert guest.call(Sys.OPEN, guest.text(b"/etc/passwd"), 0, 11) == guest.failed
    assert guest.told == ["SYS_OPEN of '/etc/passwd' refused: a guest gets no files"]
    assert guest.host.call(Sys.ERRNO, 0) == 13


@pytest.mark.parametrize(
    "operation", [Sys.REMOVE, Sys.RENAME, Sys.READ, Sys.SEEK, Sys.FLEN, Sys.TMPNAM, Sys.SYSTEM, Sys.GET_CMDLINE]
)
def test_the_other_file_calls_are_refused_by_name(guest: Guest, operation: Sys) -> None:
    assert guest.call(operation, 1, 2, 3) == guest.failed
    assert guest.told == [f"SYS_{operation.name} refused"]


def test_an_unknown_operation_is_refused_by_number(guest: Guest) -> None:
    assert guest.call(0x777) == guest.failed
    assert guest.told == ["operation 0x777 refused"]


def test_writing_to_what_is_not_open_for_it_is_refused(guest: Guest) -> None:
    assert guest.call(Sys.WRITE, 1, guest.text(b"x"), 1) == guest.failed
    assert guest.told == ["SYS_WRITE to handle 1 refused"] and guest.out == b""


def test_exit_is_the_reason_on_rv32_and_a_block_on_rv64() -> None:
    small, large = Guest(32), Guest(64)
    small.host.call(Sys.EXIT, 0x20026)
    small.host.call(Sys.EXIT, 0x20024)
    large.call(Sys.EXIT, 0x20026, 42)
    large.call(Sys.EXIT, 0x20023, 0)
    assert (small.codes, large.codes) == ([0, 1], [42, 1])
    assert small.told == ["stopped for reason 0x20024"] and large.told == ["stopped for reason 0x20023"]


def test_exit_extended_carries_a_code_on_both(guest: Guest) -> None:
    guest.call(Sys.EXIT_EXTENDED, 0x20026, 7)
    assert guest.codes == [7]


def test_time_input_and_errors(guest: Guest) -> None:
    guest.now = 5012.34
    assert guest.host.call(Sys.CLOCK, 0) == 1234
    assert guest.host.call(Sys.TIME, 0) == 5012
    assert [guest.host.call(Sys.READC, 0) for _ in range(3)] == [ord("h"), ord("i"), guest.failed]
    assert guest.host.call(Sys.ERRNO, 0) == 0
    assert guest.call(Sys.ISERROR, guest.failed) == 1 and guest.call(Sys.ISERROR, 5) == 0


@pytest.mark.parametrize("operation", [op for op in Sys if op not in (Sys.CLOCK, Sys.TIME, Sys.ERRNO, Sys.READC)])
@pytest.mark.parametrize("pointer", [0, BASE - 1, LAST, LAST + 1, (1 << 64) - 1])
def test_a_bad_pointer_fails_and_nothing_else(operation: Sys, pointer: int) -> None:
    guest = Guest()
    guest.ram.write(LAST, b"x")
    result = guest.host.call(operation, pointer)
    assert result == (0 if (operation, pointer) == (Sys.WRITEC, LAST) else guest.failed)
    assert guest.codes == []


def test_a_bad_pointer_is_told_with_its_address() -> None:
    guest = Guest()
    guest.host.call(Sys.WRITEC, 0x1000)
    assert guest.told == ["SYS_WRITEC: 1 bytes at 0x1000 are not inside guest RAM"]
    assert guest.host.call(Sys.ERRNO, 0) == 22


def test_a_huge_write_is_cut_and_says_how_much_is_left(guest: Guest) -> None:
    guest.ram = Ram(BASE, 1 << 18)
    guest.host.memory = guest.ram
    assert guest.call(Sys.WRITE, 2, BASE, 0x10010) == 0x10
    assert len(guest.out) == 0x10000 and guest.told == ["SYS_WRITE of 65552 bytes cut at 65536"]


def test_pointers_are_translated_page_by_page() -> None:
    guest = Guest()
    pages = {0x5000: BASE + 0x3000, 0x6000: BASE + 0x1000}

    def translate(address: int) -> int:
        try:
            return pages[address & ~0xFFF] | address & 0xFFF
        except KeyError:
            raise BadAddress(address, 1) from None

    guest.host.translate = translate
    guest.ram.write(BASE + 0x3FFE, b"ab")
    guest.ram.write(BASE + 0x1000, b"cd\0")
    assert guest.host.call(Sys.WRITE0, 0x5FFE) == 0 and guest.out == b"abcd"
    assert guest.host.call(Sys.WRITE0, 0x7000) == guest.failed


@given(st.integers(0, 0x40) | st.integers(), st.integers(0, (1 << 64) - 1), st.binary(max_size=64))
def test_no_call_raises(operation: int, argument: int, block: bytes) -> None:
    guest = Guest()
    guest.ram.write(BLOCK, block)
    for at in (argument, BLOCK):
        assert 0 <= guest.host.call(operation, at) < 1 << 64
