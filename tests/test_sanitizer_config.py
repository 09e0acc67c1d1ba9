"""Rules of the configuration space (2.5.1, 4.2.2.2)."""

from __future__ import annotations

import io

import pytest
from hands import Hands, Make, Script, Scripts

from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.registers import CONFIG
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.config import Config
from virtio.spec import BlkFeature, mask
from virtio.testing import VERSION_1

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys

LOW, HIGH = (0, 4), (4, 4)
SEG_MAX, BLK_SIZE, MIN_IO_SIZE, WRITEBACK, NUM_QUEUES = (12, 4), (20, 4), (26, 2), (32, 1), (34, 2)


def blk() -> Hands:
    return Hands(Blk(io.BytesIO(bytes(4096))))


def console() -> Hands:
    return Hands(Console(len))


def unknown() -> Hands:
    """A device of a type whose fields are not written down."""
    return Hands(Blk(io.BytesIO(bytes(4096))), "gpu")


@breaks("cfg.optional-field-feature-check", "num_queues was read, and MQ (bit 12) is not offered", on=blk)
def _(h: Hands) -> None:
    h.live()
    h.config(NUM_QUEUES)


@breaks("cfg.optional-field-feature-check", "seg_max was read before DeviceFeatures was read to see if SEG_MAX", on=blk)
def _(h: Hands) -> None:
    h.begin()
    h.offer(1)
    h.config(SEG_MAX)
    h.accept()
    h.agreed()


@breaks("cfg.optional-field-feature-check", "emerg_wr was written before DeviceFeatures was read to see", on=console)
def _(h: Hands) -> None:
    h.find()
    h.p.port.store(CONFIG + 8, 4, 0x41)


@obeys("cfg.optional-field-feature-check", on=blk)
def _(h: Hands) -> None:
    """What is offered may be read although it is not accepted; what was seen before a reset is known."""
    h.live()
    h.config(SEG_MAX)
    h.write(R.Status, 0)
    h.read(R.Status)
    h.config(BLK_SIZE)


@breaks("mmio.cfg-width-match", "1-byte read at config+0x14: blk_size has 4 bytes", on=blk)
def _(h: Hands) -> None:
    """Byte by byte, as Linux once did."""
    h.live()
    h.read(R.ConfigGeneration)
    h.config((20, 1), (21, 1), (22, 1), (23, 1))
    h.read(R.ConfigGeneration)


@breaks("mmio.cfg-width-match", "8-byte read at config+0x0: capacity has 8 bytes, read in two halves", on=blk)
def _(h: Hands) -> None:
    h.live()
    h.config((0, 8))


@breaks("mmio.cfg-width-match", "4-byte write at config+0x20: writeback has 1 bytes", "mmio.no-write-ro",
        "cfg.optional-field-feature-check", on=blk)  # fmt: skip
def _(h: Hands) -> None:
    h.live()
    h.p.port.store(CONFIG + 32, 4, 1)


@breaks("mmio.cfg-width-match", "2-byte read at config+0x1: use aligned accesses of 1, 2 or 4 bytes", on=unknown)
def _(h: Hands) -> None:
    h.live()
    h.config((1, 2))


@obeys("mmio.cfg-width-match", on=blk)
def _(h: Hands) -> None:
    h.live()
    for field in (BLK_SIZE, MIN_IO_SIZE, WRITEBACK):
        h.config(field)
        h.read(R.Status)
    h.p.port.store(CONFIG + 32, 1, 0)


@obeys("mmio.cfg-width-match", on=unknown)
def _(h: Hands) -> None:
    h.live()
    h.config((1, 1))
    h.read(R.Status)
    h.config((4, 4))


@breaks("cfg.no-assume-atomic", "capacity was read in two halves, without ConfigGeneration before and after", on=blk)
def _(h: Hands) -> None:
    h.live()
    h.config(LOW, HIGH)


@breaks("cfg.no-assume-atomic", "capacity was read in two halves", on=blk)
def _(h: Hands) -> None:
    """The generation is read only afterwards: there is nothing to compare it with."""
    h.live()
    h.config(LOW, HIGH)
    h.read(R.ConfigGeneration)


@breaks("cfg.no-assume-atomic", "capacity was read in two halves", on=blk)
def _(h: Hands) -> None:
    h.negotiate()
    h.read(R.ConfigGeneration)
    h.config(HIGH, LOW)
    h.write(R.Status, 15)


@obeys("cfg.no-assume-atomic", "cfg.generation-loop", on=blk)
def _(h: Hands) -> None:
    h.live(VERSION_1 | mask(BlkFeature.SEG_MAX))
    h.read(R.ConfigGeneration)
    h.config(LOW, HIGH, SEG_MAX)
    h.read(R.ConfigGeneration)
    h.config(SEG_MAX)
    h.read(R.Status)
    h.config(LOW)


@obeys("cfg.no-assume-atomic", on=blk)
def _(h: Hands) -> None:
    """High, low, high again: a driver that sees it change knows."""
    h.live()
    h.config(HIGH, LOW, HIGH)


@breaks("cfg.generation-loop", "2 fields, seg_max to blk_size, were read without ConfigGeneration", on=blk)
def _(h: Hands) -> None:
    h.live()
    h.config(SEG_MAX, BLK_SIZE)


@breaks("cfg.generation-loop", "capacity read while ConfigGeneration went from 0 to 1: no second try", on=blk)
def _(h: Hands) -> None:
    h.live()
    h.read(R.ConfigGeneration)
    h.config(LOW)
    h.p.transport.config_changed()
    h.config(HIGH)
    h.read(R.ConfigGeneration, R.Status)


@obeys("cfg.generation-loop", on=blk)
def _(h: Hands) -> None:
    h.live()
    h.read(R.ConfigGeneration)
    h.config(LOW)
    h.p.transport.config_changed()
    h.config(HIGH)
    h.read(R.ConfigGeneration, R.ConfigGeneration)
    h.config(LOW, HIGH)
    h.read(R.ConfigGeneration, R.Status)


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_breaks_a_rule_is_told_so_with_the_values(
    rules: tuple[str, ...], says: str, script: Script, on: Make
) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_comes_close_is_left_alone(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_each_rule_has_a_script_of_both_kinds() -> None:
    scripts.check_complete([Config])
