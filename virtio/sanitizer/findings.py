"""What the sanitizer found: one finding a rule and place, with how often, and what led to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from virtio.sanitizer.table import Rule

Place = tuple[str, str, int]
"""Rule, device, and pc."""


@dataclass(slots=True)
class Finding:
    """`rule` was broken by the driver of `source`; `message` says it with the values of the first time.

    `seq`, `time` (instructions) and `pc` are the first event's, `where` its function and line, `insn` the instruction
    there, `file` the path of its source. `history` holds the last events of the device up to it, as text; `queue` a
    drawing of the ring it is about.
    """

    rule: Rule
    source: str
    message: str
    seq: int
    time: int
    pc: int
    where: str = ""
    insn: str = ""
    file: str = ""
    count: int = 1
    history: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        return self.rule.id, self.source, self.pc

    def to_json(self) -> dict[str, Any]:
        """A flat JSON object."""
        rule = self.rule
        return {
            "rule": rule.id, "level": rule.level, "severity": rule.severity, "section": rule.section,
            "section13": rule.section13, "section12": rule.section12, "message": self.message, "device": self.source,
            "count": self.count, "seq": self.seq, "time": self.time, "pc": self.pc, "where": self.where,
            "insn": self.insn, "file": self.file, "hint": rule.hint, "refused_by": list(rule.refused_by),
            "history": list(self.history), "queue": list(self.queue),
        }  # fmt: skip


@dataclass
class Findings:
    """All of them in the order of their first time; `limit` bounds how many places are kept."""

    limit: int = 10_000
    dropped: int = 0
    _by_place: dict[Place, Finding] = field(default_factory=dict)

    def __iter__(self) -> Any:
        return iter(self._by_place.values())

    def __len__(self) -> int:
        return len(self._by_place)

    def again(self, place: Place) -> bool:
        """Count one more at `place`; False if it is the first there."""
        finding = self._by_place.get(place)
        if finding is None:
            return False
        finding.count += 1
        return True

    def add(self, finding: Finding) -> bool:
        """A first one; False if there are too many already."""
        if len(self._by_place) >= self.limit:
            self.dropped += 1
            return False
        self._by_place[finding.place] = finding
        return True
