"""The machine: a hart and the board of QEMU's `virt`, composed from a configuration and run.

Device models are not the machine's business: whoever composes it mounts them with `mount(slot, device)`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from emu.alarms import Alarms
from emu.bus import Bus, BusDevice, Region
from emu.clint import Clint
from emu.clock import VirtualClock, WallClock
from emu.config import End, MachineConfig, Stop
from emu.console import ConsoleUart
from emu.extensions import BITMANIP, CMO, SlowExtensions
from emu.finisher import Finisher
from emu.hart import Hart
from emu.irq import Line
from emu.memory import BadAddress, Ram
from emu.mmu import translate
from emu.plic import Plic
from emu.rtc import GoldfishRtc
from emu.sbi import Power, Sbi
from emu.semihost import Semihosting
from emu.snapshot import Stateful
from emu.sstc import SupervisorTimer
from emu.trace import InterruptLine, Notice, Trace
from emu.traps import Irq
from emu.until import Until, condition

__all__ = ["End", "Machine", "MachineConfig", "slot_base"]

RAM_BASE = 0x80000000
FINISHER, RTC, CLINT, PLIC, UART = 0x00100000, 0x00101000, 0x02000000, 0x0C000000, 0x10000000
UART_IRQ, RTC_IRQ = 10, 11
SLOTS = 8
SLOT_SIZE = 0x1000
VIRTUAL_EPOCH_NS = 1_767_225_600 * 10**9
"""What the clock on the board says at reset where time is virtual: 2026-01-01."""
NOT_EPMP = "this guest set mseccfg to {:#x}; the value is kept, but the PMP does not follow it (no MML, MMWP or RLB)"
ENDLESS = 1 << 62
LONGEST_SLEEP = 0.05
"""Seconds: how long an idle machine sleeps before it looks at its inbox and its timeout again."""


def slot_base(slot: int) -> int:
    """The physical address of virtio-mmio slot 0 to 7."""
    return 0x10001000 + SLOT_SIZE * slot


class Machine:
    """One hart, RAM at 0x80000000 and the devices of the board. `run` executes; `exit_code` is the finisher's.

    `between_slices` is called between two instructions where nothing is under way, and returns after how many it wants
    to be called again at the latest; `waiting`: the hart is in WFI then. `mounted` has name and state of each slot.
    `more_parts`: what else has a state that belongs to a checkpoint, by name.
    `on_wait` is called when the hart has nothing to do but wait for an interrupt.
    """

    def __init__(self, config: MachineConfig) -> None:
        self.config = config
        self.exit_code: int | None = None
        self.ram = Ram(RAM_BASE, config.ram_size)
        self.clock = WallClock() if config.wall_clock else VirtualClock(lambda: self.hart.instructions)
        self.hart = Hart(self.ram, config.xlen, self.clock.read, self.clock.words, config.watching)
        self.trace = Trace(lambda: self.hart.instructions, lambda: self.hart.pc)
        self.bus = Bus(self.trace)
        self.waits_for_input = self.waiting = False
        self.more_parts: dict[str, Stateful] = {}
        self.mounted: dict[int, tuple[str, Stateful | None]] = {}
        self.between_slices: Callable[[], int] = lambda: ENDLESS
        self.on_wait: Callable[[], object] = lambda: None
        self._inbox: deque[Callable[[], object]] = deque()
        self._wake = threading.Event()
        self._on_reset: Callable[[], None] | None = None
        self._asleep = False
        self.sbi: Sbi | None = None
        hart = self.hart
        self.plic = Plic([lambda level: hart.set_mip(Irq.MEIP, level), lambda level: hart.set_mip(Irq.SEIP, level)])
        self.alarms = Alarms(self.clock)
        self.clint = Clint(
            self.alarms.new(lambda: self.clint.update()),  # noqa: PLW0108  (there is no Clint yet)
            lambda level: hart.set_mip(Irq.MSIP, level),
            lambda level: hart.set_mip(Irq.MTIP, level),
        )
        self._slice_end = 0
        self.clock.on_alarm_change = self._alarm_changed
        self.uart = ConsoleUart(self.plic.line(UART_IRQ), config.output, self.run)
        self.finisher = Finisher(self.exit, self._reset_requested, self.trace)
        self.rtc = GoldfishRtc(self.plic.line(RTC_IRQ), self._now_ns)
        self._add("finisher", FINISHER, 0x1000, self.finisher)
        self._add("rtc", RTC, 0x1000, self.rtc)
        self._add("clint", CLINT, 0x10000, self.clint)
        self._add("plic", PLIC, 0x600000, self.plic)
        self._add("uart", UART, 0x1000, self.uart)
        self.supervisor_timer: SupervisorTimer | None = None
        csrs, core = hart.exceptions.csrs, hart.core
        if config.sstc:
            self.supervisor_timer = SupervisorTimer(
                csrs, self.alarms, lambda level: hart.set_mip(Irq.STIP, level), lambda: core.priv.value
            )
        self.slow_extensions = SlowExtensions(hart.exceptions, self._notice) if config.slow_extensions else None
        csrs.environment.on_mseccfg = lambda value: self._notice(NOT_EPMP.format(value))
        self.semihosting = Semihosting(
            self.ram, self._console, self.exit, xlen=config.xlen, trace=self.trace, translate=self._physical,
            now=lambda: self._now_ns() / 1e9,
        )  # fmt: skip
        if config.semihosting:
            hart.exceptions.on_ebreak = lambda pc: self.semihosting.trap(hart, pc)

    def answer_sbi(self) -> Sbi:
        """Be the firmware of an S-mode guest; its owner calls `Sbi.start` after each reset of the hart."""
        if self.sbi is None:
            power = Power(self.exit, self._reset_requested, self._sleep)
            self.sbi = Sbi(self.hart, self.alarms, self.uart, power, self.trace, self.supervisor_timer)
            self.hart.exceptions.on_ecall = self.sbi.call
        return self.sbi

    def _sleep(self) -> None:
        """From a call of the guest: wait for an interrupt as WFI does."""
        self._asleep = True
        self.hart.stop()

    @property
    def isa(self) -> str:
        """What `riscv,isa` says in the device tree, in canonical order."""
        config = self.config
        slow = config.slow_extensions and config.announce_slow
        parts = [f"rv{config.xlen}imafdc", *(CMO if slow else ()), "zicsr", "zifencei", *(BITMANIP if slow else ())]
        return "_".join([*parts, "sstc"] if config.sstc else parts)

    def _notice(self, text: str) -> None:
        if self.trace.on:
            self.trace.publish(Notice("hart", text))
        self.config.tell(text)

    def _now_ns(self) -> int:
        return time.time_ns() if self.config.wall_clock else VIRTUAL_EPOCH_NS + self.clock.ticks() * 100

    def _console(self, data: bytes) -> None:
        self.uart.emit(data)
        self.uart.flush()

    def _physical(self, address: int) -> int:
        physical = translate(self.hart.core, self.ram, address)
        if physical is None:
            raise BadAddress(address, 1)
        return physical

    def _add(self, name: str, base: int, size: int, device: BusDevice) -> Region:
        region = self.bus.add(name, base, size, device, traced=self.config.trace_board)
        self.hart.map(region)
        return region

    def slot_line(self, slot: int, name: str) -> Line:
        """The interrupt wire of virtio-mmio slot 0 to 7 (irq 1 + slot), published as `name`."""
        trace = self.trace

        def changed(level: bool) -> None:
            if trace.on:
                trace.publish(InterruptLine(name, int(level)))

        return self.plic.line(1 + slot, changed)

    def mount(self, slot: int, name: str, device: BusDevice, state: Stateful | None = None) -> None:
        """Put `device` into virtio-mmio slot 0 to 7; its accesses are traced as `name`; `state` is what to save."""
        self.mounted[slot] = name, state
        self.hart.map(self.bus.add(name, slot_base(slot), SLOT_SIZE, device, traced=True))

    def post(self, action: Callable[[], object], *, soon: bool = True) -> None:
        """From any thread: let the machine's own thread call `action` between two instructions.

        Soon; else when the machine comes back by itself, so that the guest cannot see that anything happened.
        """
        self._inbox.append(action)
        if soon:
            self.hart.stop()
        self._wake.set()

    def exit(self, code: int) -> None:
        """End the run with `code`, after the present instruction."""
        if self.exit_code is None:
            self.exit_code = code
        self.hart.stop()

    def on_reset(self, action: Callable[[], None]) -> None:
        """What a guest's reset does; without it a reset ends the run with code 0."""
        self._on_reset = action

    def power_on(self) -> None:
        """The board's own devices as after power-on. RAM, the hart and the slots are their owners' business."""
        for device in (self.clint, self.plic, self.uart, self.rtc):
            device.reset()
        self.hart.exceptions.csrs.reset()
        if self.supervisor_timer is not None:
            self.supervisor_timer.reset()

    def _reset_requested(self) -> None:
        if self._on_reset is None:
            self.exit(0)
        else:
            self.post(self._on_reset)

    def _alarm_changed(self) -> None:
        """Come back to begin a shorter slice."""
        if self.hart.instructions + self._until_alarm() < self._slice_end:
            self.hart.stop()

    def _until_alarm(self) -> int:
        return self.clock.deadline(self.hart.instructions)

    def run(self, timeout: float | None = None, until: Until = None) -> End:
        """Run until the guest exits, `until` has come (see `emu.until`), or `timeout` seconds of wall time.

        STUCK: the hart waits for an interrupt, no timer is armed, and nothing from outside can come.
        """
        with condition(until, self.hart, self.uart, self.trace) as came:
            return self._run_timed(timeout, came)

    def _run_timed(self, timeout: float | None, until: Callable[[], bool]) -> End:
        if timeout is None:
            return self._run(None, until)
        end = time.monotonic() + timeout
        # a slice of nothing but exceptions can take minutes, so the clock stops the hart from outside
        alarm = threading.Timer(timeout, self.hart.stop)
        alarm.daemon = True
        alarm.start()
        try:
            return self._run(end, until)
        finally:
            alarm.cancel()

    def _run(self, end: float | None, until: Callable[[], bool]) -> End:
        room = self.between_slices()
        while not self.waiting or self._wait(end):
            self.waiting = False
            for _ in range(len(self._inbox)):  # what an action posts waits for the next slice
                self._inbox.popleft()()
            if until():  # first: with the native helper the hart stops a few instructions behind what was waited for
                return End.UNTIL
            if self.exit_code is not None:
                self.uart.flush()
                return End.EXIT
            if end is not None and time.monotonic() >= end:
                self.uart.flush()
                return End.TIMEOUT
            count = min(self._until_alarm(), room)
            self._slice_end = self.hart.instructions + count
            stop = self.hart.run(count)
            self._slice_end = 0
            self.uart.flush()
            self.rtc.update()
            if self.clock.due():
                self.alarms.update()
            self.waiting, self._asleep = self._asleep or stop is Stop.WAITING, False
            room = self.between_slices()
        self.waiting = False
        return End.STUCK

    def _wait(self, end: float | None) -> bool:
        """The hart is in WFI. False if nothing can ever wake it."""
        if self.hart.interrupt_pending or self._inbox or self.exit_code is not None:
            return True
        self.on_wait()
        self.uart.flush()
        seconds = self.clock.idle()
        if seconds == 0.0:
            if self.alarms.update():
                return True
            self.between_slices()  # nothing rang that the guest could hear: it waits on
            return self._wait(end)
        if seconds is None:
            if not self.waits_for_input:
                return False
            seconds = LONGEST_SLEEP
        if end is not None:
            seconds = min(seconds, max(0.0, end - time.monotonic()))
        self._wake.wait(min(seconds, LONGEST_SLEEP))
        self._wake.clear()
        return True
