"""How long `virtscope run` takes on the smallest guest, as a process, and where that time goes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import qemu
from bench.measure import ROOT, VIRTSCOPE, Samples, Section, interleaved, median, ratio, seconds

GOAL = 0.4
REPETITIONS = 7
GUEST = str(ROOT / "guests" / "bin" / "rng-rv64.elf")
NEEDLESS = {"rich", "asyncio", "elftools", "capstone"}
OURS, EMPTY, THEIRS = "virtscope run rng-rv64.elf --device rng", "python -c pass", "the same guest on QEMU"
STEPPED = "the same start, step by step"


def command(argv: list[str]) -> Callable[[], float]:
    """Seconds that `argv` takes as a process; it must succeed."""
    return lambda: seconds(
        lambda: subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT)
    )


def stepped(steps: Samples) -> Callable[[], float]:
    """As `command`, of a start that is timed from inside; the milliseconds of each step go into `steps`."""

    def case() -> float:
        argv = [sys.executable, "-m", "bench.phases", GUEST]
        start = time.perf_counter()
        done = subprocess.run(argv, check=True, capture_output=True, cwd=ROOT, text=True)
        taken = time.perf_counter() - start
        for name, figure in json.loads(done.stdout).items():
            steps.setdefault(name, []).append(figure)
        return taken

    return case


def needless_modules() -> list[str]:
    """Packages that a run without a trace has no use for and loads all the same."""
    argv = [sys.executable, "-X", "importtime", *VIRTSCOPE[1:], GUEST, "--device", "rng"]
    done = subprocess.run(argv, check=True, capture_output=True, cwd=ROOT, text=True, stdin=subprocess.DEVNULL)
    loaded = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    return sorted(loaded & NEEDLESS)


def measure() -> Section:
    missing = qemu.install()
    section = Section("Start-up", () if missing else ("/ QEMU",))
    steps: Samples = {}
    cases = {
        OURS: command([*VIRTSCOPE, GUEST, "--device", "rng"]),
        EMPTY: command([sys.executable, "-c", "pass"]),
        STEPPED: stepped(steps),
    }
    if missing:
        section.notes.append(f"QEMU skipped: {missing}.")
    else:
        cases[THEIRS] = command([*qemu.COMMAND, *qemu.RNG, "-bios", "none", "-kernel", GUEST])
    samples = interleaved(cases, REPETITIONS)
    for name in samples:
        figures = (ratio(samples, name, THEIRS),) if THEIRS in samples else ()
        section.add(name, f"{median(samples, name) * 1e3:.0f} ms", *figures)
    for name in steps:
        section.add(f"  of it: {name}", f"{median(steps, name):.1f} ms")
    rest = median(samples, STEPPED) * 1e3 - sum(median(steps, name) for name in steps)
    section.add("  of it: the interpreter's start and end", f"{rest:.1f} ms")
    taken = median(samples, OURS)
    section.notes.append(f"Goal: under {GOAL} s. {'Met' if taken < GOAL else 'MISSED'} with {taken:.2f} s.")
    section.notes.append(f"Loaded without need: {', '.join(needless_modules()) or 'nothing'}.")
    section.notes.append(f"Size of the guest: {Path(GUEST).stat().st_size} bytes.")
    return section
