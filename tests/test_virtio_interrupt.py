"""Interrupts, resets and DEVICE_NEEDS_RESET of a slot, and chains that outlive them."""

from __future__ import annotations

from slots import EVERYTHING, live

from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.events import InterruptStatusChanged
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio as R
from virtio.spec import DeviceId, Interrupt
from virtio.testing import driver_ok, negotiate, pair


def test_the_interrupt_stays_until_it_is_acknowledged() -> None:
    p = pair(Rng())
    queue = live(p)
    queue.add(8)
    queue.notify()
    assert p.irq.level
    assert [p.read(R.InterruptStatus) for _ in range(3)] == [1, 1, 1]  # reading is no acknowledgement (4.2.2.1)
    p.write(R.InterruptACK, 2)
    assert p.irq.level
    p.write(R.InterruptACK, 1)
    assert not p.irq.level
    assert p.read(R.InterruptStatus) == 0
    assert [e.status for e in p.of(InterruptStatusChanged)] == [1, 0]
    assert p.violations == []


def test_undefined_bits_of_an_acknowledgement_are_told() -> None:
    p = pair(Rng())
    p.write(R.InterruptACK, 0xFFFFFFFF)
    assert p.complaints == ["InterruptACK: undefined bits 0xfffffffc [mmio.irq-ack-no-undef, 4.2.2.2]"]


def test_a_reset_takes_everything_back() -> None:
    p = pair(Rng())
    queue = live(p, EVERYTHING)
    queue.add(8)
    queue.notify()
    p.write(R.Status, 0)
    assert (p.read(R.Status), p.read(R.InterruptStatus), p.read(R.QueueReady), p.irq.level) == (0, 0, 0, False)
    assert p.transport.model.negotiated == 0
    queue.add(8)
    queue.notify()
    assert len(queue.used()) == 1  # from before
    assert p.violations == ["init.no-notify-before-driver-ok"]
    negotiate(p, EVERYTHING)  # the same features are fine again (2.2.2)
    assert p.read(R.Status) == 11


def test_needs_reset_raises_the_configuration_interrupt_and_passes_through_a_read_modify_write() -> None:
    p = pair(Rng())
    live(p)
    p.transport.needs_reset("a test wants it")
    assert p.read(R.Status) == 0x4F
    assert p.read(R.InterruptStatus) == Interrupt.CONFIG_CHANGE
    p.write(R.Status, p.read(R.Status) | 0x80)
    assert p.read(R.Status) == 0xCF
    p.write(R.Status, 0x8F)  # the bit is the device's: it stays, and that is no violation
    assert p.read(R.Status) == 0xCF
    assert p.violations == []
    p.write(R.Status, 0)
    assert p.read(R.Status) == 0
    assert not p.irq.level


def test_needs_reset_before_driver_ok_interrupts_nobody() -> None:
    p = pair(Rng())
    negotiate(p)
    p.transport.needs_reset("a test wants it")
    assert not p.irq.level
    driver_ok(p)
    assert p.read(R.Status) == 0x4F
    assert not p.transport.queues[0].usable


class Slow(Device):
    """Keeps its chains until the test says so."""

    device_id = DeviceId.ENTROPY
    queue_names = ("q",)

    def on_notify(self, queue: Queue, name: str) -> None:
        self.kept = list(queue)


def test_a_chain_from_before_a_reset_goes_nowhere() -> None:
    device = Slow()
    p = pair(device)
    queue = live(p)
    queue.add(8)
    queue.notify()
    kept = device.kept
    live(p)
    kept[0].write(b"late")
    p.transport.queues[0].push(kept[0])
    assert queue.used() == []
    assert not p.irq.level


def test_a_device_may_return_chains_at_any_time() -> None:
    device = Slow()
    p = pair(device)
    queue = live(p)
    queue.add(8)
    queue.notify()
    assert not p.irq.level
    device.kept[0].write(b"later")
    p.transport.queues[0].push(device.kept[0])
    assert queue.used() == [(0, 5)]
    assert p.irq.level
