"""`--save-at WHEN FILE`: the machine is saved once when its time has come, and the run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from emu.checkpoint import check_target
from emu.clock import TICKS_PER_SECOND
from emu.errors import InputError
from emu.machine import ENDLESS
from tui.checkpoint import save
from tui.session import Session
from tui.when import parse


class Saving:
    """Arms a session's machine; `tell` gets a line about what happened. Raises InputError for a bad WHEN or FILE."""

    def __init__(self, session: Session, when: str, path: str, tell: Callable[[str], object]) -> None:
        make = parse(when)
        check_target(path)
        self._session, self._text, self._path, self._tell = session, when, path, tell
        self._done = False
        self._when = make(session.machine)
        session.machine.between_slices = self.look

    def look(self) -> int:
        """Save if it is time; returns how many instructions may run until the next look."""
        if self._done or self._session.machine.exit_code is not None:
            return ENDLESS
        if not self._when.due():
            return self._when.left()
        self._done = True
        self._when.cease()
        self._save()
        return ENDLESS

    def _save(self) -> None:
        machine, began = self._session.machine, time.monotonic()
        try:
            size = save(self._session, self._path)
        except OSError as error:
            self._tell(f"{self._path}: not saved: {error.strerror or error}")
            return
        except InputError as error:
            self._tell(str(error))
            return
        now = f"instruction {machine.hart.instructions:,} ({machine.clock.ticks() / TICKS_PER_SECOND:.6f} s)"
        took = time.monotonic() - began
        self._tell(f"{self._path}: saved at {now}: {size / 1e6:.1f} MB in {took:.2f} s")

    def end(self) -> None:
        """The run is over: say so if WHEN never came."""
        if not self._done:
            self._tell(f"--save-at {self._text}: it never came, so {self._path} was not saved")
