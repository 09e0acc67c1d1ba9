"""A guest whose trap handler cannot be fetched faults for ever; the host can stop it all the same."""

from __future__ import annotations

import threading

import pytest
from paging import MODES, Mode, Paged

from emu.config import Stop
from emu.traps import S

pytestmark = pytest.mark.usefixtures("pace")
LOST = """
    li t0, 0x1000
    csrw medeleg, t0
    li t0, 0x40000000
    csrw stvec, t0
"""


@MODES
def test_a_run_ends_at_its_limit_though_no_instruction_can_be_executed(mode: Mode) -> None:
    guest = Paged(mode, "li t0, 0x50000000\njr t0", S, before=LOST)
    assert guest.run(5000) is Stop.LIMIT
    assert guest.hart.instructions == 5000
    assert guest.hart.core.scause.value == 12
    assert guest.hart.core.sepc.value == 0x40000000


@MODES
def test_another_thread_can_stop_it(mode: Mode) -> None:
    guest = Paged(mode, "li t0, 0x50000000\njr t0", S, before=LOST)
    timer = threading.Timer(0.2, guest.hart.stop)
    timer.start()
    assert guest.run(1 << 60) is Stop.LIMIT
    timer.join()
