"""Real Linux on both machines: the goals of `bench.goals`, measured in turn, three times."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import goals, guests, memory, mmio, qemu
from bench.goals import GOALS
from bench.measure import Samples, Section, interleaved, median, median_ratio, ratio
from bench.timed import Run, run
from emu import native

REPETITIONS = 3
OURS, THEIRS, PURE, TRACED = "virtscope", "QEMU", "virtscope, pure Python", "virtscope, traced"
CHECKED = "virtscope, checked"
ALONE = "--check=off"
SMALL_OURS, SMALL_THEIRS = "small Linux, virtscope", "small Linux, QEMU"
USER_SPACE = "@@userspace"
PARTS = {
    goals.USER_SPACE: ("", USER_SPACE),
    "modules and devices": (USER_SPACE, "@@bench pattern"),
    "64 KiB written and read back": ("@@bench pattern", "@@bench disk-64k"),
    goals.READS_64K: ("@@bench disk-64k", "@@bench disk-4k"),
    goals.READS_4K: ("@@bench disk-4k", "@@bench hwrng"),
    "64 reads of /dev/hwrng": ("@@bench hwrng", "@@bench shell"),
    goals.SHELL: ("@@bench shell", "@@bench md5"),
    goals.MD5: ("@@bench md5", "@@bench fork"),
    "fork and exec, 50 times": ("@@bench fork", "@@bench end"),
    "power-off": ("@@bench end", ""),
}
"""What the script is made of: the markers before and after; an empty one is the start or the end of the process."""
WHOLE = ("", "")
BOOT = ("", "@@bench pattern")
"""Until the disk is used: its driver and the others are there."""
BASES = {TRACED: "untraced", CHECKED: "unchecked"}
"""What the time of our own that another of ours is compared to is called."""
ROWS = (
    (goals.USER_SPACE, OURS, THEIRS, PARTS[goals.USER_SPACE]),
    (goals.SCRIPT, OURS, THEIRS, WHOLE),
    (goals.SMALL, SMALL_OURS, SMALL_THEIRS, WHOLE),
    (goals.MD5, OURS, THEIRS, PARTS[goals.MD5]),
    (goals.SHELL, OURS, THEIRS, PARTS[goals.SHELL]),
    (goals.READS_64K, OURS, THEIRS, PARTS[goals.READS_64K]),
    (goals.READS_4K, OURS, THEIRS, PARTS[goals.READS_4K]),
    (goals.PURE, PURE, THEIRS, PARTS[goals.USER_SPACE]),
    (goals.TRACED, TRACED, OURS, BOOT),
    (goals.CHECKED, CHECKED, OURS, BOOT),
)
"""The goal, whose time it is, to what it is compared, and the span of both."""
ACCESS = {goals.READ: "read InterruptStatus", goals.WRITE: "write QueueSel"}

Runs = dict[str, list[Run]]
"""By machine, one a repetition."""


class MemoryWatch:
    """Looks at a machine's memory at the end of the script; `figures` in MiB."""

    def __init__(self) -> None:
        self.figures: list[float] = []

    def __call__(self, pid: int, line: str) -> None:
        if "@@bench end" in line:
            self.figures.append(memory.beyond_ram(pid, guests.RAM))


def cases_for(folder: Path, runs: Runs, watch: MemoryWatch, notes: list[str]) -> dict[str, Callable[[], float]]:
    """What can be measured here; each case puts its run into `runs`. What cannot is said in `notes`."""
    missing = qemu.install()
    notes += [f"QEMU skipped: {missing}."] if missing else []
    cases: dict[str, Callable[[], float]] = {}

    def add(name: str, go: Callable[[], Run]) -> None:
        def case() -> float:
            runs.setdefault(name, []).append(go())
            return runs[name][-1].taken.wall

        cases[name] = case

    if guest := guests.linux(folder):
        trace = f"--trace={folder / 'trace.jsonl'}"
        add(OURS, lambda: guests.checked(run(guest.virtscope(ALONE), watch=watch)))
        if not missing:
            add(THEIRS, lambda: guests.checked(run(guest.qemu())))
        add(TRACED, lambda: guests.checked(run(guest.virtscope(ALONE, trace))))
        add(CHECKED, lambda: guests.checked(run(guest.virtscope("--check=report"))))
        add(PURE, lambda: run(guest.virtscope(ALONE), until=USER_SPACE, environment={"VIRTSCOPE_NATIVE": "0"}))
    else:
        notes.append("Linux 6.12 skipped: it is not in the cache (virtscope get linux).")
    if small := guests.small_linux(folder):
        add(SMALL_OURS, lambda: run(small.virtscope(ALONE)))
        if not missing:
            add(SMALL_THEIRS, lambda: run(small.qemu()))
    else:
        notes.append(f"Small Linux skipped: neither in ${guests.FOLDER} nor in the cache (get small-linux --build).")
    for name, what in ACCESS.items():
        base, access = mmio.ACCESS[what]
        cases[name] = mmio.machine_case(mmio.machine_with(mmio.program(access, base)))
    return cases


