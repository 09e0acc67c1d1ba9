"""Finds the core's state and its instruction counter in the engine's memory, by markers (see `emu.core`).

The engine and its constants come as arguments: only `emu.hart` imports Unicorn.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from emu.core import HANDLE_SIZE, STATE_SIZE, Core, Peek, UnknownUnicorn, find_field, find_state
from emu.memory import Ram
from emu.traps import M, S

NOWHERE = 1
"""An odd pc is never reached, so `emu_start` never stops at its end address."""

CSR_PROBES = {
    "MSTATUS": (0x1880, 0x60A8), "MIP": (0x22, 0x200), "MIE": (0x222, 0x888), "MIDELEG": (0x222, 0x20),
    "MEDELEG": (0xB109, 0x1BF), "MTVEC": (0x5514, 0x7720), "STVEC": (0x1110, 0x2224), "MEPC": (0x9876, 0x4574),
    "SEPC": (0x1234, 0x7654), "MCAUSE": (0x1212, 0x2323), "SCAUSE": (0x777, 0x333), "MTVAL": (0x4321, 0x8765),
    "STVAL": (0x1357, 0x2468), "SATP": (0x12345, 0x23456), "MCOUNTEREN": (7, 2), "SCOUNTEREN": (7, 1),
    "PC": (0x80000124, 0x80000468), "PRIV": (1, 3),
}  # fmt: skip
"""Two values for each, both kept by the core as they are or as it reads them back."""
MARKS = tuple(0x3C3C0000 + 0x01010000 * i for i in range(8))
"""What marks the registers, look by look."""
LR_W_A0_A1 = 0x1005A52F
JUMP_TO_SELF = 0x6F


class Probe:
    """Runs small programs at the start of RAM and looks at what changed in the engine."""

    def __init__(self, uc: Any, rc: Any, hook_intr: int, xlen: int, ram: Ram) -> None:
        self.uc, self.rc, self.hook_intr, self.xlen, self.ram = uc, rc, hook_intr, xlen, ram
        self.word = xlen // 8
        self.peek = Peek()
        found = self._marked_states(0x5A5A0000)
        for mark in MARKS:  # what one look found and the next did not was an old copy, or memory that moved meanwhile
            here = self._marked_states(mark)
            if len(found & here) == 1:
                break
            found = found & here or here
        else:
            raise UnknownUnicorn("the CPU state")
        self.state = (found & here).pop()
        self._set_gprs([0] * 31)
        self._at_fault = b""

    def _marked_states(self, mark: int) -> set[int]:
        marks = [mark + 77 * i for i in range(1, 32)]
        self._set_gprs(marks)
        pattern = b"".join(m.to_bytes(self.word, "little") for m in marks)
        return find_state(self.peek, self.uc._uch.value, pattern)

    def _set_gprs(self, values: list[int]) -> None:
        for i, value in enumerate(values, 1):
            self.uc.reg_write(self.rc.UC_RISCV_REG_X0 + i, value)

    def snapshot(self) -> bytes:
        return self.peek(self.state, STATE_SIZE)

    def register(self, name: str, values: tuple[int, ...]) -> int:
        """The offset of a register that the official interface can write."""
        number = getattr(self.rc, f"UC_RISCV_REG_{name}")

        def writer(value: int) -> Callable[[], int]:
            def write() -> int:
                self.uc.reg_write(number, value)
                return int(self.uc.reg_read(number))

            return write

        size = 4 if name in ("PRIV", "MIP") else self.word
        back = () if name == "PRIV" else (0,)
        return find_field(self.snapshot, size, [writer(value) for value in (*values, *back)], name)

    def reservation(self) -> int:
        """The offset of the address that LR reserves."""

        def reserve(at: int) -> Callable[[], int]:
            def execute() -> int:
                self.ram.put32(self.ram.base, LR_W_A0_A1)
                self.uc.reg_write(self.rc.UC_RISCV_REG_A1, at)
                self.uc.emu_start(self.ram.base, NOWHERE, count=1)
                self.clean()
                return at

            return execute

        base = self.ram.base
        return find_field(self.snapshot, self.word, [reserve(base + 0x40), reserve(base + 0x68)], "LR's address")

    def badaddr(self, priv: Any) -> int:
        """The offset of the address of the last page fault: fetch from unmapped addresses in S mode."""

        def leave(uc: Any, cause: int, data: Any) -> None:
            self._at_fault = self.snapshot()  # the core forgets it when it stops
            uc.emu_stop()

        def fault(at: int) -> Callable[[], int]:
            def execute() -> int:
                mode = 1 << 31 if self.xlen == 32 else 8 << 60
                empty_table = self.ram.base + 0x1000 >> 12
                self.uc.reg_write(self.rc.UC_RISCV_REG_SATP, mode | empty_table)
                priv.value = S
                self.uc.emu_start(at, NOWHERE, count=2)
                priv.value = M
                self.uc.reg_write(self.rc.UC_RISCV_REG_SATP, 0)
                return at

            return execute

        hook = self.uc.hook_add(self.hook_intr, leave)
        try:
            probes = [fault(0x13570000), fault(0x24680000)]
            return find_field(lambda: self._at_fault, self.word, probes, "the page fault address")
        finally:
            self.uc.hook_del(hook)

    def clean(self) -> None:
        """Leave RAM, registers and translated code as after reset."""
        self.ram.put32(self.ram.base, 0)
        self.uc.ctl_remove_cache(self.ram.base, self.ram.base + 4)
        for register in ("A0", "A1", "PC"):
            self.uc.reg_write(getattr(self.rc, f"UC_RISCV_REG_{register}"), 0)


def find_core(uc: Any, rc: Any, hook_intr: int, xlen: int, ram: Ram) -> Core:
    """Find every field of the CPU state; raises UnknownUnicorn for one that is not there exactly once."""
    probe = Probe(uc, rc, hook_intr, xlen, ram)
    offsets = {name: probe.register(name, values) for name, values in CSR_PROBES.items()}
    offsets["reservation"] = probe.reservation()
    offsets["badaddr"] = probe.badaddr(ctypes.c_uint32.from_address(probe.state + offsets["PRIV"]))
    probe.clean()
    probe.peek.close()
    return Core(probe.state, xlen, offsets)


def find_counter(uc: Any, ram: Ram) -> tuple[Any, Any]:
    """The engine's instruction counter and its limit (both live), found by the limits of two short runs."""
    handle = uc._uch.value
    candidates: set[int] | None = None
    ram.put32(ram.base, JUMP_TO_SELF)
    for count in (0x3B, 0x47):
        uc.emu_start(ram.base, NOWHERE, count=count)
        head = ctypes.string_at(handle, HANDLE_SIZE)
        pattern = (count + 1).to_bytes(8, "little") + count.to_bytes(8, "little")
        here = {o for o in range(0, HANDLE_SIZE - 16, 8) if head[o : o + 16] == pattern}
        candidates = here if candidates is None else candidates & here
    ram.put32(ram.base, 0)
    uc.ctl_remove_cache(ram.base, ram.base + 4)
    if not candidates or len(candidates) != 1:
        raise UnknownUnicorn("the instruction counter")
    at = handle + candidates.pop()
    return ctypes.c_uint64.from_address(at), ctypes.c_uint64.from_address(at + 8)
