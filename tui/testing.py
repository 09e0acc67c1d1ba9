"""A guest for a program: one call builds the machine, and what happened can be asked for afterwards."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from emu.boot import BootConfig
from emu.config import End
from emu.console import ConsoleUart
from emu.trace import Event, Trace
from emu.until import Until
from tui.named import fill_in
from tui.session import Session, SessionConfig, open_session, parse_ram
from virtio.events import said_before
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.findings import Finding

SECONDS = 30.0


@dataclass
class Guest(Session):
    """A machine with its images loaded, not started yet. `events` is all that happened in its VirtIO slots so far.

    Use it as a context manager, or `close` it: that closes its devices' files.
    """

    name: str = ""
    events: list[Event] = field(default_factory=list)
    _sanitizer: Sanitizer = field(default_factory=Sanitizer)
    _finished: bool = False

    def run(self, timeout: float | None = SECONDS, until: Until = None) -> End:
        """Run until the guest ends, `until` has come (see `emu.until`), or `timeout` seconds of wall time."""
        return self.machine.run(timeout, until)

    @property
    def uart(self) -> ConsoleUart:
        """`expect` and `send`."""
        return self.machine.uart

    @property
    def trace(self) -> Trace:
        """Subscribe to it to hear events as they happen."""
        return self.machine.trace

    @property
    def output(self) -> str:
        """What the guest has written on its UART."""
        return self.uart.transcript.decode(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """What the guest told the finisher, or semihosting or the SBI; None while it runs."""
        return self.machine.exit_code

    @property
    def findings(self) -> list[Finding]:
        """What the sanitizer found in the guest's drivers, in order: one a rule and place, advice left out."""
        return list(self._sanitizer.findings)

    def finish(self) -> list[Finding]:
        """The run is over: `findings`, with what can only be judged at the end."""
        if not self._finished:
            self._finished = True
            self._sanitizer.finish()
        return self.findings

    def report(self, most: int = 20) -> str:
        """For a person whose test failed: where the guest is, its last output, the last events, rules it broke."""
        from tui.format import event_parts, render  # noqa: PLC0415  (rich takes 60 ms)

        shown = [event for event in self.events if not said_before(event)]
        events = [render(event_parts(event, self.sites.where(event.pc)), None) for event in shown[-most:]]
        output, broken = self.output.splitlines(), [text_of(finding) for finding in self.finish()]
        ended = "" if self.exit_code is None else f", ended with code {self.exit_code}"
        parts = [
            f"at pc {self.whereabouts}{ended}",
            f"the last of its output:\n{_last(output[-most:], len(output))}",
            f"the last events:\n{_last(events, len(shown))}",
            f"rules broken:\n{_last(broken[-most:], len(broken))}",
        ]
        return "\n".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def text_of(finding: Finding) -> str:
    """A finding in a line."""
    at = f" at {finding.where}" if finding.where else ""
    return f"{finding.message} [{finding.rule.id}, {finding.rule.section}]{at}"


def _last(lines: list[str], of: int) -> str:
    """The last of `of` lines, indented; `none` if there are none."""
    left_out = [f"... {of - len(lines)} before"] if of > len(lines) else []
    return "\n".join(f"  {line}" for line in [*left_out, *lines]) if lines else "  none"


def open_guest(
    image: str | Path = "",
    *,
    kernel: str | Path = "",
    bios: str | Path = "",
    initrd: str | Path = "",
    append: str | None = None,
    dtb: str | Path = "",
    load_address: int | None = None,
    devices: Sequence[str] = (),
    ram: str = "256M",
    xlen: int | None = None,
    seed: int | None = None,
    clock: str = "virtual",
    semihosting: bool = False,
    watch: str = "",
) -> Guest:
    """What `virtscope run` makes of the same options: `image` is a file or the name of a guest of `virtscope get`,

    `devices` are texts of `--device`. Nothing is printed, and time is virtual. Raises emu.errors.InputError with one
    line for what cannot be used.
    """
    args = argparse.Namespace(
        image=str(image) or None, kernel=str(kernel) or None, bios=str(bios) or None, initrd=str(initrd) or None,
        append=append, xlen=xlen,
    )  # fmt: skip
    if args.image and not os.path.exists(args.image):
        fill_in(args)
    image_path, bios_path, kernel_path, initrd_path = (
        path or "" for path in (args.image, args.bios, args.kernel, args.initrd)
    )
    boot = BootConfig(image_path, bios_path, kernel_path, initrd_path, str(dtb), args.append or "", load_address)
    if clock not in ("virtual", "wall"):
        raise ValueError(f"clock is virtual or wall, not {clock!r}")
    session = open_session(
        SessionConfig(
            boot, list(devices), parse_ram(ram), args.xlen, clock == "wall", semihosting=semihosting, seed=seed,
            watch_rings=watch == "rings",
        )
    )
    sanitizer = Sanitizer(site=lambda event: session.sites(event.pc))
    guest = Guest(**vars(session), name=str(image or kernel or bios), _sanitizer=sanitizer)
    for subscriber in (guest.events.append, sanitizer):
        session.machine.trace.subscribe(subscriber)
    return guest
