"""Why the slot's interrupt is up: InterruptStatus, InterruptACK and the wire (4.2.2, 4.2.3.4)."""

from __future__ import annotations

from typing import ClassVar

from emu.irq import Line
from emu.snapshot import Number, Saved
from emu.trace import Trace
from virtio.events import InterruptStatusChanged
from virtio.spec import Interrupt


class Pending(Saved):
    """What the driver has not acknowledged: `status` in the bits of `Interrupt`; `irq` is up while one is set."""

    saved: ClassVar = {"status": Number(3)}

    def __init__(self, irq: Line, trace: Trace, source: str) -> None:
        self.irq = irq
        self.trace = trace
        self.source = source
        self.status = 0

    def restored(self) -> None:
        self.irq.level = self.status != 0  # whoever is behind the wire knows

    def add(self, event: Interrupt) -> None:
        """Something happened; it stays until it is acknowledged (4.2.2.1)."""
        self._set(self.status | int(event))

    def remove(self, events: int) -> None:
        """The driver acknowledged `events`, or a reset did away with all of them."""
        self._set(self.status & ~events)

    def _set(self, status: int) -> None:
        if status != self.status:
            self.status = status
            if self.trace.on:
                self.trace.publish(InterruptStatusChanged(self.source, self.status))
        self.irq.set(status != 0)
