"""An interrupt wire with one verb: `set(level)`."""

from __future__ import annotations

from collections.abc import Callable


class Line:
    """A level-triggered wire. The sink hears changes only: `sink(level)`."""

    __slots__ = ("_sink", "level")

    def __init__(self, sink: Callable[[bool], None] | None = None) -> None:
        self.level = False
        self._sink = sink

    def connect(self, sink: Callable[[bool], None]) -> None:
        self._sink = sink

    def set(self, level: bool) -> None:
        if level != self.level:
            self.level = level
            if self._sink is not None:
                self._sink(level)
