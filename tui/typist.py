"""Hands typed or piped input to the guest's UART as fast as the guest takes it, and no faster."""

from __future__ import annotations

import threading

from emu.machine import Machine

ENOUGH = 1 << 16
"""Bytes that wait here before the thread that reads has to wait too."""


class Typist:
    """`type` is called on the reading thread, `push` on the machine's.

    With `keys` the input is a person's: what is too much is lost, as on a real line, and Ctrl-A x is always heard.
    """

    def __init__(self, machine: Machine, *, keys: bool = False) -> None:
        self._machine = machine
        machine.uart.on_drained = self.push
        self._keys = keys
        self._waiting = bytearray()
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._closed = False
        self._ended = False

    def type(self, data: bytes) -> None:
        """Take `data`; blocks while too much is waiting, unless it is typed."""
        if self._keys and len(self._waiting) > ENOUGH:
            return
        with self._lock:
            self._waiting += data
        self._machine.post(self.push)
        while len(self._waiting) > ENOUGH and not self._closed and not self._keys:
            self._room.clear()
            self._room.wait(0.05)

    def push(self) -> None:
        """Give the UART what it has room for."""
        if self._waiting:
            with self._lock:
                taken = self._machine.uart.feed(bytes(self._waiting[:ENOUGH]))
                del self._waiting[:taken]
            self._machine.waits_for_input = taken > 0  # a UART that is full and did not wake the guest never will
            self._room.set()
        elif self._ended:
            self._machine.waits_for_input = False

    def end(self) -> None:
        """There is no more input: once all of it is with the guest, nothing can wake it from outside."""
        self._ended = True
        self._machine.post(self.push, soon=False)  # a run without input is the same every time

    def close(self) -> None:
        """Let a blocked reading thread go."""
        self._closed = True
        self._room.set()
