"""A driver that does anything at all to its rings, watched: nothing raises, and what is kept stays bounded."""

from __future__ import annotations

import random

import pytest
from watched_pair import EVENT_IDX, Driver

from emu.trace import event_from_json
from virtio.devices.console import Console
from virtio.events import ChainUsed, QueueConfigured
from virtio.registers import VirtioMmio
from virtio.sanitizer.engine import Sanitizer
from virtio.spec import Feature, mask
from virtio.testing import RAM_BASE, VERSION_1
from virtio.watched import AVAIL, BUFFER, DESCRIPTORS, USED, ChainAvailable, DriverWaits, FenceExecuted, MemoryAccess

REGISTERS = (
    VirtioMmio.QueueReady, VirtioMmio.QueueNotify, VirtioMmio.InterruptACK, VirtioMmio.QueueReset, VirtioMmio.QueueSel,
)  # fmt: skip
FEATURES = (VERSION_1, VERSION_1 | EVENT_IDX, VERSION_1 | mask(Feature.INDIRECT_DESC, Feature.RING_RESET))


def step(driver: Driver, dice: random.Random) -> None:
    ring = driver.ring
    place = dice.choice((ring.desc, ring.avail, ring.used_ring, RAM_BASE + 0x3000)) + dice.randrange(-8, 0x90)
    width = dice.choice((1, 2, 4, 8))
    value = dice.choice((0, 1, 2, 7, 0xFFFF, dice.getrandbits(64), RAM_BASE + 0x3000, (1 << 64) - 8))
    match dice.randrange(12):
        case 0 | 1 | 2 | 3:
            driver.store(max(place, RAM_BASE), value & (1 << 8 * width) - 1, width)
        case 4 | 5:
            driver.load(max(place, RAM_BASE), width)
        case 6:
            driver.fence(dice.choice(("r", "w", "rw", "")), dice.choice(("o", "w", "iorw")))
        case 7:
            driver.store(ring.avail + 2, driver.pair.memory.get16(ring.avail + 2) + dice.randrange(9) & 0xFFFF)
        case 8:
            driver.pair.write(dice.choice(REGISTERS), dice.choice((0, 1, 2, 0xFFFF)))
        case 9:
            driver.waits() if dice.random() < 0.5 else driver.idle(dice.choice((1, 3000, 3_000_000)))
        case 10:
            assert isinstance(driver.device, Console)
            driver.device.feed(b"x")
        case _:
            driver.kick()


@pytest.mark.parametrize("seed", range(20))
def test_a_watched_driver_may_do_anything(seed: int) -> None:
    dice = random.Random(seed)
    driver = Driver.console(dice.choice(FEATURES))
    for _ in range(400):
        if driver.pair.transport.status != 15 or not driver.pair.transport.queues[0].ready:
            driver = Driver.console(dice.choice(FEATURES))
        step(driver, dice)
    driver.watch.waits(ended=True)
    assert driver.replayed() == [finding.to_json() for finding in driver.sanitizer.findings]
    assert len(driver.hart.ranges) < 1000


@pytest.mark.parametrize("seed", range(10))
def test_a_recording_may_say_anything(seed: int) -> None:
    dice, sanitizer = random.Random(seed), Sanitizer(advice=True)
    source = "virtio0-rng"

    def small() -> int:
        return dice.choice((0, 1, 2, 8, 0xFFFF, 1 << 20))

    for time in range(1000):
        area = dice.choice((DESCRIPTORS, AVAIL, USED, BUFFER))
        event = dice.choice((
            MemoryAccess(source, dice.choice("rw"), small(), dice.choice((1, 2, 4, 8)), small(), area, small(), "x"),
            FenceExecuted(source, "w", "o"),
            ChainAvailable(source, small(), small(), small(), ((small(), 5, 1, 2, 3),), ((small(), 5, True),), True),
            ChainUsed(source, small(), small(), small(), 0),
            QueueConfigured(source, small(), dice.random() < 0.5, small(), small(), small(), small()),
            DriverWaits(source, dice.random() < 0.5),
        ))  # fmt: skip
        event.time = time * dice.choice((1, 5_000_000))
        sanitizer(event_from_json(event.to_json()))
    sanitizer.finish()
    assert len(sanitizer.findings) > 0
