"""A machine as a process, and when each line of its console arrived here: both machines are timed by the same clock."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from bench.measure import ROOT

PATIENCE = 240.0
WORDS = 300
CPUCLOCK_SCHED = 2


class Moment(NamedTuple):
    """Seconds since a process's start: of wall time, and of processor time that all of its threads had."""

    wall: float
    cpu: float


START = Moment(0.0, 0.0)


@dataclass
class Run:
    """What a process printed, each line with the moment of its arrival; `taken` is its end."""

    lines: list[tuple[Moment, str]] = field(default_factory=list)
    taken: Moment = START

    def at(self, marker: str) -> Moment:
        """When the first line with `marker` came; raises RuntimeError if none did."""
        for at, line in self.lines:
            if marker in line:
                return at
        raise RuntimeError(f"no line with {marker!r}; last words: {self.words()!r}")

    def span(self, start: str, end: str) -> Moment:
        """What passed between two markers; an empty one is the process's own start or end."""
        first = self.at(start) if start else START
        last = self.at(end) if end else self.taken
        return Moment(last.wall - first.wall, last.cpu - first.cpu)

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

    Python keeps its compiled modules there, as on a machine where nobody forbids it.
    Raises RuntimeError if it fails, if `until` does not come, or after `PATIENCE` seconds.
    """
    done, rest = Run(), b""
    start = time.perf_counter()
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**own, **(environment or {})}
    )
    try:
        while data := _read(process.stdout, start + PATIENCE):
            done.taken = Moment(time.perf_counter() - start, _processor_time(process.pid))
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").strip()
                done.lines.append((done.taken, text))
                watch(process.pid, text)
                if until and until in text:
                    return done
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        done.taken = Moment(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)
    finally:
        process.kill()
        process.communicate()
    if code or until:
        raise RuntimeError(f"exit code {code} of {argv[0]}; last words: {done.words()!r}")
    return done


def _processor_time(pid: int) -> float:
    """Seconds that all threads of a running process had a processor, those that have ended too."""
    return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)  # as clock_getcpuclockid(3) makes it on Linux


def _read(stream: IO[bytes] | None, end: float) -> bytes:
    """What is there next; nothing at the end of the stream. Raises RuntimeError at the time `end`."""
    if stream is None:
        return b""
    if not select.select([stream], [], [], max(0.0, end - time.perf_counter()))[0]:
        raise RuntimeError(f"it did not end in {PATIENCE:g} s")
    return os.read(stream.fileno(), 65536)
