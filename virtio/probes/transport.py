"""A slot with probes: the transport as it is, which asks them at a few points. Without probes it is not used."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from emu.irq import Line
from emu.memory import BadAddress, Memory
from emu.trace import NO_TRACE, Trace
from virtio.device import Device
from virtio.mmio import MmioTransport
from virtio.probes.decoy import Decoy
from virtio.probes.probe import Choice, Probe
from virtio.queue.chain import Chain
from virtio.queue.split import Queue
from virtio.registers import CONFIG, VirtioMmio


class ProbedQueue(Queue):
    """A queue of a probed slot."""

    probes: Sequence[Probe] = ()

    def look(self) -> None:
        super().look()
        with suppress(BadAddress):  # memory that went away: the queue finds out by itself
            for probe in self.probes if self.usable else ():
                probe.kicked(self)

    def push(self, chain: Chain) -> None:
        with suppress(BadAddress):
            for probe in self.probes:
                probe.returning(self, chain)
        super().push(chain)


class ProbedTransport(MmioTransport):
    """A slot under those of `kinds` that fit what is in it; an empty slot can have but one."""

    queue_class = ProbedQueue

    def __init__(
        self,
        device: Device | None,
        memory: Memory,
        irq: Line,
        trace: Trace = NO_TRACE,
        name: str = "virtio0",
        *,
        kinds: Sequence[type[Probe]],
        choose: Choice,
    ) -> None:
        super().__init__(device, memory, irq, trace, name)
        fitting = [kind for kind in kinds if kind.fits(device)]
        if device is None and fitting:
            fitting = [fitting[choose(len(fitting))]]
        self.probes = [kind(self, choose) for kind in fitting]
        self._decoy = any(isinstance(probe, Decoy) for probe in self.probes)
        for queue in self.queues:
            queue.probes = self.probes  # type: ignore[attr-defined]  # they are of queue_class

    def load(self, offset: int, width: int) -> int:
        if self._decoy and (width != 4 or offset >= CONFIG):
            return 0
        value = 0 if self._decoy else super().load(offset, width)
        if offset >= CONFIG:
            for probe in self.probes:
                probe.config_read()
        elif width == 4:
            register = VirtioMmio.at(offset)
            if register is not None:
                for probe in self.probes:
                    value = probe.read(register, value)
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        if self._decoy:
            return
        register = VirtioMmio.at(offset) if width == 4 else None
        value &= (1 << 8 * width) - 1
        if register is not None:
            for probe in self.probes:
                probe.before_write(register, value)
        super().store(offset, width, value)
        if register is not None:
            for probe in self.probes:
                probe.after_write(register, value)

    def agreeable(self) -> bool:
        return super().agreeable() and all(probe.agrees() for probe in self.probes)
