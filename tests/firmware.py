"""Debian's OpenSBI and U-Boot for tests: installed through apt where that is possible, else the test is skipped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from emu.boot import BootConfig
from emu.trace import Event
from tui.session import SessionConfig, open_session

PACKAGES = ("opensbi", "u-boot-qemu")
OPENSBI = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic")
U_BOOT = Path("/usr/lib/u-boot")
FILES = {
    "fw_dynamic": OPENSBI / "fw_dynamic.bin",
    "fw_jump": OPENSBI / "fw_jump.bin",
    "s-mode": U_BOOT / "qemu-riscv64_smode" / "u-boot.bin",
    "m-mode": U_BOOT / "qemu-riscv64" / "u-boot.bin",
}
LOAD = 0x84000000


@cache
def why_not() -> str:
    """Install what is missing; an empty string, or why that could not be done."""
    if all(path.exists() for path in FILES.values()):
        return ""
    wanted = " ".join(PACKAGES)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return f"needs Debian's packages: apt-get install {wanted}"
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True, "text": True}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "--no-install-recommends", *PACKAGES]):
        try:
            done = subprocess.run(command, timeout=50, check=False, **quiet)  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)} took more than 50 s"
        if done.returncode:
            return f"{' '.join(command)} failed: {done.stderr.strip()[-200:]}"
    missing = [str(path) for path in FILES.values() if not path.exists()]
    return f"after apt-get install {wanted}, missing: {', '.join(missing)}" if missing else ""


def firmware(name: str) -> str:
    """The path of one of `FILES`; skips the test if it cannot be had."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return str(FILES[name])


class UBoot:
    """U-Boot on a machine, at its prompt after `start`."""

    PROMPT = b"\r\n=> "

    def __init__(
        self, boot: BootConfig, *devices: str, xlen: int = 64, probes: str = "", watch_rings: bool = False
    ) -> None:
        config = SessionConfig(boot, list(devices), xlen=xlen, probes=probes, watch_rings=watch_rings)
        self.session = open_session(config)
        self.machine = self.session.machine
        self.console = self.machine.uart
        self.events: list[Event] = []

    def watch(self) -> None:
        self.machine.trace.subscribe(self.events.append)

    def start(self) -> str:
        """Stop the countdown; returns what was printed until the prompt."""
        text = self.console.expect(b"Hit any key to stop autoboot")
        self.console.send(b" ")
        return (text + self.console.expect(b"=> ")).decode()

    def command(self, line: str) -> str:
        """Type a command; returns what it printed."""
        self.console.send(line.encode() + b"\r")
        self.console.expect(line.encode() + b"\r\n")
        text = b"\r\n" + self.console.expect(b"=> ")
        while not text.endswith(self.PROMPT):  # crc32 prints ==> as well
            text += self.console.expect(b"=> ")
        return text[2:-4].decode().strip()

    def crc32(self, size: int) -> int:
        """U-Boot's own checksum of `size` bytes at `LOAD`."""
        found = re.search(r"==> ([0-9a-f]{8})", self.command(f"crc32 {LOAD:x} {size:x}"))
        assert found is not None
        return int(found[1], 16)
