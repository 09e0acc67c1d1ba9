"""From a raised wire to the trap: each link is named by the values that break it, and in its order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emu.delivery import LINKS, Delivery, first_broken, look
from emu.hart import Hart
from emu.irq import Line
from emu.memory import Ram
from emu.plic import Plic, Source
from emu.traps import Irq, M, Mstatus, S

MIE, SIE, MPIE = int(Mstatus.MIE), int(Mstatus.SIE), int(Mstatus.MPIE)
MEIP, SEIP = int(Irq.MEIP), int(Irq.SEIP)
WAITING = Source(1, True, False, 1, (True, False), (0, 0))
TO_M = Delivery(WAITING, MEIP, MEIP, 0, MIE, M)
TO_S = Delivery(replace(WAITING, enabled=(False, True)), SEIP, SEIP, SEIP, SIE, S)


def said(d: Delivery) -> str:
    found = first_broken(d)
    assert found is not None
    name, broken = found
    assert broken.hint and name in [link.__name__ for link in LINKS]
    return f"{name}: {broken.message} [{broken.section}]"


@pytest.mark.parametrize("d", [TO_M, TO_S, replace(TO_M, mode=0, mstatus=0), replace(TO_S, mode=0, mstatus=0)])
def test_where_every_link_holds_the_interrupt_is_about_to_be_taken(d: Delivery) -> None:
    assert first_broken(d) is None


def source(**values: object) -> Delivery:
    return replace(TO_M, source=replace(WAITING, **values))  # type: ignore[arg-type]  # by the caller's keywords


@pytest.mark.parametrize(
    ("d", "sentence"),
    [
        (
            source(claimed=True),
            "completed: PLIC source 1 was claimed and never completed; it is pending again and must wait "
            "[PLIC, Interrupt Completion]",
        ),
        (
            source(claimed=True, pending=False),
            "completed: PLIC source 1 was claimed and never completed [PLIC, Interrupt Completion]",
        ),
        (
            source(pending=False),
            "pending: the wire to PLIC source 1 stays up from an earlier interrupt, and only a rising edge makes it "
            "pending [PLIC, Interrupt Gateways]",
        ),
        (
            source(priority=0),
            "priority: PLIC source 1 is pending with priority 0, which means never interrupt "
            "[PLIC, Interrupt Priorities]",
        ),
        (
            source(enabled=(False, False)),
            "enabled: PLIC source 1 is pending, but no context of the hart has it enabled [PLIC, Interrupt Enables]",
        ),
        (
            source(threshold=(1, 0)),
            "threshold: PLIC source 1 is pending with priority 1, and the threshold of context 0 (M mode) is 1: only "
            "a higher priority passes [PLIC, Priority Thresholds]",
        ),
        (
            replace(TO_M, mie=0x80),
            "taken: mip.MEIP is pending and mie.MEIE is 0 (mie 0x80) [Privileged 3.1.9]",
        ),
        (
            replace(TO_M, mstatus=0),
            "taken: mip.MEIP and mie.MEIE are set, but mstatus.MIE is 0 and the hart is in M mode "
            "[Privileged 3.1.6.1]",
        ),
        (
            replace(TO_M, mstatus=MPIE, causes=(0x8000000B, 0), epcs=(0x80000010, 0)),
            "taken: mip.MEIP and mie.MEIE are set, but mstatus.MIE is 0 and the hart is in M mode (perhaps still in a "
            "handler: mcause 0x8000000b, mepc 0x80000010, from U mode) [Privileged 3.1.6.1]",
        ),
        (
            replace(TO_S, mie=0),
            "taken: mip.SEIP is pending and mie.SEIE is 0 (mie 0x0) [Privileged 3.1.9]",
        ),
        (
            replace(TO_S, mode=M),
            "taken: mip.SEIP is delegated to S mode (mideleg 0x200), and the hart is in M mode, which takes none "
            "[Privileged 3.1.8]",
        ),
        (
            replace(TO_S, mstatus=0),
            "taken: mip.SEIP and mie.SEIE are set, but mstatus.SIE is 0 and the hart is in S mode "
            "[Privileged 3.1.6.1]",
        ),
        (
            replace(TO_S, mideleg=0, mode=M),
            "taken: mip.SEIP and mie.SEIE are set, but mstatus.MIE is 0 and the hart is in M mode "
            "[Privileged 3.1.6.1]",
        ),
    ],
)
def test_the_first_broken_link_is_named_with_its_values(d: Delivery, sentence: str) -> None:
    assert said(d) == sentence


def test_of_two_enabled_contexts_the_one_that_comes_furthest_speaks() -> None:
    both = replace(TO_M, source=replace(WAITING, enabled=(True, True)), mie=SEIP, mideleg=SEIP, mode=S, mstatus=0)
    assert said(both).startswith("taken: mip.SEIP and mie.SEIE are set, but mstatus.SIE is 0")
    assert first_broken(replace(both, mstatus=SIE)) is None


def test_hints_name_the_registers_of_the_source() -> None:
    far = Source(33, True, False, 1, (False, False), (0, 0))
    name, broken = first_broken(replace(TO_M, source=far)) or ("", None)
    assert broken is not None and name == "enabled"
    assert broken.hint.startswith("set bit 1 of the enable word at 0xc002004 (context 0, M mode) or 0xc002084")


def test_a_look_at_the_plic_and_the_hart_changes_neither() -> None:
    hart = Hart(Ram(0x80000000, 1 << 16), 64)
    hart.reset(0x80000000)
    plic = Plic([Line(lambda level: hart.set_mip(Irq.MEIP, level)).set, Line().set])
    plic.store(4, 4, 3)
    plic.store(0x2000, 4, 2)
    plic.line(1).set(True)
    found = look(plic, hart.core, 1)
    assert found.source == Source(1, True, False, 3, (True, False), (0, 0))
    assert (found.mip, found.mode, found.xlen) == (MEIP, M, 64)
    assert look(plic, hart.core, 1) == found
    assert found.facts == (
        "PLIC source 1: pending, priority 3; context 0 (M): enabled, threshold 0; context 1 (S): not enabled, "
        "threshold 0",
        "hart: M mode, mip 0x800, mie 0x0, mideleg 0x0, mstatus.MIE 0, SIE 0",
    )
    assert plic.load(0x200004, 4) == 1
    assert look(plic, hart.core, 1).source.claimed


@pytest.mark.parametrize("irq", [0, 96])
def test_a_source_that_does_not_exist_is_named(irq: int) -> None:
    with pytest.raises(ValueError, match=rf"PLIC source {irq} is not in 1\.\.95"):
        Plic([]).source(irq)
