"""A terminal for a test: the command on a pty, as a person sees and types it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from cli import COMMAND, ENVIRONMENT

TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Screen:
    """`virtscope run` with `options` on a pty. `controlling`: it is the terminal of the process's session."""

    def __init__(self, *options: str | Path, controlling: bool = False) -> None:
        self.main, self.side = pty.openpty()
        self.before = termios.tcgetattr(self.side)
        command = [*COMMAND, "run", *map(str, options)]
        if controlling:  # as a terminal emulator starts its shell
            command = [sys.executable, "-c", TAKE, *command]
        self.process = subprocess.Popen(
            command, stdin=self.side, stdout=self.side, stderr=self.side, env=ENVIRONMENT, start_new_session=True
        )
        self.shown = b""

    def type(self, data: bytes) -> None:
        os.write(self.main, data)

    def wait_for(self, text: bytes, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self.main], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} did not come, only {self.shown!r}"
            self.shown += os.read(self.main, 4096)

    @property
    def local_flags(self) -> int:
        flags: int = termios.tcgetattr(self.side)[3]
        return flags

    def ended(self) -> int:
        """The exit code; the terminal has to be as it was."""
        code = self.process.wait(10)
        assert termios.tcgetattr(self.side) == self.before
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.side)
