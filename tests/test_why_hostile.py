"""Whatever a driver writes and whatever a recording says: an explanation, never an exception, and a small memory."""

from __future__ import annotations

import io
import random
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from emu.delivery import Delivery, first_broken
from emu.machine import Machine, MachineConfig
from emu.plic import Source
from emu.polls import look as look_around
from emu.trace import Event
from tui.why import Explanation, behind_the_wire
from tui.why_text import WIDTH, lines
from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import VirtioMmio as R
from virtio.testing import RAM_BASE, RawQueue, driver_ok, negotiate, pair
from virtio.why import recorded
from virtio.why.judge import judge_all
from virtio.why.look import look, ring_word
from virtio.why.witness import Track, Witness

MAKE = (lambda: Rng(bytes), lambda: Blk(io.BytesIO(bytes(0x4000))), lambda: Console(len, (80, 25)))
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 15, 128, 0xFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = ("", "x", "r", "w", "QueueSel", "QueueSize", "Status", "; QueueReady stays 0", "a needs a reset: b")
KINDS = [kind for kind in Event.kinds.values() if kind.__module__ in ("emu.trace", "virtio.events", "emu.recording")]


def hostile_script(seed: int) -> None:
    dice = random.Random(seed)
    device: Device = dice.choice(MAKE)()
    p = pair(device, ram_size=0x10000, name=f"virtio0-{device.name}")
    witness = Witness()
    p.trace.subscribe(witness)
    if dice.random() < 0.7:
        negotiate(p, device.features if dice.random() < 0.5 else 1 << 32)
        for index in range(len(device.queue_names)):
            RawQueue(p, index, size=dice.choice((2, 8)), at=RAM_BASE + 0x1000 * index).enable()
        driver_ok(p)
    for _ in range(dice.randrange(40)):
        match dice.randrange(5):
            case 0:
                p.write(dice.choice(R.registers), dice.choice(NUMBERS))
            case 1:
                p.port.load(dice.randrange(0x200), dice.choice((1, 2, 4, 8)))
            case 2:
                p.write(R.QueueNotify, dice.randrange(3))
            case _:
                at = RAM_BASE + 0x100 * dice.randrange(0x24) + 2 * dice.randrange(8)
                p.memory.put16(at, dice.choice(NUMBERS) & 0xFFFF)
    view = look(p.transport, witness)
    assert view is not None
    for queue in view.queues:
        word = ring_word(queue, RAM_BASE + 2 * dice.randrange(0x200), 2)
        if word and dice.random() < 0.3:
            queue.read_now[word] = " (0x80000000)"
    bits = [dice.random() < 0.5 for _ in range(6)]
    source = Source(1, bits[0], bits[1], dice.randrange(3), (bits[2], bits[3]), (dice.randrange(2), 0))
    words = [dice.getrandbits(32) for _ in range(4)]
    delivery = Delivery(source, *words, dice.choice((0, 1, 3)))
    first_broken(delivery)
    verdicts = judge_all([view], lambda view: behind_the_wire(view, delivery))
    in_bounds(Explanation(verdicts, [view], {view.name: delivery}))
    again = recorded.recorded(p.events)
    if again:
        in_bounds(Explanation(judge_all(again, recorded.behind_the_wire), again, {}, unknown="x " * 90))


def in_bounds(found: Explanation) -> None:
    for short in (True, False):
        text = lines(found, short=short)
        assert text and max(map(len, text)) <= WIDTH


@pytest.mark.parametrize("seeds", [range(300), pytest.param(range(300, 10_000), marks=pytest.mark.slow)])
def test_a_hostile_driver_is_explained(seeds: range) -> None:
    for seed in seeds:
        hostile_script(seed)


def any_value(dice: random.Random, hint: Any) -> Any:
    if hint is bool:
        return dice.random() < 0.5
    if hint is int:
        return dice.choice((*NUMBERS, -1, 1 << 70))
    if hint is str:
        return dice.choice(WORDS)
    kinds = get_args(hint)
    return tuple(any_value(dice, kinds[0] if kinds[-1] is Ellipsis else kind) for kind in kinds[:4])


def any_event(dice: random.Random) -> Event:
    kind = dice.choice(KINDS)
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.init]
    event = kind(**{name: any_value(dice, hints[name]) for name in names})
    event.source = dice.choice(("virtio0-rng", "virtio1-console", "virtio2", "uart"))
    return event


@pytest.mark.parametrize("seed", range(100))
def test_a_recording_that_makes_no_sense_is_explained(seed: int) -> None:
    dice = random.Random(seed)
    views = recorded.recorded(any_event(dice) for _ in range(60))
    found = Explanation(judge_all(views, recorded.behind_the_wire), views, {})
    if views:
        in_bounds(found)


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_hart_that_executes_noise_is_looked_at(xlen: int) -> None:
    for seed in range(20):
        dice = random.Random(seed)
        machine = Machine(MachineConfig(xlen, 1 << 20))
        machine.ram.write(RAM_BASE, dice.randbytes(0x4000))
        machine.hart.reset(RAM_BASE + 2 * dice.randrange(0x1000))
        paging = 8 << 60 | dice.getrandbits(44) if xlen == 64 else 1 << 31 | dice.getrandbits(22)
        machine.hart.core.satp.value = dice.choice((0, paging))
        machine.hart.core.priv.value = dice.choice((0, 1, 3))
        for register in range(1, 32):
            machine.hart.core.x[register] = dice.choice((RAM_BASE + dice.randrange(1 << 20), dice.getrandbits(xlen)))
        with machine.bus.withhold_stores():
            found = look_around(machine.hart, most=600)
        assert all(machine.ram.contains(poll.address, poll.width) for poll in found.polls)


def test_what_is_remembered_of_a_device_does_not_grow() -> None:
    p = pair(Rng(bytes), name="virtio0-rng")
    witness = Witness()
    p.trace.subscribe(witness)
    watch = recorded.Recorded()
    p.trace.subscribe(watch)
    p.events.clear()
    p.trace.unsubscribe(p.events.append)
    for number in range(5000):
        p.write(R.QueueSel, number * 7919 & 0xFFFFFFFF)
        p.write(R.QueueSize, number)
        p.write(R.QueueNotify, number)
        p.port.store(0x200 + number % 0x800, 1, number & 0xFF)
    track: Track = witness.tracks["virtio0-rng"]
    assert len(track.last) <= 2 * (len(R.registers) + 1)
    assert (len(track.history), len(track.complaints)) == (24, 8)
    assert len(watch.laid_out) <= 1024 and len(watch.slots["virtio0-rng"].queues) <= 1024
