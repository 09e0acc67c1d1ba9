"""Random registers, rings and chains, judged as they happen: the sanitizer never raises and remembers a bounded amount.

90 examples in the usual run, 10,200 with the marker `slow`.
"""

from __future__ import annotations

import pytest
from fenced import Bench
from hypothesis import strategies as st
from test_virtio_fuzz import DEVICES, Op, attack, chains, registers, rings

from emu.bus import Bus
from emu.trace import Event, Trace
from virtio.device import Device
from virtio.registers import SLOT_SIZE
from virtio.sanitizer.drawing import WIDTH
from virtio.sanitizer.engine import Sanitizer
from virtio.testing import SLOT_BASE

LINES = 20
PAUSE = 3_000_000
"""Instructions between two accesses: enough of them and somebody was patient for long."""


class JudgedBench(Bench):
    """The slot on a traced bus, where accesses are events, with the sanitizer listening."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        trace: Trace = self.transport.trace
        self.time = 0
        trace.now = lambda: self.time
        self.region = Bus(trace).add("virtio0-" + device.name, SLOT_BASE, SLOT_SIZE, self.transport, traced=True)
        self.transport.name = device.source = self.transport.pending.source = "virtio0-" + device.name
        for queue in self.transport.queues:
            queue.source = self.transport.name
        self.sanitizer = Sanitizer(advice=True, strict=True)
        self.heard: list[Event] = []
        trace.subscribe(self.sanitizer)
        trace.subscribe(self.heard.append)

    def load(self, offset: int, width: int) -> int:
        self.time += PAUSE
        return self.region.load(offset, width)

    def store(self, offset: int, width: int, value: int) -> None:
        self.time += PAUSE
        self.region.store(offset, width, value)

    def check(self) -> None:
        found = list(self.sanitizer.findings)
        assert len(found) == len({finding.rule.id for finding in found}), "one place: all at pc 0"
        for finding in found:
            assert finding.message
            assert len(finding.queue) <= LINES
            assert all(len(line) <= WIDTH for line in finding.queue)
        again = Sanitizer(advice=True, strict=True)
        for event in self.heard:
            again(event)
        assert [f.to_json() for f in again.findings] == [f.to_json() for f in found]
        for watch in self.sanitizer._watches.values():
            for queue in watch.slot.queues.values():
                assert len(queue.out) <= queue.size
                assert len(queue.returned) + len(queue.heads) <= 8 + 16


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("examples", [10, pytest.param(1130, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sequences", [registers, rings, chains], ids=["registers", "rings", "chains"])
def test_random_scripts_are_judged(device: str, examples: int, sequences: st.SearchStrategy[list[Op]]) -> None:
    attack(device, examples, sequences, JudgedBench)
