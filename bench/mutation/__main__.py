"""`python -m bench.mutation`: run every mutant, print the score, and write results.md."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.mutation.scenario import CASES
from bench.mutation.score import EQUIVALENT, MISS, NAMED, Mutant, mutants, share

RESULTS = Path(__file__).parent / "results.md"
GOAL = 0.95
INTRODUCTION = """# Mutation of the host-side driver

Made by `make mutation`. The Python driver (transport, split queue, and the drivers of block, entropy and console) runs
against the Python devices: it initializes, sends requests, serves interrupts, resets, and does it again. Each mutant
changes one thing: an access is dropped, doubled, swapped with the next, or has another value, or a line of the driver's
code is another one (`edits/`). It is **named** if the sanitizer, with all rules and with the memory of the rings
watched, finds something; the driver as it is breaks no rule. It is **allowed** if what it does is within the
specification (`allowed.py` has each reason), and **missed** otherwise.
"""


def main() -> int:
    """Returns 0 if the goal is met."""
    start = time.monotonic()
    found: list[Mutant] = []
    for case in CASES:
        own = list(mutants(case))
        found += own
        print(f"{case.text:<28} {summary(own)}", flush=True)
    print(f"{'all':<28} {summary(found)}, {time.monotonic() - start:.0f} s")
    for line in reasons([mutant for mutant in found if mutant.verdict == MISS]):
        print(f"missed: {line}")
    RESULTS.write_text("\n".join(markdown(found)) + "\n", encoding="utf-8")
    return 0 if share(found) >= GOAL else 1


def summary(found: list[Mutant]) -> str:
    """`812 mutants: 600 named, 200 allowed, 12 missed: 98.0 %`."""
    count = Counter(mutant.verdict for mutant in found)
    parts = ", ".join(f"{count[verdict]} {verdict}" for verdict in (NAMED, EQUIVALENT, MISS))
    return f"{len(found)} mutants: {parts}: {100 * share(found):.1f} %"


def markdown(found: list[Mutant]) -> Iterator[str]:
    """results.md, line by line."""
    yield INTRODUCTION
    yield f"**{summary(found)}** of those that are not allowed (goal: {100 * GOAL:.0f} %)."
    watched, advice = (sum(getattr(mutant, name) for mutant in found) for name in ("watched", "advice"))
    yield f"{watched} are named only with `--watch rings`, {advice} only with `--advice` or `--pedantic`."
    for title, key in (("case", "case"), ("mutation", "kind")):
        yield f"\n| {title} | mutants | named | allowed | missed | score |\n|---|---:|---:|---:|---:|---:|"
        for name in dict.fromkeys(getattr(mutant, key) for mutant in found):
            own = [mutant for mutant in found if getattr(mutant, key) == name]
            count = Counter(mutant.verdict for mutant in own)
            figures = " | ".join(str(count[verdict]) for verdict in (NAMED, EQUIVALENT, MISS))
            yield f"| {name} | {len(own)} | {figures} | {100 * share(own):.1f} % |"
    yield "\n## Missed\n\n| mutants | of | why, and what could see it |\n|---:|---|---|"
    yield from reasons([mutant for mutant in found if mutant.verdict == MISS])
    yield "\n## Allowed\n\n| mutants | for example | reason |\n|---:|---|---|"
    yield from reasons([mutant for mutant in found if mutant.verdict == EQUIVALENT])
    yield "\n## Who named how many\n\n| rule | mutants | alone |\n|---|---:|---:|"
    named, lonely = Counter[str](), Counter[str]()
    for mutant in found:
        named.update(mutant.rules)
        lonely.update(mutant.rules if len(mutant.rules) == 1 else ())
    for rule, times in sorted(named.items(), key=lambda item: (-item[1], item[0])):
        yield f"| `{rule}` | {times} | {lonely[rule]} |"


def reasons(found: list[Mutant]) -> Iterator[str]:
    """Rows of mutants by their reason, the most frequent first."""
    groups: dict[str, list[Mutant]] = {}
    for mutant in found:
        groups.setdefault(mutant.reason, []).append(mutant)
    for reason, own in sorted(groups.items(), key=lambda item: -len(item[1])):
        texts = list(dict.fromkeys(mutant.text for mutant in own))
        more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
        yield f"| {len(own)} | {'; '.join(f'`{text}`' for text in texts[:3])}{more} | {reason} |"


if __name__ == "__main__":
    sys.exit(main())
