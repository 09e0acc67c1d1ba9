"""Run in a fresh interpreter: where the time of a start goes, as one JSON object of milliseconds.

It does what `virtscope run IMAGE --device rng` does, in the same order, with a look at the clock between the steps.
"""

from __future__ import annotations

import json
import sys
import time


class Phases:
    """Milliseconds by name, each from the end of the one before."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._last = time.perf_counter()

    def end(self, name: str) -> None:
        now = time.perf_counter()
        self.figures[name] = (now - self._last) * 1e3
        self._last = now


def main(image: str) -> None:
    phases = Phases()
    # each import is one of the things that is measured
    import unicorn.riscv_const  # noqa: F401, PLC0415

    phases.end("import unicorn")
    from emu.boot import BootConfig, prepare  # noqa: PLC0415
    from emu.machine import Machine, MachineConfig  # noqa: PLC0415
    from tui.cli import build_parser  # noqa: PLC0415
    from tui.run import report  # noqa: PLC0415
    from tui.session import Session, mount  # noqa: PLC0415
    from virtio.devices.rng import Rng  # noqa: PLC0415

    phases.end("import our modules, and argparse, dataclasses, re")
    build_parser().parse_args(["run", image, "--device", "rng"])
    phases.end("command line")
    machine = Machine(MachineConfig(ram_size=256 << 20))
    transports = [mount(machine, slot, None if slot else Rng()) for slot in range(8)]
    phases.end("the machine: a hart, the board, slots")
    import fdt  # noqa: F401, PLC0415

    phases.end("import fdt")
    boot = prepare(machine, BootConfig(image))
    phases.end("device tree and ELF")
    end = machine.run()
    phases.end("the guest")
    report(Session(machine, boot, transports), end, [], None)
    phases.end("report")
    json.dump(phases.figures, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
