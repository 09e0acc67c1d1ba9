"""A guest's console as a script sees it: wait for what it prints, type an answer."""

from __future__ import annotations

from emu.machine import End, Machine


class ConsoleTimeout(Exception):
    """`pattern` did not come; `output` is what came instead, `end` why the machine stopped."""

    def __init__(self, pattern: bytes, end: End, output: bytes) -> None:
        tail = output[-300:].decode(errors="replace")
        super().__init__(f"{pattern!r} did not come ({end.value}); the guest's last words: {tail!r}")
        self.pattern = pattern
        self.end = end
        self.output = output


class GuestConsole:
    """Takes over a machine's UART: `output` is all that the guest wrote so far."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.output = bytearray()
        self._seen = 0
        self._wanted = b""
        machine.uart.output = self._take

    def _take(self, data: bytes) -> None:
        self.output += data
        if self._wanted and self._wanted in self.output[self._seen :]:
            self.machine.hart.stop()

    def send(self, data: bytes) -> None:
        """Type `data`."""
        self.machine.uart.feed(data)

    def expect(self, pattern: bytes, timeout: float = 30.0) -> bytes:
        """Run until the guest has printed `pattern`; returns what it printed up to there since the last time.

        `timeout` is in seconds of wall time; raises `ConsoleTimeout`, also if the machine ends before.
        """
        self._wanted = pattern
        end = self.machine.run(timeout, until=lambda: pattern in self.output[self._seen :])
        self._wanted = b""
        if end is not End.UNTIL and pattern not in self.output[self._seen :]:
            raise ConsoleTimeout(pattern, end, bytes(self.output))
        at = self.output.index(pattern, self._seen) + len(pattern)
        text = bytes(self.output[self._seen : at])
        self._seen = at
        return text
