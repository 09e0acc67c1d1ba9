"""Rules of interrupts and rings that need a device which provokes them: for each two drivers."""

from __future__ import annotations

import pytest
from hands import Hands, Make, Script, Scripts
from probed import READ, blk, last, request, rng, take
from test_sanitizer_probes import EVENT_IDX
from test_sanitizer_probes import scripts as of_registers

from virtio.registers import VirtioMmio as R
from virtio.sanitizer.chapters.probes import Probes

scripts = Scripts()
breaks, obeys = scripts.breaks, scripts.obeys


@breaks("split.handle-spurious-irq", "an interrupt without anything in a used ring was never acknowledged",
        "mmio.irq-ack-after", on=rng("spurious-interrupt"))  # fmt: skip
def _(h: Hands) -> None:
    """Nothing new in the ring, so it returns without acknowledging, and is called again at once."""
    queue = h.live()
    queue.add(16)
    queue.notify()
    while h.p.irq.level and len(h.p.events) < 200:
        status = h.read(R.InterruptStatus)
        if queue.used():
            h.write(R.InterruptACK, status)


@obeys("split.handle-spurious-irq", on=rng("spurious-interrupt"))
def _(h: Hands) -> None:
    queue = h.live()
    for _i in range(20):
        request(queue)


@obeys("split.handle-spurious-irq", on=rng("spurious-interrupt"))
def _(h: Hands) -> None:
    """The run may end before the driver can look."""
    queue = h.live()
    queue.add(16)
    queue.notify()
    h.write(R.InterruptACK, h.read(R.InterruptStatus))


@breaks("mmio.irqstatus-ignore-undef", "InterruptStatus read 0x5, and its defined bits were never acknowledged",
        "mmio.irq-ack-after", on=rng("undefined-interrupt"))  # fmt: skip
def _(h: Hands) -> None:
    """It knows 1, 2 and 3, and 5 is none of them."""
    queue = h.live()
    queue.add(16)
    queue.notify()
    while h.p.irq.level and len(h.p.events) < 200:
        status = h.read(R.InterruptStatus)
        if status in (1, 2, 3):
            h.write(R.InterruptACK, status)


@obeys("mmio.irqstatus-ignore-undef", on=rng("undefined-interrupt", last))
def _(h: Hands) -> None:
    queue = h.live()
    for _i in range(20):
        request(queue)


@breaks("mmio.irq-ack-no-undef", "InterruptACK: undefined bits 0x4", on=rng("undefined-interrupt"))
def _(h: Hands) -> None:
    """It acknowledges whatever it reads."""
    queue = h.live()
    queue.add(16)
    queue.notify()
    h.write(R.InterruptACK, h.read(R.InterruptStatus))


@breaks("blk.capacity-recheck", "the configuration changed, with an interrupt, and capacity was not read again",
        on=blk("config-interrupt"))  # fmt: skip
def _(h: Hands) -> None:
    queue = h.live()
    for _i in range(5):
        request(queue, *READ)


@obeys("blk.capacity-recheck", on=blk("config-interrupt"))
def _(h: Hands) -> None:
    queue = h.live()
    for _i in range(5):
        before = h.p.transport.generation
        request(queue, *READ)
        if h.p.transport.generation != before:
            h.read(R.ConfigGeneration)
            h.config((0, 4), (4, 4))
            h.read(R.ConfigGeneration)


@breaks("evidx.ignore-used-flags-bit0", "queue 0: avail.idx 2 passed avail_event 1, used.flags is 1, and no kick came",
        "evidx.kick-on-crossing", on=rng("used-flags"))  # fmt: skip
def _(h: Hands) -> None:
    queue = h.live(EVENT_IDX)
    for _i in range(2):
        queue.add(16)
        if not h.p.memory.get16(queue.used_ring):
            queue.notify()
            take(queue)
    h.write(R.Status, 0)
    h.read(R.Status)


@obeys("evidx.ignore-used-flags-bit0", on=rng("used-flags"))
def _(h: Hands) -> None:
    queue = h.live(EVENT_IDX)
    for _i in range(20):
        request(queue)
    h.write(R.Status, 0)
    h.read(R.Status)


@breaks("split.ignore-avail-event-no-evidx", "queue 0: avail.idx 2 did not pass avail_event 8192, without EVENT_IDX",
        "split.kick-when-required", on=rng("avail-event"))  # fmt: skip
def _(h: Hands) -> None:
    queue = h.live()
    request(queue)
    queue.add(16)
    if h.p.memory.get16(queue.used_ring + 4 + 8 * queue.size) == 1:
        queue.notify()
    h.write(R.Status, 0)
    h.read(R.Status)


@obeys("split.ignore-avail-event-no-evidx", on=rng("avail-event", last))
def _(h: Hands) -> None:
    queue = h.live()
    for _i in range(20):
        request(queue)
    h.write(R.QueueReady, 0)
    h.read(R.QueueReady)


@breaks("status.no-rely-after-needs-reset", "queue 0 notified, a reset is needed", on=rng("needs-reset"))
def _(h: Hands) -> None:
    queue = h.live()
    request(queue)
    request(queue)


@obeys("status.no-rely-after-needs-reset", on=rng("needs-reset"))
def _(h: Hands) -> None:
    request(h.live())
    request(h.live())


@pytest.mark.parametrize(("rules", "says", "script", "on"), scripts.broken, ids=scripts.broken_ids)
def test_a_driver_that_takes_it_wrong_is_told(rules: tuple[str, ...], says: str, script: Script, on: Make) -> None:
    scripts.check_broken(rules, says, script, on)


@pytest.mark.parametrize(("rule", "script", "on"), scripts.obeyed, ids=scripts.obeyed_ids)
def test_a_driver_that_takes_it_right_is_told_nothing(rule: str, script: Script, on: Make) -> None:
    scripts.check_obeyed(script, on)


def test_every_rule_of_probes_has_both_kinds_of_driver() -> None:
    both = Scripts(of_registers.broken + scripts.broken, of_registers.obeyed + scripts.obeyed)
    both.check_complete([Probes])
