"""The RISC-V hart on Unicorn: exact traps, interrupts, stops and instruction counts. The only file that knows Unicorn.

What must be exact while the engine runs (the number of executed instructions, pc in a callback, a stop between two
instructions) is the business of a `Pace`: the native helper where it was built, else the engine's own count.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import unicorn.riscv_const as rc
from unicorn import Uc, UcError  # type: ignore[attr-defined]  # it re-exports them unannounced
from unicorn.unicorn_const import (
    UC_ARCH_RISCV,
    UC_ERR_FETCH_PROT,
    UC_ERR_OK,
    UC_HOOK_BLOCK,
    UC_HOOK_EDGE_GENERATED,
    UC_HOOK_INSN_INVALID,
    UC_HOOK_INTR,
    UC_HOOK_MEM_UNMAPPED,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_WRITE_UNMAPPED,
    UC_MODE_RISCV32,
    UC_MODE_RISCV64,
    UC_PROT_ALL,
)
from unicorn.unicorn_py3 import unicorn as binding
from unicorn.unicorn_py3.unicorn import MMIO_READ_CFUNC, MMIO_WRITE_CFUNC, uclib

from emu import hart_state, native
from emu.bus import MASKS, Region
from emu.clock import ClockWords
from emu.config import Stop
from emu.counters import Counters
from emu.csr import Csrs
from emu.decode import is_wide
from emu.exceptions import Exceptions
from emu.halves import Halves
from emu.memory import Ram
from emu.pace import BlockPace, CountPace, Pace
from emu.probe import NOWHERE, find_core, find_counter
from emu.snapshot import State
from emu.traps import Cause, Irq, M, takes_interrupt
from emu.watch import Watcher


def _done(status: int) -> None:
    if status != UC_ERR_OK:
        raise UcError(status)  # type: ignore[no-untyped-call]  # no types there


class Hart:
    """One hart with `ram`, of `xlen` 32 or 64. `time` gives mtime in ticks to the `time` CSR.

    `words` are those of the clock behind `time`. `watching`: it has a `watcher`, for which the engine counts.
    """

    constants: Any = rc

    def __init__(
        self, ram: Ram, xlen: int, time: Callable[[], int] = lambda: 0, words: ClockWords | None = None,
        watching: bool = False,
    ) -> None:  # fmt: skip
        self.ram, self.xlen = ram, xlen
        engine: Any = Uc  # its methods have no types
        self.uc: Any = engine(UC_ARCH_RISCV, UC_MODE_RISCV64 if xlen == 64 else UC_MODE_RISCV32)
        model = rc.UC_CPU_RISCV64_SIFIVE_U54 if xlen == 64 else rc.UC_CPU_RISCV32_SIFIVE_U34
        self.uc.ctl_set_cpu_model(model)
        self._ram_address = ctypes.addressof(ctypes.c_char.from_buffer(ram.buffer))
        self.uc.mem_map_ptr(ram.base, ram.size, UC_PROT_ALL, ctypes.c_void_p(self._ram_address))
        self.core = find_core(self.uc, rc, UC_HOOK_INTR, xlen, ram)
        self.pace = self._make_pace(words, None if watching else native.load())
        self.exceptions = Exceptions(self.core, ram, Csrs(self.core, time), self._flush_tlb, self.pace.fetch)
        self.counters = Counters(self.core, self.exceptions.csrs, lambda: self.instructions, uclib)
        self._running = self._stop_requested = self._halted = self._entered = False
        self._fetch_fault = -1
        self._fault: tuple[Cause, int, int] | None = None
        self._failure: BaseException | None = None
        self._callbacks: list[Any] = []  # the engine holds their addresses only
        self._add_hooks()
        self.watcher = Watcher(self.uc, binding, ram, self.pace.stop, self._fail) if watching else None
        ram.invalidate = self.invalidate

    def _make_pace(self, words: ClockWords | None, library: Any) -> Pace:
        if library is None:
            self.uc.hook_add(UC_HOOK_INTR, self._on_exception)
            return CountPace(self.core, self.ram, *find_counter(self.uc, self.ram))
        stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value or 0
        uch = self.uc._uch
        pace = BlockPace(library, self.core, self.ram, self._ram_address, uch.value, stop, self._take, words)
        for kind, callback in (
            (UC_HOOK_BLOCK, library.vs_block),
            (UC_HOOK_EDGE_GENERATED, library.vs_translated),
            (UC_HOOK_INTR, library.vs_exception),
        ):
            hook = ctypes.c_size_t()
            address, everywhere = ctypes.cast(callback, ctypes.c_void_p), (ctypes.c_uint64(1), ctypes.c_uint64(0))
            _done(uclib.uc_hook_add(uch, ctypes.byref(hook), kind, address, ctypes.byref(pace.state), *everywhere))
        return pace

    def _add_hooks(self) -> None:
        uc, ram = self.uc, self.ram
        uc.hook_add(UC_HOOK_INSN_INVALID, self._on_invalid)
        # a memory hook whose range covers RAM would make every store slow
        uc.hook_add(UC_HOOK_MEM_UNMAPPED, self._on_unmapped, begin=0, end=ram.base - 1)
        uc.hook_add(UC_HOOK_MEM_UNMAPPED, self._on_unmapped, begin=ram.base + ram.size, end=(1 << 64) - 1)

    def map(self, region: Region) -> None:
        """Let the guest reach `region` at its physical address (multiples of 4 KiB)."""
        pairs = region.traced and self.xlen == 64
        whole = Halves(self, region) if pairs and isinstance(self.pace, CountPace) else region
        load_from, store_to = whole.load, whole.store

        def load(uc: int, offset: int, size: int, data: int) -> int:
            try:
                return load_from(offset, size)
            except BaseException as error:
                return self._fail(error)

        def store(uc: int, offset: int, size: int, value: int, data: int) -> None:
            try:
                store_to(offset, size, value & MASKS[size])
            except BaseException as error:
                self._fail(error)

        own = MMIO_READ_CFUNC(load), MMIO_WRITE_CFUNC(store)
        self._callbacks.append(own)
        read, write, data = self.pace.route(region.base, pairs, *own)
        size = max(region.size, 0x1000)
        # `Uc.mmio_map` would wrap each callback in two more, which takes as long again as the engine's own part
        _done(uclib.uc_mmio_map(self.uc._uch, region.base, size, read, data, write, data))

    @property
    def instructions(self) -> int:
        """How many instructions have begun since reset; exact inside callbacks too."""
        return self.pace.instructions()

    @property
    def pc(self) -> int:
        """The address of the instruction being executed, or of the next one while stopped."""
        return self.pace.pc()

    def reset(self, pc: int, a0: int = 0, a1: int = 0, a2: int = 0) -> None:
        """Start at `pc` in M mode with these arguments, as after power-on; RAM stays as it is."""
        hart_state.reset(self, pc, a0, a1, a2)

    def snapshot(self) -> State:
        """The registers as named numbers; only between two instructions."""
        return hart_state.snapshot(self)

    def restore(self, state: object) -> None:
        """Set the registers of a hart that has not run yet; raises BadState."""
        self.pace.set_instructions(hart_state.restore(self, state))

    def run(self, limit: int) -> Stop:
        """Execute at most `limit` instructions. Comes back early for WFI and after `stop()`."""
        end, waiting = self.instructions + limit, False
        while not waiting and self.instructions < end and not self._stop_requested:
            waiting = self._run_once(end - self.instructions)
        self._stop_requested = False
        return Stop.WAITING if waiting else Stop.LIMIT

    def _run_once(self, limit: int) -> bool:
        """Run until something stops the core; True if that was WFI."""
        self._entered = False
        engine_count = self.pace.begin(limit)
        self._running = True
        if self._stop_requested:  # by a thread that found nothing running yet
            self.pace.stop()
        error: UcError | None = None
        try:
            self.uc.emu_start(self.core.pc.value, NOWHERE, count=engine_count)
        except UcError as raised:
            error = raised
        finally:
            self._running = False
            begun, at_limit = self.pace.end()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if error is not None and error.errno == UC_ERR_FETCH_PROT:  # a jump into a device's registers
            self._fault = Cause.FETCH_ACCESS, self.pc, self.pc
        if self._fault is not None:
            cause, pc, tval = self._fault
            self._fault = None
            self._entered = True
            self.exceptions.enter(cause, pc, tval)
            if begun == 0:  # a fetch that failed at once was not counted, and time must go on
                self.pace.skip()
        if error is not None and not self._entered:
            raise error
        return error is None and not at_limit and not self._entered and not self._halted

    def _fail(self, error: BaseException) -> int:
        """Nothing may leave a callback: keep the first exception for `run` to raise."""
        self._failure = self._failure or error
        self.stop()
        return 0

    def stop(self) -> None:
        """Come back from `run` before the next instruction. May be called from any thread and any callback."""
        self._stop_requested = True
        if self._running:
            self.pace.stop()

    def halt(self) -> None:
        """From a device's callback: nothing behind this access is executed, ever. After `stop` its block may be."""
        self._halted = True
        self.stop()
        if self._running:
            self.uc.emu_stop()

    def set_mip(self, bit: Irq, level: bool) -> None:
        """Drive one pending bit. The core takes the interrupt before its next block, wherever this is called."""
        core = self.core
        old = core.mip.value
        new = old | bit if level else old & ~bit
        if new == old:
            return
        core.mip.value = new
        # any write through the official interface makes the core look; it needs M, and clears the reservation
        priv, reservation = core.priv.value, core.reservation.value
        core.priv.value = M
        self.uc.reg_write(rc.UC_RISCV_REG_MIP, new)
        core.mip.value = new
        core.priv.value, core.reservation.value = priv, reservation
        if self._running and takes_interrupt(core):
            self.pace.end_block()  # blocks that follow each other directly would not look

    @property
    def interrupt_pending(self) -> bool:
        """Whether WFI has to return: an enabled interrupt is pending, whatever mstatus says."""
        return bool(self.core.mip.value & self.core.mie.value)

    def invalidate(self, address: int, size: int) -> None:
        """Forget translated code in physical [address, address + size)."""
        if size:
            core = self.core
            priv = core.priv.value  # the call takes a virtual address: be where both are the same
            core.priv.value = M
            self.uc.ctl_remove_cache(address, address + size)
            core.priv.value = priv

    def fetch(self, pc: int) -> int:
        """The instruction at virtual `pc` (16 or 32 bits), or 0 if it cannot be read."""
        return self.exceptions.fetch(pc)

    def moves_eight_bytes(self) -> bool:
        """Whether the instruction being executed loads or stores eight bytes at once."""
        return is_wide(self.exceptions.fetch(self.core.pc.value))

    def _on_exception(self, uc: Any, cause: int, data: Any) -> None:
        pc = self.core.pc.value - 4 & (1 << self.xlen) - 1  # four bytes behind it, whatever its length
        if cause == Cause.FETCH_PAGE_FAULT:
            self.pace.no_instruction()
            if self.instructions == self._fetch_fault:  # a handler that cannot be fetched either
                self.pace.skip()
                self._entered = True
                self.uc.emu_stop()
            self._fetch_fault = self.instructions
        else:
            self.pace.exception(pc)
        self.exceptions.take(cause, pc)

    def _take(self, cause: int, pc: int) -> None:
        """What the native helper leaves of an exception."""
        try:
            self.exceptions.take(cause, pc)
        except BaseException as error:
            self._fail(error)

    def _flush_tlb(self) -> None:
        """A change of satp's ASID makes the core forget translations."""
        core = self.core
        priv, satp = core.priv.value, core.satp.value
        core.priv.value = M  # the official interface writes with the hart's privilege
        self.uc.reg_write(rc.UC_RISCV_REG_SATP, satp ^ 1 << (44 if self.xlen == 64 else 22))
        self.uc.reg_write(rc.UC_RISCV_REG_SATP, satp)
        core.priv.value = priv

    def _on_invalid(self, uc: Any, data: Any) -> bool:
        """ebreak and c.ebreak come here, pc on the instruction. The core would go on and fail: start again."""
        self._entered = True
        self.pace.exception(self.core.pc.value)
        self.pace.stop()
        self.exceptions.breakpoint()
        return True

    def _on_unmapped(self, uc: Any, access: int, address: int, size: int, value: int, data: Any) -> bool:
        """The engine puts pc back after this, so the trap is entered once `emu_start` has given up."""
        if access == UC_MEM_FETCH_UNMAPPED:
            self.pace.no_instruction()
            self._fault = self.exceptions.bad_fetch(address)
        else:
            self.pace.exception(self.core.pc.value)
            self._fault = self.exceptions.bad_access(address, access == UC_MEM_WRITE_UNMAPPED)
        return False
