"""A hart's registers: all of them come back in another hart, and what would harm the core is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asm import assemble

from emu.config import Stop
from emu.hart import Hart
from emu.memory import Ram
from emu.snapshot import BadState
from emu.traps import Irq

BASE = 0x80000000
XLEN = pytest.mark.parametrize("xlen", [32, 64])
pytestmark = pytest.mark.usefixtures("pace")
PMPCFG0, PMPADDR0, PMPADDR5, FCSR = 0x3A0, 0x3B0, 0x3B5, 3
SET = f"""
    li t0, 0x6000
    csrrs zero, mstatus, t0
    li t0, 0x1234568
    .word {PMPADDR0 << 20 | 5 << 15 | 0x1073:#x}
    li t0, 0x2345678
    .word {PMPADDR5 << 20 | 5 << 15 | 0x1073:#x}
    li t0, 0x1b
    .word {PMPCFG0 << 20 | 5 << 15 | 0x1073:#x}
    li t0, 0x65
    .word {FCSR << 20 | 5 << 15 | 0x1073:#x}
    la t0, data
    .word 0x0002b187        # fld f3, 0(t0)
    li t0, 0x111
    csrw mscratch, t0
    li t0, 0x222
    csrw sscratch, t0
    li t0, 0x80000301
    csrw mtvec, t0
    li s11, -5
    wfi
    .align 8
    data: .word 0x9abcdef0
    .word 0x12345678
"""


def hart(xlen: int) -> Hart:
    return Hart(Ram(BASE, 1 << 20), xlen)


def prepared(xlen: int) -> Hart:
    """A hart that has set registers of every kind."""
    found = hart(xlen)
    found.ram.write(BASE, assemble(SET, xlen))
    found.reset(BASE)
    assert found.run(100) is Stop.WAITING
    return found


@XLEN
def test_every_register_comes_back_in_another_hart(xlen: int) -> None:
    one, other = prepared(xlen), hart(xlen)
    state = json.loads(json.dumps(one.snapshot()))
    assert state["f"][3] == 0x123456789ABCDEF0
    csrs = state["csrs"]
    assert (csrs["fcsr"], csrs["mscratch"], csrs["sscratch"], csrs["mtvec"]) == (0x65, 0x111, 0x222, 0x80000301)
    assert (state["pmpaddr"][0], state["pmpaddr"][5], state["pmpcfg"][0]) == (0x1234568, 0x2345678, 0x1B)
    assert (state["x"][26], state["instructions"]) == ((1 << xlen) - 5, one.instructions)
    other.restore(state)
    assert other.snapshot() == state
    assert other.ram.read(BASE, 1 << 20) == bytes(1 << 20), "nothing is left of the way there"


@XLEN
def test_looking_at_a_hart_changes_nothing(xlen: int) -> None:
    one = prepared(xlen)
    first = one.snapshot()
    assert one.snapshot() == first
    assert one.core.x[27] == (1 << xlen) - 5


@XLEN
def test_a_pending_interrupt_is_taken_by_the_restored_hart(xlen: int) -> None:
    one, other = hart(xlen), hart(xlen)
    one.reset(BASE)
    core = one.core
    core.mie.value, core.mtvec.value, core.mstatus.value = Irq.MTIP, BASE + 0x100, core.mstatus.value | 8
    one.set_mip(Irq.MTIP, True)
    other.restore(one.snapshot())
    other.ram.write(BASE, assemble("stay: j stay", xlen))
    other.ram.write(BASE + 0x100, assemble("wfi", xlen))
    assert other.run(1000) is Stop.WAITING
    assert other.core.mcause.value == 1 << xlen - 1 | 7


def test_a_locked_entry_that_forbids_everything_comes_back_too() -> None:
    one = prepared(64)
    state = one.snapshot()
    state["pmpcfg"][0], state["pmpaddr"][0] = 0x98, (1 << 53) - 1
    other = hart(64)
    other.restore(state)
    assert other.snapshot() == state


def put(*path: Any, value: Any) -> Callable[[Any], None]:
    """A change of one field of a state."""

    def change(state: Any) -> None:
        for key in path[:-1]:
            state = state[key]
        state[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("pc", value=BASE + 1), "pc: 0x80000001 is odd"),
        (put("privilege", value=2), "privilege: there is no mode 2"),
        (put("privilege", value=7), "privilege: 7 is not a number from 0x0 to 0x3"),
        (put("csrs", "satp", value=15 << 60), "csrs.satp: 0xf000000000000000 names no translation mode"),
        (put("csrs", "mip", value=1 << 20), "csrs.mip: 1048576 is not a number from 0x0 to 0xffff"),
        (put("csrs", "mstatus", value=-1), "csrs.mstatus: -1 is not a number"),
        (put("csrs", "dcsr", value=0), "csrs.'dcsr': unknown"),
        (put("x", value=[0] * 30), "x: [0, 0, 0, 0, 0"),
        (put("f", 7, value=1 << 64), "f: a number of more than 64 bits is not a number"),
        (put("pmpcfg", 8, value=7), "pmpcfg: the core makes 0x0 of 0x7 in CSR 0x3a2"),
        (put("instructions", value=1 << 63), "instructions: 9223372036854775808 is not a number"),
    ],
)  # fmt: skip
def test_what_no_core_could_hold_is_refused(change: Callable[[Any], None], message: str) -> None:
    state = prepared(64).snapshot()
    change(state)
    with pytest.raises(BadState) as caught:
        hart(64).restore(state)
    assert str(caught.value).startswith(message)
