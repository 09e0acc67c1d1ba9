"""Events as lines for a person: the same for a live trace and for a recording."""

from __future__ import annotations

from functools import lru_cache

from rich.color import ColorSystem
from rich.style import Style

from emu.trace import Event, Notice, RegisterAccess, Unimplemented
from virtio.events import InterruptStatusChanged, SpecViolation
from virtio.watched import FenceExecuted, MemoryAccess

Part = tuple[str, str]
"""Text and its style."""

TIME_WIDTH, SOURCE_WIDTH, WHERE_WIDTH = 11, 14, 44


def event_parts(event: Event, where: str) -> list[Part]:
    """One line of the trace as styled parts: time, device, pc and place, and what happened."""
    parts: list[Part] = [
        (f"{event.time:>{TIME_WIDTH},} ", "dim"),
        (f"{event.source:<{SOURCE_WIDTH}} ", "cyan"),
    ]
    if isinstance(event, RegisterAccess | MemoryAccess | FenceExecuted):
        place = f"{event.pc:x} {where}"
        parts.append((f"{place:<{WHERE_WIDTH}} ", "dim"))
        if isinstance(event, FenceExecuted):
            return [*parts, (event.text, "bold")]
        op = event.op.upper() if isinstance(event, RegisterAccess) else event.op
        return parts + access_parts(op, *event.shown, named=bool(event.name))
    parts.append((" " * (WHERE_WIDTH + 1), ""))
    if isinstance(event, SpecViolation):
        parts.append((f"! {event.text}", "bold red"))
    elif isinstance(event, Unimplemented):
        parts.append((f"? {event.text}", "yellow"))
    else:
        quiet = isinstance(event, InterruptStatusChanged | Notice)
        parts.append((f"· {event.text}", "blue" if quiet else "green"))
    return parts


def access_parts(op: str, register: str, value: str, meaning: str, *, named: bool) -> list[Part]:
    """An access (`op` R or W; r or w: of memory): a register's name, its value, what it meant; red where none is."""
    parts = [(f"{op} ", "bold yellow" if op in "Ww" else "bold green"), (register, "bold"), (f" = {value}", "")]
    return [*parts, (f"  {meaning}", "magenta" if named else "red")] if meaning else parts


@lru_cache(maxsize=64)
def _style(name: str) -> Style:
    return Style.parse(name) if name else Style.null()


def render(parts: list[Part], colors: ColorSystem | None) -> str:
    """One line of text, with colours where the terminal has them."""
    if colors is None:
        return "".join(text for text, _ in parts).rstrip()
    return "".join(_style(name).render(text, color_system=colors) if name else text for text, name in parts)
