"""Rules of setting queues up, stopping and resetting them (2.6.1, 2.7, 3.1.1 step 7, 4.2.2.2, 4.2.3.2)."""

from __future__ import annotations

import pytest
from hands import AVAIL, USED, Hands, Make, Script, Scripts, rng

from virtio.devices.console import Console
from virtio.queue_registers import AREAS
from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.queues import MOST_QUEUES, Queues
from virtio.spec import Feature, mask
from virtio.testing import RAM_BASE, VERSION_1

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys

RING_RESET = VERSION_1 | mask(Feature.RING_RESET)


def console() -> Hands:
    return Hands(Console(len))


def reset_queue(h: Hands) -> None:
    h.write(R.QueueReset, 1)
    h.read(R.QueueReset)


@breaks("inv.queue-size-max-read", "queue 0: QueueSize was written as 8 before QueueSizeMax was read")
def _(h: Hands) -> None:
    h.negotiate()
    h.write(R.QueueSel, 0)
    h.read(R.QueueReady)
    h.place()
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.queue-size-max-read", "queue 1 was given size 8; its QueueSizeMax reads 0", "inv.queue-ready-read-0")
def _(h: Hands) -> None:
    h.live()
    h.write(R.QueueSel, 1)
    h.read(R.QueueSizeMax)
    h.place()
    h.write(R.Status, 0)
    h.read(R.Status)
    h.negotiate()
    h.write(R.QueueSel, 0)
    h.place()
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.queue-size-max-read", "queue 1 was made ready; its QueueSizeMax reads 0", "inv.addresses-complete")
def _(h: Hands) -> None:
    h.negotiate()
    h.select(1)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@obeys("inv.queue-size-max-read", "inv.queue-ready-read-0")
def _(h: Hands) -> None:
    """What a device allows is known from before a reset; stopping queues that are not there harms nobody."""
    h.live()
    h.negotiate()
    for index in (2, 1, 0):
        h.write(R.QueueSel, index)
        h.write(R.QueueReady, 0)
        h.read(R.QueueReady)
    h.place()
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.queue-ready-read-0", "queue 0 was made ready, and QueueReady was not read as 0 before")
def _(h: Hands) -> None:
    h.negotiate()
    h.write(R.QueueSel, 0)
    h.read(R.QueueSizeMax)
    h.place()
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.queue-ready-read-0", "queue 0 was set up although its QueueReady read 1")
def _(h: Hands) -> None:
    h.answer(R.QueueReady, 1)
    h.live()


@breaks("inv.addresses-complete", "queue 0 was made ready before QueueDescHigh and QueueDeviceHigh was written")
def _(h: Hands) -> None:
    """A driver for 32 bits that counts on zeros."""
    h.negotiate()
    h.select()
    h.write(R.QueueSize, 8)
    for register, address in ((R.QueueDescLow, RAM_BASE), (R.QueueDriverLow, AVAIL), (R.QueueDeviceLow, USED)):
        h.write(register, address)
    h.write(R.QueueDriverHigh, 0)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.addresses-complete", "queue 0 was made ready before any of its address registers was written")
def _(h: Hands) -> None:
    h.negotiate()
    h.select()
    h.write(R.QueueSize, 8)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("inv.addresses-complete", "used ring (70 bytes) at 0x200 is not inside RAM")
def _(h: Hands) -> None:
    h.negotiate()
    h.select()
    h.place(used=0x200)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@obeys("inv.addresses-complete", "mmio.queue-stop-readback")
def _(h: Hands) -> None:
    """A queue that was stopped and read back keeps its addresses."""
    h.live()
    h.write(R.QueueReady, 0)
    h.read(R.QueueReady)
    h.write(R.QueueReady, 1)


@breaks("mmio.ctrl-32bit-aligned", "8-byte write at 0x080 (QueueDescLow): registers take aligned 4-byte accesses")
def _(h: Hands) -> None:
    """Three stores of 64 bits instead of six: all six registers are written."""
    h.negotiate()
    h.select()
    h.write(R.QueueSize, 8)
    for register, address in ((R.QueueDescLow, RAM_BASE), (R.QueueDriverLow, AVAIL), (R.QueueDeviceLow, USED)):
        h.p.port.store(register.offset, 8, address)
    h.write(R.QueueReady, 1)
    h.write(R.Status, 15)


