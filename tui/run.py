"""`virtscope run`: a machine on this terminal, until the guest ends it, a key or the clock does."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import virtio.events  # noqa: F401  (registers its kinds of events)
from emu.boot import BootConfig
from emu.errors import InputError
from emu.machine import End
from emu.recording import Header, Recorder
from tui.check import VIOLATED, watch
from tui.explain import Explain
from tui.outputs import create, spare
from tui.session import Session, SessionConfig, open_session, parse_ram
from tui.streams import one_line
from tui.terminal import Terminal, write_all
from tui.typist import Typist

if TYPE_CHECKING:
    from tui.saving import Saving

TIMED_OUT = 124
QUIT = 0
"""What Ctrl-A x returns, as in QEMU."""


def session_config(args: argparse.Namespace, interactive: bool) -> SessionConfig:
    """The machine that the options of `run` describe."""
    boot = BootConfig(
        image=args.image or "",
        bios=args.bios or "",
        kernel=args.kernel or "",
        initrd=args.initrd or "",
        dtb=args.dtb or "",
        append=args.append or "",
        load_address=args.load_address,
    )
    wall = (None if args.restore else interactive) if args.clock is None else args.clock == "wall"
    return SessionConfig(
        boot,
        devices=args.device,
        ram_size=None if args.ram is None else parse_ram(args.ram),
        xlen=args.xlen,
        wall_clock=wall,
        semihosting=args.semihosting,
        seed=args.seed,
        trace_board=args.trace_board,
        watch_rings=args.watch == "rings",
        output=lambda data: write_all(1, data),
        tell=_ignore if args.trace == "" else _tell,  # the printed trace shows it by itself
        restore=args.restore or "",
        probes=probes(args),
    )


def probes(args: argparse.Namespace) -> str:
    """The text of `--probe`; raises InputError if it goes with an option that it cannot go with."""
    for option, value in (("--restore", args.restore), ("--save-at", args.save_at)):
        if args.probe and value:
            raise InputError(f"--probe {args.probe} with {option}: what a probe has done is no part of a checkpoint")
    return args.probe or ""


def _tell(line: str) -> None:
    print(f"virtscope: {one_line(line)}", file=sys.stderr)


def _ignore(line: str) -> None:
    pass


def run(args: argparse.Namespace, *, why: bool = False) -> int:
    """Run the guest; returns the process's exit code. `why`: explain in full how things are at the end, on `stdout`."""
    if args.image and not os.path.exists(args.image):
        from tui.named import fill_in  # noqa: PLC0415  (only where it is no file)

        fill_in(args)
    if args.dump_dtb and args.restore:
        raise InputError("--dump-dtb: a restored guest has its device tree already")
    interactive = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    session = open_session(session_config(args, interactive))
    machine = session.machine
    if args.dump_dtb:
        return dump_dtb(session, args.dump_dtb)
    with ExitStack() as stack:
        stack.callback(session.close)
        subscribe(session, args.trace, files_of(args), stack)
        saving = save_at(session, args) if args.save_at else None
        ended: list[int] = []
        checked = watch(args, session, files_of(args), lambda: ended.append(VIOLATED))
        explain = Explain(session, always=why)

        def finish(code: int) -> None:
            ended.append(code)
            machine.hart.stop()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            stack.callback(signal.signal, number, signal.signal(number, _on_signal(finish)))
        typist = Typist(machine, keys=interactive)
        script = None
        if args.script:
            from emu.script import ScriptedInput  # noqa: PLC0415  (start-up)

            script = ScriptedInput(machine, args.script)
        if interactive or script is None:
            terminal = Terminal(
                typist.type,
                lambda: machine.post(lambda: finish(QUIT)),
                typist.end,
                lambda: machine.post(lambda: explain(sys.stderr)),
            )
            machine.waits_for_input = terminal.fd >= 0
            stack.enter_context(terminal)
            stack.callback(typist.close)  # before the terminal's thread is waited for

        def interrupted() -> bool:
            typist.push()
            return bool(ended)

        try:
            end = machine.run(args.timeout, until=interrupted)
            machine.uart.flush()
        except OSError as error:
            if error.errno != errno.EIO or not interactive:
                raise
            end = End.UNTIL  # the terminal was closed; its SIGHUP is late, or for the shell
            ended.append(128 + signal.SIGHUP)
        if saving is not None:
            saving.end()
        if session.rings is not None:
            _tell(session.rings.end(machine.hart.instructions))
        code = report(session, end, ended, args.timeout)
        if script is not None and script.waiting and end is not End.UNTIL:
            _tell(script.waiting)
        code = explain.at_end(end, code)
    return code if checked is None else checked.conclude(code)


def dump_dtb(session: Session, path: str) -> int:
    """Write the device tree to a file; returns the exit code."""
    try:
        Path(path).write_bytes(session.boot.dtb)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return 0


def save_at(session: Session, args: argparse.Namespace) -> Saving:
    """Arm `--save-at`; its file may be the one of `--restore`, but nothing else that this run reads or writes."""
    from tui.saving import Saving  # noqa: PLC0415  (start-up time)

    when, path = args.save_at
    others = [other for other in (*files_of(args), args.trace) if other and other != args.restore]
    spare(path, "--save-at", others)
    return Saving(session, when, path, _tell)


def report(session: Session, end: End, ended: list[int], timeout: float | None) -> int:
    """Say in a line why the run ended where the guest did not end it; returns the exit code."""
    machine = session.machine
    if end is End.EXIT:
        code = machine.exit_code or 0
        return code & 0xFF or int(code != 0)
    if end is End.UNTIL:
        return ended[0]
    place = session.whereabouts
    if end is End.TIMEOUT:
        print(f"virtscope: timeout after {timeout:g} s at pc {place}", file=sys.stderr)
    else:
        print(
            f"virtscope: stuck at pc {place}: the hart waits for an interrupt (WFI), no timer is armed "
            "and there is no more input",
            file=sys.stderr,
        )
    return TIMED_OUT


def files_of(args: argparse.Namespace) -> list[str]:
    """Every file that the command line names for the guest."""
    pairs = [pair.partition("=") for text in args.device for pair in text.split(",")[1:]]
    named = [value for key, _, value in pairs if key in ("file", "input", "output")]
    given = (args.image, args.bios, args.kernel, args.initrd, args.dtb, args.script, args.restore)
    return [path for path in (*given, *named) if path]


def subscribe(session: Session, target: str | None, inputs: list[str], stack: ExitStack) -> None:
    """`--trace` prints on standard error, `--trace=FILE` records; never over one of `inputs`."""
    machine, boot = session.machine, session.boot
    if target is None:
        return
    if target == "":
        from tui.printer import Printer  # noqa: PLC0415  (rich takes 60 ms, and only a person needs it)

        machine.trace.subscribe(Printer(sys.stderr, session.sites.where, machine.uart.flush))
        return
    stream = create(target, "--trace", inputs)
    image = os.path.basename(boot.images[0].path) if boot.images else ""
    header = Header("machine", 1, machine.config.xlen, image, session.device_names, session.resumed)
    recorder = Recorder(stream, header, session.sites)
    machine.trace.subscribe(recorder)
    stack.callback(recorder.close)


def _on_signal(finish: Callable[[int], None]) -> Callable[[int, FrameType | None], None]:
    def handler(number: int, frame: FrameType | None) -> None:
        finish(128 + number)

    return handler
