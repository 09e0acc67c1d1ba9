"""The platform-level interrupt controller of QEMU's `virt` board (RISC-V PLIC specification, SiFive's layout).

A source becomes pending when its line rises. As in QEMU, completing it while the line is still high does not
pend it again: drivers of real boards rely on that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from emu.irq import Line
from emu.snapshot import BadState, Number, Numbers, Saved, bits

PRIORITY, PENDING, ENABLE, CONTEXT, SIZE = 0x0, 0x1000, 0x2000, 0x200000, 0x600000
ENABLE_STRIDE, CONTEXT_STRIDE = 0x80, 0x1000
MAX_PRIORITY = 7
WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Source:
    """What the PLIC knows of source `irq`; `enabled` and `threshold` are by context."""

    irq: int
    pending: bool
    claimed: bool
    priority: int
    enabled: tuple[bool, ...]
    threshold: tuple[int, ...]


class Plic(Saved):
    """Sources 1 to `sources`; one output a context (`outputs[0]` drives M-mode's MEIP, `outputs[1]` S-mode's SEIP).

    Registers are 32 bits wide; other accesses read 0 and do nothing.
    """

    saved: ClassVar = {
        "_priority": Numbers(Number(MAX_PRIORITY)), "_pending": bits(96), "_claimed": bits(96),
        "_enable": Numbers(bits(96)), "_threshold": Numbers(Number(MAX_PRIORITY)),
    }  # fmt: skip

    def __init__(self, outputs: Sequence[Callable[[bool], None]], sources: int = 95) -> None:
        self.sources = sources
        self._valid = (1 << sources + 1) - 2  # source 0 does not exist
        self._outputs = [Line(output) for output in outputs]
        self._priority = [0] * (sources + 1)
        self._pending = 0
        self._claimed = 0
        self._enable = [0] * len(outputs)
        self._threshold = [0] * len(outputs)

    def line(self, irq: int, heard: Callable[[bool], object] = lambda level: None) -> Line:
        """The wire into source `irq`, whose changes `heard` gets first; raises ValueError where there is no source."""
        self._check(irq)

        def changed(level: bool) -> None:
            heard(level)
            self._changed(irq, level)

        return Line(changed)

    def source(self, irq: int) -> Source:
        """A look at source `irq` that changes nothing; raises ValueError for a source that does not exist."""
        self._check(irq)
        pending, claimed = bool(self._pending >> irq & 1), bool(self._claimed >> irq & 1)
        enabled = tuple(bool(word >> irq & 1) for word in self._enable)
        return Source(irq, pending, claimed, self._priority[irq], enabled, tuple(self._threshold))

    def reset(self) -> None:
        """Everything disabled, nothing pending or claimed."""
        contexts = len(self._outputs)
        self._priority = [0] * (self.sources + 1)
        self._pending = self._claimed = 0
        self._enable, self._threshold = [0] * contexts, [0] * contexts
        self._update()

    def restored(self) -> None:
        if any(mask & ~self._valid for mask in (self._pending, self._claimed, *self._enable)):
            raise BadState(f"there are sources 1 to {self.sources} only", "pending, claimed or enable")
        for context, output in enumerate(self._outputs):
            output.level = self._best(context) != 0  # the hart knows

    def load(self, offset: int, width: int) -> int:
        if width != 4 or offset % 4:
            return 0
        if offset >= CONTEXT:
            context, register = divmod(offset - CONTEXT, CONTEXT_STRIDE)
            if context >= len(self._outputs):
                return 0
            if register == 4:
                return self._claim(context)
            return self._threshold[context] if register == 0 else 0
        if offset >= ENABLE:
            context, first = divmod(offset - ENABLE, ENABLE_STRIDE)
            return self._enable[context] >> first * 8 & WORD if context < len(self._enable) else 0
        if offset >= PENDING:
            return self._pending >> (offset - PENDING) * 8 & WORD
        return self._priority[offset // 4] if offset // 4 <= self.sources else 0

    def store(self, offset: int, width: int, value: int) -> None:
        if width != 4 or offset % 4:
            return
        if offset >= CONTEXT:
            context, register = divmod(offset - CONTEXT, CONTEXT_STRIDE)
            if context >= len(self._outputs):
                return
            if register == 4:
                self._complete(value)
            elif register == 0:
                self._threshold[context] = value & MAX_PRIORITY
        elif offset >= ENABLE:
            context, first = divmod(offset - ENABLE, ENABLE_STRIDE)
            if context >= len(self._enable):
                return
            kept = self._enable[context] & ~(WORD << first * 8)
            self._enable[context] = (kept | value << first * 8) & self._valid
        elif 0 < offset // 4 <= self.sources:
            self._priority[offset // 4] = value & MAX_PRIORITY
        self._update()

    def _check(self, irq: int) -> None:
        if not 1 <= irq <= self.sources:
            raise ValueError(f"PLIC source {irq} is not in 1..{self.sources}")

    def _changed(self, irq: int, level: bool) -> None:
        if level:  # a dropped line does not take a request back: the gateway has passed it on
            self._pending |= 1 << irq
            self._update()

    def _best(self, context: int) -> int:
        """The enabled, pending, unclaimed source of highest priority above the threshold (lowest id wins), or 0."""
        waiting = self._pending & ~self._claimed & self._enable[context]
        best, floor = 0, self._threshold[context]
        while waiting:
            irq = (waiting & -waiting).bit_length() - 1
            if self._priority[irq] > floor:
                best, floor = irq, self._priority[irq]
            waiting &= waiting - 1
        return best

    def _claim(self, context: int) -> int:
        irq = self._best(context)
        if irq:
            self._pending &= ~(1 << irq)
            self._claimed |= 1 << irq
            self._update()
        return irq

    def _complete(self, irq: int) -> None:
        if irq <= self.sources:
            self._claimed &= ~(1 << irq)

    def _update(self) -> None:
        for context, output in enumerate(self._outputs):
            output.set(self._best(context) != 0)
