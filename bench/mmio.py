"""Nanoseconds for one access to a device register, from the guest's instruction to the next one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench import bare
from bench.measure import Section, assemble, interleaved, median, ratio
from emu.config import Stop
from emu.machine import SLOT_SIZE, UART, Machine, MachineConfig, slot_base
from emu.recording import Header, Recorder
from emu.trace import Site
from tui.session import mount
from virtio.devices.rng import Rng
from virtio.mmio import MmioTransport

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
UNPAIRED = "tracing off, halves not paired"


def program(access: str, base: int) -> bytes:
    body = "\n".join([access] * UNROLLED)
    return assemble(f"li s0, {base}\nli s1, {LOOPS}\nloop:\n{body}\naddi s1, s1, -1\nbnez s1, loop\nwfi")


def bare_case(code: bytes, base: int, hooked: bool) -> Callable[[], float]:
    uc = bare.instance(code)
    bare.add_mmio(uc, base, hooked=hooked)
    return lambda: bare.run(uc) / ACCESSES * 1e9


def machine_with(code: bytes, recorded: bool = False, paired: bool = True) -> Machine:
    """Our machine with an entropy device in slot 0; `recorded` as with --trace=FILE --trace-board.

    `paired`: as always, 8-byte accesses are put together again; without that the figure shows what it costs.
    """
    machine = Machine(MachineConfig(ram_size=4 << 20, trace_board=recorded))
    if paired:
        mount(machine, 0, Rng())
    else:
        transport = MmioTransport(Rng(), machine.ram, machine.slot_line(0, "virtio0"), machine.trace)
        machine.hart.map(machine.bus.add("virtio0", SLOT, SLOT_SIZE, transport))
    machine.ram.write(machine.ram.base, code)
    if recorded:
        stream = open(os.devnull, "w", encoding="utf-8", buffering=1 << 20)  # noqa: SIM115  (as long as the process)
        site = Site("loop bench.S:4", "lw a0, 96(a1)")
        machine.trace.subscribe(Recorder(stream, Header("machine", 1, 64, "bench"), lambda pc: site))
    return machine


def machine_case(machine: Machine) -> Callable[[], float]:
    def case() -> float:
        machine.hart.reset(machine.ram.base)
        start = time.process_time()
        if machine.hart.run(10 * ACCESSES) is not Stop.WAITING:
            raise RuntimeError("the loop did not come to its end")
        return (time.process_time() - start) / ACCESSES * 1e9

    return case


def measure() -> Section:
    section = Section("MMIO: ns for one access (rv64)", ("/ empty", "/ hook"))
    for what, (base, access) in ACCESS.items():
        code = program(access, base)
        cases = {
            EMPTY: bare_case(code, base, hooked=False),
            HOOKED: bare_case(code, base, hooked=True),
            OFF: machine_case(machine_with(code)),
            UNPAIRED: machine_case(machine_with(code, paired=False)),
            RECORDED: machine_case(machine_with(code, recorded=True)),
        }
        if base != SLOT:  # the UART is not asked for its halves unless the board is traced
            del cases[UNPAIRED]
        samples = interleaved(cases)
        for name in samples:
            section.add(
                f"{what}, {name}", f"{median(samples, name):.0f} ns",
                ratio(samples, name, EMPTY), ratio(samples, name, HOOKED),
            )  # fmt: skip
    section.notes += [
        "Processor time. Recording: JSON lines with exact pc and symbol to /dev/null; the UART with --trace-board.",
        "Pc is exact in ours without the memory hook: the native helper finds it from the registers.",
        "An 8-byte access is two calls of the engine; what tells it from two of four bytes is the instruction at pc.",
        "Ours can be below the empty callback: they go to the engine without the binding's two wrappers.",
    ]
    return section
