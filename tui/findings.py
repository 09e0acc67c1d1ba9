"""Findings as a person reads them: what was broken, where, what led to it, what to do; and all of them in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tui.format import Part, access_parts
from tui.streams import one_line
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import ADVICE, INVARIANT, VIOLATION, Rule

WIDTH = 100
"""Columns; nothing is longer, whatever the terminal has."""
LED_TO_IT = 8
"""Lines of a finding's history; a file has all of it."""
IN_FULL, IN_A_LINE = 10, 20
"""How many findings are explained, and how many of the rest are named."""
COLORS = {VIOLATION: "bold red", INVARIANT: "bold magenta", ADVICE: "bold yellow"}
LABEL = 9
ACCESS = re.compile(r"(.*?  )([RW]) (\S+) = (\S+)(?:  (.*))?")
WORD = re.compile(r"\S+\s*|\s+")

Line = list[Part]


def sections(rule: Rule) -> str:
    """Where the rule is in VirtIO 1.4, and in 1.3 and 1.2 where that differs."""
    older = {"1.3": rule.section13, "1.2": rule.section12}
    absent = [version for version, section in older.items() if not section]
    moved = [f"{version}: {section}" for version, section in older.items() if section and section != rule.section]
    if moved and len(set(older.values())) == 1:
        moved = [f"1.2, 1.3: {rule.section12}"]
    remarks = [*moved, *([f"not in {' and '.join(reversed(absent))}"] if absent else [])]
    return f"VirtIO {'1.4: ' if remarks else ''}{rule.section}" + (f" ({', '.join(remarks)})" if remarks else "")


def explain(finding: Finding, width: int = WIDTH) -> Iterator[Line]:
    """The lines that tell one finding."""
    rule = finding.rule
    level = "" if rule.severity == INVARIANT else f" {rule.level}"
    head = [(f"{rule.severity}{level} ", COLORS[rule.severity]), (rule.id, "bold")]
    yield from fold([*head, (f" · {sections(rule)} · {finding.source}", "cyan")], width, 2)
    yield from fold([("  ", ""), (finding.message, "bold")], width, 2)
    yield from _labelled("rule", [(rule.text, "")], width)
    yield from _labelled("at", [(" · ".join(_place(finding)), "")], width)
    for number, text in enumerate(finding.history[-LED_TO_IT:]):
        parts = _history(text)
        indent = len(parts[0][0]) if len(parts) > 1 else text.find("·") + 2
        yield from _labelled("" if number else "before", parts, width, min(indent, width // 2))
    for number, text in enumerate(finding.queue):
        yield from _labelled("" if number else "queue", [(text, "")], width, 4)
    if rule.hint:
        yield from _labelled("hint", [(rule.hint, "green")], width)
    for number, who in enumerate(rule.refused_by):
        yield from _labelled("" if number else "refused", [(who, "")], width)


def _place(finding: Finding) -> list[str]:
    times = f"{finding.count:,} times" if finding.count > 1 else ""
    return [part for part in (finding.where, f"pc {finding.pc:#x}", finding.insn, times) if part]


def _history(text: str) -> Line:
    found = ACCESS.fullmatch(text)
    if found is None:
        return [(text, "dim")]
    place, op, register, value, meaning = found.groups()
    return [(place, "dim"), *access_parts(op, register, value, meaning or "", named=not register.startswith("0x"))]


def _labelled(label: str, parts: Line, width: int, indent: int = 0) -> Iterator[Line]:
    return fold([(f"  {label:<{LABEL}}", "dim"), *parts], width, LABEL + 2 + indent)


def _cropped(text: str, width: int) -> str:
    text = one_line(text)
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def fold(parts: Line, width: int, indent: int) -> Iterator[Line]:
    """One line as several of at most `width` columns, broken between words; those after the first are indented."""
    line: Line = []
    column = 0
    for text, style in parts:
        for word in WORD.findall(one_line(text)):
            rest = word
            while column + len(rest.rstrip()) > width:
                if column <= indent:  # a word that no line can take
                    line.append((rest[: width - column], style))
                    rest = rest[width - column :]
                yield _trimmed(line)
                line, column = [(" " * indent, "")], indent
            line.append((rest, style))
            column += len(rest)
    if line:
        yield _trimmed(line)


def _trimmed(line: Line) -> Line:
    """Without the spaces at its end, which a terminal would take to another line."""
    text, style = line[-1]
    return [*line[:-1], (text.rstrip(), style)]


def tell(findings: Sequence[Finding], dropped: int = 0, width: int = WIDTH) -> Iterator[Line]:
    """All of them: the first ones explained, the next ones named, the rest counted."""
    for finding in findings[:IN_FULL]:
        yield from explain(finding, width)
        yield []
    named = findings[IN_FULL : IN_FULL + IN_A_LINE]
    for finding in named:
        rule, place = finding.rule, finding.where or f"pc {finding.pc:#x}"
        head = f"{rule.severity} {rule.id} · {finding.source} · {place}"
        yield [(_cropped(head, width), COLORS[rule.severity])]
    more = len(findings) - IN_FULL - len(named)
    if more > 0:
        yield [(f"and {more:,} more; --findings FILE.json has them all", "bold")]
    if dropped:
        yield [(f"and {dropped:,} at further places, which were not kept", "bold")]


def summary(findings: Sequence[Finding], known: int = 0, width: int = WIDTH) -> str:
    """`2 violations of 2 rules, 1 invariant; first: RULE at PLACE: MESSAGE`: one line of `width` columns."""
    parts = []
    for severity, one, many in (
        (VIOLATION, "violation", "violations"), (INVARIANT, "invariant", "invariants"), (ADVICE, "advice", "advice"),
    ):  # fmt: skip
        own = [finding.rule.id for finding in findings if finding.rule.severity == severity]
        if own:
            rules = f" of {len(set(own))} rule{'s' * (len(set(own)) != 1)}" if severity == VIOLATION else ""
            parts.append(f"{len(own):,} {one if len(own) == 1 else many}{rules}")
    text = ", ".join(parts) or "no findings"
    if known:
        text += f" ({known:,} known)"
    if findings:
        first = findings[0]
        place = first.where.rpartition(" ")[2] or f"{first.pc:#x}"
        text += f"; first: {first.rule.id} at {place}: {first.message}"
    return _cropped(text, width - len("virtscope: "))
