"""Composes a machine from what a person asked for: images, devices, clock, trace."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property

from emu.boot import Boot, BootConfig, guess_xlen, prepare
from emu.entropy import SeededEntropy
from emu.errors import InputError
from emu.machine import SLOTS, Machine, MachineConfig
from tui.checkpoint import LARGEST_RAM, LARGEST_RAM_32, SMALLEST_RAM, agree, open_checkpoint, resume
from tui.devices import make_devices
from tui.sites import Sites
from virtio.device import Device
from virtio.mmio import MmioTransport
from virtio.registers import VirtioMmio
from virtio.slot_state import SlotState
from virtio.watching import RingWatch

DEFAULT_RAM = 256 << 20
RNG_SEED_SIZE = 32
"""Bytes of `rng-seed` in the device tree, as QEMU gives; Linux starts its random numbers with them."""
UNITS = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass
class SessionConfig:
    """`boot` says what to run, `devices` are the texts of `--device`, `ram_size` is in bytes.

    `seed`: what all randomness is made from; without it the host's own where time is the host's, else that of seed 0.
    `watch_rings`: the memory of live queues is watched, which makes the machine slow.
    `tell` gets a line about the machine that a person should see. `restore`: the checkpoint to go on from, empty for
    none. What is None comes from it, or is 256 MiB, as the images say, and the virtual clock. `probes` is the text of
    `--probe`.
    """

    boot: BootConfig
    devices: list[str] = field(default_factory=list)
    ram_size: int | None = None
    xlen: int | None = None
    wall_clock: bool | None = None
    semihosting: bool = False
    trace_board: bool = False
    output: Callable[[bytes], object] = field(default=lambda data: None)
    tell: Callable[[str], object] = field(default=lambda line: None)
    seed: int | None = None
    restore: str = ""
    probes: str = ""
    watch_rings: bool = False

    def entropy(self, label: str) -> Callable[[int], bytes]:
        """Random bytes for whoever `label` is."""
        if self.seed is None and self.wall_clock:
            return os.urandom
        return SeededEntropy(self.seed or 0, label)


@dataclass
class Session:
    """A machine that is ready to run, and what is in its slots. `files` are what its devices have open.

    `resumed`: it goes on from a checkpoint.
    """

    machine: Machine
    boot: Boot
    transports: list[MmioTransport]
    files: ExitStack = field(default_factory=ExitStack)
    seed: int | None = None
    resumed: bool = False
    rings: RingWatch | None = None

    @cached_property
    def sites(self) -> Sites:
        """What is known of the instructions that make events."""
        return Sites(self.machine.hart, self.boot)

    @property
    def device_names(self) -> tuple[str, ...]:
        return tuple(t.name if t.device is not None else "" for t in self.transports)

    @property
    def whereabouts(self) -> str:
        """The instruction the hart is at: pc, function and line, disassembled."""
        hart = self.machine.hart
        site = Sites(hart, self.boot)(hart.pc)
        return " ".join(part for part in (f"{hart.pc:#x}", site.where, f"[{site.insn or 'no RAM there'}]") if part)

    def close(self) -> None:
        """Close the devices' files; raises OSError if what waits there cannot be written."""
        self.files.close()


def parse_ram(text: str) -> int:
    """`256M`, `1G`, `512K`, or a number of MiB, as bytes."""
    unit = text[-1:].upper() if text[-1:].isalpha() else ""
    digits = text[: len(text) - len(unit)]
    if unit not in UNITS or not (digits.isascii() and digits.isdecimal()):
        raise InputError(f"--ram {text}: not a size; write 256M, 1G or 65536K")
    size = int(digits) * UNITS[unit]
    if not SMALLEST_RAM <= size <= LARGEST_RAM:
        raise InputError(f"--ram {text}: RAM is between {SMALLEST_RAM >> 20}M and {LARGEST_RAM >> 30}G")
    if size % 4096:
        raise InputError(f"--ram {text}: {size} bytes are not a multiple of 4096")
    return size


def open_session(config: SessionConfig) -> Session:
    """Build everything; raises InputError with one line for whatever cannot be used."""
    with ExitStack() as files:  # closes them if something else is wrong
        session = _open(config, files)
        session.files = files.pop_all()
    return session


def _open(config: SessionConfig, files: ExitStack) -> Session:
    saved, no_images = (open_checkpoint(config.restore) if config.restore else None), config.boot == BootConfig()
    if saved is not None:
        agree(config, saved)
        if config.watch_rings:
            raise InputError("--watch rings: not with --restore, what was done to the rings before is not known")
    devices = make_devices(config.devices, SLOTS, config.output, config.entropy, files)
    xlen = config.xlen or guess_xlen(config.boot) or 64
    ram_size = config.ram_size or DEFAULT_RAM
    if xlen == 32 and ram_size > LARGEST_RAM_32:
        raise InputError(f"--ram {ram_size >> 20}M: an rv32 machine has at most 2G")
    board = MachineConfig(
        xlen, ram_size, config.output, bool(config.wall_clock), config.trace_board, config.semihosting,
        tell=config.tell, watching=config.watch_rings,
    )  # fmt: skip
    if saved is not None:
        board.sstc, board.slow_extensions = saved.sstc, saved.slow_extensions
    try:
        machine = Machine(board)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "not enough memory"
        raise InputError(f"--ram {ram_size >> 20}M: this computer has no room for it: {reason}") from None
    transports = [mount(machine, slot, devices.get(slot), config) for slot in range(SLOTS)]
    seeded = replace(config.boot, rng_seed=config.boot.rng_seed or config.entropy("rng-seed")(RNG_SEED_SIZE))
    boot = prepare(machine, seeded) if saved is None else resume(machine, None if no_images else seeded, saved)

    def restart() -> None:
        if not boot.images:
            config.tell("the guest resets: the images it started from were not named with --restore, so the run ends")
            machine.exit(0)
            return
        for transport in transports:
            transport.store(VirtioMmio.Status.offset, 4, 0)
        machine.power_on()
        boot.restart()

    machine.on_reset(restart)
    return Session(machine, boot, transports, files, config.seed, saved is not None,
                   watch_rings(machine) if config.watch_rings else None)  # fmt: skip


def watch_rings(machine: Machine) -> RingWatch:
    """Have the queues of a machine that was made for it watched."""
    hart, watcher = machine.hart, machine.hart.watcher
    assert watcher is not None, "the machine was made without a watcher"
    rings = RingWatch(machine.trace, machine.ram, watcher, hart.fetch)
    machine.trace.subscribe(rings)
    machine.on_wait = rings.waits
    return rings


def mount(machine: Machine, slot: int, device: Device | None, config: SessionConfig | None = None) -> MmioTransport:
    """Put a VirtIO device (None: nothing) into a slot of the machine, under the probes that `config` names."""
    name = f"virtio{slot}" + (f"-{device.name}" if device is not None else "")
    where = device, machine.ram, machine.slot_line(slot, name), machine.trace, name
    if config is not None and config.probes:
        from virtio.probes import ProbedTransport, chooser, chosen  # noqa: PLC0415  (start-up)

        choose = chooser(config.entropy(f"probe {slot}"))
        transport: MmioTransport = ProbedTransport(*where, kinds=chosen(config.probes), choose=choose)
    else:
        transport = MmioTransport(*where)
    machine.mount(slot, name, transport, SlotState(transport))
    return transport
