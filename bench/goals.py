"""The goals for real operating systems, and for each in a sentence what limits the figure. Edit the sentences here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """`limit` is a ratio, or a figure in `unit` shown with `digits`; `why` says what limits it, from a profile."""

    limit: float
    why: str
    unit: str = "x"
    digits: int = 2

    def text(self) -> str:
        return f"{self.limit:.1f}x" if self.unit == "x" else f"{self.limit:g} {self.unit}"

    def verdict(self, figure: float) -> str:
        return "met" if figure <= self.limit else "MISSED"


USER_SPACE = "Linux 6.12, start to user space"
SCRIPT = "the whole script"
SMALL = "small Linux rv64, start to power-off"
MD5 = "md5 of 8 MiB"
SHELL = "20,000 shell loop turns"
READS_64K = "64 MiB by dd bs=64k"
READS_4K = "512 reads of 4 KiB"
PURE = "start to user space, pure Python"
TRACED = "start to VirtIO modules, --trace=FILE"
READ = "MMIO read, idle device"
WRITE = "MMIO write, idle device"
MEMORY = "memory beyond guest RAM"

GOALS = {
    USER_SPACE: Goal(
        1.0,
        "a quarter each is the hook before every block (count, exact stops), traps entered in Python (page faults, "
        "rdtime, timers), translated code, and the engine (translation, look-ups, refills of the TLB).",
    ),
    SCRIPT: Goal(1.1, "as the boot: block hook 25 %, engine 24 %, Python 23 %, translated code 23 %."),
    SMALL: Goal(1.5, "Python is a third (0.15 s of it start-up, then traps), the engine a quarter, the hook a fifth."),
    MD5: Goal(1.2, "engine 28 %, translated code 25 %, traps in Python 24 %, block hook 18 %."),
    SHELL: Goal(1.2, "engine 33 % (a fourth of it looks up the next block), block hook 29 %, traps in Python 10 %."),
    READS_64K: Goal(1.5, "Python is 44 %: the device, its queue and the traps; a request moves 64 KiB at once."),
    READS_4K: Goal(1.5, "Python is 41 %: the device, its queue and the traps; the rest is the guest's own way there."),
    PURE: Goal(
        3.0,
        "the engine's count= calls a hook before each instruction: that and its look at a flag are 28 % by themselves "
        "and make the translated code longer.",
    ),
    TRACED: Goal(1.3, "an access costs 3 µs more, and Linux makes only some thousand of them to VirtIO slots."),
    READ: Goal(0.5, "the engine's call into Python, as with an empty callback.", "µs"),
    WRITE: Goal(0.5, "the engine's call into Python, as with an empty callback, and keeping the selector.", "µs"),
    MEMORY: Goal(
        120, "45 MiB is translated code, 50 MiB the heap: the engine's tables and the interpreter.", "MiB", digits=0
    ),
}
"""The percentages are of processor time, by perf: `python -m bench.profile` for the parts of the script."""
