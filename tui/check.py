"""The sanitizer as a person asks for it: beside a run (`run --check`), or over a recording (`virtscope check`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from emu.errors import InputError
from emu.machine import ENDLESS
from emu.recording import Header, read_recording
from emu.trace import Event, Site
from tui.baseline import Baseline, read_baseline, text_of
from tui.outputs import create
from tui.session import Session
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import ADVICE

REPORT, STRICT, OFF = "report", "strict", "off"
VIOLATED = 3
"""Exit code: `check` has findings, or `--check=strict` stopped the machine."""
JSON, SARIF = ".json", ".sarif"


def recorded(event: Event) -> Site:
    """What a recording says of the place of an event."""
    return Site(event.where, event.insn, event.file)


class Check:
    """A sanitizer with the options of `args` (`add_check_options`); call it with every event.

    `inputs` are files that may not be written over; `on_new(check, finding)` hears of each finding that is not known.
    `stopped`: a finding ended the run.
    Raises InputError for a file that cannot be used, before anything runs.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        inputs: Sequence[str],
        site: Callable[[Event], Site] = recorded,
        on_new: Callable[[Check, Finding], object] = lambda check, finding: None,
        resumed: bool = False,
    ) -> None:
        self._baseline = read_baseline(args.baseline) if args.baseline else Baseline()
        self._path = args.findings or ""
        self._file = open_findings(self._path, [*inputs, *([args.baseline] if args.baseline else [])])
        self._on_new = on_new
        self.stopped = False
        self._covered = None
        if args.coverage:
            from tui.coverage import CoverageFile  # noqa: PLC0415  (start-up)

            self._covered = CoverageFile(args, [*inputs, *filter(None, (self._path, args.baseline))])
        self._sanitizer = Sanitizer(
            self._found, advice=args.advice, strict=args.pedantic, site=site,
            coverage=None if self._covered is None else self._covered.coverage,
        )  # fmt: skip
        self.observe: Callable[[Event], None] = self._sanitizer
        self.resumed = resumed

    def _found(self, finding: Finding) -> None:
        if finding not in self._baseline:
            self._on_new(self, finding)

    @property
    def resumed(self) -> bool:
        """What came before the first event is not known."""
        return self._sanitizer.resumed

    @resumed.setter
    def resumed(self, resumed: bool) -> None:
        self._sanitizer.resumed = resumed

    @property
    def new(self) -> list[Finding]:
        """The findings that the baseline does not have, in the order of their first time."""
        return [finding for finding in self._sanitizer.findings if finding not in self._baseline]

    @property
    def dropped(self) -> int:
        """At how many places there was one too many to keep."""
        return self._sanitizer.findings.dropped

    @property
    def known(self) -> int:
        """How many of the findings the baseline has."""
        return len(self._sanitizer.findings) - len(self.new)

    def finish(self) -> None:
        """There are no more events: judge what could not be judged before, and write `--findings` and `--coverage`."""
        self._sanitizer.finish()
        if self._covered is not None:
            self._covered.add(self._sanitizer.findings)
        if self._file is None:
            return
        if self._path.endswith(SARIF):
            from tui.sarif import log  # noqa: PLC0415  (start-up)

            text = json.dumps(log(self.new, Path()), indent=1, ensure_ascii=False) + "\n"
        else:
            text = text_of(self.new, self.dropped)
        try:
            with self._file as stream:
                stream.write(text)
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None

    def conclude(self, code: int) -> int:
        """At the end of a run that would end with `code`: write, tell, and return the exit code."""
        self.finish()
        self.print(sys.stderr)
        return VIOLATED if self.stopped else code

    def print(self, stream: TextIO) -> None:
        """What a person reads: the findings and the line that sums them up; nothing if there are none."""
        new = self.new
        if not new:
            return
        from tui.findings import summary, tell  # noqa: PLC0415  (rich takes 60 ms, and only findings need it)
        from tui.format import render  # noqa: PLC0415
        from tui.printer import colors_of  # noqa: PLC0415

        colors = colors_of(stream)
        for line in tell(new, self.dropped):
            stream.write(render(line, colors) + "\n")
        stream.write(f"virtscope: {summary(new, self.known)}\n")
        stream.flush()


def open_findings(path: str, inputs: Sequence[str]) -> TextIO | None:
    """The file that `--findings` names, opened now, so that a long run does not end with a complaint."""
    if not path:
        return None
    if not path.endswith((JSON, SARIF)):
        raise InputError(f"--findings {path}: the name ends in neither {JSON} nor {SARIF}")
    return create(path, "--findings", inputs)


def watch(
    args: argparse.Namespace, session: Session, inputs: Sequence[str], stop: Callable[[], object]
) -> Check | None:
    """The check of a run, subscribed to its trace; with `--check=strict` the first violation or invariant halts it."""
    if args.check == OFF:
        for option in ("findings", "baseline", "coverage"):
            if getattr(args, option):
                raise InputError(f"--{option} needs --check=report or strict")
        return None

    def found(check: Check, finding: Finding) -> None:
        if args.check == STRICT and finding.rule.severity != ADVICE:
            check.stopped = True
            session.machine.hart.halt()
            session.machine.between_slices = lambda: ENDLESS  # nothing can be saved inside an access
            stop()

    inputs = [*inputs, *filter(None, (args.trace, args.save_at and args.save_at[1]))]
    check = Check(args, inputs, lambda event: session.sites(event.pc), found, session.resumed)
    visit, observe = session.sites.visit, check.observe

    def subscriber(event: Event) -> None:
        visit(event.pc)
        observe(event)

    session.machine.trace.subscribe(subscriber)
    return check


def check_recording(args: argparse.Namespace) -> int:
    """`virtscope check FILE.jsonl`; a broken line ends it with InputError, after what was whole was judged."""
    check = Check(args, [args.recording])
    lines = events = 0
    broken: InputError | None = None
    try:
        for event in read_recording(args.recording):
            lines += 1
            if isinstance(event, Header):
                check.resumed = event.resumed
            else:
                check.observe(event)
                events += 1
    except InputError as error:
        broken = error
    if not lines:
        raise broken or InputError(f"{args.recording}: the file is empty")
    check.finish()
    if args.json:
        sys.stdout.write(text_of(check.new, check.dropped))
    elif check.new:
        check.print(sys.stdout)
    elif broken is None:
        known = f" ({check.known} known)" if check.known else ""
        print(f"virtscope: no findings{known} in {events:,} events")
    sys.stdout.flush()
    if broken is not None:
        raise broken
    return VIOLATED if check.new else 0