def spans(runs: Runs, span: tuple[str, str], *names: str) -> tuple[Samples, Samples]:
    """Seconds of `span` for those of the machines `names` that ran: wall time, processor time."""
    moments = {name: [done.span(*span) for done in runs[name]] for name in names if name in runs}
    return (
        {name: [moment.wall for moment in those] for name, those in moments.items()},
        {name: [moment.cpu for moment in those] for name, those in moments.items()},
    )


def compared(wall: Samples, cpu: Samples, name: str, base: str) -> tuple[str, ...]:
    """The columns `to`, `ratio` and `CPU`; empty where there is no `base`."""
    if base not in wall:
        return "", "", ""
    return f"{BASES.get(name, 'QEMU')} {median(wall, base):.2f} s", ratio(wall, name, base), ratio(cpu, name, base)


def goal_rows(section: Section, runs: Runs, accesses: Samples, beyond: list[float]) -> None:
    """A row for each goal that was measured, and below the table what limits it."""
    met = {}
    for what, name, base, span in ROWS:
        wall, cpu = spans(runs, span, name, base)
        if name in wall:
            met[what] = GOALS[what].verdict(median_ratio(wall, name, base)) if base in wall else ""
            columns = (*compared(wall, cpu, name, base), GOALS[what].text(), met[what])
            section.add(what, f"{median(wall, name):.2f} s", *columns)
    figures = {what: median(accesses, what) / 1e3 for what in ACCESS}
    if beyond:
        figures[goals.MEMORY] = max(beyond)
    for what, figure in figures.items():
        goal = GOALS[what]
        met[what] = goal.verdict(figure)
        section.add(what, f"{figure:.{goal.digits}f} {goal.unit}", "", "", "", goal.text(), met[what])
    section.notes += [f"{what}: {GOALS[what].why}" for what in met]


def part_rows(section: Section, runs: Runs) -> None:
    """What the rest of the script's time is made of, and what a trace and the sanitizer add to all of it."""
    for what, span in PARTS.items():
        if what not in GOALS:
            wall, cpu = spans(runs, span, OURS, THEIRS)
            section.add(f"  script: {what}", f"{median(wall, OURS):.2f} s", *compared(wall, cpu, OURS, THEIRS))
    for name, how in ((TRACED, "traced"), (CHECKED, "checked")):
        wall, cpu = spans(runs, WHOLE, name, OURS)
        section.add(f"  script: all of it, {how}", f"{median(wall, name):.2f} s", *compared(wall, cpu, name, OURS))


def measure() -> Section:
    section = Section("Real Linux, 256 MiB, a disk and entropy: against QEMU", ("to", "ratio", "CPU", "goal", ""))
    load = os.getloadavg()[0]
    runs: Runs = {}
    watch = MemoryWatch()
    with tempfile.TemporaryDirectory() as folder:
        samples = interleaved(cases_for(Path(folder), runs, watch, section.notes), REPETITIONS)
    if native.load() is None:
        section.notes.append(f"All of ours is pure Python here: {native.ABSENT}.")
    goal_rows(section, runs, samples, watch.figures)
    if OURS in runs:
        part_rows(section, runs)
    section.notes += [
        f"QEMU: {' '.join(qemu.COMMAND[1:9])}, with its OpenSBI. Ours: --bios builtin. The same kernel, "
        "initial RAM disk, disk and devices. Wall time from the process's start; a line counts when it arrives here.",
        "Ours runs with --check=off, but where the row says otherwise.",
        "CPU: the ratio of processor time, all threads; the one to look at where other work slows the machine.",
        "Memory: the most that was resident (VmHWM) less what is resident of guest RAM, at the end of the script.",
        f"Medians of {REPETITIONS}; load at the start {load:.1f} with {os.cpu_count()} processors.",
    ]
    return section
