"""The documents say what is so: their examples run, their transcripts are real, what they name is there."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from emu.boot import BootConfig
from emu.recording import Header
from emu.trace import Event
from tui.cli import build_parser
from tui.devices import MAKERS
from tui.errors import print_errors
from tui.session import SessionConfig, open_session

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "guests/README.md", "guests/museum/README.md",
)  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRMWARE = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin")
UBOOT = Path("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin")
ENTROPY = re.compile(r"(16 bytes:)( [0-9a-f]{2}){16}")
FOLDERS = ("emu", "virtio", "tui", "guests", "tests", "docs", "bench", ".ci")
TO_BE_MADE = {
    "virtio/devices/NAME.py", "virtio/drivers/NAME.py", "tests/test_virtio_NAME.py", "guests/bin/*.elf",
    "virtio/sanitizer/rules/CHAPTER.json",
}  # fmt: skip


def blocks(kind: str, text: str = README) -> list[str]:
    """The fenced blocks of a document whose first line is this."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def shown(kind: str) -> list[str]:
    """The lines of a transcript, without the command, the dots and what differs from run to run."""
    (block,) = blocks(f"console {kind}")
    lines = [line for line in block.splitlines() if line not in ("", "...") and not line.startswith("$ ")]
    return [ENTROPY.sub(r"\1", line) for line in lines]


@cache
def printed(*arguments: str) -> list[str]:
    """The lines that `virtscope` prints, its trace among them."""
    command = [sys.executable, "-m", "tui.cli", *arguments]
    result = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
        check=False,
    )  # fmt: skip
    return [ENTROPY.sub(r"\1", line) for line in result.stdout.decode().splitlines()]


def is_in_order(wanted: list[str], lines: list[str]) -> None:
    """Every wanted line is there, in this order; the first that is not fails by its text."""
    rest: Iterator[str] = iter(lines)
    for line in wanted:
        assert any(other == line for other in rest), f"not in the real run, or not there: {line}"


def run_python(source: str) -> str:
    """What a Python program prints."""
    command = [sys.executable, "-c", source]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def options_of(command: str) -> set[str]:
    """The options of a subcommand, as the parser knows them."""
    parser = build_parser()
    (commands,) = (action for action in parser._actions if action.dest == "command")
    assert commands.choices is not None
    choices = dict(commands.choices)
    return {text for action in choices[command]._actions for text in action.option_strings}


def test_the_transcript_of_the_demo_is_a_real_run() -> None:
    wanted = shown("demo")
    assert len(wanted) > 10
    is_in_order(wanted, printed("demo"))


def test_the_transcript_of_the_museum_guest_is_a_real_run_with_its_violations() -> None:
    wanted = shown("museum")
    assert sum("! " in line for line in wanted) == 2
    is_in_order(wanted, printed("run", "guests/bin/museum/queue-size-3-rv64.elf", "--device", "rng", "--trace"))


def test_the_transcript_of_why_is_a_real_run() -> None:
    wanted = shown("why")
    assert len(wanted) > 10
    is_in_order(wanted, printed("why", "guests/bin/museum/no-ack-rv64.elf", "--device", "rng"))


def test_the_transcript_of_the_check_is_a_real_run_that_is_stopped() -> None:
    wanted = shown("check")
    assert wanted[-1].startswith("virtscope: 1 invariant; first: ")
    is_in_order(wanted, printed("run", "guests/bin/museum/index-as-head-rv64.elf", "--device", "rng", "--check=strict"))


def test_the_picture_shows_lines_of_a_real_run() -> None:
    svg = (ROOT / "docs" / "trace.svg").read_text(encoding="utf-8")
    texts = re.findall(r'<text class="virtscope-r\d+" x="[^"]*" y="[^"]*"[^>]*>(.*?)</text>', svg)
    words = [html.unescape(text).replace("\xa0", " ").strip() for text in texts]
    run = printed("run", "guests/bin/museum/status-clears-bits-rv64.elf", "--device", "rng", "--trace")
    everything = "\n".join(run)
    missing = [text for text in words if text not in everything and text != "..." and not text.startswith("$ ")]
    assert missing == []
    assert sum("only a reset" in text for text in words) == 3


def test_the_picture_asks_nothing_of_the_network() -> None:
    svg = (ROOT / "docs" / "trace.svg").read_text(encoding="utf-8")
    assert "url(" not in svg.replace("url(#", "")


