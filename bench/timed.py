"""A machine as a process, and when each line of its console arrived here: both machines are timed by the same clock."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO

from bench.measure import ROOT

PATIENCE = 240.0
WORDS = 300


@dataclass
class Run:
    """What a process printed, each line with the seconds from the process's start to its arrival; `taken` in all."""

    lines: list[tuple[float, str]] = field(default_factory=list)
    taken: float = 0.0

    def at(self, marker: str) -> float:
        """When the first line with `marker` came; raises RuntimeError if none did."""
        for at, line in self.lines:
            if marker in line:
                return at
        raise RuntimeError(f"no line with {marker!r}; last words: {self.words()!r}")

    def span(self, start: str, end: str) -> float:
        """Seconds between two markers; an empty one is the process's own start or end."""
        return (self.at(end) if end else self.taken) - (self.at(start) if start else 0.0)

    def words(self) -> str:
        return "\n".join(line for _, line in self.lines)[-WORDS:]


def run(
    argv: list[str],
    *,
    until: str = "",
    watch: Callable[[int, str], None] = lambda pid, line: None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run `argv` to its end, or kill it at the line with `until`; `watch(pid, line)` sees each line as it comes.

    Raises RuntimeError if it fails, if `until` does not come, or after `PATIENCE` seconds.
    """
    done, rest = Run(), b""
    start = time.perf_counter()
    process = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}
    )
    try:
        while data := _read(process.stdout, start + PATIENCE):
            done.taken = time.perf_counter() - start
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").strip()
                done.lines.append((done.taken, text))
                watch(process.pid, text)
                if until and until in text:
                    return done
        code = process.wait(PATIENCE)
        done.taken = time.perf_counter() - start
    finally:
        process.kill()
        process.communicate()
    if code or until:
        raise RuntimeError(f"exit code {code} of {argv[0]}; last words: {done.words()!r}")
    return done


def _read(stream: IO[bytes] | None, end: float) -> bytes:
    """What is there next; nothing at the end of the stream. Raises RuntimeError at the time `end`."""
    if stream is None:
        return b""
    if not select.select([stream], [], [], max(0.0, end - time.perf_counter()))[0]:
        raise RuntimeError(f"it did not end in {PATIENCE:g} s")
    return os.read(stream.fileno(), 65536)
