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
    USER_SPACE: Goal(1.0, "TODO"),
    SCRIPT: Goal(1.1, "TODO"),
    SMALL: Goal(1.5, "TODO"),
    MD5: Goal(1.2, "TODO"),
    SHELL: Goal(1.2, "TODO"),
    READS_64K: Goal(1.5, "TODO"),
    READS_4K: Goal(1.5, "TODO"),
    PURE: Goal(3.0, "TODO"),
    TRACED: Goal(1.3, "TODO"),
    READ: Goal(0.5, "TODO", "µs"),
    WRITE: Goal(0.5, "TODO", "µs"),
    MEMORY: Goal(120, "TODO", "MiB", 0),
}
