"""Events as lines for a person: the same for a live trace and for a recording."""

from __future__ import annotations

from functools import lru_cache

from rich.color import ColorSystem
from rich.style import Style

from emu.trace import Event, InterruptLine, Notice, RegisterAccess, Unimplemented
from virtio.events import InterruptStatusChanged, QueueNotified, SpecViolation, StatusChanged

Part = tuple[str, str]
"""Text and its style."""

TIME_WIDTH, SOURCE_WIDTH, WHERE_WIDTH = 11, 14, 44


def said_before(event: Event) -> bool:
    """Whether the line of the access or event before this one says it already."""
    if isinstance(event, InterruptStatusChanged):
        return event.status == 0
    return isinstance(event, StatusChanged | QueueNotified | InterruptLine)


def event_parts(event: Event, where: str) -> list[Part]:
    """One line of the trace as styled parts: time, device, pc and place, and what happened."""
    parts: list[Part] = [
        (f"{event.time:>{TIME_WIDTH},} ", "dim"),
        (f"{event.source:<{SOURCE_WIDTH}} ", "cyan"),
    ]
    if isinstance(event, RegisterAccess):
        place = f"{event.pc:x} {where}"
        parts.append((f"{place:<{WHERE_WIDTH}} ", "dim"))
        write = event.op == "w"
        name = event.name or f"{event.offset:#05x}"
        width = "" if event.width == 4 else f".{8 * event.width}"
        parts.append(("W " if write else "R ", "bold yellow" if write else "bold green"))
        parts.append((f"{name}{width}", "bold"))
        parts.append((f" = {event.value:#x}", ""))
        detail = event.detail
        if detail and detail not in (f"{event.value:#x}", str(event.value)):
            parts.append((f"  {detail}", "magenta" if event.name else "red"))
        return parts
    parts.append((" " * (WHERE_WIDTH + 1), ""))
    if isinstance(event, SpecViolation):
        parts.append((f"! {event.text}", "bold red"))
    elif isinstance(event, Unimplemented):
        parts.append((f"? {event.text}", "yellow"))
    else:
        quiet = isinstance(event, InterruptStatusChanged | Notice)
        parts.append((f"· {event.text}", "blue" if quiet else "green"))
    return parts


@lru_cache(maxsize=64)
def _style(name: str) -> Style:
    return Style.parse(name) if name else Style.null()


def render(parts: list[Part], colors: ColorSystem | None) -> str:
    """One line of text, with colours where the terminal has them."""
    if colors is None:
        return "".join(text for text, _ in parts).rstrip()
    return "".join(_style(name).render(text, color_system=colors) if name else text for text, name in parts)
