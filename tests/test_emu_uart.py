"""emu/uart.py: the 16550A as QEMU models it."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.irq import Line
from emu.uart import BACKLOG, CHUNK, IER, IIR_FCR, LCR, LSR, MCR, MSR, RBR_THR, SCR, Uart

RDI, THRI = 1, 2
NO_INT, THR_EMPTY, DATA, FIFO_ON = 0x01, 0x02, 0x04, 0xC0


class Wired:
    """A UART whose output and interrupt edges are remembered."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.edges: list[bool] = []
        self.uart = Uart(Line(self.edges.append), self.sent.append)

    def put(self, text: bytes) -> None:
        for byte in text:
            self.uart.store(RBR_THR, 1, byte)

    def drain(self) -> bytes:
        """Read as a driver does: as long as LSR says that data is ready."""
        found = bytearray()
        while self.uart.load(LSR, 1) & 1:
            found.append(self.uart.load(RBR_THR, 1))
        return bytes(found)


@pytest.fixture
def wired() -> Wired:
    return Wired()


def test_it_is_idle_at_first(wired: Wired) -> None:
    uart = wired.uart
    assert [uart.load(at, 1) for at in (LSR, IIR_FCR, IER, LCR, MCR, MSR, SCR)] == [0x60, NO_INT, 0, 0, 8, 0xB0, 0]
    assert wired.edges == []


def test_output_is_handed_on_at_a_newline_at_a_chunk_and_on_flush(wired: Wired) -> None:
    wired.put(b"hello")
    assert wired.sent == []
    wired.put(b"\n=> ")
    assert wired.sent == [b"hello\n"]
    wired.uart.flush()
    wired.uart.flush()
    assert wired.sent == [b"hello\n", b"=> "]
    wired.put(b"x" * CHUNK)
    assert wired.sent[2] == b"x" * CHUNK


def test_a_prompt_appears_when_the_guest_only_polls(wired: Wired) -> None:
    wired.put(b"=> ")
    for _ in range(4):
        wired.uart.load(LSR, 1)
    assert wired.sent == [b"=> "]


@pytest.mark.parametrize("fifo", [0, 1])
def test_input_of_any_length_arrives_in_order(wired: Wired, fifo: int) -> None:
    wired.uart.store(IIR_FCR, 1, fifo)
    data = bytes(range(256)) * 3
    assert wired.uart.feed(data) == len(data)
    assert wired.drain() == data
    assert wired.uart.load(LSR, 1) == 0x60 and wired.uart.load(RBR_THR, 1) == 0


def test_input_beyond_the_backlog_is_refused_not_lost(wired: Wired) -> None:
    room = wired.uart.room
    assert room == BACKLOG
    taken = wired.uart.feed(bytes(BACKLOG + 100))
    assert taken == BACKLOG and wired.uart.room == 1  # one byte is in the receiver
    assert wired.uart.feed(b"ab") == 1
    assert len(wired.drain()) == BACKLOG + 1


def test_received_data_interrupts_until_it_is_read(wired: Wired) -> None:
    wired.uart.store(IIR_FCR, 1, 1)
    wired.uart.store(IER, 1, RDI)
    wired.uart.feed(b"ab")
    assert wired.edges == [True] and wired.uart.load(IIR_FCR, 1) == DATA | FIFO_ON
    assert wired.uart.load(RBR_THR, 1) == ord("a") and wired.edges == [True]
    assert wired.uart.load(RBR_THR, 1) == ord("b") and wired.edges == [True, False]
    assert wired.uart.load(IIR_FCR, 1) == NO_INT | FIFO_ON


def test_input_that_waited_interrupts_when_it_is_enabled(wired: Wired) -> None:
    wired.uart.feed(b"a")
    assert wired.edges == []
    wired.uart.store(IER, 1, RDI)
    assert wired.edges == [True]


def test_the_line_rises_anew_for_each_byte_without_the_fifo(wired: Wired) -> None:
    wired.uart.store(IER, 1, RDI)
    wired.uart.feed(b"abc")
    assert [wired.uart.load(RBR_THR, 1) for _ in range(3)] == [*b"abc"]
    assert wired.edges == [True, False] * 3


