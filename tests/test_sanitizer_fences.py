"""Memory barriers: each rule broken and kept, step by step."""

from __future__ import annotations

import pytest
from watched_pair import EVENT_IDX, Driver

from emu.fences import fence_of
from virtio.testing import VERSION_1
from virtio.watched import FOLLOWED, FenceExecuted

RULES = (
    "split.barrier-before-idx", "split.barrier-before-suppress-read", "inv.kick-barrier", "inv.used-before-idx",
)  # fmt: skip
STEPS = (
    "descriptor", "entry", "fence w,w", "publish", "fence w,r", "flags", "fence w,o", "kick", "look", "fence r,r",
    "element",
)  # fmt: skip
"""A request, with no fence stronger than it has to be."""


def play(steps: tuple[str, ...], features: int = VERSION_1) -> Driver:
    driver = Driver(features=features)
    event_idx = features & EVENT_IDX
    for step in steps:
        name, _, kinds = step.partition(" ")
        if name == "fence":
            before, after, *mode = kinds.split(",")
            driver.fence(before, after, *map(int, mode))
        elif name == "flags" and event_idx:
            driver.load(driver.ring.used_ring + 4 + 8 * driver.ring.size)
        elif name == "flags":
            driver.wants_kick()
        elif name == "idle":
            driver.idle(int(kinds))
        else:
            getattr(driver, name)()
    return driver


def found(driver: Driver) -> dict[str, str]:
    return {f.rule.id: f.message for f in driver.sanitizer.findings if f.rule.id in RULES}


def without(step: str, *instead: str) -> tuple[str, ...]:
    at = STEPS.index(step)
    return (*STEPS[:at], *instead, *STEPS[at + 1 :])


INDEX, FLAGS, BELL, LOOK = RULES
BROKEN = {
    without("fence w,w"): (INDEX, "no fence w,w was executed between the store to avail.ring[0] and the store to "),
    without("fence w,w", "fence w,o", "fence r,r"): (INDEX, "the store to avail.ring[0] but r,r and w,o and the store"),
    ("descriptor", "fence w,w", "entry", *STEPS[3:]): (INDEX, "no fence w,w was executed"),
    without("fence w,r"): (FLAGS, "no fence w,r was executed between the store to avail.idx and the load of used.f"),
    without("fence w,r", "fence w,w"): (FLAGS, "between the store to avail.idx but w,w and the load of used.flags"),
    without("fence w,r", "fence rw,rw,8"): (FLAGS, "but rw,rw (TSO) and the load of used.flags"),
    without("fence w,o"): (BELL, "no fence w,o was executed between the store to avail.idx but w,r and the writ"),
    without("fence w,o", "fence rw,rw"): (BELL, "but rw,rw and w,r and the write to QueueNotify"),
    (*STEPS[:6], "kick", "fence w,o"): (BELL, "no fence w,o was executed between the store to avail.idx but w,r and"),
    without("fence r,r"): (LOOK, "between the load of used.idx and that of used.ring[0].id"),
    without("fence r,r", "fence w,w"): (LOOK, "no fence r,r was executed"),
}


@pytest.mark.parametrize("steps", BROKEN, ids=" ".join)
def test_a_missing_fence_is_named_with_the_accesses_around_it(steps: tuple[str, ...]) -> None:
    rule, message = BROKEN[steps]
    driver = play(steps)
    assert list(found(driver)) == [rule]
    assert message in found(driver)[rule]
    assert found(driver)[rule].startswith("queue 0: ")


@pytest.mark.parametrize("steps", BROKEN, ids=" ".join)
def test_a_recording_says_the_same(steps: tuple[str, ...]) -> None:
    driver = play(steps)
    assert driver.replayed() == [f.to_json() for f in driver.sanitizer.findings] != []


KEPT = {
    "the weakest fences that do": STEPS,
    "full fences": tuple("fence iorw,iorw" if step.startswith("fence") else step for step in STEPS),
    "one fence for flags and bell": without("fence w,r", "fence w,ro")[:6] + STEPS[7:],
    "a kick without a look at flags": (*STEPS[:4], "fence w,o", *STEPS[7:]),
    "TSO where it is enough": without("fence w,w", "fence rw,rw,8"),
    "only the index is stored": (*STEPS, "publish", *STEPS[4:8]),
    "so far apart that nobody looked": without("fence w,w", f"idle {FOLLOWED + 1}"),
    "kicked twice": (*STEPS[:8], "kick", *STEPS[8:]),
    "a poll that finds nothing, then an element long known": (*STEPS, "look", "element"),
}


@pytest.mark.parametrize("name", KEPT)
def test_fences_that_do_are_told_nothing(name: str) -> None:
    assert found(play(KEPT[name])) == {}


def test_with_event_idx_it_is_avail_event_that_must_not_be_loaded_early() -> None:
    assert found(play(STEPS, VERSION_1 | EVENT_IDX)) == {}
    broken = found(play(without("fence w,r"), VERSION_1 | EVENT_IDX))
    assert broken == {
        FLAGS: "queue 0: no fence w,r was executed between the store to avail.idx and the load of avail_event"
    }


def test_a_poll_of_index_and_flags_in_one_load_is_no_look_at_the_flags() -> None:
    driver = play(STEPS[:4])
    driver.load(driver.ring.used_ring, 4)
    assert found(driver) == {}


def test_fences_are_told_between_ring_and_bell_and_between_index_and_element_only() -> None:
    driver = play(("fence rw,rw", *STEPS, "fence iorw,iorw"))
    fences = [event.text for event in driver.events if isinstance(event, FenceExecuted)]
    assert fences == ["fence w,w", "fence w,r", "fence w,o", "fence r,r"]


@pytest.mark.parametrize(
    ("insn", "fence"),
    [
        (0x0FF0000F, ("iorw", "iorw", True)),
        (0x0110000F, ("w", "w", True)),
        (0x0140000F, ("w", "o", True)),
        (0x8330000F, ("rw", "rw", False)),
        (0x0000100F, None),  # fence.i
        (0x0000000F, ("", "", True)),
        (0x06B5262F, ("rw", "rw", True)),  # amoadd.w.aqrl
        (0x00B5262F, None),
        (0x04B5262F, None),  # it only acquires
        (0x00000013, None),
    ],
)
def test_what_an_instruction_orders(insn: int, fence: tuple[str, str, bool] | None) -> None:
    assert fence_of(insn) == fence
