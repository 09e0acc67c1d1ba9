"""The rules as data: `rules/CHAPTER.json`, one record a rule; a test holds them and the code against each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

CHAPTERS = (
    "status", "features", "reset", "config", "vqreset", "split", "packed", "init", "cleanup", "suspend", "mmio",
    "reserved", "invariant-registers", "invariant-rings", "invariant-memory", "blk", "console", "entropy", "net",
    "balloon", "gpu", "input", "crypto", "vsock", "fs", "sound", "rtc", "inline",
)  # fmt: skip
"""The files, in the order of the specification."""
VIOLATION, ADVICE, INVARIANT = "violation", "advice", "invariant"
DEVICE, SANITIZER = "device", "sanitizer"
"""Who judges a rule: the model of the device or the transport, as it happens, or a chapter of the sanitizer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule for drivers. `section`s are those of VirtIO 1.4, 1.3 and 1.2; `text` is the rule in a sentence.

    `level` is the specification's keyword, or `invariant` for what it implies without one. `observed` says by what it
    can be seen: `registers`, `rings`, `memory-watch` or `no`; `probe`: only if the device provokes it; `heuristic`: not
    for certain. `hint` says what to change. `by` is who judges it, empty for nobody, and then `why` is the reason.
    `strict`: reported in the strict profile only. `refused_by` names what is known to refuse such a driver.
    """

    id: str
    level: str
    section: str
    section13: str
    section12: str
    since: str
    chapter: str
    observed: str
    heuristic: bool
    probe: bool
    pci_only: bool
    text: str
    hint: str = ""
    by: str = ""
    why: str = ""
    strict: bool = False
    refused_by: tuple[str, ...] = ()

    @property
    def severity(self) -> str:
        """`violation` (MUST), `advice` (SHOULD) or `invariant`."""
        if self.level.startswith("SHOULD"):
            return ADVICE
        return INVARIANT if self.level == "invariant" else VIOLATION

    @property
    def implemented(self) -> bool:
        return bool(self.by)


@cache
def chapter(name: str) -> dict[str, Rule]:
    """The rules of the file `name`, by their id."""
    records = json.loads((files("virtio.sanitizer") / "rules" / f"{name}.json").read_text(encoding="utf-8"))
    return {r["id"]: Rule(**r | {"refused_by": tuple(r.get("refused_by", ()))}) for r in records}


@lru_cache(maxsize=4096)
def find(rule: str) -> Rule | None:
    """The rule of this id; reads no more files than it has to, for a quick start."""
    return next((found for name in CHAPTERS if (found := chapter(name).get(rule)) is not None), None)


def rule_of(name: str) -> Rule:
    """The rule of an id that is in the table."""
    found = find(name)
    if found is None:
        raise KeyError(name)
    return found


@cache
def rules() -> dict[str, Rule]:
    """Every rule, by its id, in the order of the specification."""
    return {rule.id: rule for name in CHAPTERS for rule in chapter(name).values()}
