"""From a device's raised wire to the hart's trap: the links in their order, and the first that is broken.

Each link is a small function of plain numbers: `Delivery` is a look at the PLIC and the CSRs that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from emu.broken import UNHEARD, Broken
from emu.plic import Plic, Source
from emu.traps import MPP_SHIFT, Irq, M, Mstatus, S

MODES = {0: "U", 1: "S", 3: "M"}
CONTEXTS = ("M", "S")
"""The mode whose external interrupt a context of the PLIC drives."""
PINS = (Irq.MEIP, Irq.SEIP)
PLIC_BASE = 0x0C000000


class Csrs(Protocol):
    """What the hart takes an interrupt by; each has `.value`, `xlen` is 32 or 64."""

    xlen: int
    mip: Any
    mie: Any
    mideleg: Any
    mstatus: Any
    mcause: Any
    mepc: Any
    scause: Any
    sepc: Any
    priv: Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """`source` at the PLIC, and the hart's CSRs; `mode` is 0 (U), 1 (S) or 3 (M); `causes` and `epcs`: of M, of S."""

    source: Source
    mip: int
    mie: int
    mideleg: int
    mstatus: int
    mode: int
    xlen: int = 64
    causes: tuple[int, int] = (0, 0)
    epcs: tuple[int, int] = (0, 0)

    @property
    def facts(self) -> tuple[str, str]:
        """Two lines with every value that the links look at."""
        source = self.source
        contexts = "; ".join(
            f"context {i} ({mode}): {'enabled' if on else 'not enabled'}, threshold {least}"
            for i, (mode, on, least) in enumerate(zip(CONTEXTS, source.enabled, source.threshold, strict=False))
        )
        state = ", ".join(w for w, on in (("pending", source.pending), ("claimed", source.claimed)) if on)
        return (
            f"PLIC source {source.irq}: {state or 'not pending'}, priority {source.priority}; {contexts}",
            f"hart: {MODES.get(self.mode, '?')} mode, mip {self.mip:#x}, mie {self.mie:#x}, "
            f"mideleg {self.mideleg:#x}, mstatus.MIE {self._bit(Mstatus.MIE)}, SIE {self._bit(Mstatus.SIE)}",
        )

    def _bit(self, bit: int) -> int:
        return int(bool(self.mstatus & bit))


def look(plic: Plic, core: Csrs, irq: int) -> Delivery:
    """How things are for source `irq` now."""
    return Delivery(
        plic.source(irq), int(core.mip.value), int(core.mie.value), int(core.mideleg.value), int(core.mstatus.value),
        int(core.priv.value), core.xlen, (int(core.mcause.value), int(core.scause.value)),
        (int(core.mepc.value), int(core.sepc.value)),
    )  # fmt: skip


def completed(d: Delivery) -> Broken | None:
    """A source in service waits for its completion."""
    s = d.source
    if not s.claimed:
        return None
    again = "; it is pending again and must wait" if s.pending else ""
    return _broken(
        f"PLIC source {s.irq} was claimed and never completed{again}",
        "PLIC, Interrupt Completion",
        f"write {s.irq} back to the claim register of the context that claimed it when its handler is done",
    )


def pending(d: Delivery) -> Broken | None:
    """A wire that stays up does not make a source pending again on this board."""
    s = d.source
    if s.pending:
        return None
    return _broken(
        f"the wire to PLIC source {s.irq} stays up from an earlier interrupt, and only a rising edge makes it pending",
        "PLIC, Interrupt Gateways",
        "let the handler make the device drop its wire: write the bits read from InterruptStatus to InterruptACK",
    )


def priority(d: Delivery) -> Broken | None:
    """Priority 0 never interrupts."""
    s = d.source
    if s.priority:
        return None
    return _broken(
        f"PLIC source {s.irq} is pending with priority 0, which means never interrupt",
        "PLIC, Interrupt Priorities",
        f"write 1 to 7 to the source's priority register at {PLIC_BASE + 4 * s.irq:#x}",
    )


