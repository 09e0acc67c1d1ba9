"""Subscribers of the event stream that a person asked for: `--trace` on the terminal, `--trace=FILE` as JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from rich.color import ColorSystem
from rich.console import Console

from emu.trace import Event
from tui.format import event_parts, render
from virtio.events import said_before

COLOR_SYSTEMS = {
    "standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT, "truecolor": ColorSystem.TRUECOLOR,
}  # fmt: skip


def colors_of(stream: TextIO) -> ColorSystem | None:
    """The colours that rich finds fit for `stream` (none for a file, a pipe or NO_COLOR)."""
    console = Console(file=stream)
    return None if console.no_color else COLOR_SYSTEMS.get(console.color_system or "")


class Printer:
    """Prints every event as one decoded line on `stream`; `before` is called first (to keep the UART in order)."""

    def __init__(
        self, stream: TextIO, where: Callable[[int], str], before: Callable[[], object] = lambda: None
    ) -> None:
        self._stream = stream
        self._where = where
        self._before = before
        self._colors = colors_of(stream)
        self._places: dict[int, str] = {}

    def __call__(self, event: Event) -> None:
        if not said_before(event):
            self._before()
            self.print(event, self._place(event.pc))

    def print(self, event: Event, where: str) -> None:
        """One line, `where` being symbol and source line at its pc."""
        self._stream.write(render(event_parts(event, where), self._colors) + "\n")

    def _place(self, pc: int) -> str:
        place = self._places.get(pc)
        if place is None:
            place = self._places[pc] = self._where(pc)
        return place
