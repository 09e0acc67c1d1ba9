"""A finding as a person reads it: everything that helps is there, nothing is wider than 100 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.color import ColorSystem

from tui.findings import WIDTH, explain, fold, sections, summary, tell
from tui.format import render
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import Rule, rule_of, rules

POWER_OF_TWO = rule_of("inv.split-qsize-pow2")
STATUS = replace(
    rule_of("status.no-clear-bit"), hint="Write the earlier bits again: Status |= DRIVER.",
    refused_by=("QEMU (its issue 42)", "Firecracker (its PR 7)"),
)  # fmt: skip
SHOULD = next(rule for rule in rules().values() if rule.level == "SHOULD")


def finding(rule: Rule = STATUS, message: str = "Status 0x01 -> 0x02: ACKNOWLEDGE cleared", **more: object) -> Finding:
    found = Finding(
        rule, "virtio0-rng", message, 7, 900, 0x80000790, "begin+0x3a virtio.c:25", "sw s1, 0x70(a0)", "lib/virtio.c"
    )
    for name, value in more.items():
        setattr(found, name, value)
    return found


def text(found: Finding, width: int = WIDTH) -> list[str]:
    return [render(line, None) for line in explain(found, width)]


def test_a_finding_says_what_where_what_led_to_it_and_what_to_do() -> None:
    history = ("virtio.c:24  W Status = 0x1  ACKNOWLEDGE set", "             · queue 0 stopped")
    assert text(finding(count=1234, history=history, queue=("desc 0 -> 1", "desc 1"))) == [
        "violation MUST NOT status.no-clear-bit · VirtIO 2.1.1 · virtio0-rng",
        "  Status 0x01 -> 0x02: ACKNOWLEDGE cleared",
        "  rule     A non-zero Status write keeps every bit that was already set",
        "  at       begin+0x3a virtio.c:25 · pc 0x80000790 · sw s1, 0x70(a0) · 1,234 times",
        "  before   virtio.c:24  W Status = 0x1  ACKNOWLEDGE set",
        "                        · queue 0 stopped",
        "  queue    desc 0 -> 1",
        "           desc 1",
        "  hint     Write the earlier bits again: Status |= DRIVER.",
        "  refused  QEMU (its issue 42)",
        "           Firecracker (its PR 7)",
    ]


def test_an_invariant_says_so_and_has_no_keyword() -> None:
    assert text(finding(POWER_OF_TWO))[0] == "invariant inv.split-qsize-pow2 · VirtIO 2.7 · virtio0-rng"


def test_without_symbols_the_address_and_the_offset_in_the_image_are_there() -> None:
    assert "  at       Image+0x3f2a10 · pc 0x80000790 · sw s1, 0x70(a0)" in text(finding(where="Image+0x3f2a10"))
    assert "  at       pc 0x80000790" in text(finding(where="", insn=""))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("status.no-clear-bit", "VirtIO 2.1.1"),
        ("net.tx-hdr-size", "VirtIO 1.4: 5.1.9.2.1 (1.2, 1.3: 5.1.6.2.1)"),
        ("suspend.verify", "VirtIO 1.4: 3.4.1 (not in 1.2 and 1.3)"),
    ],
)
def test_the_section_is_that_of_1_4_and_of_the_others_where_they_differ(rule: str, expected: str) -> None:
    assert sections(rule_of(rule)) == expected


def test_no_line_of_any_rule_is_wider_than_100_columns() -> None:
    for rule in rules().values():
        long = finding(
            rule, "x" * 150 + " and " * 50, where="f" * 120 + "+0x4 some/file.c:3", count=10**9,
            history=("file.c:123456  W " + "QueueSize = 0x3  " + "many words of meaning " * 20,), queue=("─" * 300,),
        )  # fmt: skip
        assert max(map(len, text(long))) <= WIDTH, rule.id
        assert len("virtscope: " + summary([long, finding()], 12345)) <= WIDTH, rule.id


def test_folded_lines_lose_nothing_and_keep_their_indentation() -> None:
    words = [f"word{n}" for n in range(60)]
    folded = [render(line, None) for line in fold([("  label  ", ""), (" ".join(words), "bold")], 40, 9)]
    assert " ".join(folded).split() == ["label", *words]
    assert all(line.startswith(" " * 9 + "word") for line in folded[1:])
    assert [render(line, None) for line in fold([("y" * 25, "")], 10, 2)] == ["y" * 10, "  " + "y" * 8, "  " + "y" * 7]


def test_what_comes_from_a_guest_cannot_speak_to_the_terminal() -> None:
    lines = text(finding(message="\x1b[2Jhello\nworld", where="\x07.c:1", queue=("\x9b31m",)))
    assert all(line.isprintable() for line in lines)
    assert r"  \x1b[2Jhello\nworld" in lines


def test_colours_are_there_where_the_terminal_has_them_and_the_words_stay() -> None:
    first = next(explain(finding()))
    assert "\x1b[1;31m" in render(first, ColorSystem.STANDARD)
    assert "\x1b" not in render(first, None)


def test_many_findings_are_explained_named_and_counted() -> None:
    lines = [render(line, None) for line in tell([finding(pc=n) for n in range(50)], dropped=1000)]
    assert sum(line.startswith("  rule") for line in lines) == 10
    assert sum(line == "violation status.no-clear-bit · virtio0-rng · begin+0x3a virtio.c:25" for line in lines) == 20
    assert lines[-2:] == [
        "and 20 more; --findings FILE.json has them all",
        "and 1,000 at further places, which were not kept",
    ]


def test_the_summary_counts_by_severity_and_names_the_first() -> None:
    found = [finding(), finding(message="again"), finding(POWER_OF_TWO), finding(SHOULD)]
    first = "first: status.no-clear-bit at virtio.c:25: Status 0x01 -> 0x02: ACKNOWLEDGE cleared"
    assert summary(found, width=200) == f"2 violations of 1 rule, 1 invariant, 1 advice; {first}"
    assert summary(found[2:3], 3, 200).startswith("1 invariant (3 known); first: inv.split-qsize-pow2 at virtio.c:25: ")
    assert summary([finding(where="")], width=200).startswith(
        "1 violation of 1 rule; first: status.no-clear-bit at 0x80000790: "
    )
