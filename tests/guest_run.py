"""Runs a guest on the whole machine for a test: what it printed, how it ended, and every event."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asm import assemble

from emu.boot import BootConfig
from emu.machine import End, Machine
from emu.trace import Event
from tui.guests import guest_path
from tui.session import Session, SessionConfig, open_session
from virtio.events import SpecViolation

SECONDS = 30.0


@dataclass
class Ran:
    """How a guest's run ended; `text` is what it wrote on the UART, `violations` the rules it broke, in order."""

    end: End
    code: int | None
    text: str
    events: list[Event]

    @property
    def violations(self) -> list[str]:
        return [event.rule for event in self.events if isinstance(event, SpecViolation)]


class Guest:
    """A session that collects output and events. `path` is an image, or the name of a built guest."""

    def __init__(self, path: str | Path, *devices: str, xlen: int | None = None, **machine: object) -> None:
        self.output = bytearray()
        self.events: list[Event] = []
        image = str(path if isinstance(path, Path) else guest_path(path))
        config = SessionConfig(BootConfig(image=image), list(devices), 4 << 20, xlen, output=self.output.extend)
        for name, value in machine.items():
            setattr(config, name, value)
        self.session: Session = open_session(config)
        self.session.machine.trace.subscribe(self.events.append)

    @property
    def machine(self) -> Machine:
        return self.session.machine

    def set_word(self, symbol: str, value: int) -> None:
        """Change a 32-bit variable of the guest before it starts."""
        address = self.session.boot.images[0].symbols.address_of(symbol)
        assert address is not None
        self.machine.ram.put32(address, value)

    def run(self, seconds: float = SECONDS) -> Ran:
        end = self.machine.run(seconds)
        return Ran(end, self.machine.exit_code, self.output.decode(errors="replace"), self.events)


def program(folder: Path, text: str, xlen: int = 64) -> Path:
    """A flat image assembled from `text`."""
    path = folder / "program.bin"
    path.write_bytes(assemble(text, xlen))
    return path
