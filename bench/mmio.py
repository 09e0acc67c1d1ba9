"""Nanoseconds for one access to a device register, from the guest's instruction to the next one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench import bare
from bench.measure import Section, assemble, interleaved, median, ratio
from emu.machine import UART, Machine, MachineConfig, slot_base
from emu.recording import Header, Recorder
from tui.session import mount
from virtio.devices.rng import Rng

UNROLLED, LOOPS = 16, 1500
ACCESSES = UNROLLED * LOOPS
SLOT = slot_base(0)
ACCESS = {
    "read InterruptStatus": (SLOT, "lw t0, 0x60(s0)"),
    "write QueueSel": (SLOT, "sw zero, 0x30(s0)"),
    "8-byte read of a register pair": (SLOT, "ld t0, 0x60(s0)"),
    "poll the UART's LSR": (UART, "lbu t0, 5(s0)"),
}
"""What is measured: the device's base, and the instruction."""
EMPTY, HOOKED, OFF, RECORDED = "bare, empty callback", "bare, memory hook", "tracing off", "recording"


def program(access: str, base: int) -> bytes:
    body = "\n".join([access] * UNROLLED)
    return assemble(f"li s0, {base}\nli s1, {LOOPS}\nloop:\n{body}\naddi s1, s1, -1\nbnez s1, loop\nwfi")


def bare_case(code: bytes, base: int, hooked: bool) -> Callable[[], float]:
    uc = bare.instance(code)
    bare.add_mmio(uc, base, hooked=hooked)
    return lambda: bare.run(uc) / ACCESSES * 1e9


def machine_case(code: bytes, recorded: bool) -> Callable[[], float]:
    """Our machine with an entropy device in slot 0; `recorded` as with --trace=FILE --trace-board."""
    machine = Machine(MachineConfig(ram_size=4 << 20, trace_board=recorded))
    mount(machine, 0, Rng())
    machine.ram.write(machine.ram.base, code)
    if recorded:
        stream = open(os.devnull, "w", encoding="utf-8", buffering=1 << 20)  # noqa: SIM115  (as long as the process)
        machine.trace.subscribe(Recorder(stream, Header("machine", 1, 64, "bench"), lambda pc: "loop bench.S:4"))

    def case() -> float:
        machine.hart.reset(machine.ram.base)
        start = time.perf_counter()
        machine.hart.run(10 * ACCESSES)
        return (time.perf_counter() - start) / ACCESSES * 1e9

    return case


def measure() -> Section:
    section = Section("MMIO: ns for one access (rv64)", ("/ empty", "/ hook"))
    for what, (base, access) in ACCESS.items():
        code = program(access, base)
        samples = interleaved({
            EMPTY: bare_case(code, base, hooked=False),
            HOOKED: bare_case(code, base, hooked=True),
            OFF: machine_case(code, recorded=False),
            RECORDED: machine_case(code, recorded=True),
        })  # fmt: skip
        for name in samples:
            section.add(
                f"{what}, {name}", f"{median(samples, name):.0f} ns",
                ratio(samples, name, EMPTY), ratio(samples, name, HOOKED),
            )  # fmt: skip
    section.notes.append("Recording: JSON lines with exact pc and symbol to /dev/null; the UART with --trace-board.")
    return section
