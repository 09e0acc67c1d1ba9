"""Odd accesses and drivers that mean harm: no exception in the sanitizer, no state without end."""

from __future__ import annotations

import io
from random import Random

import pytest
from hands import Hands, rng

from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.engine import Sanitizer
from virtio.spec import Feature, mask
from virtio.testing import RawQueue, pair

DEVICES = {"rng": lambda: Rng(bytes), "blk": lambda: Blk(io.BytesIO(bytes(4096))), "console": lambda: Console(len)}
OFFSETS = (*(register.offset for register in R.registers), *range(0x100, 0x164, 4), 0x18, 0x7FC)
VALUES = (0, 1, 2, 3, 8, 11, 15, 0x40, 0x80, 0x8B, 0xFF, 0x100, 0x8000_0000, 0x8000_1000, 0xFFFF_FFFF, (1 << 64) - 1)
ALL_FEATURES = mask(Feature.VERSION_1, Feature.INDIRECT_DESC, Feature.EVENT_IDX, Feature.RING_RESET)


def script(hands: Hands, random: Random) -> None:
    """A driver that now and then starts well, and in between does anything."""
    for _ in range(random.randrange(4)):
        if random.random() < 0.5:
            hands.live(ALL_FEATURES & random.choice((ALL_FEATURES, 1 << 32)))
        for _ in range(20):
            width = random.choice((4, 4, 4, 4, 1, 2, 8))
            offset = random.choice(OFFSETS) + random.choice((0, 0, 0, 1, 2))
            if random.random() < 0.5:
                hands.p.port.load(offset, width)
            else:
                value = random.choice((*VALUES, random.getrandbits(64))) & ((1 << 8 * width) - 1)
                hands.p.port.store(offset, width, value)


@pytest.mark.parametrize("scripts", [300, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DEVICES)
def test_no_driver_can_raise_anything_in_the_sanitizer(name: str, scripts: int) -> None:
    random = Random(4)
    for _ in range(scripts):
        device: Device = DEVICES[name]()
        hands = Hands(device)
        script(hands, random)
        for finding in hands.end():
            assert finding.message
            assert len(finding.message) < 200


def test_a_driver_in_a_slot_without_a_device_breaks_one_rule() -> None:
    """It read DeviceID as 0 and goes on: whatever else it forgets there is not worth a word."""
    p, sanitizer = pair(None), Sanitizer(advice=True, strict=True)
    p.trace.subscribe(sanitizer)
    for register in (R.MagicValue, R.Version, R.DeviceID):
        p.read(register)
    p.write(R.Status, 15)
    p.write(R.DriverFeatures, 1)
    RawQueue(p).enable().notify()
    assert {finding.rule.id for finding in sanitizer.findings} == {"mmio.devid-zero-no-access"}


def test_an_access_of_the_wrong_width_is_no_access_to_the_register() -> None:
    """A byte written to Status is not a reset: the driver goes on as before."""
    h = rng()
    h.live()
    h.p.port.store(R.Status.offset, 1, 0)
    h.write(R.Status, 15)
    h.p.port.store(R.InterruptACK.offset, 2, 0xFF)
    assert {finding.rule.id for finding in h.end()} == {"mmio.ctrl-32bit-aligned"}


def test_a_finding_about_something_earlier_names_its_place() -> None:
    h = rng()
    pcs = iter(range(0x1000, 0x9000, 4))
    h.p.trace.pc = lambda: next(pcs)
    queue = h.live()
    queue.add(8)
    queue.notify()
    h.read(R.InterruptStatus)
    seen = h.p.events[-1]
    queue.notify()
    (finding,) = h.end()
    assert (finding.rule.id, finding.pc, finding.seq) == ("mmio.irq-ack-after", seen.pc, seen.seq)
