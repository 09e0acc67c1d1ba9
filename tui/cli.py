"""The command line: `virtscope run`, `check`, `rules` and the rest. Wrong input: one line, exit code 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from emu.errors import InputError
from tui import streams

USAGE_ERROR = 2


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise InputError(f"{message} (see {self.prog} --help)")


class Version(argparse.Action):
    """Says which versions run here, and whether the native helper was built."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        from emu import native  # noqa: PLC0415

        helper = "native helper built" if native.load() is not None else native.ABSENT
        print(f"virtscope {version('virtscope')}, unicorn {version('unicorn')}: {helper}")
        parser.exit()


class Probes(argparse.Action):
    """Takes the text of `--probe`; `list` prints which there are, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: object, text: object, option: object = None) -> None:
        if text == "list":
            from virtio.probes import table  # noqa: PLC0415  (start-up)

            print(table())
            parser.exit()
        setattr(namespace, self.dest, text)


def number(text: str) -> int:
    """An address or number, decimal or 0x."""
    value = int(text, 0)
    if value < 0:
        raise ValueError
    return value


def utf8(text: str) -> str:
    """Text as it goes into a device tree; bytes that are not UTF-8 are a ValueError."""
    text.encode()
    return text


def seconds(text: str) -> float:
    """A positive number of seconds."""
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """What describes a machine."""
    add = parser.add_argument
    add("image", nargs="?", metavar="IMAGE",
        help="an ELF or a flat binary, starts in M-mode; or the name of a guest of `virtscope get`")  # fmt: skip
    add("--device", action="append", default=[], metavar="NAME[,key=value...]",
        help="rng | blk,file=PATH[,readonly][,serial=X] | console[,cols=N,rows=N,input=PATH,output=PATH]")  # fmt: skip
    add("--ram", metavar="SIZE", help="size of RAM at 0x80000000 (256M)")
    add("--bios", metavar="FILE|builtin|none",
        help="firmware that starts in M-mode at 0x80000000 (OpenSBI); builtin: the host answers SBI calls")  # fmt: skip
    add("--kernel", metavar="FILE",
        help="what the firmware enters in S-mode; without --bios, builtin for Linux and none for others")  # fmt: skip
    add("--load-address", type=number, metavar="A", help="where a flat IMAGE or kernel goes (0x80000000)")
    add("--initrd", metavar="FILE", help="initial RAM disk, told in the device tree")
    add("--append", type=utf8, metavar="TEXT", help="kernel command line, told in the device tree")
    add("--dtb", metavar="FILE", help="your own device tree instead of the board's")
    add("--xlen", type=int, choices=(32, 64), help="of a flat image; an ELF says it itself (64)")
    add("--clock", choices=("wall", "virtual"),
        help="guest time: the host's, or a function of executed instructions (wall at a terminal)")  # fmt: skip
    add("--seed", type=number, metavar="N",
        help="what random numbers are made from (0 where time is virtual, else the host's own)")  # fmt: skip
    add("--semihosting", action="store_true", help="answer RISC-V semihosting calls (exit and console)")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What describes a run of it."""
    add = parser.add_argument
    add("--dump-dtb", metavar="FILE", help="write the device tree and end")
    add("--trace", nargs="?", const="", metavar="FILE.jsonl",
        help="print every access to the VirtIO slots, or record it (--trace=FILE)")  # fmt: skip
    add("--trace-board", action="store_true", help="trace UART, PLIC, CLINT and the rest too")
    add("--probe", action=Probes, metavar="NAME[,NAME...]|all|list",
        help="have devices do what is rare, from --seed, and see how the driver takes it")  # fmt: skip
    add("--watch", choices=("rings",), help="watch the memory of queues and their buffers too: slow, finds more")
    add("--script", metavar="FILE", help="type what FILE says: lines of expect TEXT, send TEXT, after TIME")
    add("--timeout", type=seconds, metavar="S", help="end after S seconds with exit code 124 (why: 5)")
    add("--save-at", nargs=2, metavar=("WHEN", "FILE"),
        help="save the machine once, at a time (1.5s), after so many instructions (5000000), or when "
        "uart:TEXT is printed or an event KIND[:TEXT] comes; the run goes on")  # fmt: skip
    add("--restore", metavar="FILE", help="go on from a checkpoint, with the same --device options")


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """What the sanitizer reports, and where to."""
    add = parser.add_argument
    add("--advice", action="store_true", help="report what drivers SHOULD do, too")
    add("--pedantic", action="store_true", help="report what only the letter of the specification forbids, too")
    add("--findings", metavar="FILE.json|FILE.sarif", help="write the findings there")
    add("--baseline", metavar="FILE.json", help="accept the findings that --findings wrote there in an earlier run")
    add("--coverage", metavar="FILE.html", help="add the rules that were put to the test to this page, or make it")


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser(prog="virtscope", description="An oscilloscope for VirtIO drivers.")
    parser.add_argument("--version", action=Version, nargs=0, help="say which parts are here, and end")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    run = commands.add_parser("run", help="run a guest on this terminal (Ctrl-A x quits, Ctrl-A w: why is it stuck)")
    why = commands.add_parser("why", help="run a guest until it is stuck, and say which link of a request is broken")
    for command in (run, why):
        add_machine_options(command)
        add_run_options(command)
    run.add_argument("--check", choices=("report", "off", "strict"), default="report",
                     help="say what the driver did wrong: at the end, never, or at once, and stop there")  # fmt: skip
    add_check_options(run)
    why.set_defaults(check="off", findings=None, baseline=None, coverage=None)
    get = commands.add_parser("get", help="fetch a guest for `run`: linux, u-boot, opensbi, small-linux")
    get.add_argument("names", nargs="+", metavar="NAME")
    get.add_argument("--refresh", action="store_true", help="fetch it again, if it is here")
    get.add_argument("--build", action="store_true", help="build it from source here (small-linux)")
    show = commands.add_parser("show", help="print a recording")
    show.add_argument("recording", metavar="FILE.jsonl")
    check = commands.add_parser("check", help="say what the driver did wrong in a recording")
    check.add_argument("recording", metavar="FILE.jsonl")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_check_options(check)
    coverage = commands.add_parser("coverage", help="add up the pages of several runs with --coverage")
    coverage.add_argument("pages", nargs="+", metavar="FILE.html")
    coverage.add_argument("-o", "--output", required=True, metavar="ALL.html", help="the page to write")
    rules = commands.add_parser("rules", help="print the table of rules for drivers")
    rules_as = rules.add_mutually_exclusive_group()
    rules_as.add_argument("--json", action="store_true", help="as JSON")
    rules_as.add_argument("--markdown", action="store_true", help="as Markdown, for the documentation")
    demo = commands.add_parser("demo", help="run the built-in guest with entropy and a disk, every access shown")
    demo.add_argument("--xlen", type=int, choices=(32, 64), default=64)
    errors = commands.add_parser("errors", help="print the table of VirtIOInitializationError, host-side and in-guest")
    errors.add_argument("--markdown", action="store_true", help="as Markdown, for the documentation")
    return parser


