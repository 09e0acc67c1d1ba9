"""The command line: every wrong input is one line and exit code 2; a run ends with the guest's code."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from asm import assemble
from cli import COMMAND, ENVIRONMENT, complaint, virtscope
from elfs import make_elf

from tui.guests import guest_path

RNG = guest_path("rng-rv64")
CODE = assemble("l:\nj l")
EXIT = """
li t0, 0x100000
li t1, {}
sw t1, 0(t0)
l:
j l
"""
Complaint = Callable[..., str]


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Complaint:
    return lambda *arguments: complaint(capsys, *arguments)


def flat(folder: Path, text: str) -> Path:
    path = folder / "flat.bin"
    path.write_bytes(assemble(text))
    return path


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (RNG.read_bytes()[:40], "truncated: 40 bytes, the ELF header takes 64"),
        (RNG.read_bytes()[:100], "truncated: program header 0 at 0x40 is beyond the file's 100 bytes"),
        (RNG.read_bytes()[:1000], "truncated: segment 0 ends at byte "),
        (make_elf([(0x80000000, CODE, 4)], machine=3, bits=32), "an ELF for x86 (e_machine 3), not for RISC-V (243)"),
        (make_elf([(0x80000000, CODE, 4)], machine=62), "an ELF for x86-64 (e_machine 62), not for RISC-V (243)"),
        (make_elf([(0x80000000, CODE, 4)], endian=2), "a big-endian ELF; this machine is little-endian"),
        (make_elf([(0x80000000, CODE, 4)], kind=1), "e_type 1 is a relocatable object file (link it first)"),
        (make_elf([]), "no loadable segment (PT_LOAD)"),
        (make_elf([(0x80000000, CODE, 4)], entry=0x10), "entry 0x10 is not in RAM"),
        (make_elf([(0x80000000, CODE, 4)], entry=0x80000001), "entry 0x80000001 is odd"),
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08" + bytes(20), "corrupt: invalid stored block lengths"),
    ],
)
def test_an_image_that_cannot_run_is_named_with_what_is_wrong(
    image: bytes, message: str, says: Complaint, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    assert says("run", path).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ((0x1000, CODE, 4), "outside RAM: {} takes 0x4 bytes at 0x1000, RAM is 0x80000000 to 0x90000000 (256 MiB)"),
        ((0x80000000, CODE, 1 << 40), "RAM too small: {} takes 0x10000000000 bytes at 0x80000000, RAM is 0x80000000"),
        (((1 << 64) - 2, CODE, 4), "RAM too small: {} takes 0x4 bytes at 0xfffffffffffffffe, RAM is 0x80000000"),
    ],
)
def test_an_image_that_does_not_fit_is_named(
    segment: tuple[int, bytes, int], message: str, says: Complaint, tmp_path: Path
) -> None:
    path = tmp_path / "image.elf"
    path.write_bytes(make_elf([segment], entry=segment[0]))
    assert says("run", path).startswith(message.format(path))


def test_files_that_are_none_are_named(says: Complaint, tmp_path: Path) -> None:
    assert says("run", tmp_path) == f"{tmp_path}: Is a directory"
    missing = tmp_path / "missing"
    wanted = f"{missing}: No such file or directory"
    assert says("run", missing) == wanted
    assert says("run", "--kernel", missing) == wanted
    assert says("run", "--bios", missing, "--kernel", RNG) == wanted
    assert says("run", RNG, "--initrd", missing) == wanted
    assert says("run", RNG, "--dtb", missing) == wanted
    assert says("run", "two\nlines\x1b[31m") == r"two\nlines\x1b[31m: No such file or directory"


def test_options_that_do_not_go_together_are_named(says: Complaint, tmp_path: Path) -> None:
    assert says("run") == "nothing to run: give an IMAGE, --bios or --kernel"
    assert says("run", RNG, "--bios", RNG) == f"{RNG}: an IMAGE goes without --bios and --kernel"
    assert says("run", RNG, "--kernel", RNG) == f"{RNG}: an IMAGE goes without --bios and --kernel"
    assert says("run", guest_path("rng-rv32"), "--xlen", "64").endswith("an rv32 program on an rv64 machine")
    assert says("run", RNG, "--xlen", "32").endswith("an rv64 program on an rv32 machine")
    at = ("--load-address", "0x80000000")
    path = flat(tmp_path, "nop")
    assert "overlaps" in says("run", "--bios", path, "--kernel", path, *at)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frob"], "unrecognized arguments: --frob (see virtscope --help)"),
        (["--timeout", "0"], "argument --timeout: invalid seconds value: '0' (see virtscope run --help)"),
        (["--timeout", "nan"], "argument --timeout: invalid seconds value: 'nan'"),
        (["--xlen", "16"], "argument --xlen: invalid choice: "),
        (["--load-address", "zz"], "argument --load-address: invalid number value: 'zz'"),
        (["--ram", "1K"], "--ram 1K: RAM is between 1M and 64G"),
        (["--ram", "99999G"], "--ram 99999G: RAM is between 1M and 64G"),
        (["--ram", "1025K"], "--ram 1025K: 1049600 bytes are not a multiple of 4096"),
        (["--ram", "lots"], "--ram lots: not a size; write 256M, 1G or 65536K"),
        (["--ram", "٣"], "--ram ٣: not a size; write 256M, 1G or 65536K"),
        (["--xlen", "32", "--ram", "4G"], "--ram 4096M: an rv32 machine has at most 2G"),
        (["--trace=/no/such/folder/x"], "/no/such/folder/x: No such file or directory"),
        (["--trace=/"], "/: Is a directory"),
        (["--dump-dtb", "/no/such/folder/x"], "/no/such/folder/x: No such file or directory"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: list[str], message: str, says: Complaint) -> None:
    assert says("run", RNG, *options).startswith(message)


def test_a_flat_image_goes_where_ram_is(says: Complaint, tmp_path: Path) -> None:
    path = flat(tmp_path, "nop")
    assert says("run", path, "--load-address", "0x1000").startswith(f"outside RAM: {path} takes 0x4 bytes at 0x1000")
    assert says("run", path, "--load-address", "0x80000001") == f"{path}: entry 0x80000001 is odd"


def test_ram_that_this_computer_does_not_have_is_said() -> None:
    command = f'ulimit -v 4000000; exec "$@" run {RNG} --ram 32G'
    done = subprocess.run(
        ["bash", "-c", command, "-", *COMMAND], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "virtscope: --ram 32768M: this computer has no room for it: Cannot allocate memory\n"


def test_a_command_line_without_a_known_command_is_named(says: Complaint) -> None:
    assert says() == "the following arguments are required: COMMAND (see virtscope --help)"
    assert says("frob").startswith("argument COMMAND: invalid choice: 'frob'")
    assert says("demo", "--xlen", "7").startswith("argument --xlen: invalid choice: ")


@pytest.mark.parametrize(
    ("word", "code"), [(0x5555, 0), (0x3333, 1), (0x73333, 7), (0x1003333, 1), (0x1013333, 1), (0xFF3333, 255)]
)
def test_the_finishers_code_is_the_exit_code(word: int, code: int, tmp_path: Path) -> None:
    """256 is not success: what does not fit in eight bits but would read 0 becomes 1."""
    done = virtscope("run", flat(tmp_path, EXIT.format(word)))
    assert (done.code, done.out, done.err) == (code, "", "")


def test_a_flat_image_runs_at_its_load_address(tmp_path: Path) -> None:
    done = virtscope("run", flat(tmp_path, EXIT.format(0x93333)), "--load-address", "0x80400000")
    assert (done.code, done.err) == (9, "")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("l:\nj l", "0x80000000 flat.bin+0x0 [j 0]"),
        ("li t0, 0x1000\njr t0", "0x0 [no RAM there]"),
        (".word 0", "0x0 [no RAM there]"),
    ],
)
def test_a_guest_that_never_ends_is_stopped_with_where_it_was(text: str, place: str, tmp_path: Path) -> None:
    started = time.monotonic()
    done = virtscope("run", flat(tmp_path, text), "--timeout", "0.3")
    assert (done.code, done.err) == (124, f"virtscope: timeout after 0.3 s at pc {place}\n")
    assert time.monotonic() - started < 5


def test_a_guest_that_sleeps_for_ever_is_told_stuck(tmp_path: Path) -> None:
    done = virtscope("run", flat(tmp_path, "l:\nwfi\nj l"), stdin=b"x" * 300000)
    assert done.code == 124
    stuck = "virtscope: stuck at pc 0x80000004 flat.bin+0x4 [j -4]: the hart waits for an interrupt (WFI)"
    assert done.err.startswith(stuck)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_with_its_code(number: signal.Signals, code: int, tmp_path: Path) -> None:
    command = [*COMMAND, "run", str(flat(tmp_path, "li t0, 0x10000000\nli t1, 10\nsb t1, 0(t0)\nl:\nj l"))]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, env=ENVIRONMENT) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(1) == b"\n"  # it runs
        process.send_signal(number)
        assert process.wait(10) == code
        assert process.stderr.read() == b""


def test_output_that_nobody_takes_ends_the_run(tmp_path: Path) -> None:
    flood = flat(tmp_path, "li t0, 0x10000000\nli t1, 65\nl:\nsb t1, 0(t0)\nj l")
    command = f'"$@" run {flood} | head -c 5; echo ${{PIPESTATUS[0]}}; "$@" run {flood} >/dev/full; echo $?'
    done = subprocess.run(
        ["bash", "-c", command, "-", *COMMAND], capture_output=True, text=True, timeout=20, env=ENVIRONMENT, check=True
    )
    assert done.stdout == "AAAAA0\n2\n"
    assert done.stderr == "virtscope: output: No space left on device\n"


def test_an_elf_that_cannot_be_moved_is_not_moved_silently(says: Complaint) -> None:
    message = f"{RNG}: --load-address 0x80010000 does not move it, it is an ELF linked at 0x80000000"
    assert says("run", RNG, "--load-address", "0x80010000") == message


def test_a_trace_never_overwrites_what_the_run_reads(says: Complaint, tmp_path: Path) -> None:
    disk, link = tmp_path / "disk.img", tmp_path / "link.jsonl"
    disk.write_bytes(b"precious".ljust(1024, b"\0"))
    link.symlink_to(disk)
    message = f"{link}: --trace would overwrite {disk}, which this run reads"
    assert says("run", RNG, "--device", f"blk,file={disk}", f"--trace={link}") == message
    assert disk.read_bytes().startswith(b"precious")
