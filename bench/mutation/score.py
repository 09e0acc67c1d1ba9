"""Runs the mutants and sorts them: named by the sanitizer, allowed by the specification, or missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.mutation.allowed import ALLOWED, MISSED, known
from bench.mutation.edits import edits
from bench.mutation.operators import mutations
from bench.mutation.scenario import Case, Outcome, run
from virtio.sanitizer.table import ADVICE, rules

NAMED, EQUIVALENT, MISS = "named", "allowed", "missed"
UNKNOWN = "not looked into"


@dataclass(frozen=True)
class Mutant:
    """One mutant and what came of it: the `rules` that named it, or the `reason` why none did."""

    case: str
    kind: str
    text: str
    rules: frozenset[str] = frozenset()
    reason: str = ""
    allowed: bool = False
    watched: bool = False
    """Nothing names it without --watch rings."""

    @property
    def verdict(self) -> str:
        return NAMED if self.rules else EQUIVALENT if self.allowed else MISS

    @property
    def advice(self) -> bool:
        """Nothing names it without --advice or --pedantic."""
        found = [rules()[name] for name in self.rules]
        return bool(found) and all(rule.severity == ADVICE or rule.strict for rule in found)


def mutants(case: Case, every: int = 1) -> Iterator[Mutant]:
    """All mutants of a case; with `every` one in so many of its changes, and all edits of the code.

    An edit that makes no difference to what the driver does is none.
    """
    base = run(case)
    if base.died or base.broken:
        raise AssertionError(f"{case.text}: the driver itself broke {list(base.broken)} and died of {base.died}")
    for number, mutation in enumerate(mutations(base.accesses)):
        if number % every == 0:
            change = mutation.change
            yield judged(case, change.how, mutation.text, lambda w, c=change: run(case, c, base.accesses, watched=w))  # type: ignore[misc]
    for edit in edits():
        if case.device in edit.devices and run(case, edit=edit, watched=False).accesses != base.accesses:
            yield judged(case, "edit", f"edit: {edit.what}", lambda w, e=edit: run(case, edit=e, watched=w))  # type: ignore[misc]


def judged(case: Case, kind: str, text: str, again: Callable[[bool], Outcome]) -> Mutant:
    """What comes of a mutant that `again(watched)` runs."""
    broken = frozenset(again(True).broken)
    if broken:
        of_memory = all(rules()[name].observed == "memory-watch" for name in broken)
        return Mutant(case.text, kind, text, broken, watched=of_memory and not again(False).broken)
    allowed = known(case.text, text, ALLOWED)
    missed = allowed or known(case.text, text, MISSED)
    return Mutant(case.text, kind, text, reason=missed.reason if missed else UNKNOWN, allowed=allowed is not None)


def share(found: list[Mutant]) -> float:
    """Named mutants of those that the specification does not allow."""
    wrong = [mutant for mutant in found if mutant.verdict != EQUIVALENT]
    return sum(mutant.verdict == NAMED for mutant in wrong) / max(len(wrong), 1)
