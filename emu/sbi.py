"""A supervisor binary interface (SBI 2.0) answered by the host, so that an S-mode guest needs no firmware.

The guest finds what OpenSBI would leave behind, except that no memory is taken: a call is an `ecall` from S mode,
answered before the next instruction. With one hart, hart 0, whatever concerns others has nobody to concern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol

from emu.alarms import Alarms
from emu.envcfg import Envcfg
from emu.hart import Hart
from emu.memory import BadAddress
from emu.mmu import translate
from emu.sbi_spec import SPEC_VERSION, Extension, Refused, Status
from emu.snapshot import Part, Saved, bits
from emu.sstc import SupervisorTimer
from emu.trace import NO_TRACE, Notice, Trace
from emu.traps import Irq, S

IMPLEMENTATION_ID, IMPLEMENTATION_VERSION = 0x7673, 1
"""`vs`: not among the ids that the specification gives out (table 4)."""
NEVER = (1 << 64) - 1
FS_DIRTY = 3 << 13
MEDELEG = 0xB1FF
"""Every exception but ecall from S mode: 0xb109 is OpenSBI's, the rest is what it would redirect to S mode."""
MIDELEG = Irq.SSIP | Irq.STIP | Irq.SEIP
COUNTERS = 7
"""cycle, time and instret may be read in S and U mode."""
MOST = 1 << 16
"""Bytes that one console call moves; it may always move fewer (12.1)."""
NON_RETENTIVE = 1 << 31
"""The kind of suspension that forgets the hart's state (9.4)."""


class Console(Protocol):
    """The terminal behind the board's UART."""

    def emit(self, data: bytes) -> None: ...

    def take(self, size: int) -> bytes: ...


class Power(NamedTuple):
    """The machine's switches: end with an exit code, reset, and wait for an interrupt."""

    exit: Callable[[int], object]
    reset: Callable[[], object]
    wait: Callable[[], object]


Call = Callable[[list[int]], int]
"""a0 to a5 -> the value for a1 (legacy: for a0); raises Refused."""


