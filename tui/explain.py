"""Who explains a run: listens where somebody does anyway, and loads what explaining takes only when it is asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from emu.machine import End
from tui.session import Session

if TYPE_CHECKING:
    from virtio.why.witness import Witness


def listen(session: Session) -> Witness:
    """A subscriber that remembers what an explanation needs beside the state at the end."""
    from virtio.why.witness import Witness  # noqa: PLC0415  (not where nobody traces)

    where = session.boot.where
    witness = Witness(lambda event: where(event.pc))
    session.machine.trace.subscribe(witness)
    return witness


class Explain:
    """Call it to explain on `stream` how things are. Made after all who subscribe to the trace.

    Without `always` it hears events only if there are any: making them costs more than all else. `always` also
    explains every end, in full, on standard output.
    """

    def __init__(self, session: Session, *, always: bool = False) -> None:
        self.session = session
        self.always = always
        self.witness = listen(session) if always or session.machine.trace.on else None

    def __call__(self, stream: TextIO, end: End | None = None, *, short: bool = True) -> int:
        """Returns 1 if a link is broken that somebody waits for, else 0; `end` is how the run ended, if it did."""
        from tui.why import Explainer  # noqa: PLC0415  (only where something went wrong)

        return Explainer(self.session, self.witness).tell(stream, end, short=short)

    def at_end(self, end: End, code: int) -> int:
        """Explain a run that ended so, if there is something to explain; returns the process's exit code."""
        if self.always:
            return self(sys.stdout, end, short=False)
        if end in (End.TIMEOUT, End.STUCK):
            self(sys.stderr, end)
        return code
