"""The status machine as a table: what each write of a driver is blamed for, and that it is blamed once."""

from __future__ import annotations

import pytest

from virtio.status import judge

Steps = list[int]


def blamed(steps: Steps) -> list[str]:
    """The rules broken by these writes after a reset."""
    return [rule for old, new in zip([0, *steps], steps, strict=False) for rule, _, _ in judge(old, new)]


def test_the_steps_of_3_1_1_are_right() -> None:
    assert blamed([1, 3, 11, 15]) == []
    assert blamed([3, 11, 15]) == [], "ACKNOWLEDGE and DRIVER at once lose nothing"


def test_a_driver_may_give_up_at_any_step() -> None:
    for old in (1, 3, 11, 15):
        assert judge(old, old | 0x80) == []


@pytest.mark.parametrize(
    ("steps", "rules"),
    [
        ([2, 10, 14], ["init.ack-before-driver"]),
        ([1, 9, 13], ["status.progress-bits"]),
        ([1, 3, 7], ["status.progress-bits"]),
        ([15], ["init.sequence"]),
        ([1, 2], ["status.no-clear-bit"]),
        ([1, 3, 0x83, 0x8B], ["status.failed-then-reset"]),
        ([0x101], ["inv.status-undefined-bits"]),
    ],
)
def test_a_skipped_step_is_blamed_once_and_not_again_at_every_later_step(steps: Steps, rules: list[str]) -> None:
    assert blamed(steps) == rules


def test_needs_reset_written_back_by_a_read_modify_write_is_ignored() -> None:
    assert judge(0x4B, 0x4F) == []
    assert [rule for rule, _, _ in judge(0x0B, 0x4F)] == ["inv.status-undefined-bits"]
