"""The queue registers of an MMIO slot (4.2.2): QueueSel picks the queue that all the others are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emu.regs import Reg, RegisterHandlers, reads, writes
from emu.trace import Trace
from virtio.events import UNREAD, QueueConfigured, RingWords, SpecViolation
from virtio.queue.sample import CLEAN, first_dirty
from virtio.queue.split import Queue, size_rule
from virtio.queue.walk import RingError
from virtio.registers import VirtioMmio

AREAS: dict[Reg, tuple[str, int]] = {
    VirtioMmio.QueueDescLow: ("descriptor_area", 0),
    VirtioMmio.QueueDescHigh: ("descriptor_area", 32),
    VirtioMmio.QueueDriverLow: ("driver_area", 0),
    VirtioMmio.QueueDriverHigh: ("driver_area", 32),
    VirtioMmio.QueueDeviceLow: ("device_area", 0),
    VirtioMmio.QueueDeviceHigh: ("device_area", 32),
}
"""Which attribute of a queue a register holds half of, and the lowest bit of that half."""


class QueueRegisters(RegisterHandlers):
    """Everything that QueueSel selects. What is written to a queue that is not there, or in use, is ignored."""

    queue_class: ClassVar[type[Queue]] = Queue

    def __init__(self, name: str, trace: Trace) -> None:
        self.name = name
        self.trace = trace
        self.queues: list[Queue] = []
        self.queue_sel = 0

    def violation(self, rule: str, section: str, message: str) -> None:
        """The driver broke `rule`."""
        if self.trace.on:
            self.trace.publish(SpecViolation(self.name, rule, section, message))

    def ring_reset_negotiated(self) -> bool:
        """Whether QueueReset may be used."""
        raise NotImplementedError

    @property
    def selected(self) -> Queue | None:
        """The queue that QueueSel names, if there is one."""
        return self.queues[self.queue_sel] if self.queue_sel < len(self.queues) else None

    def area_writers(self) -> dict[int, Callable[[int], None]]:
        """Offset -> handler of stores, for the six address registers."""
        return {register.offset: self._area_writer(register) for register in AREAS}

    def _area_writer(self, register: Reg) -> Callable[[int], None]:
        attribute, shift = AREAS[register]

        def write(value: int) -> None:
            queue = self._stopped(register)
            if queue is not None:
                other_half = getattr(queue, attribute) & ~(0xFFFFFFFF << shift)
                setattr(queue, attribute, other_half | value << shift)

        return write

    @writes(VirtioMmio.QueueSel)
    def _set_queue_sel(self, value: int) -> None:
        self.queue_sel = value

    @reads(VirtioMmio.QueueSizeMax)
    def _queue_size_max(self) -> int:
        return self.selected.size_max if self.selected is not None else 0

    @writes(VirtioMmio.QueueSize)
    def _set_queue_size(self, value: int) -> None:
        queue = self._stopped(VirtioMmio.QueueSize)
        if queue is None:
            return
        if not 0 < value <= queue.size_max:
            queue.size_refused = value
            message = f"queue {queue.index}: size {value} refused, 1 to {queue.size_max} is offered"
            self.violation(*size_rule(value), message)
            return
        if value & (value - 1):
            self.violation("inv.split-qsize-pow2", "2.7", f"queue {queue.index}: size {value} is not a power of 2")
        queue.size = value
        queue.size_refused = None

    @reads(VirtioMmio.QueueReady)
    def _queue_ready(self) -> int:
        return int(self.selected is not None and self.selected.ready)

    @writes(VirtioMmio.QueueReady)
    def _set_queue_ready(self, value: int) -> None:
        queue = self.selected
        if queue is None or queue.ready == bool(value):
            return
        left = queue.words if self.trace.on else UNREAD
        if not value:
            queue.stop()
        else:
            try:
                queue.start()
            except RingError as error:
                queue.refused = error.message
                self.violation(error.rule, error.section, f"{error.message}; QueueReady stays 0")
                return
        self._configured(queue, left)

    @reads(VirtioMmio.QueueReset)
    def _queue_reset(self) -> int:
        return 0  # a reset is over before the driver can look (2.6.1)

    @writes(VirtioMmio.QueueReset)
    def _set_queue_reset(self, value: int) -> None:
        if not self.ring_reset_negotiated():
            self.violation("mmio.no-undefined-access", "4.2.2.2", "QueueReset written without RING_RESET")
            return
        queue = self.selected
        if queue is not None and value & 1:
            left = queue.words if self.trace.on else UNREAD
            queue.reset()
            self._configured(queue, left)

    def _stopped(self, register: Reg) -> Queue | None:
        queue = self.selected
        if queue is not None and queue.ready:
            message = f"{register.name} written while queue {queue.index} is ready; ignored"
            self.violation("mmio.no-queue-reg-when-ready", "4.2.2.2", message)
            return None
        return queue

    def _configured(self, queue: Queue, left: RingWords = UNREAD) -> None:
        if self.trace.on:
            areas = (queue.descriptor_area, queue.driver_area, queue.device_area)
            dirty = first_dirty(queue.memory, *areas, queue.size) if queue.ready else CLEAN
            ring = queue.words if queue.ready else left
            self.trace.publish(QueueConfigured(self.name, queue.index, queue.ready, queue.size, *areas, ring, dirty))
