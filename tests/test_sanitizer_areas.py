"""No two parts of queues in the same memory (2.7), whichever queue or device they are of."""

from __future__ import annotations

import pytest
from hands import AVAIL, Hands, Make, Script, Scripts

from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.areas import Areas
from virtio.sanitizer.engine import Sanitizer
from virtio.testing import RAM_BASE, RawQueue, driver_ok, negotiate, pair

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys


def console() -> Hands:
    return Hands(Console(len))


@breaks("inv.rings-disjoint", "queue 0: the avail ring overlaps its used ring (0x80000100 to 0x80000113, 0x80000110 to")
def _(h: Hands) -> None:
    h.negotiate()
    h.select()
    h.place(used=AVAIL + 16)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.rings-disjoint", "queue 1: the descriptor table overlaps queue 0's avail ring", on=console)
def _(h: Hands) -> None:
    h.negotiate()
    h.queue()
    h.select(1)
    h.place(desc=AVAIL, avail=RAM_BASE + 0x300, used=RAM_BASE + 0x400)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@obeys("inv.rings-disjoint")
def _(h: Hands) -> None:
    """Without EVENT_IDX nobody uses the last two bytes of a ring; after a reset memory can be used anew."""
    h.negotiate()
    h.select()
    h.place(used=AVAIL + 20)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)
    h.live()


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_breaks_a_rule_is_told_so_with_the_values(
    rules: tuple[str, ...], says: str, script: Script, on: Make
) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_comes_close_is_left_alone(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_each_rule_has_a_script_of_both_kinds() -> None:
    scripts.check_complete([Areas])


def test_queues_of_two_devices_in_the_same_memory_are_told() -> None:
    sanitizer = Sanitizer()
    for name in ("virtio0-rng", "virtio1-rng"):
        p = pair(Rng(bytes), name=name)
        p.trace.subscribe(sanitizer)
        negotiate(p)
        RawQueue(p).enable()
        driver_ok(p)
    (finding,) = sanitizer.findings
    assert finding.rule.id == "inv.rings-disjoint"
    assert "queue 0: the descriptor table overlaps virtio0-rng queue 0's descriptor table" in finding.message
