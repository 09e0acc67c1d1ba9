"""OpenSBI and U-Boot from process start through the prompt to a 1 MiB read and power-off, against QEMU."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from bench import qemu
from bench.measure import ROOT, VIRTSCOPE, Samples, Section, interleaved, median, ratio

OPENSBI = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin")
UBOOT = Path("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin")
GOAL = 1.0
PATIENCE = 30.0
MIB = 1 << 20
READ = b"virtio scan; virtio read 0x82000000 0 0x800; crc32 0x82000000 0x100000; poweroff\n"
OURS, THEIRS = "virtscope", "QEMU"


def virtscope(disk: str) -> list[str]:
    images = ["--bios", str(OPENSBI), "--kernel", str(UBOOT)]
    return [*VIRTSCOPE, *images, "--device", f"blk,file={disk}", "--timeout", "60"]


def on_qemu(disk: str) -> list[str]:
    return [*qemu.COMMAND, *qemu.disk(disk), "-bios", str(OPENSBI), "-kernel", str(UBOOT)]


class Process:
    """A machine whose serial port is its standard input and output."""

    def __init__(self, argv: list[str]) -> None:
        self.output = b""
        self._seen = 0
        self.process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def expect(self, text: bytes) -> None:
        """Wait until `text` was printed; raises RuntimeError with the last words if it does not come."""
        end = time.monotonic() + PATIENCE
        stdout = self.process.stdout
        while stdout is not None and (at := self.output.find(text, self._seen)) < 0:
            ready, _, _ = select.select([stdout], [], [], max(0.0, end - time.monotonic()))
            data = os.read(stdout.fileno(), 65536) if ready else b""
            if not data:
                raise RuntimeError(f"{text!r} did not come; last words: {self.output[-200:]!r}")
            self.output += data
        self._seen = at + len(text)

    def send(self, text: bytes) -> None:
        if self.process.stdin is not None:
            self.process.stdin.write(text)
            self.process.stdin.flush()


def boot(argv: list[str], prompts: list[float], crc: int) -> float:
    """Seconds of wall time in all; the time to the prompt goes into `prompts`."""
    start = time.perf_counter()
    machine = Process(argv)
    try:
        machine.expect(b"Hit any key")
        machine.send(b" ")
        machine.expect(b"=> ")
        prompts.append(time.perf_counter() - start)
        machine.send(READ)
        machine.expect(b"==> %08x" % crc)
        if machine.process.wait(PATIENCE) != 0:
            raise RuntimeError(f"exit code {machine.process.returncode} of {argv[0]}")
    finally:
        machine.process.kill()
        machine.process.communicate()
    return time.perf_counter() - start


def measure() -> Section:
    section = Section("OpenSBI and U-Boot: process start to prompt, 1 MiB virtio read, power-off", ("/ QEMU",))
    missing = [str(path) for path in (OPENSBI, UBOOT) if not path.exists()]
    if missing:
        section.notes.append(f"Skipped: {', '.join(missing)} not there (apt-get install opensbi u-boot-qemu).")
        return section
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder, "disk.img")
        disk.write_bytes(os.urandom(MIB) + bytes(MIB))
        crc = zlib.crc32(disk.read_bytes()[:MIB])
        machines = {OURS: virtscope(str(disk))}
        if reason := qemu.install():
            section.notes.append(f"QEMU skipped: {reason}.")
        else:
            machines[THEIRS] = on_qemu(str(disk))
        prompts: Samples = {name: [] for name in machines}

        def case(name: str) -> Callable[[], float]:
            return lambda: boot(machines[name], prompts[name], crc)

        samples = interleaved({name: case(name) for name in machines})
    for what, figures in (("to the prompt", prompts), ("in all", samples)):
        for name in machines:
            against = ratio(figures, name, THEIRS) if THEIRS in figures else ""
            section.add(f"{name}, {what}", f"{median(figures, name):.2f} s", against)
    section.notes.append("QEMU has the host's clock, ours counts instructions. Profiled, 9/10 of ours is engine.")
    taken = median(samples, OURS)
    section.notes.append(f"Goal: at most {GOAL} s in all. {'Met' if taken <= GOAL else 'MISSED'} with {taken:.2f} s.")
    return section
