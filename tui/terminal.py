"""The person's terminal while a guest runs: raw keys in, the UART's bytes out, and a way out (Ctrl-A x)."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable
from types import TracebackType

ESCAPE = 0x01  # Ctrl-A, as in QEMU
HELP = b"\r\nCtrl-A x: quit   Ctrl-A w: why is it stuck   Ctrl-A Ctrl-A: send Ctrl-A   Ctrl-A h: this help\r\n"


class Keys:
    """Turns typed bytes into input for the guest and commands for us."""

    def __init__(
        self, feed: Callable[[bytes], object], quit_: Callable[[], object], why: Callable[[], object] = lambda: None
    ) -> None:
        self._feed = feed
        self._quit = quit_
        self._why = why
        self._escaped = False

    def type(self, data: bytes) -> None:
        plain = bytearray()
        for byte in data:
            if self._escaped:
                self._escaped = False
                if byte in b"xX":
                    self._quit()
                    return
                if byte in b"wW":
                    self._why()
                elif byte in b"hH?":
                    with contextlib.suppress(OSError):
                        write_all(1, HELP)
                elif byte == ESCAPE:
                    plain.append(ESCAPE)
            elif byte == ESCAPE:
                self._escaped = True
            else:
                plain.append(byte)
        if plain:
            self._feed(bytes(plain))


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Terminal:
    """Reads standard input on a thread: raw keys where it is a terminal (restored afterwards), else plain bytes.

    `on_input`, `on_quit`, `on_end` (end of file) and `on_why` (Ctrl-A w) are called on that thread.
    """

    def __init__(
        self,
        on_input: Callable[[bytes], object],
        on_quit: Callable[[], object],
        on_end: Callable[[], object],
        on_why: Callable[[], object] = lambda: None,
    ) -> None:
        self.fd = sys.stdin.fileno() if sys.stdin is not None and not sys.stdin.closed else -1
        self.is_tty = self.fd >= 0 and os.isatty(self.fd)
        self._keys = Keys(on_input, on_quit, on_why)
        self._on_input, self._on_end = on_input, on_end
        self._saved: list[object] | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._read, name="stdin", daemon=True)

    def __enter__(self) -> Terminal:
        if self.is_tty:
            self._saved = termios.tcgetattr(self.fd)
            tty.setraw(self.fd, termios.TCSANOW)
            settings = termios.tcgetattr(self.fd)
            settings[1] |= termios.OPOST | termios.ONLCR  # guests end their lines as they like
            termios.tcsetattr(self.fd, termios.TCSANOW, settings)
        if self.fd >= 0:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        os.write(self._wake_write, b"x")
        if self._thread.ident is not None:
            self._thread.join()
        if self._saved is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fd, termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _read(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self.fd, self._wake_read], [], [])
                if self._wake_read in ready:
                    return
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                self._on_end()
                return
            if self.is_tty:
                self._keys.type(data)
            else:
                self._on_input(data)