@breaks("vqreset.reenable-full-config", "queue 0 was made ready again after its reset without QueueSize")
def _(h: Hands) -> None:
    h.live(RING_RESET)
    reset_queue(h)
    for register, address in zip(AREAS, (RAM_BASE, 0, RAM_BASE + 0x2000, 0, RAM_BASE + 0x4000, 0), strict=True):
        h.write(register, address)
    h.write(R.QueueReady, 1)


@breaks("vqreset.reenable-full-config", "without QueueSize and 6 more registers")
def _(h: Hands) -> None:
    h.live(RING_RESET)
    reset_queue(h)
    h.write(R.QueueReady, 1)


@obeys("vqreset.reenable-full-config", "vqreset.verify-done", "mmio.vqreset-poll-zero")
def _(h: Hands) -> None:
    h.live(RING_RESET)
    reset_queue(h)
    h.place()
    h.write(R.QueueReady, 1)


@breaks("vqreset.verify-done", "queue 0: QueueSize was written after QueueReset = 1, and QueueReset not read")
def _(h: Hands) -> None:
    h.live(RING_RESET)
    h.write(R.QueueReset, 1)
    h.place()
    h.write(R.QueueReady, 1)


@breaks("mmio.vqreset-poll-zero", "queue 0: QueueSize was written while its QueueReset still read 1")
def _(h: Hands) -> None:
    h.live(RING_RESET)
    h.answer(R.QueueReset, 1)
    reset_queue(h)
    h.place()
    h.write(R.QueueReady, 1)


@breaks("mmio.queue-stop-write0", "queue 0 was set up anew while it is in use", "mmio.no-queue-reg-when-ready")
def _(h: Hands) -> None:
    h.live()
    h.place()
    h.write(R.QueueReady, 1)


@obeys("mmio.queue-stop-write0", "init.setup-before-driver-ok")
def _(h: Hands) -> None:
    """Saying once more that the queue is ready changes nothing."""
    h.live()
    h.write(R.QueueReady, 1)


@breaks("mmio.queue-stop-readback", "queue 0: QueueReady was written as 0 and not read back")
def _(h: Hands) -> None:
    h.live()
    h.write(R.QueueReady, 0)


@breaks("mmio.queue-stop-readback", "queue 0: QueueReady was written as 0 and not read back", "inv.queue-ready-read-0")
def _(h: Hands) -> None:
    h.live()
    h.write(R.QueueReady, 0)
    h.place()
    h.write(R.QueueReady, 1)


@obeys("mmio.queue-stop-readback", on=console)
def _(h: Hands) -> None:
    """All queues are stopped before the first is read back; a reset stops them as well."""
    h.negotiate()
    h.queue(0), h.queue(1)
    h.write(R.Status, 15)
    for access in (h.write, h.read):
        for index in (0, 1):
            h.write(R.QueueSel, index)
            access(R.QueueReady, *[0] * (access == h.write))
    h.live()
    h.write(R.QueueReady, 0)
    h.write(R.Status, 0)


@breaks("init.setup-before-driver-ok", "queue 1 was set up after DRIVER_OK (Status is 0x0f)", on=console)
def _(h: Hands) -> None:
    h.live()
    h.queue(1)


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_breaks_a_rule_is_told_so_with_the_values(
    rules: tuple[str, ...], says: str, script: Script, on: Make
) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_comes_close_is_left_alone(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_each_rule_has_a_script_of_both_kinds() -> None:
    scripts.check_complete([Queues])


def test_a_driver_that_names_very_many_queues_is_not_remembered_for_ever() -> None:
    h = rng()
    h.negotiate(RING_RESET)
    for index in range(3 * MOST_QUEUES):
        h.write(R.QueueSel, index)
        h.read(R.QueueSizeMax, R.QueueReady)
        h.write(R.QueueReset, 1)
        h.write(R.QueueReady, 1)
    (watch,) = h.sanitizer._watches.values()
    (queues,) = [chapter for chapter in watch.chapters if isinstance(chapter, Queues)]
    assert (len(queues.known), len(queues.most)) == (MOST_QUEUES, MOST_QUEUES)
