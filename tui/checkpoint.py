"""Checkpoints of a session: what is saved beside the machine, and what the options must agree with to restore it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu import checkpoint, machine_state
from emu.boot import Boot, BootConfig, prepare
from emu.errors import InputError
from emu.machine import Machine
from emu.snapshot import BadState, Flag, Maybe, Number, State, bits, inside, record

if TYPE_CHECKING:
    from tui.session import Session, SessionConfig

SMALLEST_RAM, LARGEST_RAM, LARGEST_RAM_32 = 1 << 20, 1 << 36, 2 << 30
CLOCKS = ("virtual", "wall")


def save(what: Session | Machine, path: str) -> int:
    """Save a machine that stands between two instructions, in a file that is whole or not there; returns its size.

    The content of disks is not saved, only what it was. Raises OSError, and InputError where there is nothing to save.
    """
    session = None if isinstance(what, Machine) else what
    machine = what if isinstance(what, Machine) else what.machine
    if machine.exit_code is not None:
        raise InputError(f"{path}: not saved, the guest has ended")
    machine.uart.flush()
    header = {
        "machine": machine_state.shape(machine.config), "clock": CLOCKS[machine.config.wall_clock],
        "seed": session and session.seed, "files": session.boot.files() if session else [],
        "state": machine_state.snapshot(machine),
    }  # fmt: skip
    return checkpoint.write(path, header, machine.ram)


def restore(path: str, config: SessionConfig | None = None) -> Session:
    """A session that goes on where `path` was saved; `config` has its devices again, and its images if they are known.

    Raises InputError with one line for a file that cannot be used and for whatever does not agree with it.
    """
    from tui.session import SessionConfig, open_session  # noqa: PLC0415  (it needs this module)

    config = config or SessionConfig(BootConfig())
    config.restore = path
    return open_session(config)


@dataclass
class Saved:
    """A checkpoint that was read: the shape of its machine, and the rest for `resume`."""

    file: checkpoint.Checkpoint
    xlen: int
    ram_size: int
    semihosting: bool
    wall_clock: bool
    sstc: bool
    slow_extensions: bool
    seed: int | None


def open_checkpoint(path: str) -> Saved:
    """Read a checkpoint and what kind of machine it needs; raises InputError."""
    file = checkpoint.read(path)
    try:
        header = record(file.header, ("machine", "clock", "seed", "files", "state"))
        with inside("machine"):
            machine = record(header["machine"], machine_state.CONFIG)
            xlen = _number(machine, "xlen", Number(64, 32))
            ram_size = _number(machine, "ram_size", Number(LARGEST_RAM if xlen == 64 else LARGEST_RAM_32, SMALLEST_RAM))
            if xlen not in (32, 64) or ram_size % 4096:
                raise BadState(f"there is no machine of {xlen} bits with {ram_size} bytes of RAM")
            flags = {name: _flag(machine, name) for name in ("semihosting", "sstc", "slow_extensions")}
        if header["clock"] not in CLOCKS:
            raise BadState("neither virtual nor wall", "clock")
        with inside("seed"):
            seed = Maybe(bits(64)).load(header["seed"])
    except BadState as error:
        raise InputError(f"{path}: {error}") from None
    return Saved(file, xlen, ram_size, wall_clock=header["clock"] == "wall", seed=seed, **flags)


def _number(fields: State, name: str, number: Number) -> int:
    with inside(name):
        return number.load(fields[name])


def _flag(fields: State, name: str) -> bool:
    with inside(name):
        return Flag().load(fields[name])


def agree(config: SessionConfig, saved: Saved) -> None:
    """Fill in what the options leave open; raises InputError where they say something else than the checkpoint."""
    path = saved.file.path
    if config.xlen not in (None, saved.xlen):
        raise InputError(f"--xlen {config.xlen}: {path} is of an rv{saved.xlen} machine")
    if config.ram_size not in (None, saved.ram_size):
        raise InputError(f"--ram {config.ram_size >> 20}M: the machine of {path} has {saved.ram_size >> 10}K")
    if config.semihosting and not saved.semihosting:
        raise InputError(f"--semihosting: the machine of {path} was without it")
    config.xlen, config.ram_size, config.semihosting = saved.xlen, saved.ram_size, saved.semihosting
    if config.wall_clock is None:
        config.wall_clock = saved.wall_clock
    if config.seed is None:
        config.seed = saved.seed


def resume(machine: Machine, config: BootConfig | None, saved: Saved) -> Boot:
    """Let a new machine be where the checkpoint was. The images that `config` names serve symbols and resets."""
    path, files = saved.file.path, saved.file.header["files"]
    if not isinstance(files, list) or not all(isinstance(file, list) and len(file) == 2 for file in files):
        raise InputError(f"{path}: files: not a list of names and digests")
    boot = Boot(machine, restored_from=files)
    if config is not None:
        boot = prepare(machine, config, start=False)
        compare_files(boot, path, files)
    _take_over(machine, saved)
    return boot


def restore_into(machine: Machine, path: str) -> None:
    """Let a new machine, made and mounted as the saved one was, be where `path` was saved; raises InputError."""
    saved = open_checkpoint(path)
    if machine_state.shape(machine.config) != saved.file.header["machine"]:
        raise InputError(f"{path}: it is of a machine of another shape: {saved.file.header['machine']}")
    _take_over(machine, saved)


def _take_over(machine: Machine, saved: Saved) -> None:
    try:
        machine_state.restore(machine, saved.file.header["state"])
    except BadState as error:
        raise InputError(f"{saved.file.path}: {error}") from None
    saved.file.fill(machine.ram)


def compare_files(boot: Boot, path: str, files: list[list[str]]) -> None:
    """Raises InputError if an image is not what it was: its symbols would lie, and a reset start another guest."""
    here = boot.files()
    names = ", ".join(str(name) for name, _ in files) or "no file"
    for name, digest in here:
        if digest not in [other for _, other in files]:
            raise InputError(f"{name}: not what {path} was saved with ({names})")
    if len(here) != len(files):
        raise InputError(f"{path} was saved with {names}: name all of them, or none")