@pytest.mark.skipif(not (FIRMWARE.exists() and UBOOT.exists()), reason="opensbi and u-boot-qemu are not installed")
def test_the_transcript_of_u_boot_is_a_real_run(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes((b"virtscope\n" * (4 << 20))[: 4 << 20])
    boot = BootConfig(bios=str(FIRMWARE), kernel=str(UBOOT))
    session = open_session(SessionConfig(boot, [f"blk,file={disk}"]))
    said: list[Event] = []
    session.machine.trace.subscribe(said.append)
    console = session.machine.uart
    console.expect(b"autoboot")
    console.send(b" ")
    console.expect(b"=> ")
    wanted = shown("uboot")
    for command in [line[3:] for line in wanted if line.startswith("=> ")]:
        console.send(command.encode() + b"\r")
        console.expect(b"poweroff ..." if command == "poweroff" else b"\n=> ")
    version = re.compile(r"^(OpenSBI v|U-Boot 20).*")
    lines = [version.sub(r"\1", line.rstrip("\r")) for line in console.transcript.decode().splitlines()]
    is_in_order([version.sub(r"\1", line) for line in wanted], lines)
    (quoted,) = re.findall(r"`! (.*? \[init\.ack-before-driver, 3\.1\.1\])`", README)
    assert quoted in [event.text for event in said]


def test_the_readme_quotes_the_attach_example_exactly_and_it_runs() -> None:
    example = (ROOT / "tests" / "readme_attach.py").read_text(encoding="utf-8")
    assert example in blocks("python")
    output = run_python(example)
    assert output.startswith("interrupt raised\nthe guest got ")
    assert len(output.split()[-1]) == 32


def test_the_python_driver_prints_what_the_readme_says() -> None:
    *_, example = blocks("python")
    (expected,) = blocks("text")
    assert run_python(example) == expected


def test_the_readme_has_every_option_of_run_and_no_other() -> None:
    table = README.split("| option of `virtscope run` |")[1].split("\n\n")[0]
    mentioned = set(re.findall(r"--[a-z][a-z-]*", table))
    assert mentioned == options_of("run") - {"-h", "--help"}


@pytest.mark.parametrize("document", [*DOCUMENTS, "Makefile"])
def test_every_virtscope_command_in_a_document_is_accepted(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    before = r"(?:^ +|\$ |`|^\t\$\(BIN\)/)(?:\.venv/bin/)?virtscope "
    commands = re.findall(before + r"((?:run|why|check|rules|get|show|demo|errors)\b[^`\n>]*)", text, re.MULTILINE)
    for command in commands:
        words = command.split()
        if len(words) == 2 and words[0] == "run" and words[1].startswith("--"):
            words = [*words, "x.elf"]
        build_parser().parse_args(words)
    assert commands or document not in ("README.md", "Makefile")


def test_the_readme_names_every_device_and_every_kind_of_event() -> None:
    devices = README.split("| device | keys |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", devices, re.MULTILINE)) == set(MAKERS)
    kinds = README.split("| kind | further fields |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| (.*?) \| (.*) \|$", kinds, re.MULTILINE))
    named = {name: fields for cell, fields in rows.items() for name in re.findall(r"`(\w+)`", cell)}
    ours = (Header.__module__, "emu.trace", "virtio.events")  # other tests make kinds of their own
    shipped = {kind: cls for kind, cls in Event.kinds.items() if cls.__module__ in ours}
    assert set(named) == set(shipped)
    for kind, cls in shipped.items():
        own = {field.name for field in fields(cls) if field.init} - {"source", "detail"}  # a detail is `text`
        assert {name for name in own if f"`{name}`" not in named[kind]} == set(), kind


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_file_names_in_a_document_resolve(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("http")]
    gone = [target for target in links if not (path.parent / target).exists()]
    quoted = re.findall(r"`((?:[\w.*-]+/)+[\w.*-]*)`", text)
    names = {name for name in quoted if name.split("/")[0] in FOLDERS} - TO_BE_MADE
    gone += [name for name in names if not (ROOT / name).exists() and not (path.parent / name).exists()]
    assert gone == []


def test_every_make_target_in_the_documents_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^    )make ([a-z][a-z-]*)", text, re.MULTILINE))
        assert named <= targets, document


def test_the_table_of_errors_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_errors(markdown=True) == 0
    committed = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == committed, "run .venv/bin/virtscope errors --markdown > docs/errors.md"
