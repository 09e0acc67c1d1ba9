"""A device, a driver's bare hands, and the sanitizer looking on: which rules of rings and requests were broken."""

from __future__ import annotations

import json

from rings import Echo

from emu.trace import event_from_json
from virtio.device import Device
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import Rule
from virtio.testing import RAM_BASE, VERSION_1, RawQueue, driver_ok, negotiate, pair

CHAPTERS = ("split", "blk", "console", "entropy")


def about_rings(rule: Rule) -> bool:
    """Registers are judged by other chapters, which have tests of their own."""
    return rule.chapter in CHAPTERS or (rule.chapter == "invariant" and rule.observed == "rings")


class Judged:
    """`device` in a slot that is called as on a machine; `queue` is its first queue, `others` the rest.

    `start` initializes it; until then `queue` can be laid out otherwise. `time` is in instructions.
    """

    def __init__(
        self, device: Device | None = None, accepted: int = 0, size: int = 8, ram_size: int = 0x10_0000
    ) -> None:
        device = device or Echo()
        self.p = pair(device, ram_size=ram_size, name=f"virtio0-{'rng' if isinstance(device, Echo) else device.name}")
        self.accepted = accepted | VERSION_1
        self.time = 0
        self.p.trace.now = lambda: self.time
        self.sanitizer = Sanitizer(advice=True, strict=True)
        self.p.trace.subscribe(self.sanitizer)
        self.queue, *self.others = [
            RawQueue(self.p, i, size, RAM_BASE + 0x10000 * i) for i in range(len(device.queue_names))
        ]

    def start(self) -> Judged:
        negotiate(self.p, self.accepted)
        for queue in (self.queue, *self.others):
            queue.enable()
        driver_ok(self.p)
        return self

    @property
    def findings(self) -> list[Finding]:
        """What was found live, which is what is found in the events as they are recorded."""
        again = Sanitizer(advice=True, strict=True)
        for event in self.p.events:
            again(event_from_json(json.loads(json.dumps(event.to_json()))))
        live = [finding.to_json() for finding in self.sanitizer.findings]
        assert [finding.to_json() for finding in again.findings] == live
        return [finding for finding in self.sanitizer.findings if about_rings(finding.rule)]

    @property
    def rules(self) -> list[str]:
        return [finding.rule.id for finding in self.findings]

    @property
    def said(self) -> str:
        """The only finding's message."""
        (finding,) = self.findings
        return finding.message
