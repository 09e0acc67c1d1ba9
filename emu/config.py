"""What a machine is made from, and why a run of it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


@dataclass
class MachineConfig:
    """`xlen` 32 or 64; `ram_size` in bytes, a multiple of 4 KiB; `output` gets what the guest writes to the UART.

    `wall_clock`: guest time is the host's; otherwise it is a function of executed instructions.
    `trace_board`: publish the accesses to PLIC, CLINT, UART and the rest too. `semihosting`: answer its calls.
    `sstc`: the hart has `stimecmp`. `slow_extensions`: instructions of `emu.extensions` are done by the host instead of
    being illegal; `announce_slow` names them in the device tree too. `tell` gets a line for a person. `watching`: the
    hart has a watcher of memory.
    """

    xlen: int = 64
    ram_size: int = 128 << 20
    output: Callable[[bytes], object] = field(default=lambda data: None)
    wall_clock: bool = False
    trace_board: bool = False
    semihosting: bool = False
    sstc: bool = True
    slow_extensions: bool = True
    announce_slow: bool = False
    watching: bool = False
    tell: Callable[[str], object] = field(default=lambda text: None)


class End(Enum):
    """Why `Machine.run` came back."""

    EXIT = "exit"
    TIMEOUT = "timeout"
    UNTIL = "until"
    STUCK = "stuck"


class Stop(Enum):
    """Why `Hart.run` came back."""

    LIMIT = "limit"
    WAITING = "wfi"
