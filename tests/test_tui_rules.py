"""`virtscope rules`: the whole table, for a terminal, as JSON, and as docs/rules.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.cli import main
from tui.rules import CORE, TITLES, chapters, totals
from virtio.sanitizer.table import rules

DOCUMENT = Path(__file__).parent.parent / "docs" / "rules.md"


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["rules", *options]) == 0
    return capsys.readouterr().out


def test_the_document_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys, "--markdown")
    assert table == DOCUMENT.read_text(encoding="utf-8"), "run .venv/bin/virtscope rules --markdown > docs/rules.md"


def test_the_document_has_a_row_for_every_rule_and_why_it_is_not_judged() -> None:
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [rule.id for these in chapters().values() for rule in these]
    for row, rule in zip(rows, (rule for these in chapters().values() for rule in these), strict=True):
        assert row.count("|") - row.count("\\|") == 7
        assert rule.implemented or rule.why in row


def test_json_has_the_records_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    records = json.loads(printed(capsys, "--json"))
    assert [record["id"] for record in records] == list(rules())
    for record in records:
        rule = rules()[record["id"]]
        assert record["implemented"] == rule.implemented and record["severity"] == rule.severity
        assert record.keys() >= {"section", "section13", "section12", "level", "text", "hint", "by", "why", "observed"}


def test_a_person_sees_totals_marks_and_reasons_within_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()
    assert max(map(len, lines)) <= 100
    core = next(line for line in lines if line.startswith("Core"))
    implemented = sum(rule.implemented for rule in rules().values() if rule.chapter in CORE)
    assert core.split()[-4:] == [str(implemented), "of", "114", "observable"]
    assert any(line.startswith("  ✓ status.no-clear-bit MUST NOT, VirtIO 2.1.1: ") for line in lines)
    assert any(line.startswith("  - net.") for line in lines)
    assert "    there is no net device yet" in lines


def test_the_totals_are_those_of_the_specification() -> None:
    assert set(TITLES) == set(chapters())
    by_title = dict(totals())
    assert (by_title["All"].rules, by_title["Core (chapters 2, 3, 4.2, 6)"].rules) == (523, 120)
    assert (by_title["Split virtqueues (2.7)"].rules, by_title["Split virtqueues (2.7)"].observable) == (26, 26)
    assert (by_title["Network (5.1)"].rules, by_title["Network (5.1)"].observable) == (116, 89)