def enabled(d: Delivery) -> Broken | None:
    """The source must be enabled for a context of this hart."""
    s = d.source
    if any(s.enabled):
        return None
    at = PLIC_BASE + 0x2000 + s.irq // 32 * 4
    return _broken(
        f"PLIC source {s.irq} is pending, but no context of the hart has it enabled",
        "PLIC, Interrupt Enables",
        f"set bit {s.irq % 32} of the enable word at {at:#x} (context 0, M mode) or {at + 0x80:#x} (context 1, S mode)",
    )


def threshold(d: Delivery) -> Broken | None:
    """The priority has to exceed the threshold of an enabled context."""
    s = d.source
    if _open_contexts(s):
        return None
    context, least = next((i, s.threshold[i]) for i, on in enumerate(s.enabled) if on)
    return _broken(
        f"PLIC source {s.irq} is pending with priority {s.priority}, and the threshold of context {context} "
        f"({CONTEXTS[context]} mode) is {least}: only a higher priority passes",
        "PLIC, Priority Thresholds",
        f"write a threshold below {s.priority} to {PLIC_BASE + 0x200000 + 0x1000 * context:#x}, or raise the priority",
    )


def taken(d: Delivery) -> Broken | None:
    """mie, mideleg, and mstatus with the privilege: the context that comes furthest speaks."""
    found = [_at_the_hart(d, context) for context in _open_contexts(d.source)]
    if any(broken is None for _, broken in found):
        return None
    return max(found, key=lambda pair: pair[0])[1] if found else None


LINKS: tuple[Callable[[Delivery], Broken | None], ...] = (completed, pending, priority, enabled, threshold, taken)
"""In the order in which an interrupt passes them."""


def first_broken(d: Delivery) -> tuple[str, Broken] | None:
    """The first broken link behind a wire that is up, by name; None: the interrupt is about to be taken."""
    for link in LINKS:
        broken = link(d)
        if broken is not None:
            return link.__name__, broken
    return None


def _open_contexts(s: Source) -> list[int]:
    here = zip(s.enabled, s.threshold, CONTEXTS, strict=False)
    return [i for i, (on, least, _) in enumerate(here) if on and s.priority > least]


def _at_the_hart(d: Delivery, context: int) -> tuple[int, Broken | None]:
    """How far the interrupt of a context comes (a number to compare), and what stops it."""
    pin, mode = PINS[context], CONTEXTS[context]
    name = f"{mode}EIP"
    if not d.mie & pin:
        return 0, _broken(
            f"mip.{name} is pending and mie.{mode}EIE is 0 (mie {d.mie:#x})",
            "Privileged 3.1.9",
            f"set bit {int(pin).bit_length() - 1} of {'mie' if context == 0 else 'sie or mie'}",
        )
    target = S if d.mideleg & pin else M
    target_name = MODES[target]
    if d.mode > target:
        return 1, _broken(
            f"mip.{name} is delegated to S mode (mideleg {d.mideleg:#x}), and the hart is in M mode, which takes none",
            "Privileged 3.1.8",
            f"leave M mode by mret, or clear bit {int(pin).bit_length() - 1} of mideleg",
        )
    bit = Mstatus.SIE if target == S else Mstatus.MIE
    if d.mode == target and not d.mstatus & bit:
        return 2, _broken(
            f"mip.{name} and mie.{mode}EIE are set, but mstatus.{target_name}IE is 0 and the hart is in {target_name} "
            f"mode{_handler(d, target)}",
            "Privileged 3.1.6.1",
            f"set mstatus.{target_name}IE; a trap handler must end with {target_name.lower()}ret",
        )
    return 3, None


def _handler(d: Delivery, mode: int) -> str:
    """What the trap CSRs say of a handler that the hart may still be in."""
    was = d.mstatus & (Mstatus.SPIE if mode == S else Mstatus.MPIE)
    cause, epc = (d.causes[mode == S], d.epcs[mode == S])
    if not was or not (cause or epc):
        return ""
    x = MODES[mode].lower()
    came = MODES.get(d.mstatus >> MPP_SHIFT & 3 if mode == M else d.mstatus >> 8 & 1, "?")
    return f" (perhaps still in a handler: {x}cause {cause:#x}, {x}epc {epc:#x}, from {came} mode)"


def _broken(message: str, section: str, hint: str) -> Broken:
    return Broken(message, section, hint, UNHEARD)
