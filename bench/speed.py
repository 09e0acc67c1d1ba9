"""Instructions a second in loops without devices: what counting every instruction costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench import bare
from bench.measure import Section, assemble, interleaved, median, ratio
from emu import native
from emu.config import Stop
from emu.hart import Hart
from emu.memory import Ram

ROUNDS = 4_000_000
BODY = {
    "ALU": ["addi t0, t0, 1", "xor t1, t1, t0", "slli t2, t0, 3", "add t3, t2, t1", "and t4, t3, t0", "sub t5, t4, t2"],
    "memory": ["ld t0, 0(s0)", "addi t0, t0, 1", "sd t0, 8(s0)", "lw t1, 16(s0)", "sw t1, 24(s0)", "lbu t2, 1(s0)"],
}
PER_ROUND = 8
PLAIN, COUNTED, OURS, PYTHON = "bare, no hooks", "bare, count=", "our hart", "our hart, no native helper"


def program(body: list[str]) -> bytes:
    """`ROUNDS` times `body` and two more instructions, then WFI. Data is 1 MiB above the code."""
    text = "\n".join(body)
    return assemble(f"li s0, 0x80100000\nli s1, {ROUNDS}\nloop:\n{text}\naddi s1, s1, -1\nbnez s1, loop\nwfi")


def bare_case(code: bytes, count: int) -> Callable[[], float]:
    uc = bare.instance(code)
    return lambda: ROUNDS * PER_ROUND / bare.run(uc, count) / 1e6


def hart_case(code: bytes, helper: bool) -> Callable[[], float]:
    ram = Ram(bare.RAM_BASE, bare.RAM_SIZE)
    os.environ["VIRTSCOPE_NATIVE"] = str(int(helper))
    hart = Hart(ram, 64)
    del os.environ["VIRTSCOPE_NATIVE"]
    ram.write(ram.base, code)

    def case() -> float:
        hart.reset(ram.base)
        start = time.process_time()
        if hart.run(1 << 40) is not Stop.WAITING:
            raise RuntimeError("the loop did not come to its end")
        return ROUNDS * PER_ROUND / (time.process_time() - start) / 1e6

    return case


def measure() -> Section:
    section = Section("Speed: million instructions a second (rv64)", ("/ no hooks", "/ count="))
    for what, body in BODY.items():
        code = program(body)
        samples = interleaved({
            PLAIN: bare_case(code, 0), COUNTED: bare_case(code, 1 << 40), OURS: hart_case(code, True),
            PYTHON: hart_case(code, False),
        })  # fmt: skip
        for name in samples:
            section.add(
                f"{what} loop, {name}", f"{median(samples, name):.0f} M/s",
                ratio(samples, name, PLAIN), ratio(samples, name, COUNTED),
            )  # fmt: skip
    section.notes.append(
        "Ours counts in a hook a block, without the helper in a hook an instruction (count=). In the memory loop the "
        "engine's stores to executable RAM pages in M mode are the limit. Processor time. "
        + ("" if native.load() else f"Here: {native.ABSENT}.")
    )
    return section
