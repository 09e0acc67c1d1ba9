"""Probes of interrupts and queues: what comes, and what lies in memory, while the device is in use."""

from __future__ import annotations

from emu.regs import Reg
from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.mmio import MmioTransport
from virtio.probes.probe import Choice, Probe
from virtio.queue.chain import Chain
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio
from virtio.spec import Interrupt, UsedFlag
from virtio.status import DRIVER_OK, NEEDS_RESET

DEFINED_INTERRUPTS = 2
POISON, PIECE = b"\xa5", 0x10000
FAR = 0x2000
"""Chains that avail_event is away at least, more than any driver makes available between two kicks."""


class SpuriousInterrupt(Probe):
    name = "spurious-interrupt"
    summary = "an interrupt comes though no chain was returned"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.left = 1

    def after_write(self, register: Reg, value: int) -> None:
        if register is not VirtioMmio.InterruptACK or not value & Interrupt.USED_BUFFER:
            return
        self.left -= 1
        if self.left <= 0 and self.slot.status & (DRIVER_OK | NEEDS_RESET) == DRIVER_OK:
            self.left = 2 + self.choose(8)  # the acknowledgement of this one does not bring the next
            self.say("an interrupt for used buffers, and none was returned since the last")
            self.slot.pending.add(Interrupt.USED_BUFFER)


class UndefinedInterrupt(Probe):
    name = "undefined-interrupt"
    summary = "InterruptStatus shows a bit that is not defined, beside those that are"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.bit = 1 << DEFINED_INTERRUPTS + choose(32 - DEFINED_INTERRUPTS)
        self.before = 0

    def read(self, register: Reg, value: int) -> int:
        if register is not VirtioMmio.InterruptStatus:
            return value
        if value and not self.before:
            self.say(f"InterruptStatus shows {self.bit:#x} beside {value:#x}")
        self.before = value
        return value | self.bit if value else value


class NeedsReset(Probe):
    name = "needs-reset"
    summary = "the device breaks down, once, when a queue is kicked: DEVICE_NEEDS_RESET"
    alone = True

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        self.left = 1 + choose(3)

    def kicked(self, queue: Queue) -> None:
        self.left -= 1
        if self.left == 0:
            self.say("the device breaks down before it serves the kick", queue.index)
            self.slot.needs_reset("the probe needs-reset")


class UsedFlags(Probe):
    name = "used-flags"
    summary = "with EVENT_IDX, used.flags says NO_NOTIFY, which means nothing then"

    def kicked(self, queue: Queue) -> None:
        if queue.event_idx and queue.usable and not queue.words.used_flags:
            self.say(f"used.flags of queue {queue.index} is {int(UsedFlag.NO_NOTIFY)}, with EVENT_IDX", queue.index)
            queue.memory.put16(queue.device_area, UsedFlag.NO_NOTIFY)


class AvailEvent(Probe):
    name = "avail-event"
    summary = "without EVENT_IDX, garbage lies where avail_event would be"

    def kicked(self, queue: Queue) -> None:
        if queue.event_idx or not queue.usable:
            return
        garbage = (queue.last_avail + FAR + self.choose(FAR)) & 0xFFFF
        self.say(f"avail_event of queue {queue.index} is {garbage}, without EVENT_IDX", queue.index)
        queue.memory.put16(queue.device_area + 4 + 8 * queue.size, garbage)


class ShortUsed(Probe):
    name = "short-used"
    summary = "an entropy device gives fewer bytes than there is room for, and garbage behind them"

    def __init__(self, slot: MmioTransport, choose: Choice) -> None:
        super().__init__(slot, choose)
        if isinstance(slot.model, Rng):
            entropy = slot.model.entropy
            slot.model.entropy = lambda size: entropy(1 + choose(size))

    @classmethod
    def fits(cls, device: Device | None) -> bool:
        return isinstance(device, Rng)

    def returning(self, queue: Queue, chain: Chain) -> None:
        room, given = chain.room, chain.written
        if not room or not given or not queue.usable or chain.epoch != queue.epoch:
            return
        self.say(f"chain {chain.head}: {given} of {given + room} bytes, the rest is {POISON[0]:#x}", queue.index)
        try:
            while chain.room:
                chain.write(POISON * min(chain.room, PIECE))
        finally:
            chain.written = given
