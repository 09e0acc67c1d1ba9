"""The UART as a script sees it: wait for what the guest prints, type an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from emu.config import End
from emu.irq import Line
from emu.uart import Uart

KEPT = 1 << 20
"""Bytes of output that are kept, at least."""


class ConsoleTimeout(Exception):
    """`pattern` did not come; `output` is what came instead, `end` why the machine stopped."""

    def __init__(self, pattern: bytes, end: End, output: bytes) -> None:
        tail = output[-300:].decode(errors="replace")
        super().__init__(f"{pattern!r} did not come ({end.value}); the guest's last words: {tail!r}")
        self.pattern = pattern
        self.end = end
        self.output = output


class Matcher:
    """Finds `pattern` in bytes that come in pieces."""

    def __init__(self, pattern: bytes) -> None:
        if not pattern:
            raise ValueError("an empty pattern is everywhere")
        self._pattern = pattern
        self._before = b""

    def take(self, data: bytes) -> int:
        """How many bytes of `data` complete the pattern; 0 if it is not complete yet."""
        text = self._before + data
        at = text.find(self._pattern)
        if at >= 0:
            return at + len(self._pattern) - len(self._before)
        self._before = text[max(0, len(text) - len(self._pattern) + 1) :]
        return 0


class Run(Protocol):
    """`Machine.run`."""

    def __call__(self, timeout: float | None = None, until: bytes | None = None) -> End: ...


class ConsoleUart(Uart):
    """A UART that a program can talk over. It remembers what the guest wrote, firmware's output included."""

    def __init__(self, irq: Line, output: Callable[[bytes], object], run: Run) -> None:
        self._run = run
        self._said = bytearray()
        self._seen = 0
        super().__init__(irq, output)

    def flush(self) -> None:
        self._said += self._out
        if len(self._said) > 2 * KEPT:
            cut = len(self._said) - KEPT
            del self._said[:cut]
            self._seen = max(0, self._seen - cut)
        super().flush()

    @property
    def transcript(self) -> bytes:
        """What the guest has written so far, or the last of it (1 MiB at least)."""
        self.flush()
        return bytes(self._said)

    @property
    def unseen(self) -> bytes:
        """What the guest wrote behind the last pattern that was waited for."""
        self.flush()
        return bytes(self._said[self._seen :])

    def see(self, pattern: bytes) -> bytes:
        """Go behind `pattern`, which is in `unseen`; returns the text up to there."""
        end = self._said.index(pattern, self._seen) + len(pattern)
        text = bytes(self._said[self._seen : end])
        self._seen = end
        return text

    def send(self, data: bytes) -> None:
        """Type `data`; raises BufferError if too much of what was typed before still waits for the guest."""
        taken = self.feed(data)
        if taken < len(data):
            raise BufferError(f"the guest has not read what was typed before: no room for {len(data) - taken} bytes")

    def expect(self, pattern: bytes, timeout: float = 30.0) -> bytes:
        """Run until the guest has printed `pattern`; returns what it printed up to there since the last time.

        The machine stops behind the instruction that wrote the last byte (see `emu.until`). `timeout` is in seconds of
        wall time; raises `ConsoleTimeout`, also if the machine ends before.
        """
        before = self._seen
        end = self._run(timeout, until=pattern)
        if end is not End.UNTIL:
            raise ConsoleTimeout(pattern, end, self.transcript)
        return bytes(self._said[before : self._seen])