def separate_trace(argv: Sequence[str]) -> list[str]:
    """`--trace` takes a file only behind `=`, so that `--trace IMAGE` is what it looks like."""
    return ["--trace=" if argument == "--trace" else argument for argument in argv]


def dispatch(args: argparse.Namespace) -> int:
    if args.command == "run":
        from tui.run import run  # noqa: PLC0415  (start-up: load only what the command needs)

        return run(args)
    if args.command == "why":
        from tui.why_command import why  # noqa: PLC0415

        return why(args)
    if args.command == "get":
        from tui.get import get  # noqa: PLC0415

        return get(args.names, refresh=args.refresh, build=args.build)
    if args.command == "show":
        from tui.show import show  # noqa: PLC0415

        return show(args.recording)
    if args.command == "check":
        from tui.check import check_recording  # noqa: PLC0415

        return check_recording(args)
    if args.command == "coverage":
        from tui.coverage import merge  # noqa: PLC0415

        return merge(args.pages, args.output)
    if args.command == "rules":
        from tui.rules import print_rules  # noqa: PLC0415

        return print_rules("json" if args.json else "markdown" if args.markdown else "")
    if args.command == "demo":
        from tui.demo import demo  # noqa: PLC0415

        return demo(args.xlen, main)
    from tui.errors import print_errors  # noqa: PLC0415

    return print_errors(markdown=args.markdown)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the `virtscope` command; returns the exit code."""
    streams.hold()
    try:
        return dispatch(build_parser().parse_args(separate_trace(sys.argv[1:] if argv is None else argv)))
    except InputError as error:
        return complain(str(error))
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:  # a full disk behind our output, say
        return complain(f"{error.filename or 'output'}: {error.strerror or error}")


def complain(message: str) -> int:
    """One line on standard error; returns the exit code."""
    try:
        print(f"virtscope: {streams.one_line(message)}", file=sys.stderr, flush=True)
    except OSError:  # it is standard error that is full; Python would try it again at the end and fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
