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
CHECKED = "start to VirtIO modules, --check=report"
READ = "MMIO read, idle device"
WRITE = "MMIO write, idle device"
MEMORY = "memory beyond guest RAM"

GOALS = {
    USER_SPACE: Goal(
        1.0,
        "start-up (Python, Unicorn, finding the core's state) takes 0.15 s more than QEMU's; the rest is an engine of "
        "QEMU 5.0's age: translated code 45 %, the engine itself 37 % (a fifth of that looks up the next block), "
        "Python 7 %.",
    ),
    SCRIPT: Goal(1.1, "translated code 46 %, engine 36 %, Python 9 % (start-up included), host kernel 4 %."),
    SMALL: Goal(1.5, "start-up is a third; then translation, for a guest that runs for less than a second."),
    MD5: Goal(1.2, "translated code 48 %, the engine's refills of the TLB 42 %."),
    SHELL: Goal(
        1.2,
        "each of the many short blocks counts itself (eight host instructions), and half of the engine's 35 % is its "
        "look-up of the next block.",
    ),
    READS_64K: Goal(1.5, "Python is 43 %: the device and its queue; a request moves 64 KiB at once."),
    READS_4K: Goal(1.5, "Python is 37 %: the device and its queue; the rest is the guest's own way there."),
    PURE: Goal(
        3.0,
        "the engine's count= calls a hook before each instruction, and it looks at a flag after each access: 27 % by "
        "themselves, and code twice as long to translate and run; Python is 8 %. Nothing in Python can change that.",
    ),
    TRACED: Goal(1.3, "an access costs 3 µs more, and Linux makes only some thousand of them to VirtIO slots."),
    CHECKED: Goal(1.3, "the trace makes an event of each access and what follows from it, and each asks some rules."),
    READ: Goal(0.5, "the engine's call into Python, as with an empty callback.", "µs"),
    WRITE: Goal(0.5, "the engine's call into Python, as with an empty callback, and keeping the selector.", "µs"),
    MEMORY: Goal(
        120,
        "45 MiB is translated code, 30 MiB the kernel's file, kept for resets, the rest engine tables and Python.",
        "MiB",
        digits=0,
    ),
}
"""The percentages are of processor time, by perf: `python -m bench.profile` for the parts of the script."""
