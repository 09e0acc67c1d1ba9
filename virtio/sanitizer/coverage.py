"""Which rules a run put to the test: counts events by name while the sanitizer judges, and adds runs up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from emu.trace import Event
from virtio.sanitizer.chapter import Key
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.slot import Slot
from virtio.sanitizer.table import ADVICE, Rule, rules
from virtio.sanitizer.triggers import Trigger, details, triggers
from virtio.spec import DeviceId, mask

VIOLATED, OBEYED, MISSED, OFF, ABSENT = "violated", "obeyed", "missed", "off", "absent"
"""Broken; put to the test and obeyed; never reached; not asked for; nobody judges it."""
Count = tuple[int, int]
"""How often a rule was put to the test, and how often it was broken."""


class Coverage:
    """Give it to a Sanitizer, which calls `see`. It counts by kind of device, key and the features that rules name."""

    def __init__(self) -> None:
        self._seen: dict[tuple[DeviceId, Key, int], int] = {}
        self._concerned = mask(*{bit for t in triggers().values() for bit in (t.feature, t.lacking) if bit is not None})

    def see(self, slot: Slot, keys: tuple[Key, ...], event: Event) -> None:
        """An event of the device in `slot`, as it is before the event; `keys` are its names for the chapters."""
        seen, device, features = self._seen, slot.device_id, slot.negotiated & self._concerned
        for key in (*keys, *details(device, event)):
            place = device, key, features
            seen[place] = seen.get(place, 0) + 1

    def asked(self, trigger: Trigger) -> int:
        """How often `trigger` happened."""
        return sum(
            times
            for (device, key, features), times in self._seen.items()
            if key in trigger.keys
            and (not trigger.devices or device in trigger.devices)
            and (trigger.feature is None or features >> trigger.feature & 1)
            and (trigger.lacking is None or not features >> trigger.lacking & 1)
        )

    def report(self, what: str, findings: Iterable[Finding], *, advice: bool, strict: bool) -> Report:
        """What came of the run `what`, with the rules that `advice` and `strict` add."""
        broken: dict[str, int] = {}
        for finding in findings:
            broken[finding.rule.id] = broken.get(finding.rule.id, 0) + finding.count
        counts = {}
        for name, trigger in triggers().items():
            if wanted(rules()[name], advice, strict):
                violated = broken.get(name, 0)
                asked = max(self.asked(trigger), violated)
                if asked:
                    counts[name] = asked, violated
        return Report([what], advice, strict, counts)


def wanted(rule: Rule, advice: bool, strict: bool) -> bool:
    """Whether a rule is judged when advice and strict rules are asked for, or are not."""
    return (advice or rule.severity != ADVICE) and (strict or not rule.strict)


@dataclass
class Report:
    """What came of the `runs`: `counts` has the rules that were reached. `advice`, `strict`: any run had those."""

    runs: list[str] = field(default_factory=list)
    advice: bool = False
    strict: bool = False
    counts: dict[str, Count] = field(default_factory=dict)

    def __add__(self, other: Report) -> Report:
        counts = dict(self.counts)
        for name, (asked, violated) in other.counts.items():
            before = counts.get(name, (0, 0))
            counts[name] = before[0] + asked, before[1] + violated
        runs = self.runs + other.runs
        return Report(runs, self.advice or other.advice, self.strict or other.strict, counts)

    def state(self, rule: Rule) -> str:
        """VIOLATED, OBEYED, MISSED, OFF or ABSENT."""
        asked, violated = self.counts.get(rule.id, (0, 0))
        if violated:
            return VIOLATED
        if asked:
            return OBEYED
        if not rule.implemented:
            return ABSENT
        return MISSED if wanted(rule, self.advice, self.strict) else OFF
