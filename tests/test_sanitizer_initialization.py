"""Rules of initialization and suspend (3.1.1, 3.4), and what drivers that do all of it right are told: nothing."""

from __future__ import annotations

import io

import pytest
from hands import Hands, Make, Script, Scripts, rng

from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.drivers.arena import Arena
from virtio.drivers.rng import RngDriver
from virtio.drivers.tock import TockTransport
from virtio.drivers.transport import VirtIOTransport
from virtio.registers import CONFIG
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.initialization import Initialization
from virtio.sanitizer.chapters.suspend import Suspend

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys


def blk() -> Hands:
    return Hands(Blk(io.BytesIO(bytes(4096))))


def console() -> Hands:
    return Hands(Console(len))


@breaks("init.reset-first", "Status 0x03 was written before the device was reset by writing 0")
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 1, 3)
    h.offer()
    h.accept()
    h.agreed()


@obeys("init.reset-first")
def _(h: Hands) -> None:
    """Who acknowledges, resets and begins again has done all steps in their order; so has the next driver."""
    h.find()
    h.write(R.Status, 1)
    h.live()
    h.live()


@breaks("mmio.follow-general-init", "Status 0x00 -> 0x03: ACKNOWLEDGE and DRIVER are two steps")
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0)
    h.read(R.Status)
    h.write(R.Status, 3)
    h.offer()
    h.accept()
    h.agreed()


@obeys("mmio.follow-general-init")
def _(h: Hands) -> None:
    h.find()
    h.write(R.Status, 0)
    h.read(R.Status)
    h.write(R.Status, 1, 1, 3, 3)
    h.write(R.Status, 0x83)


@breaks("init.reread-features-ok", "QueueReady was written before Status was read back to see")
def _(h: Hands) -> None:
    h.begin()
    h.offer()
    h.accept()
    h.write(R.Status, 11)
    h.queue()
    h.read(R.Status)
    h.write(R.Status, 15)


@breaks("init.reread-features-ok", "DRIVER_OK was set before Status was read back to see")
def _(h: Hands) -> None:
    h.begin()
    h.offer()
    h.accept()
    h.write(R.Status, 11, 15)


@obeys("init.reread-features-ok", "init.setup-before-driver-ok")
def _(h: Hands) -> None:
    """Everything but QueueReady may come before."""
    h.begin()
    h.write(R.QueueSel, 0)
    h.read(R.QueueSizeMax)
    h.offer()
    h.accept()
    h.agree()
    h.queue()
    h.write(R.Status, 15)


@breaks("init.setup-before-driver-ok", "queue 0 was made ready while Status is 0x03: FEATURES_OK was not set yet")
def _(h: Hands) -> None:
    h.begin()
    h.queue()
    h.offer()
    h.accept()
    h.agreed()


@breaks(
    "init.driver-ok-set",
    "queue 0 was notified and DRIVER_OK never set: Status stayed 0x0b",
    "init.no-notify-before-driver-ok",
)
def _(h: Hands) -> None:
    h.negotiate()
    h.queue().notify()


@breaks(
    "init.driver-ok-set",
    "queue 0 was notified and DRIVER_OK never set: Status stayed 0x0b",
    "init.no-notify-before-driver-ok",
)
def _(h: Hands) -> None:
    h.negotiate()
    h.queue().notify()
    h.live()


@obeys("init.driver-ok-set", "init.failed-on-giveup")
def _(h: Hands) -> None:
    h.negotiate()
    h.queue()
    h.write(R.Status, 0x8B)


@breaks("init.failed-on-giveup", "initialization ended with Status 0x0b: neither DRIVER_OK nor FAILED")
def _(h: Hands) -> None:
    h.negotiate()


@obeys("init.failed-on-giveup")
def _(h: Hands) -> None:
    """A device that nobody has a driver for stays acknowledged."""
    h.find()
    h.write(R.Status, 0)
    h.read(R.Status)
    h.write(R.Status, 1)


@breaks("init.no-config-write-in-negotiation", "config+0x20 was written while features are negotiated", on=blk)
def _(h: Hands) -> None:
    h.begin()
    h.offer()
    h.p.port.store(CONFIG + 32, 1, 0)
    h.accept()
    h.agreed()


@obeys("init.no-config-write-in-negotiation", on=blk)
def _(h: Hands) -> None:
    h.negotiate()
    h.p.port.store(CONFIG + 32, 1, 0)
    h.write(R.Status, 15)


@obeys("init.no-config-write-in-negotiation", on=console)
def _(h: Hands) -> None:
    """An emergency write may come at any time, once it is known to be offered."""
    h.begin()
    h.offer()
    h.p.port.store(CONFIG + 8, 4, 0x41)
    h.accept()
    h.agreed()


@breaks(
    "suspend.only-when-live",
    "SUSPEND was written to Status while Status is 0x0b, without DRIVER_OK and without the feature SUSPEND",
    "inv.status-undefined-bits",
)
def _(h: Hands) -> None:
    h.negotiate()
    h.write(R.Status, 0x1B, 15)


@obeys("suspend.only-when-live")
def _(h: Hands) -> None:
    h.live()
    h.write(R.Status, 15)


@pytest.mark.parametrize("transport", [VirtIOTransport, TockTransport])
def test_the_python_drivers_break_no_rule(transport: type[VirtIOTransport]) -> None:
    h = rng()
    driver = RngDriver(transport(h.p.port), h.p.memory, Arena(h.p.memory.base, h.p.memory.size), 8)
    driver.start()
    driver.request(16)
    driver.transport.handle_interrupt()
    assert [finding.message for finding in h.end()] == []


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_breaks_a_rule_is_told_so_with_the_values(
    rules: tuple[str, ...], says: str, script: Script, on: Make
) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_comes_close_is_left_alone(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_each_rule_has_a_script_of_both_kinds() -> None:
    scripts.check_complete([Initialization, Suspend])
