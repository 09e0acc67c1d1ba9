"""A 16550A UART as QEMU models it: registers of one byte, output sent at once, input through a FIFO of 16 bytes.

The transmit-empty interrupt is an event: it is raised when the holding register empties, and lies until IIR is
read or the next byte is written. A receive interrupt is raised for every byte, whatever the FIFO's trigger level.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from emu.irq import Line
from emu.snapshot import Flag, Number, Octets, Saved, bits

RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR = range(8)
SIZE = 0x100
FIFO_SIZE = 16
BACKLOG = 1 << 16
"""How many bytes of input may wait outside the FIFO."""
CHUNK = 4096
"""Output is handed on at a newline, at this many bytes, and by `flush`."""


# Plain numbers: an operation on an IntFlag costs a microsecond, and every character takes three.
RDI, THRI = 0x01, 0x02
"""Interrupt enable: received data, transmitter empty."""
DLAB = 0x80
"""Line control: the first two registers are the divisor."""
DTR, RTS, OUT2, LOOP = 0x01, 0x02, 0x08, 0x10
"""Modem control."""
DR, IDLE = 0x01, 0x60
"""Line status: data ready; transmit holding register and transmitter empty (they always are)."""
NO_INT, THR_EMPTY, DATA = 0x01, 0x02, 0x04
FIFO_ENABLE, CLEAR_RX, CLEAR_TX = 0x01, 0x02, 0x04
MODEM_READY = 0xB0
"""Modem status: carrier, data set ready, clear to send."""


class Uart(Saved):
    """`output(data)` gets what the guest writes; `feed` gives it input, and `on_drained` asks for more.

    `irq` is its interrupt line. `listeners` hear each byte at the instruction that writes it, before `output` does.
    Output that waits is no part of the state: `flush` first.
    """

    saved: ClassVar = {
        "_fifo": Octets(FIFO_SIZE, deque), "_backlog": Octets(BACKLOG, deque), "_lsr": bits(8), "_ier": bits(4),
        "_lcr": bits(8), "_scr": bits(8), "_fcr": bits(8), "_mcr": bits(5), "_divisor": bits(16),
        "_thr_pending": Flag(), "_iir": Number(DATA),
    }  # fmt: skip

    def __init__(self, irq: Line, output: Callable[[bytes], object]) -> None:
        self.irq = irq
        self.output = output
        self.on_drained: Callable[[], object] = lambda: None
        self.listeners: list[Callable[[bytes], object]] = []
        self._out = bytearray()
        self._polls = 0
        self._backlog: deque[int] = deque()
        self.reset()

    def reset(self) -> None:
        """Registers as after power-on; input that waits in the backlog stays."""
        self._fifo: deque[int] = deque()
        self._lsr = IDLE
        self._ier = self._lcr = self._scr = self._fcr = 0
        self._mcr = OUT2
        self._divisor = 12  # 9600 baud
        self._thr_pending = False
        self._iir = NO_INT
        self._refill()

    def restored(self) -> None:
        self.irq.level = self._iir != NO_INT  # the PLIC knows

    @property
    def room(self) -> int:
        """How many bytes `feed` takes now."""
        return BACKLOG - len(self._backlog)

    def feed(self, data: bytes) -> int:
        """Give input to the guest; returns how many bytes were taken (at most `room`)."""
        taken = data[: self.room]
        self._backlog.extend(taken)
        self._refill()
        return len(taken)

    def flush(self) -> None:
        """Hand on the output that waits."""
        if self._out:
            data, self._out = bytes(self._out), bytearray()
            self.output(data)

    def emit(self, data: bytes) -> None:
        """Output that did not come through the registers (firmware's), in its place between theirs."""
        self._out += data
        self._polls = 0
        if b"\n" in data or len(self._out) >= CHUNK:
            self.flush()
        self._tell(data)

    def take(self, size: int) -> bytes:
        """Up to `size` bytes of input, past the registers; a guest that finds none has shown its prompt."""
        data = bytearray()
        while self._fifo and len(data) < size:
            data.append(self._receive())
        if not data:
            self.flush()
        return bytes(data)

    def load(self, offset: int, width: int) -> int:
        if offset == LSR:  # first: drivers poll it
            if self._out:
                self._polls += 1
                if self._polls > 2:  # a guest that only polls has shown its prompt and waits for input
                    self.flush()
            return self._lsr
        if offset == RBR_THR:
            return self._divisor & 0xFF if self._lcr & DLAB else self._receive()
        if offset == IER:
            return self._divisor >> 8 if self._lcr & DLAB else self._ier
        if offset == IIR_FCR:
            value = self._iir | (0xC0 if self._fcr & FIFO_ENABLE else 0)
            if self._iir == THR_EMPTY:
                self._thr_pending = False
                self._update()
            return value
        if offset == LCR:
            return self._lcr
        if offset == MCR:
            return self._mcr
        if offset == MSR:
            return self._modem_status()
        return self._scr if offset == SCR else 0

    def store(self, offset: int, width: int, value: int) -> None:
        value &= 0xFF
        if offset == RBR_THR:
            if self._lcr & DLAB:
                self._divisor = self._divisor & 0xFF00 | value
            else:
                self._send(value)
        elif offset == IER:
            if self._lcr & DLAB:
                self._divisor = self._divisor & 0xFF | value << 8
            else:
                self._set_ier(value & 0xF)
        elif offset == IIR_FCR:
            self._set_fcr(value)
        elif offset == LCR:
            self._lcr = value
        elif offset == MCR:
            self._mcr = value & 0x1F
            self._refill()
        elif offset == SCR:
            self._scr = value

    def _send(self, byte: int) -> None:
        if self._ier & THRI and self._thr_pending:
            self._thr_pending = False  # the line drops and rises: one event a byte
            self._update()
        if self._mcr & LOOP:
            self._fifo.append(byte)
            self._received()
        else:
            self._out.append(byte)
            self._polls = 0
            if byte == 0x0A or len(self._out) >= CHUNK:
                self.flush()
        self._thr_pending = True
        if self._ier & THRI:
            self._update()
        if self.listeners and not self._mcr & LOOP:
            self._tell(bytes([byte]))

    def _tell(self, data: bytes) -> None:
        for listener in self.listeners:
            listener(data)

    def _receive(self) -> int:
        if not self._fifo:
            return 0
        byte = self._fifo.popleft()
        if not self._fifo:
            self._lsr &= ~DR
            self._update()
            self._refill()
            if not self._backlog:
                self.on_drained()
        return byte

    def _refill(self) -> None:
        """Move input into the receiver, which holds one byte without the FIFO; never into a receiver in loopback."""
        if self._mcr & LOOP or not self._backlog:
            return
        size = FIFO_SIZE if self._fcr & FIFO_ENABLE else 1
        while self._backlog and len(self._fifo) < size:
            self._fifo.append(self._backlog.popleft())
        self._received()

    def _received(self) -> None:
        while len(self._fifo) > FIFO_SIZE:
            self._fifo.pop()  # overrun in loopback: the newest is lost
        self._lsr |= DR
        self._update()

    def _set_ier(self, value: int) -> None:
        changed = self._ier ^ value
        self._ier = value
        if changed & THRI:  # turning it on raises it, even if IIR was read before
            self._thr_pending = bool(value & THRI)
        self._update()

    def _set_fcr(self, value: int) -> None:
        if (value ^ self._fcr) & FIFO_ENABLE:
            value |= CLEAR_RX | CLEAR_TX
        self._fcr = value & 0xC9
        if value & CLEAR_TX:
            self._thr_pending = True
        if value & CLEAR_RX:
            self._fifo.clear()
            self._lsr &= ~DR
        self._update()
        self._refill()

    def _modem_status(self) -> int:
        if self._mcr & LOOP:
            return (self._mcr & 0x0C) << 4 | (self._mcr & RTS) << 3 | (self._mcr & DTR) << 5
        return MODEM_READY

    def _update(self) -> None:
        if self._ier & RDI and self._lsr & DR:
            self._iir = DATA
        elif self._ier & THRI and self._thr_pending:
            self._iir = THR_EMPTY
        else:
            self._iir = NO_INT
        self.irq.set(self._iir != NO_INT)
