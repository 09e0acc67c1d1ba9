"""What the hart does with each exception that the engine reports: emulate the instruction, or enter the trap."""

from __future__ import annotations

from collections.abc import Callable

from emu.core import Core
from emu.csr import Csrs
from emu.decode import AMO, LR, csr_op, memory_access
from emu.memory import BadAddress, Ram
from emu.mmu import Effective, translate, walk
from emu.traps import WITH_ADDRESS, Cause, M, Mstatus, S, enter

Fault = tuple[Cause, int, int]
"""Cause, pc of the instruction, xtval."""
ACCESS_OF: dict[int, Cause] = {
    Cause.FETCH_PAGE_FAULT: Cause.FETCH_ACCESS, Cause.LOAD_PAGE_FAULT: Cause.LOAD_ACCESS,
    Cause.STORE_PAGE_FAULT: Cause.STORE_ACCESS,
}  # fmt: skip
"""What a page fault is called where a table could not be read."""


class Exceptions:
    """Looks at an exception and enters its trap, unless somebody takes it.

    `on_ebreak(pc)` and `on_ecall(pc)` (from S mode) are asked first, `on_illegal(insn, pc)` for an instruction that
    the core does not have; each returns whether it did what was meant (or the fault that doing it met). ebreak's must
    set pc itself, after the others the hart goes on behind the instruction (4 bytes).
    """

    def __init__(
        self, core: Core, ram: Ram, csrs: Csrs, flush_tlb: Callable[[], None], fetch: Callable[[int], int]
    ) -> None:
        self.core = core
        self.ram = ram
        self.csrs = csrs
        self.fetch = fetch
        self.on_ebreak: Callable[[int], bool] = lambda pc: False
        self.on_ecall: Callable[[int], bool] = lambda pc: False
        self.on_illegal: Callable[[int, int], bool | Fault] = lambda insn, pc: False
        self.flush_tlb = flush_tlb
        self._mask = (1 << core.xlen) - 1

    def enter(self, cause: int, pc: int, tval: int) -> None:
        """Enter the trap, and forget translations that hold no longer."""
        core = self.core
        mprv = core.priv.value == M and core.mstatus.value & Mstatus.MPRV
        enter(core, cause, pc, tval)
        if mprv:  # entry changed MPP, so loads and stores now translate differently
            self.flush_tlb()

    def take(self, cause: int, pc: int) -> None:
        """The engine stopped at an exception of the instruction at `pc`."""
        core = self.core
        tval = 0
        if cause == Cause.ILLEGAL_INSTRUCTION:
            tval = self.fetch(pc)
            op = csr_op(tval, core.x)
            done = (op is not None and self.csrs.execute(op)) or self.on_illegal(tval, pc)
            if isinstance(done, tuple):
                self.enter(*done)
                return
            if done:
                core.pc.value = pc + 4
                return
        elif cause == Cause.ECALL_U:  # the core says 8 for every ecall
            if core.priv.value == S and self.on_ecall(pc):
                core.pc.value = pc + 4
                return
            cause = Cause.ECALL_U + core.priv.value
        elif cause in WITH_ADDRESS:
            tval = core.badaddr.value
            if cause in ACCESS_OF:
                cause = self._page_fault(cause, pc, tval)
        self.enter(cause, pc, tval)

    def _page_fault(self, cause: int, pc: int, address: int) -> int:
        """The core takes an AMO for a load where it cannot read, and a table outside of memory for an empty one."""
        if cause == Cause.LOAD_PAGE_FAULT:
            insn = self.fetch(pc)
            if insn & 0x7F == AMO and insn >> 27 != LR:
                cause = Cause.STORE_PAGE_FAULT
        try:
            walk(self.core if cause == Cause.FETCH_PAGE_FAULT else Effective(self.core), self.ram, address)
        except BadAddress:
            return ACCESS_OF[cause]
        return cause

    def breakpoint(self) -> None:
        """An ebreak or c.ebreak, with pc on it."""
        pc = self.core.pc.value
        if not self.on_ebreak(pc):
            self.enter(Cause.BREAKPOINT, pc, pc)

    def bad_fetch(self, address: int) -> Fault:
        """Nothing to execute at physical `address`; an instruction may begin on the page before."""
        pc = self.core.pc.value
        begin = translate(self.core, self.ram, pc)
        crosses = begin is not None and address & ~0xFFF != begin & ~0xFFF
        return Cause.FETCH_ACCESS, pc, pc + 2 if crosses else pc

    def bad_access(self, address: int, write: bool) -> Fault:
        """Nothing at physical `address`. An AMO loads first and faults as a store; xtval is the virtual address,

        of the part on the second page where only that is missing (3.1.16).
        """
        pc = self.core.pc.value
        meant = memory_access(self.fetch(pc), self.core.x, self.core.xlen)
        if meant is not None:
            second = meant.address & 0xFFF > 0xFF8 and address & 0xFFF < 8
            tval = (meant.address | 0xFFF) + 1 & self._mask if second else meant.address
            return (Cause.STORE_ACCESS if meant.store else Cause.LOAD_ACCESS), pc, tval
        return (Cause.STORE_ACCESS if write else Cause.LOAD_ACCESS), pc, address
