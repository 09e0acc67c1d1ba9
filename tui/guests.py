"""The guests that come with virtscope: where their ELFs are, and running one of them to its end."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from emu.boot import BootConfig, prepare
from emu.errors import InputError
from emu.machine import End, Machine, MachineConfig, slot_base
from virtio.outcomes import Outcome, find
from virtio.scenarios import Scenario
from virtio.scenarios import slot as scenario_slot

GUEST_SECONDS = 20.0


def guest_path(name: str) -> Path:
    """The ELF of a guest such as `rng-rv64` or `museum/no-ack-rv64`; raises InputError if there is none."""
    path = Path(str(files("guests"))) / "bin" / f"{name}.elf"
    if not path.exists():
        raise InputError(f"{path}: no such built-in guest; `make guests` builds them")
    return path


def initialize_in_guest(scenario: Scenario, xlen: int) -> Outcome:
    """Let the guest `errors` initialize a scenario's device under emulation; raises RuntimeError if it does not end."""
    output = bytearray()
    machine = Machine(MachineConfig(xlen, 2 << 20, output.extend))
    name = "virtio0"
    machine.mount(0, name, scenario_slot(scenario, machine.ram, machine.slot_line(0, name), machine.trace, name))
    boot = prepare(machine, BootConfig(image=str(guest_path(f"errors-rv{xlen}"))))
    mode = boot.images[0].symbols.address_of("driver_mode")
    if mode is None:
        raise RuntimeError("the guest errors has no symbol driver_mode")
    machine.ram.put32(mode, scenario.mode)
    end = machine.run(GUEST_SECONDS)
    if end is not End.EXIT:
        raise RuntimeError(f"scenario {scenario.name} on rv{xlen}: {end.value}, slot at {slot_base(0):#x}")
    return find(output.decode(errors="replace"))
