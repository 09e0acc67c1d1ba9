"""The whole machine's state but RAM, put together from its parts, and taken apart again."""

from __future__ import annotations

from emu.machine import SLOTS, Machine, MachineConfig
from emu.snapshot import Flag, State, Stateful, inside, record

CONFIG = ("xlen", "ram_size", "semihosting", "sstc", "slow_extensions")
"""What has to be the same on both sides, as `MachineConfig` names it."""
FLAG = Flag()


def shape(config: MachineConfig) -> State:
    """What kind of machine it is: only the same kind can take over its state."""
    return {name: getattr(config, name) for name in CONFIG}


def parts(machine: Machine) -> dict[str, Stateful]:
    """Everything that has a state, by name, in the order of restoring. Raises ValueError for a slot without one."""
    found: dict[str, Stateful] = {
        "hart": machine.hart, "clock": machine.clock, "csrs": machine.hart.exceptions.csrs,
        "counters": machine.hart.counters, "clint": machine.clint,
        "plic": machine.plic, "uart": machine.uart, "rtc": machine.rtc, "trace": machine.trace,
    }  # fmt: skip
    if machine.supervisor_timer is not None:
        found["sstc"] = machine.supervisor_timer
    if machine.slow_extensions is not None:
        found["slow_extensions"] = machine.slow_extensions
    if machine.config.semihosting:
        found["semihosting"] = machine.semihosting
    if machine.sbi is not None:
        found["sbi"] = machine.sbi
    for slot in range(SLOTS):
        name, state = machine.mounted.get(slot, ("", None))
        if state is not None:
            found[f"slot{slot}"] = state
        elif slot in machine.mounted:
            raise ValueError(f"{name} in slot {slot} was mounted without its state")
    return found | machine.more_parts


def snapshot(machine: Machine) -> State:
    """The state of every part; the machine stands between two instructions, and its UART has no output waiting."""
    state = {name: part.snapshot() for name, part in parts(machine).items()}
    return state | {"waiting": machine.waiting}


def restore(machine: Machine, state: object) -> None:
    """Take over the state of a machine of the same shape; raises BadState, and the machine is of no use then.

    Raises ValueError for a machine that has run already.
    """
    if machine.hart.instructions:
        raise ValueError("a state can be restored only into a machine that has not run")
    if isinstance(state, dict) and "sbi" in state:
        machine.answer_sbi()
    here = parts(machine)
    fields = record(state, (*here, "waiting"))
    with inside("waiting"):
        machine.waiting = FLAG.load(fields["waiting"])
    for name, part in here.items():
        with inside(name):
            part.restore(fields[name])
    machine.alarms.arm()
