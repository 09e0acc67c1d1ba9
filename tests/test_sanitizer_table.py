"""The table of rules and the code hold each other: no rule without code or a reason, no code without a row."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from virtio.sanitizer.chapters import CHAPTERS
from virtio.sanitizer.table import DEVICE, SANITIZER, Rule, rules

VIRTIO = Path(__file__).parent.parent / "virtio"
BY_CODE = {name for chapter in CHAPTERS for name, _, _ in chapter.rule_methods}


def named_by_the_models() -> set[str]:
    """Rule ids that stand as strings in the code of transport, queue and devices."""
    found = set()
    for path in VIRTIO.rglob("*.py"):
        if "sanitizer" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found & set(rules())


def test_there_are_495_rules_and_28_invariants() -> None:
    assert len(rules()) == 495 + 28
    assert sum(rule.severity == "invariant" for rule in rules().values()) == 28


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.id)
def test_a_rule_is_judged_by_somebody_or_says_why_not(rule: Rule) -> None:
    assert rule.by in (DEVICE, SANITIZER, "")
    assert bool(rule.why) != rule.implemented


def test_the_rules_of_the_sanitizer_are_those_that_its_chapters_have() -> None:
    assert {rule.id for rule in rules().values() if rule.by == SANITIZER} == BY_CODE


def test_the_rules_of_the_models_are_those_that_they_name() -> None:
    assert {rule.id for rule in rules().values() if rule.by == DEVICE} == named_by_the_models() - BY_CODE


def test_rules_that_can_be_seen_carry_what_a_person_is_to_do() -> None:
    without = [rule.id for rule in rules().values() if rule.implemented and not rule.hint]
    assert without == []
