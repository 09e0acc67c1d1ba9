"""Coverage: which rules a run put to the test, counted from its events, and what would reach the others."""

from __future__ import annotations

import pytest

from virtio.devices.rng import Rng
from virtio.probes import PROBES
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapters import CHAPTERS
from virtio.sanitizer.coverage import ABSENT, MISSED, OBEYED, OFF, VIOLATED, Coverage, Report
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.reached import reached_by
from virtio.sanitizer.table import DEVICE, SANITIZER, Rule, rules
from virtio.sanitizer.triggers import BY_MODELS, IN_CHAPTERS, PROBE, triggers
from virtio.spec import Feature, mask
from virtio.testing import VERSION_1, Pair, RawQueue, driver_ok, negotiate, pair

RULES = rules()


def watched(*, advice: bool = False) -> tuple[Pair, Sanitizer, Coverage]:
    """An entropy device with a sanitizer that covers."""
    p = pair(Rng(bytes), name="virtio0-rng")
    coverage = Coverage()
    sanitizer = Sanitizer(advice=advice, coverage=coverage)
    p.trace.subscribe(sanitizer)
    return p, sanitizer, coverage


def report(sanitizer: Sanitizer, coverage: Coverage, *, advice: bool = False) -> Report:
    return coverage.report("run", sanitizer.findings, advice=advice, strict=False)


def state(found: Report, name: str) -> str:
    return found.state(RULES[name])


def test_each_rule_that_a_model_judges_has_a_trigger_in_the_table() -> None:
    assert set(BY_MODELS) == {rule.id for rule in RULES.values() if rule.by == DEVICE}


def test_triggers_of_chapters_are_of_rules_that_a_chapter_has() -> None:
    assert set(IN_CHAPTERS) <= {rule.id for rule in RULES.values() if rule.by == SANITIZER}


@pytest.mark.parametrize("rule", [r for r in RULES.values() if r.implemented], ids=lambda rule: rule.id)
def test_each_rule_that_is_judged_says_what_puts_it_to_the_test(rule: Rule) -> None:
    assert triggers()[rule.id].keys
    sentence = reached_by(rule)
    assert sentence.endswith(".") and "of the kind" not in sentence, sentence
    assert len(sentence) < 140


def test_rules_that_a_probe_is_for_are_reached_by_it_and_not_by_the_usual() -> None:
    for rule in RULES.values():
        if rule.probe and rule.by == SANITIZER:
            assert "--probe " in reached_by(rule), rule.id
    assert {name for trigger in triggers().values() for op, name in trigger.keys if op == PROBE} <= set(PROBES)


def test_a_rule_that_nobody_judges_says_why() -> None:
    rule = next(rule for rule in RULES.values() if not rule.implemented)
    assert reached_by(rule) == rule.why
    assert Report().state(rule) == ABSENT


def test_registers_of_triggers_exist() -> None:
    """A name that is wrong would never be reached."""
    registers = {register.name for register in VirtioMmio.registers}
    for trigger in triggers().values():
        for op, name in trigger.keys:
            if op in ("r", "w") and name not in ("", "config"):
                assert name.partition("=")[0].partition("+")[0] in registers


def test_what_happened_is_put_to_the_test_and_obeyed_and_the_rest_never_reached() -> None:
    p, sanitizer, coverage = watched()
    negotiate(p)
    queue = RawQueue(p).enable()
    driver_ok(p)
    queue.add(16)
    queue.notify()
    found = report(sanitizer, coverage)
    assert found.counts["feat.accept-only-offered"] == (1, 0)
    assert found.counts["init.no-notify-before-driver-ok"] == (1, 0)
    assert [state(found, name) for name in ("split.readable-before-writable", "rng.no-readable")] == [OBEYED, OBEYED]
    missed = ("mmio.irq-ack-no-undef", "split.chain-no-loop", "blk.getid-len-20", "status.failed-then-reset")
    assert [state(found, name) for name in missed] == [MISSED] * 4
    assert "a store to InterruptACK." in reached_by(RULES["mmio.irq-ack-no-undef"])
    assert reached_by(RULES["blk.getid-len-20"]) == "a GET_ID request, on a block device."


def test_a_broken_rule_is_violated_with_how_often() -> None:
    p, sanitizer, coverage = watched()
    negotiate(p)
    p.write(VirtioMmio.InterruptACK, 4)
    p.write(VirtioMmio.InterruptACK, 5)
    found = report(sanitizer, coverage)
    assert found.counts["mmio.irq-ack-no-undef"] == (2, 2)
    assert state(found, "mmio.irq-ack-no-undef") == VIOLATED


def test_a_feature_that_a_rule_is_about_must_be_negotiated_to_reach_it() -> None:
    for accepted, reached, other in (
        (VERSION_1, "split.avail-flags-0-or-1", "evidx.avail-flags-zero"),
        (VERSION_1 | mask(Feature.EVENT_IDX), "evidx.avail-flags-zero", "split.avail-flags-0-or-1"),
    ):
        p, sanitizer, coverage = watched()
        negotiate(p, accepted)
        queue = RawQueue(p).enable()
        driver_ok(p)
        queue.add(16)
        queue.notify()
        found = report(sanitizer, coverage)
        assert (state(found, reached), state(found, other)) == (OBEYED, MISSED)
    assert reached_by(RULES["evidx.avail-flags-zero"]) == "a kick, with EVENT_IDX negotiated."


def test_advice_that_was_not_asked_for_is_off_and_not_missed() -> None:
    name = "reset.poll-status-zero"
    for advice, expected in ((False, OFF), (True, OBEYED)):
        p, sanitizer, coverage = watched(advice=advice)
        p.write(VirtioMmio.Status, 0)
        p.read(VirtioMmio.Status)
        assert state(report(sanitizer, coverage, advice=advice), name) == expected
    assert reached_by(RULES[name]) == "a reset; needs --advice."


def test_runs_add_up() -> None:
    one = Report(["a"], counts={"init.sequence": (4, 1), "init.reset-first": (4, 0)})
    other = Report(["b"], advice=True, counts={"init.sequence": (2, 0), "feat.accept-version-1": (1, 0)})
    both = one + other
    assert (both.runs, both.advice, both.strict) == (["a", "b"], True, False)
    assert both.counts == {"init.sequence": (6, 1), "init.reset-first": (4, 0), "feat.accept-version-1": (1, 0)}


def test_what_is_counted_does_not_grow_with_a_hostile_driver() -> None:
    p, _, coverage = watched()
    for value in range(3000):
        p.write(VirtioMmio.DriverFeaturesSel, value & 1)
        p.write(VirtioMmio.DriverFeatures, value * 0x9E3779B1 & 0xFFFFFFFF)
        p.write(VirtioMmio.Status, value & 0xFF)
    most = len({key for trigger in triggers().values() for key in trigger.keys}) + len(CHAPTERS) + 40
    assert len(coverage._seen) < most * 8
