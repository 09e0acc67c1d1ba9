"""`virtscope rules`: the table of rules for drivers: which are judged, by whom, and why the others are not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from virtio.sanitizer.table import DEVICE, SANITIZER, Rule, rules

TITLES = {
    "status": "Device status (2.1)", "features": "Feature bits (2.2)", "reset": "Device reset (2.4)",
    "config": "Configuration space (2.5)", "vqreset": "Virtqueue reset (2.6)", "split": "Split virtqueues (2.7)",
    "packed": "Packed virtqueues (2.8)", "init": "Initialization (3.1)", "cleanup": "Cleanup (3.3)",
    "suspend": "Suspend (3.4)", "mmio": "MMIO transport (4.2)", "reserved": "Reserved feature bits (6.1)",
    "invariant": "Invariants: no keyword, and yet a bug", "blk": "Block (5.2)", "console": "Console (5.3)",
    "entropy": "Entropy (5.4)", "net": "Network (5.1)", "balloon": "Memory balloon (5.5)", "gpu": "GPU (5.7)",
    "input": "Input (5.8)", "crypto": "Crypto (5.9)", "vsock": "Socket (5.10)", "fs": "File system (5.11)",
    "sound": "Sound (5.14)", "rtc": "RTC (5.23)", "inline": "Rules in the prose of other sections",
    "inline-legacy": "Legacy interface",
}  # fmt: skip
CORE = ("status", "features", "reset", "config", "vqreset", "split", "packed", "init", "cleanup", "suspend", "mmio",
        "reserved")  # fmt: skip
"""The chapters that every driver meets."""
JUDGES = {DEVICE: "model", SANITIZER: "sanitizer", "": "no"}
INTRODUCTION = """# Rules for drivers

Made by `virtscope rules --markdown`. A rule is judged by the model of the device or the transport as it happens
("model"), or by the sanitizer from the events of the trace. Sections are those of VirtIO 1.4, and of 1.3 and 1.2 where
they differ. "strict": only `--pedantic` reports it. SHOULD rules need `--advice`.
"""


@dataclass(frozen=True)
class Totals:
    """How many rules there are, how many could be seen from outside over MMIO, and how many are judged."""

    rules: int = 0
    observable: int = 0
    implemented: int = 0

    def __add__(self, other: Totals) -> Totals:
        implemented = self.implemented + other.implemented
        return Totals(self.rules + other.rules, self.observable + other.observable, implemented)


def chapters() -> dict[str, list[Rule]]:
    """The rules of each chapter, in the order of the table."""
    found: dict[str, list[Rule]] = {}
    for rule in rules().values():
        found.setdefault(rule.chapter, []).append(rule)
    return found


def count(these: list[Rule]) -> Totals:
    """The totals of some rules."""
    observable = sum(rule.observed != "no" and not rule.pci_only for rule in these)
    return Totals(len(these), observable, sum(rule.implemented for rule in these))


def totals() -> Iterator[tuple[str, Totals]]:
    """A row for each chapter, then for the core, and for everything."""
    counted = {chapter: count(these) for chapter, these in chapters().items()}
    yield from ((TITLES[chapter], row) for chapter, row in counted.items())
    yield "Core (chapters 2, 3, 4.2, 6)", sum((counted[chapter] for chapter in CORE), Totals())
    yield "All", sum(counted.values(), Totals())


def print_rules(form: str) -> int:
    """Print the table: `json`, `markdown`, or for a terminal."""
    if form == "json":
        more = {rule.id: {"severity": rule.severity, "implemented": rule.implemented} for rule in rules().values()}
        records = [asdict(rule) | more[rule.id] for rule in rules().values()]
        print(json.dumps(records, indent=1, ensure_ascii=False))
    elif form == "markdown":
        print("\n".join(markdown()))
    else:
        show()
    return 0


def markdown() -> Iterator[str]:
    """docs/rules.md, line by line."""
    from tui.findings import sections  # noqa: PLC0415  (with rich)

    yield INTRODUCTION
    yield "| chapter | rules | observable | implemented |"
    yield "|---|---:|---:|---:|"
    for title, row in totals():
        yield f"| {title} | {row.rules} | {row.observable} | {row.implemented} |"
    for chapter, these in chapters().items():
        yield f"\n## {TITLES[chapter]}\n"
        yield "| rule | level | section | what it says | judged by | what to do, or why it is not judged |"
        yield "|---|---|---|---|---|---|"
        for rule in these:
            judge = JUDGES[rule.by] + (", strict" if rule.strict else "")
            where = sections(rule).removeprefix("VirtIO ")
            cells = (f"`{rule.id}`", rule.level, where, rule.text, judge, advice(rule))
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def advice(rule: Rule) -> str:
    """What a driver's author does about it, and who is known to insist; or why nobody judges it."""
    refused = f" Refused by {'; '.join(rule.refused_by)}." if rule.refused_by else ""
    return (rule.hint + refused if rule.implemented else rule.why).strip()


def show() -> None:
    """For a terminal: the totals, then every rule with its sentence."""
    from tui.findings import fold, sections  # noqa: PLC0415  (with rich)
    from tui.format import Part, render  # noqa: PLC0415
    from tui.printer import colors_of  # noqa: PLC0415

    colors = colors_of(sys.stdout)

    def put(indent: int, *parts: Part) -> None:
        for line in fold(list(parts), 100, indent):
            print(render(line, colors))

    for title, row in totals():
        put(0, (f"{title:<46}", "bold"), (f"{row.implemented:>4} of {row.observable:>3} observable", ""))
    for chapter, these in chapters().items():
        print()
        put(0, (TITLES[chapter], "bold underline"))
        for rule in these:
            mark = ("✓ ", "bold green") if rule.implemented else ("- ", "dim")
            put(4, ("  ", ""), mark, (rule.id, "bold"), (f" {rule.level}, {sections(rule)}: ", "cyan"), (rule.text, ""))
            if more := advice(rule):
                put(6, ("    ", ""), (more, "green" if rule.implemented else "dim"))