class Sbi(Saved):
    """Answers the calls of the guest on `hart`; `timer` is the time (ticks) at which STIP rises.

    Where the hart has Sstc the guest may use that too, and `sstc` is what TIME sets: one comparator drives STIP.
    """

    saved: ClassVar = {"timer": bits(64), "_alarm": Part()}

    def __init__(
        self,
        hart: Hart,
        alarms: Alarms,
        console: Console,
        power: Power,
        trace: Trace = NO_TRACE,
        sstc: SupervisorTimer | None = None,
    ) -> None:
        self.hart = hart
        self.sstc = sstc
        self.console = console
        self.power = power
        self.trace = trace
        self.timer = NEVER
        self._alarm = alarms.new(self._look)
        self._mask = (1 << hart.xlen) - 1
        e = Extension
        self._legacy: dict[int, Call] = {
            e.SET_TIMER: self._set_timer, e.PUTCHAR: self._putchar, e.GETCHAR: self._getchar,
            e.CLEAR_IPI: self._clear_ipi, e.SEND_IPI: self._legacy_ipi, e.REMOTE_FENCE_I: self._legacy_fence,
            e.REMOTE_SFENCE_VMA: self._legacy_fence, e.REMOTE_SFENCE_VMA_ASID: self._legacy_fence,
            e.SHUTDOWN: self._shutdown,
        }  # fmt: skip
        self._calls: dict[tuple[int, int], Call] = {
            (e.BASE, 0): lambda a: SPEC_VERSION,
            (e.BASE, 1): lambda a: IMPLEMENTATION_ID,
            (e.BASE, 2): lambda a: IMPLEMENTATION_VERSION,
            (e.BASE, 3): self._probe,
            (e.BASE, 4): lambda a: 0,  # mvendorid, marchid and mimpid are 0 in this core
            (e.BASE, 5): lambda a: 0,
            (e.BASE, 6): lambda a: 0,
            (e.TIME, 0): self._set_timer,
            (e.IPI, 0): self._send_ipi,
            (e.RFENCE, 0): self._fence,
            (e.RFENCE, 1): self._fence,
            (e.RFENCE, 2): self._fence,
            (e.HSM, 0): self._hart_start,
            (e.HSM, 1): self._hart_stop,
            (e.HSM, 2): self._hart_status,
            (e.HSM, 3): self._hart_suspend,
            (e.SRST, 0): self._system_reset,
            (e.DBCN, 0): self._write,
            (e.DBCN, 1): self._read,
            (e.DBCN, 2): self._write_byte,
        }
        self._extensions = {extension for extension, _ in self._calls} | set(self._legacy)

    def start(self) -> None:
        """After `hart.reset`: what firmware leaves when it enters S mode, with a0 and a1 as they are."""
        core = self.hart.core
        environment = self.hart.exceptions.csrs.environment
        environment.set_menvcfg(environment.writable & ~Envcfg.FIOM)
        self._set_timer([NEVER & self._mask, NEVER & self._mask])
        self.hart.set_mip(Irq.SSIP, False)
        core.mstatus.value |= FS_DIRTY | 1 << self.hart.xlen - 1  # SD says that FS is dirty
        core.medeleg.value, core.mideleg.value = MEDELEG, MIDELEG
        core.mcounteren.value = core.scounteren.value = COUNTERS
        core.priv.value = S

    def call(self, pc: int) -> bool:
        """Answer the ecall at `pc`; it is always one of ours."""
        x = self.hart.core.x
        extension, arguments = x[17], x[10:16]
        legacy = self._legacy.get(extension)
        try:
            if legacy is not None:
                x[10] = legacy(arguments)  # a1 is kept
                return True
            x[11] = self._function(extension, x[16])(arguments)
            x[10] = Status.SUCCESS
        except Refused as refused:
            x[10] = refused.status
            if legacy is None:
                x[11] = 0
        return True

    def _function(self, extension: int, function: int) -> Call:
        found = self._calls.get((extension, function))
        if found is None:
            if self.trace.on:
                self.trace.publish(Notice("sbi", f"no function {function:#x} of SBI extension {extension:#x} here"))
            raise Refused(Status.NOT_SUPPORTED)
        return found

    def _probe(self, a: list[int]) -> int:
        return int(a[0] in self._extensions)

    # timer and interrupts

    def _set_timer(self, a: list[int]) -> int:
        at = a[0] if self.hart.xlen == 64 else a[0] | a[1] << 32
        if self.sstc is not None:
            self.sstc.set(at)
        else:
            self.timer = at
            self._look()
        return 0

    def _look(self) -> None:
        """STIP says whether the time has come; the alarm rings when it has."""
        due = self._alarm.ticks() >= self.timer
        self.hart.set_mip(Irq.STIP, due)
        self._alarm.alarm(None if due or self.timer == NEVER else self.timer)

    def _concerned(self, mask: int, base: int) -> bool:
        """Whether hart 0 is among the harts of a mask; Refused if others are (3.1)."""
        if base == self._mask:
            return True
        if mask and (base or mask != 1):
            raise Refused(Status.INVALID_PARAM)
        return bool(mask)

    def _send_ipi(self, a: list[int]) -> int:
        if self._concerned(a[0], a[1]):
            self.hart.set_mip(Irq.SSIP, True)
        return 0

    def _clear_ipi(self, a: list[int]) -> int:
        was = self.hart.core.mip.value & Irq.SSIP
        self.hart.set_mip(Irq.SSIP, False)
        return int(was != 0)

    def _fence(self, a: list[int]) -> int:
        if self._concerned(a[0], a[1]):
            self.hart.exceptions.flush_tlb()  # the core sees changed code by itself
        return 0

    def _legacy_mask(self, address: int) -> int:
        """The mask at virtual `address` (5.5); none means every hart."""
        if not address:
            return 1
        hart = self.hart
        physical = translate(hart.core, hart.ram, address)
        try:
            if physical is None:
                raise BadAddress(address, 1)
            return hart.ram.get64(physical) if hart.xlen == 64 else hart.ram.get32(physical)
        except BadAddress:
            raise Refused(Status.INVALID_ADDRESS) from None

    def _legacy_ipi(self, a: list[int]) -> int:
        return self._send_ipi([self._legacy_mask(a[0]), 0])

    def _legacy_fence(self, a: list[int]) -> int:
        return self._fence([self._legacy_mask(a[0]), 0])

    # hart state management (chapter 9)

    def _hart_start(self, a: list[int]) -> int:
        raise Refused(Status.INVALID_PARAM if a[0] else Status.ALREADY_AVAILABLE)

    def _hart_stop(self, a: list[int]) -> int:
        if self.trace.on:
            self.trace.publish(Notice("sbi", "the only hart asks to be stopped: nobody could start it again"))
        raise Refused(Status.FAILED)

    def _hart_status(self, a: list[int]) -> int:
        if a[0]:
            raise Refused(Status.INVALID_PARAM)
        return 0  # STARTED

    def _hart_suspend(self, a: list[int]) -> int:
        kind = a[0] & 0xFFFFFFFF
        if kind == NON_RETENTIVE:
            raise Refused(Status.NOT_SUPPORTED)
        if kind:
            raise Refused(Status.INVALID_PARAM)
        self.power.wait()
        return 0

    # power (chapter 10)

    def _shutdown(self, a: list[int]) -> int:
        self.power.exit(0)
        return 0

    def _system_reset(self, a: list[int]) -> int:
        kind, reason = a[0] & 0xFFFFFFFF, a[1] & 0xFFFFFFFF
        if kind > 2 or reason > 1:
            raise Refused(Status.INVALID_PARAM)
        if kind == 0:
            self.power.exit(reason)  # a shutdown because of a failure is one
        else:
            self.power.reset()
        return 0

    # console (chapters 5 and 12)

    def _putchar(self, a: list[int]) -> int:
        return self._write_byte(a)

    def _write_byte(self, a: list[int]) -> int:
        self.console.emit(bytes([a[0] & 0xFF]))
        return 0

    def _getchar(self, a: list[int]) -> int:
        data = self.console.take(1)
        return data[0] if data else -1

    def _buffer(self, a: list[int]) -> tuple[int, int]:
        """Physical address and size of the guest's buffer, all of it in RAM."""
        address = a[1] | a[2] << self.hart.xlen
        if not self.hart.ram.contains(address, a[0]):
            raise Refused(Status.INVALID_PARAM)
        return address, min(a[0], MOST)

    def _write(self, a: list[int]) -> int:
        address, size = self._buffer(a)
        self.console.emit(self.hart.ram.read(address, size))
        return size

    def _read(self, a: list[int]) -> int:
        address, size = self._buffer(a)
        data = self.console.take(size)
        self.hart.ram.write(address, data)
        return len(data)
