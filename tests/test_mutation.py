"""Mutations of the Python driver: the driver as it is breaks no rule, and what its mutants do wrong is named."""

from __future__ import annotations

import pytest

from bench.mutation.allowed import ALLOWED, known
from bench.mutation.edits import Edit, edit, edited, edits
from bench.mutation.face import CHANGE, DROP, SWAP, Access, Change
from bench.mutation.operators import mutations
from bench.mutation.scenario import CASES, Case, run
from bench.mutation.score import UNKNOWN, mutants, share

RNG = Case("rng", indirect=True, event_idx=True)
CONSOLE = Case("console", indirect=False, event_idx=False)


def first(accesses: list[Access], text: str) -> int:
    """The index of the driver's first access that reads like this."""
    return next(access.index for access in accesses if access.text == text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_the_driver_itself_breaks_no_rule_and_dies_of_nothing(case: Case) -> None:
    outcome = run(case)
    assert (outcome.broken, outcome.died) == ({}, [])
    assert len(outcome.accesses) > 200


@pytest.mark.parametrize("edit", edits(), ids=lambda edit: f"{edit.module}: {edit.what}")
def test_each_edit_fits_the_driver_as_it_is(edit: Edit) -> None:
    assert edit.old and edit.old != edit.new
    assert edited(edit).__name__ == f"virtio.drivers.{edit.module}"


def test_an_edit_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"edits/queue.txt: no such line: 0 times in queue.py"):
        edited(edit("queue", "# no such line\n-    goto 10\n+    goto 20"))
    with pytest.raises(ValueError, match=r"no edit begins with '# two'"):
        edit("queue", "# two\n*    goto 10")


@pytest.mark.parametrize(
    ("how", "at", "value", "rule"),
    [
        (DROP, "W Status = 0x0", 0, "init.reset-first"),
        (DROP, "W QueueDescHigh = 0x0", 0, "inv.addresses-complete"),
        (DROP, "R QueueSizeMax = 0x100", 0, "inv.queue-size-max-read"),
        (CHANGE, "W InterruptACK = 0x1", 3, "mmio.irq-ack-handled"),
        (CHANGE, "W avail.ring = 0x0", 9, "inv.avail-head-range"),
        (CHANGE, "W desc.flags = 0x2", 0xA, "inv.desc-undefined-flags"),
    ],
)
def test_a_single_change_is_named_by_its_rule(how: str, at: str, value: int, rule: str) -> None:
    before = run(CONSOLE).accesses
    assert rule in run(CONSOLE, Change(first(before, at), how, value), before).broken


def test_a_swap_changes_the_order_and_nothing_else() -> None:
    before = run(RNG).accesses
    index = first(before, "W QueueDescLow = 0x80000000")
    outcome = run(RNG, Change(index, SWAP), before)
    assert [access.text for access in outcome.accesses] == [access.text for access in before]
    assert outcome.broken == {}


def test_each_change_is_made_once_or_twice_where_accesses_look_the_same() -> None:
    made = [mutation.like for mutation in mutations(run(RNG).accesses)]
    assert len(made) > 200
    assert max(made.count(like) for like in set(made)) == 2


def test_a_mutant_is_allowed_by_its_words_and_its_case() -> None:
    assert known("blk+indirect+event_idx", "drop: W used_event = 0x1", ALLOWED)
    found = known("rng", "change: W desc.len = 0x10 -> 0x11", ALLOWED)
    assert found is not None and found.reason == "a buffer may have any length"
    assert known("blk", "change: W desc.len = 0x10 -> 0x11", ALLOWED) is None


def test_of_a_sample_of_mutants_nearly_all_are_named_and_the_rest_is_looked_into() -> None:
    found = list(mutants(RNG, every=9))
    assert [mutant.text for mutant in found if mutant.reason == UNKNOWN] == []
    assert share(found) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_of_all_mutants_that_are_not_allowed_95_percent_are_named(case: Case) -> None:
    found = list(mutants(case))
    assert [mutant.text for mutant in found if mutant.reason == UNKNOWN] == []
    assert share(found) >= 0.95
