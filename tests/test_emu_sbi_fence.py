"""A remote fence through the SBI makes the hart see page tables as they are now."""

from __future__ import annotations

import pytest
from asm import BASE
from bare import XLEN
from s_mode import CALL, s_mode

from emu.machine import End
from emu.sbi_spec import Extension

PAGED = """
    csrw satp, s0
    sfence.vma
    lw s2, 0(s1)
    sx s5, 0(s4)
    li a0, 1
    li a1, 0
    {}
    lw s6, 0(s1)
    wfi
"""


@XLEN
@pytest.mark.parametrize(
    ("fence", "after"), [(CALL.format(Extension.RFENCE, 1), 222), (CALL.format(Extension.RFENCE, 2), 222), ("", 111)]
)
def test_a_fence_lets_the_hart_see_a_changed_page_table(xlen: int, fence: str, after: int) -> None:
    machine, _ = s_mode(PAGED.format(fence), xlen)
    ram, x, size = machine.ram, machine.hart.core.x, xlen // 8
    put = ram.put32 if xlen == 32 else ram.put64
    tables = [BASE + 0x8000, BASE + 0x9000, BASE + 0xA000][: 2 if xlen == 32 else 3]
    old, new = BASE + 0xC000, BASE + 0xD000
    ram.put32(old, 111)
    ram.put32(new, 222)
    shift = 22 if xlen == 32 else 30
    put(tables[0] + (BASE >> shift) * size, BASE >> 2 | 0xCF)  # the program, at its own address
    put(tables[0] + (0x40000000 >> shift) * size, tables[1] >> 2 | 1)
    if xlen == 64:
        put(tables[1], tables[2] >> 2 | 1)
    put(tables[-1], old >> 2 | 0xCF)
    x[8] = tables[0] >> 12 | (1 << 31 if xlen == 32 else 8 << 60)
    x[9], x[20], x[21] = 0x40000000, tables[-1], new >> 2 | 0xCF
    assert machine.run(5) is End.STUCK
    assert (x[18], x[22]) == (111, after), "without a fence the core goes on with what it knows"
