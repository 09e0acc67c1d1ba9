"""The RISC-V core's own state, seen in place: which words of Unicorn's memory hold pc, privilege and the CSRs.

Unicorn's register interface applies the guest's privilege to the host, cannot show the address of a page fault and
costs a microsecond a call. So the state is found once, at start-up, by writing markers through the official interface
and looking for them; every field must be found exactly once or the machine refuses to start.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from typing import Any

STATE_SIZE = 0x700
"""How many bytes of the CPU state are looked at; it is 1.5 KiB for rv64."""
HANDLE_SIZE = 0x800


class UnknownUnicorn(Exception):
    """This build of Unicorn keeps `what` somewhere else; use the version that pyproject.toml names."""

    def __init__(self, what: str) -> None:
        super().__init__(f"cannot find {what} in this build of Unicorn; virtscope needs unicorn 2.1.4")


class Peek:
    """Reads this process's memory by address without ever faulting: a wrong pointer gives fewer bytes."""

    def __init__(self) -> None:
        try:
            self._fd = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UnknownUnicorn(f"/proc/self/mem ({error.strerror}), which finds the core's state") from None

    def __call__(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, address)
        except (OSError, OverflowError):
            return b""

    def close(self) -> None:
        os.close(self._fd)


def find_state(peek: Peek, handle: int, gprs: bytes) -> set[int]:
    """Where the CPU state may be: it begins with x0, then `gprs` (the marked x1 to x31). Copies are found too."""
    word = len(gprs) // 31
    head = peek(handle, HANDLE_SIZE)
    found: set[int] = set()
    for (pointer,) in struct.iter_unpack("<Q", head[: len(head) // 8 * 8]):
        if 0x10000 < pointer < 1 << 47:
            at = peek(pointer, 0x10000).find(gprs)
            if at >= word:
                found.add(pointer + at - word)
    return found


def find_field(snapshot: Callable[[], bytes], size: int, probes: list[Callable[[], int]], what: str) -> int:
    """The offset that holds, after each probe, the value the probe returns (`size` bytes, little endian)."""
    candidates: set[int] | None = None
    for probe in probes:
        value = probe()
        state = snapshot()
        pattern = value.to_bytes(size, "little")
        here = {o for o in range(0, len(state) - size, 4) if state[o : o + size] == pattern}
        candidates = here if candidates is None else candidates & here
    if candidates is None or len(candidates) != 1:
        raise UnknownUnicorn(what)
    return candidates.pop()


class Core:
    """The live state. Every attribute is a ctypes integer over the core's own memory: use `.value`."""

    def __init__(self, address: int, xlen: int, offsets: dict[str, int]) -> None:
        word: Any = ctypes.c_uint64 if xlen == 64 else ctypes.c_uint32
        self.xlen = xlen

        def at(name: str, kind: Any = word) -> Any:
            return kind.from_address(address + offsets[name])

        self.x = (word * 32).from_address(address)
        self.pc = at("PC")
        self.priv = at("PRIV", ctypes.c_uint32)
        self.mip = at("MIP", ctypes.c_uint32)
        self.mstatus, self.mie = at("MSTATUS"), at("MIE")
        self.medeleg, self.mideleg = at("MEDELEG"), at("MIDELEG")
        self.mtvec, self.mepc, self.mcause, self.mtval = at("MTVEC"), at("MEPC"), at("MCAUSE"), at("MTVAL")
        self.stvec, self.sepc, self.scause, self.stval = at("STVEC"), at("SEPC"), at("SCAUSE"), at("STVAL")
        self.satp = at("SATP")
        self.mcounteren, self.scounteren = at("MCOUNTEREN"), at("SCOUNTEREN")
        self.reservation = at("reservation")
        self.badaddr = at("badaddr")