def test_enabling_the_transmit_interrupt_raises_it_once(wired: Wired) -> None:
    wired.uart.store(IER, 1, THRI)
    assert wired.edges == [True]
    assert wired.uart.load(IIR_FCR, 1) == THR_EMPTY
    assert wired.edges == [True, False]
    assert wired.uart.load(IIR_FCR, 1) == NO_INT


def test_each_byte_raises_one_transmit_interrupt_even_if_iir_is_never_read(wired: Wired) -> None:
    wired.uart.store(IER, 1, THRI)
    wired.edges.clear()
    wired.put(b"ab")
    assert wired.edges == [False, True, False, True]
    wired.uart.store(IER, 1, 0)
    assert wired.edges[-1] is False


def test_received_data_comes_before_an_empty_transmitter(wired: Wired) -> None:
    wired.uart.store(IER, 1, RDI | THRI)
    wired.uart.feed(b"a")
    assert wired.uart.load(IIR_FCR, 1) == DATA
    wired.uart.load(RBR_THR, 1)
    assert wired.uart.load(IIR_FCR, 1) == THR_EMPTY


def test_the_divisor_hides_behind_dlab(wired: Wired) -> None:
    uart = wired.uart
    uart.store(LCR, 1, 0x83)
    uart.store(RBR_THR, 1, 0x34)
    uart.store(IER, 1, 0x12)
    assert (uart.load(RBR_THR, 1), uart.load(IER, 1), uart.load(LCR, 1)) == (0x34, 0x12, 0x83)
    uart.store(LCR, 1, 0x03)
    uart.flush()
    assert uart.load(IER, 1) == 0 and wired.sent == []


def test_clearing_the_receive_fifo_drops_what_is_in_it(wired: Wired) -> None:
    wired.uart.store(IIR_FCR, 1, 1)
    wired.uart.store(IER, 1, RDI)
    wired.uart.feed(b"x" * 16)
    wired.uart.store(IIR_FCR, 1, 3)
    assert wired.uart.load(LSR, 1) == 0x60 and wired.edges == [True, False]


def test_loopback_receives_what_it_sends_and_shows_the_modem_lines(wired: Wired) -> None:
    uart = wired.uart
    uart.store(MCR, 1, 0x10 | 0x0A)
    assert uart.load(MSR, 1) & 0xF0 == 0x90
    uart.feed(b"from outside")
    wired.put(b"q")
    assert wired.drain() == b"q" and wired.sent == []
    uart.store(MCR, 1, 0)
    assert wired.drain() == b"from outside"


def test_a_wide_access_is_the_byte_at_its_address(wired: Wired) -> None:
    wired.uart.store(RBR_THR, 4, 0x0A414243)
    wired.uart.store(SCR, 2, 0x1FF)
    wired.uart.flush()
    assert wired.sent == [b"C"] and wired.uart.load(SCR, 4) == 0xFF
    assert wired.uart.load(LSR, 4) == 0x60


def test_holes_read_zero(wired: Wired) -> None:
    wired.uart.store(8, 1, 0xFF)
    assert wired.uart.load(8, 1) == wired.uart.load(0xFF, 1) == 0


offsets = st.integers(0, 7) | st.integers(0, 0xFF)
loads = st.builds(lambda at, width: lambda uart: uart.load(at, width), offsets, st.sampled_from([1, 2, 4, 8]))
stores = st.builds(lambda at, value: lambda uart: uart.store(at, 8, value), offsets, st.integers(0, (1 << 64) - 1))
feeds = st.builds(lambda data: lambda uart: uart.feed(data), st.binary(max_size=40))


@given(st.lists(loads | stores | feeds))
def test_no_access_raises_and_the_line_is_as_iir_says(steps: list[Callable[[Uart], int | None]]) -> None:
    wired = Wired()
    for step in steps:
        value = step(wired.uart)
        assert value is None or 0 <= value <= 0xFF
        assert len(wired.uart._fifo) <= 16
        assert wired.uart.irq.level == (wired.uart._iir != NO_INT)
    assert all(a != b for a, b in pairwise(wired.edges))
