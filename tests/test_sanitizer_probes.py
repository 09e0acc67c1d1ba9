"""Rules that need a device which provokes them: for each a driver that breaks it and one that does not."""

from __future__ import annotations

import pytest
from hands import Hands, Make, Script, Scripts
from probed import blk, empty, last, rng

from virtio.registers import VirtioMmio as R
from virtio.spec import Feature, mask
from virtio.testing import VERSION_1

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys
EVENT_IDX = VERSION_1 | mask(Feature.EVENT_IDX)


@breaks("mmio.ignore-bad-magic", "MagicValue read 0x74726977, and Status was written all the same",
        "reset.poll-status-zero", on=empty("bad-magic"))  # fmt: skip
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0)
    h.write(R.Status, 1)


@obeys("mmio.ignore-bad-magic", on=empty("bad-magic"))
def _(h: Hands) -> None:
    """Looking at all four registers that identify a device leaves it alone."""
    h.find()
    h.read(R.VendorID)


@breaks("mmio.ignore-bad-version", "Version read 0x10002, and Status was read all the same",
        on=empty("bad-version", last))  # fmt: skip
def _(h: Hands) -> None:
    h.find()
    h.read(R.Status)


@obeys("mmio.ignore-bad-version", on=empty("bad-version"))
def _(h: Hands) -> None:
    h.find()


@obeys("mmio.ignore-bad-version", "mmio.ignore-bad-magic", on=rng("bad-version,bad-magic"))
def _(h: Hands) -> None:
    """A slot with a device is what it is."""
    h.live().notify()


@breaks("init.no-continue-after-failure", "QueueReady was written after the device had refused FEATURES_OK",
        on=rng("refuse-features"))  # fmt: skip
def _(h: Hands) -> None:
    h.negotiate()
    h.queue()
    h.write(R.Status, 0x83)


@breaks("init.no-continue-after-failure", "DRIVER_OK was set after the device had refused FEATURES_OK",
        "status.progress-bits", on=rng("refuse-features"))  # fmt: skip
def _(h: Hands) -> None:
    h.negotiate()
    h.write(R.Status, 7)


@obeys("init.no-continue-after-failure", on=rng("refuse-features"))
def _(h: Hands) -> None:
    """It says so and leaves; or it tries again, or from the beginning."""
    h.negotiate()
    h.accept(EVENT_IDX)
    h.agree()
    h.negotiate()
    h.write(R.Status, 0x83)


@breaks("feat.no-fail-on-unknown", "an unknown feature was offered, and DRIVER_OK never set: Status ended as 0x83",
        on=rng("unknown-feature"))  # fmt: skip
def _(h: Hands) -> None:
    h.begin()
    h.offer()
    h.write(R.Status, 0x83)


@obeys("feat.no-fail-on-unknown", on=rng("unknown-feature", last))
def _(h: Hands) -> None:
    h.live()
    h.write(R.Status, 0)
    h.read(R.Status)


@obeys("feat.no-fail-on-unknown", on=rng("unknown-feature,refuse-features"))
def _(h: Hands) -> None:
    """It had to give up for another reason."""
    h.negotiate()
    h.write(R.Status, 0x83)


@breaks("feat.unusable-sets-failed", "only VERSION_1 was offered, and the driver gave up without FAILED: Status 0x03",
        "init.failed-on-giveup", on=rng("minimal-features"))  # fmt: skip
def _(h: Hands) -> None:
    h.begin()
    h.offer()


@obeys("feat.unusable-sets-failed", on=rng("minimal-features"))
def _(h: Hands) -> None:
    h.begin()
    h.offer()
    h.write(R.Status, 0x83)


@obeys("feat.unusable-sets-failed", on=rng("minimal-features"))
def _(h: Hands) -> None:
    """It can do without."""
    h.live()


@breaks("reset.poll-status-zero", "Status was written as 0, and Status was written before Status read 0",
        on=rng("slow-reset"))  # fmt: skip
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0)
    h.write(R.Status, h.read(R.Status) | 1)
    h.write(R.Status, 3)
    h.offer()
    h.accept()
    h.agreed()


@obeys("reset.poll-status-zero", on=rng("slow-reset", last))
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0)
    while h.read(R.Status):
        pass
    h.write(R.Status, 1, 3)
    h.offer()
    h.accept()
    h.agreed()


@breaks("cfg.generation-loop", "capacity read while ConfigGeneration went from 0 to 1: no second try",
        on=blk("config-moves"))  # fmt: skip
def _(h: Hands) -> None:
    h.negotiate()
    h.read(R.ConfigGeneration)
    h.config((0, 4), (4, 4))
    h.read(R.ConfigGeneration)
    h.write(R.Status, 15)


@obeys("cfg.generation-loop", on=blk("config-moves", last))
def _(h: Hands) -> None:
    h.negotiate()
    while True:
        before = h.read(R.ConfigGeneration)
        h.config((0, 4), (4, 4))
        if h.read(R.ConfigGeneration) == before:
            break
    h.write(R.Status, 15)


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_takes_it_wrong_is_told(rules: tuple[str, ...], says: str, script: Script, on: Make) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_takes_it_right_is_told_nothing(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)
