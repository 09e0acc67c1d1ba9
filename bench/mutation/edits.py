"""Mutations of the driver's code: a line is another one. Each `old` stands exactly once in its file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from virtio.drivers import blk, console, queue, rng, transport

ROOM = "virtio.drivers"


@dataclass(frozen=True)
class Edit:
    """In `module` of virtio.drivers `old` becomes `new`; `what` says it in words."""

    what: str
    module: str
    old: str
    new: str
    devices: tuple[str, ...] = ("blk", "rng", "console")


@dataclass(frozen=True)
class Classes:
    """What a driver is made of, edited or not."""

    transport: type[Any]
    queue: type[Any]
    drivers: dict[str, type[Any]]


@cache
def source(module: str) -> str:
    """The text of a module of the driver."""
    path = import_module(f"{ROOM}.{module}").__file__ or ""
    return Path(path).read_text(encoding="utf-8")


def edited(edit: Edit) -> ModuleType:
    """The module with the edit made; the one that is installed stays as it is."""
    name = f"{ROOM}.{edit.module}"
    text = source(edit.module)
    if text.count(edit.old) != 1:
        raise ValueError(f"{edit.module}.py has {text.count(edit.old)} times: {edit.old}")
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
