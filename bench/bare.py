"""Unicorn without anything of ours around it: what every figure is compared with."""

from __future__ import annotations

import time
from typing import Any

import unicorn.riscv_const as rc
from unicorn import Uc  # type: ignore[attr-defined]  # it re-exports them unannounced
from unicorn.unicorn_const import (
    UC_ARCH_RISCV,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    UC_MODE_RISCV64,
)

RAM_BASE, RAM_SIZE = 0x80000000, 4 << 20
NOWHERE = 1
"""An odd address: `emu_start` ends at the program's WFI."""


def instance(program: bytes) -> Any:
    """A Uc with `program` in RAM and the core that the machine uses."""
    uc: Any = Uc(UC_ARCH_RISCV, UC_MODE_RISCV64)  # type: ignore[no-untyped-call]  # no types there
    uc.ctl_set_cpu_model(rc.UC_CPU_RISCV64_SIFIVE_U54)
    uc.mem_map(RAM_BASE, RAM_SIZE)
    uc.mem_write(RAM_BASE, program)
    return uc


def add_mmio(uc: Any, base: int, *, hooked: bool) -> None:
    """An MMIO page whose callbacks do nothing; `hooked` adds the memory hook that makes pc exact in them."""

    def load(uc: Any, offset: int, size: int, data: Any) -> int:
        return 0

    def store(uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        pass

    def watch(uc: Any, access: int, address: int, size: int, value: int, data: Any) -> None:
        pass

    uc.mmio_map(base, 0x1000, load, None, store, None)
    if hooked:
        uc.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, watch, begin=base, end=base + 0xFFF)


def run(uc: Any, count: int = 0) -> float:
    """Run the program from its start to its WFI; returns seconds of processor time."""
    start = time.process_time()
    uc.emu_start(RAM_BASE, NOWHERE, count=count)
    return time.process_time() - start
