"""The goldfish real-time clock of QEMU's `virt` board: nanoseconds since 1970, and an alarm."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from emu.irq import Line
from emu.regs import RO, RW, WO, Reg, RegisterHandlers, RegisterMap, reads, u32, writes
from emu.snapshot import Flag, Number, Saved, bits

SIZE = 0x1000
LOW = 0xFFFFFFFF


class Goldfish(RegisterMap):
    """The registers, 32 bits wide."""

    TimeLow = Reg(0x00, RW, u32)
    TimeHigh = Reg(0x04, RW, u32)
    AlarmLow = Reg(0x08, RW, u32)
    AlarmHigh = Reg(0x0C, RW, u32)
    IrqEnabled = Reg(0x10, RW, u32)
    ClearAlarm = Reg(0x14, WO, u32)
    AlarmStatus = Reg(0x18, RO, u32)
    ClearInterrupt = Reg(0x1C, WO, u32)


class GoldfishRtc(RegisterHandlers, Saved):
    """`now_ns()` is the machine's time in nanoseconds since 1970; the guest's own setting is kept as an offset.

    The machine calls `update` now and then, so that an alarm rings. Accesses of other widths read 0 and do nothing.
    """

    saved: ClassVar = {
        "offset_ns": Number(1 << 70, -1 << 70), "alarm_ns": bits(64), "armed": Flag(), "_high": bits(32),
        "_enabled": Flag(), "_pending": Flag(),
    }  # fmt: skip

    def __init__(self, irq: Line, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.irq = irq
        self.now_ns = now_ns
        self._readers_bound = self.bound_readers()
        self._writers_bound = self.bound_writers()
        self.reset()

    def reset(self) -> None:
        """No alarm, no interrupt, the time that the machine says."""
        self.offset_ns = 0
        self.alarm_ns = 0
        self.armed = False
        self._high = 0
        self._enabled = False
        self._pending = False
        self.irq.set(False)

    def restored(self) -> None:
        self.irq.level = self._pending and self._enabled  # the PLIC knows

    def update(self) -> None:
        """Ring if the alarm's time has come."""
        if self.armed and self._time() >= self.alarm_ns:
            self.armed = False
            self._pending = True
            self._drive()

    def load(self, offset: int, width: int) -> int:
        handler = self._readers_bound.get(offset) if width == 4 else None
        return handler() if handler else 0

    def store(self, offset: int, width: int, value: int) -> None:
        handler = self._writers_bound.get(offset) if width == 4 else None
        if handler:
            handler(value)

    def _time(self) -> int:
        return self.now_ns() + self.offset_ns & (1 << 64) - 1

    def _drive(self) -> None:
        self.irq.set(self._pending and self._enabled)

    @reads(Goldfish.TimeLow)
    def time_low(self) -> int:
        """Latches TimeHigh, so that the two halves belong together."""
        now = self._time()
        self._high = now >> 32
        return now & LOW

    @reads(Goldfish.TimeHigh)
    def time_high(self) -> int:
        return self._high

    @writes(Goldfish.TimeLow)
    def set_time_low(self, value: int) -> None:
        now = self._time()
        self.offset_ns += (now & ~LOW | value) - now

    @writes(Goldfish.TimeHigh)
    def set_time_high(self, value: int) -> None:
        now = self._time()
        self.offset_ns += (now & LOW | value << 32) - now

    @reads(Goldfish.AlarmLow)
    def alarm_low(self) -> int:
        return self.alarm_ns & LOW

    @reads(Goldfish.AlarmHigh)
    def alarm_high(self) -> int:
        return self.alarm_ns >> 32

    @writes(Goldfish.AlarmHigh)
    def set_alarm_high(self, value: int) -> None:
        self.alarm_ns = self.alarm_ns & LOW | value << 32

    @writes(Goldfish.AlarmLow)
    def set_alarm_low(self, value: int) -> None:
        """Arms the alarm; one in the past rings at once."""
        self.alarm_ns = self.alarm_ns & ~LOW | value
        self.armed = True
        self.update()

    @reads(Goldfish.IrqEnabled)
    def irq_enabled(self) -> int:
        return int(self._enabled)

    @writes(Goldfish.IrqEnabled)
    def enable_irq(self, value: int) -> None:
        self._enabled = bool(value & 1)
        self._drive()

    @writes(Goldfish.ClearAlarm)
    def clear_alarm(self, value: int) -> None:
        self.armed = False

    @reads(Goldfish.AlarmStatus)
    def alarm_status(self) -> int:
        return int(self.armed)

    @writes(Goldfish.ClearInterrupt)
    def clear_interrupt(self, value: int) -> None:
        self._pending = False
        self._drive()
