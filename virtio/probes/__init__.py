"""Probes (`--probe`): a device that does what is allowed and rare, on purpose and by a seed.

`PROBES` has them by name; `chosen` reads what a person wrote; a `ProbedTransport` is a slot under some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.errors import InputError
from virtio.probes.decoy import BadMagic, BadVersion
from virtio.probes.probe import Choice, Probe
from virtio.probes.queues import (
    AvailEvent,
    NeedsReset,
    ShortUsed,
    SpuriousInterrupt,
    UndefinedInterrupt,
    UsedFlags,
)
from virtio.probes.registers import (
    ConfigInterrupt,
    ConfigMoves,
    MinimalFeatures,
    RefuseFeatures,
    SlowReset,
    UnknownFeature,
)
from virtio.probes.transport import ProbedTransport

__all__ = ["PROBES", "Probe", "ProbedTransport", "chooser", "chosen"]

PROBES: dict[str, type[Probe]] = {
    probe.name: probe
    for probe in (
        BadMagic, BadVersion, UnknownFeature, MinimalFeatures, RefuseFeatures, SlowReset, ConfigMoves, ConfigInterrupt,
        SpuriousInterrupt, UndefinedInterrupt, NeedsReset, UsedFlags, AvailEvent, ShortUsed,
    )
}  # fmt: skip
ALL = "all"


def chosen(names: str) -> Sequence[type[Probe]]:
    """`NAME[,NAME...]`, or `all` for those after which a correct driver goes on; raises InputError."""
    found: dict[str, type[Probe]] = {}
    for name in names.split(","):
        if name != ALL and name not in PROBES:
            raise InputError(f"--probe {name}: not the name of a probe; --probe list prints them")
        every = {probe.name: probe for probe in PROBES.values() if not probe.alone}
        found |= every if name == ALL else {name: PROBES[name]}
    return tuple(found.values())


def chooser(entropy: Callable[[int], bytes]) -> Choice:
    """Makes choices from a stream of bytes."""
    return lambda n: int.from_bytes(entropy(8), "little") % n


def table() -> str:
    """Every probe in a line; those that `all` leaves out are marked."""
    lines = [f"{name:<19}{'*' if probe.alone else ' '} {probe.summary}" for name, probe in PROBES.items()]
    return "\n".join([*lines, "", "* not in `all`: a correct driver may give the device up then"])
