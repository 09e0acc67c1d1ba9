"""Whoever asks to take an exception gets it before the guest's trap handler does."""

from __future__ import annotations

import pytest
from bare import HANDLER, TO_M, XLEN, Guest, drop_to

from emu.config import Stop
from emu.traps import S

pytestmark = pytest.mark.usefixtures("pace")


@XLEN
def test_an_ecall_from_s_mode_can_be_answered_by_the_host(xlen: int) -> None:
    guest = Guest(TO_M + drop_to(S) + "li a7, 7\necall\naddi a0, a0, 1\nwfi" + HANDLER, xlen)
    core = guest.hart.core

    def answer(pc: int) -> bool:
        core.x[10] = core.x[17] * 6
        return True

    guest.hart.exceptions.on_ecall = answer
    assert guest.run() is Stop.WAITING
    assert core.x[10] == 43


@XLEN
def test_an_instruction_that_the_core_lacks_can_be_done_by_the_host(xlen: int) -> None:
    guest = Guest(TO_M + ".word 0x0000000b\nwfi" + HANDLER, xlen)
    seen: list[int] = []

    def do(insn: int, pc: int) -> bool:
        seen.append(insn)
        guest.hart.core.x[10] = 99
        return True

    guest.hart.exceptions.on_illegal = do
    assert guest.run() is Stop.WAITING
    assert (seen, guest.hart.core.x[10]) == ([0x0000000B], 99)
