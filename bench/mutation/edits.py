"""Mutations of the driver's code: lines are others. They stand in edits/MODULE.txt, as `#` words, `-` old, `+` new."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from virtio.drivers import blk, console, queue, rng, transport

ROOM = "virtio.drivers"
DEVICES = ("blk", "rng", "console")
HEAD = re.compile(r"# (.*?)(?: \(([a-z, ]+)\))?")
"""`# what it gets wrong`, and the devices in brackets if it is not for all."""


@dataclass(frozen=True)
class Edit:
    """In `module` of virtio.drivers the lines `old`, which stand there once, become `new`; `what` says it in words."""

    what: str
    module: str
    old: str
    new: str
    devices: tuple[str, ...] = DEVICES


@dataclass(frozen=True)
class Classes:
    """What a driver is made of, edited or not."""

    transport: type[Any]
    queue: type[Any]
    drivers: dict[str, type[Any]]


@cache
def edits() -> tuple[Edit, ...]:
    """All edits."""
    files = [Path(__file__).parent / "edits" / f"{name}.txt" for name in ("transport", "queue", *DEVICES)]
    return tuple(
        edit(path.stem, block) for path in files for block in path.read_text(encoding="utf-8").strip().split("\n\n")
    )


def edit(module: str, block: str) -> Edit:
    """One block of a file."""
    head, *lines = block.splitlines()
    found = HEAD.fullmatch(head)
    if found is None or any(line[:1] not in ("-", "+") for line in lines):
        raise ValueError(f"edits/{module}.txt: no edit begins with {head!r}")
    old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] == sign) for sign in "-+")
    devices = (module,) if module in DEVICES else DEVICES
    return Edit(found[1], module, old, new, tuple(found[2].split(", ")) if found[2] else devices)


@cache
def source(module: str) -> str:
    """The text of a module of the driver."""
    path = import_module(f"{ROOM}.{module}").__file__ or ""
    return Path(path).read_text(encoding="utf-8")


@cache
def edited(edit: Edit) -> ModuleType:
    """The module with the edit made; the one that is installed stays as it is."""
    name, text = f"{ROOM}.{edit.module}", source(edit.module)
    if text.count(edit.old) != 1:
        raise ValueError(f"edits/{edit.module}.txt: {edit.what}: {text.count(edit.old)} times in {edit.module}.py")
    module = ModuleType(name)
    module.__file__ = sys.modules[name].__file__
    exec(compile(text.replace(edit.old, edit.new), f"<{edit.what}>", "exec"), module.__dict__)
    return module


def classes(edit: Edit | None) -> Classes:
    """The driver's classes with this edit."""
    parts: dict[str, Any] = {m.__name__.rpartition(".")[2]: m for m in (transport, queue, blk, console, rng)}
    if edit is not None:
        parts[edit.module] = edited(edit)
    drivers = {"blk": parts["blk"].BlkDriver, "console": parts["console"].ConsoleDriver, "rng": parts["rng"].RngDriver}
    return Classes(parts["transport"].VirtIOTransport, parts["queue"].SplitVirtqueue, drivers)
