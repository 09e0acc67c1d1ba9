"""A run that goes on from a checkpoint: what came before is not known, and so it is not missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import virtscope

from tui.guests import guest_path
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio
from virtio.sanitizer.engine import Sanitizer
from virtio.testing import driver_ok, negotiate, pair

RNG = ("--device", "rng")


@pytest.mark.parametrize("when", ["status:DRIVER", "features", "queue", "used"])
def test_a_restored_run_of_a_good_driver_has_no_findings_live_or_recorded(when: str, tmp_path: Path) -> None:
    checkpoint, trace = tmp_path / "c", tmp_path / "r.jsonl"
    saved = virtscope("run", guest_path("rng-rv64"), *RNG, "--save-at", when, checkpoint)
    assert saved.code == 0 and "saved at instruction" in saved.err
    done = virtscope("run", "--restore", checkpoint, *RNG, "--check=strict", f"--trace={trace}")
    assert (done.code, done.err) == (0, "")
    checked = virtscope("check", trace)
    assert checked.code == 0 and checked.out.startswith("virtscope: no findings in ")


def found(resumed: bool, reset_first: bool) -> list[str]:
    """The rules that are broken by features without a selector and a notification, after a reset or without one."""
    p = pair(Rng(), name="virtio0-rng")
    sanitizer = Sanitizer()
    sanitizer.resumed = resumed
    negotiate(p)  # before the checkpoint
    p.trace.subscribe(sanitizer)
    if reset_first:
        p.write(VirtioMmio.Status, 0)
    p.write(VirtioMmio.DriverFeatures, 0)
    p.write(VirtioMmio.QueueNotify, 0)
    driver_ok(p)
    sanitizer.finish()
    return [finding.rule.id for finding in sanitizer.findings]


def test_what_needs_the_past_is_judged_from_the_next_reset_on() -> None:
    assert "mmio.magic-version-first" in found(resumed=False, reset_first=False)
    assert "init.reset-first" in found(resumed=False, reset_first=False)
    known = found(resumed=True, reset_first=False)
    assert not {"mmio.magic-version-first", "init.reset-first", "mmio.drvfeat-sel-first"} & set(known)
    after = found(resumed=True, reset_first=True)
    assert "mmio.drvfeat-sel-first" in after and "mmio.magic-version-first" not in after


def test_what_the_models_judge_is_reported_at_once() -> None:
    assert found(resumed=True, reset_first=False) != []
