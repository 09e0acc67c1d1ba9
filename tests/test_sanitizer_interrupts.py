"""Rules of interrupts (4.2.2.2, 4.2.3.4.1): who looks, who acknowledges, and who may do neither."""

from __future__ import annotations

import pytest
from hands import Hands, Make, Script, Scripts, rng

from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.interrupts import MOST_EVENTS, MOST_LOOKS, Interrupts
from virtio.testing import RawQueue

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys


def request(queue: RawQueue) -> None:
    """Ask for 8 bytes; the answer is there at once, with an interrupt."""
    queue.add(8)
    queue.notify()


@breaks("mmio.irq-read-status", "InterruptACK was written as 0x1 without a read of InterruptStatus (USED_BUFFER)")
def _(h: Hands) -> None:
    request(h.live())
    h.write(R.InterruptACK, 1)


@breaks("mmio.irq-read-status", "InterruptACK was written as 0x1 without a read")
def _(h: Hands) -> None:
    """Looking at an earlier interrupt says nothing of this one."""
    queue = h.live()
    request(queue)
    h.read(R.InterruptStatus)
    h.write(R.InterruptACK, 1)
    request(queue)
    h.write(R.InterruptACK, 1)


@obeys("mmio.irq-read-status", "mmio.irq-ack-handled")
def _(h: Hands) -> None:
    """What is pending from before is cleared at first; two events are acknowledged one by one; one of them twice."""
    h.negotiate()
    h.write(R.InterruptACK, 3)
    queue = h.queue()
    h.write(R.Status, 15)
    h.p.transport.config_changed()
    request(queue)
    h.read(R.InterruptStatus)
    h.write(R.InterruptACK, 1, 2, 2)


@breaks("mmio.irq-ack-handled", "InterruptACK 0x3 acknowledges CONFIG_CHANGE, but InterruptStatus read 0x1")
def _(h: Hands) -> None:
    request(h.live())
    h.read(R.InterruptStatus)
    h.p.transport.config_changed()
    h.write(R.InterruptACK, 3)


@obeys("mmio.irq-ack-handled")
def _(h: Hands) -> None:
    """The handler looks, the thread that it wakes looks again: what both saw is known."""
    request(h.live())
    h.read(R.InterruptStatus)
    h.p.transport.config_changed()
    h.read(R.InterruptStatus)
    h.write(R.InterruptACK, 3)


@breaks("mmio.irq-ack-after", "InterruptStatus showed USED_BUFFER, which was never acknowledged")
def _(h: Hands) -> None:
    queue = h.live()
    request(queue)
    h.read(R.InterruptStatus)
    request(queue)


@breaks("mmio.irq-ack-after", "InterruptStatus showed CONFIG_CHANGE, which was never acknowledged")
def _(h: Hands) -> None:
    """Only one of two events is acknowledged."""
    queue = h.live()
    request(queue)
    h.p.transport.config_changed()
    h.read(R.InterruptStatus)
    h.write(R.InterruptACK, 1)


@obeys("mmio.irq-ack-after")
def _(h: Hands) -> None:
    """Acknowledged last, after the queue was filled again; then a driver that gives the device up; then one that polls
    and never looks at InterruptStatus, as U-Boot's does."""
    queue = h.live()
    request(queue)
    h.read(R.InterruptStatus)
    for _ in range(MOST_EVENTS // 10):
        request(queue)
    h.write(R.InterruptACK, 1)
    request(queue)
    h.read(R.InterruptStatus)
    queue = h.live()
    for _ in range(MOST_EVENTS):
        request(queue)


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_breaks_a_rule_is_told_so_with_the_values(
    rules: tuple[str, ...], says: str, script: Script, on: Make
) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_comes_close_is_left_alone(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_each_rule_has_a_script_of_both_kinds() -> None:
    scripts.check_complete([Interrupts])


def test_an_interrupt_that_comes_again_and_again_is_told_while_the_driver_runs() -> None:
    h = rng()
    request(h.live())
    for _ in range(MOST_LOOKS):
        h.read(R.InterruptStatus)
    assert len(h.sanitizer.findings) == 0
    h.read(R.InterruptStatus)
    assert [finding.rule.id for finding in h.sanitizer.findings] == ["mmio.irq-ack-after"]


def test_a_missing_acknowledgement_is_told_after_many_more_requests() -> None:
    h = rng()
    queue = h.live()
    request(queue)
    h.read(R.InterruptStatus)
    request(queue)
    assert len(h.sanitizer.findings) == 0
    for _ in range(MOST_EVENTS // 3):
        request(queue)
    assert [finding.rule.id for finding in h.sanitizer.findings] == ["mmio.irq-ack-after"]
