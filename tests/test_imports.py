"""What importing a room pulls in: the directions of import as a process sees them, not only as they are written."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest
from cli import ENVIRONMENT

import virtio

GROUND = """
    bus clint clock decode elf errors fdt finisher irq loader memory plic recording regs rtc semihost snapshot symbols
    trace traps uart
""".split()  # noqa: SIM905
"""What stands without a hart."""


def modules(package: object) -> list[str]:
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    return [module.name for module in pkgutil.walk_packages(path, name + ".")]


def loaded_by(names: list[str]) -> set[str]:
    """The modules that a fresh process has after importing `names`, and the packages they are in."""
    code = f"import sys\nfor name in {names!r}:\n    __import__(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    loaded = set(done.stdout.split())
    return loaded | {name.partition(".")[0] for name in loaded}


def test_virtio_needs_the_standard_library_and_emu_only() -> None:
    names = ["virtio", *modules(virtio)]
    assert {"virtio.mmio", "virtio.attach", "virtio.devices.blk", "virtio.drivers.tock", "virtio.testing"} <= set(names)
    loaded = loaded_by(names)
    assert {"virtio", "emu"} <= loaded
    assert not loaded & {"unicorn", "capstone", "rich", "elftools", "fdt", "tui", "emu.hart", "emu.machine"}


def test_registers_memory_and_the_boards_devices_stand_without_a_hart() -> None:
    assert not loaded_by([f"emu.{name}" for name in GROUND]) & {"unicorn", "rich", "virtio", "tui"}
    assert "unicorn" in loaded_by(["emu.hart"]), "the check can fail"


@pytest.mark.parametrize("heavy", ["rich", "textual", "elftools", "capstone", "fdt", "hypothesis"])
def test_the_machine_starts_without_what_it_may_not_need(heavy: str) -> None:
    assert heavy not in loaded_by(["emu.machine", "tui.cli", "tui.session"])
