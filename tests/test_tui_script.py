"""`--script`: console input from a file, at the same instruction in every run; mistakes by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from asm import assemble
from cli import complaint, virtscope
from guest_run import program

from emu.console import Matcher
from emu.machine import RAM_BASE, End, Machine, MachineConfig
from emu.script import ScriptedInput, read_script
from tui.guests import guest_path

ECHO = """
    li s0, 0x10000000
    li t1, 62
    sb t1, 0(s0)            # >
    wait: lbu t0, 5(s0)
    andi t0, t0, 1
    addi s1, s1, 1          # turns until there was input
    beqz t0, wait
    lbu t1, 0(s0)
    li t2, 113              # q ends
    beq t1, t2, end
    sb t1, 0(s0)
    j wait
    end: li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stay: j stay
"""
SLEEPER = """
    li s0, 0x10000000
    li t0, 1
    sb t0, 1(s0)            # interrupt on input
    li t0, 0x0c000000
    li t1, 1
    sw t1, 40(t0)           # source 10
    li t0, 0x0c002000
    li t1, 0x400
    sw t1, 0(t0)
    li t0, 0x800
    csrw mie, t0
    wfi
    lbu a0, 0(s0)
    csrr a1, 0xc01
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stay: j stay
"""


def script(folder: Path, text: str | bytes) -> Path:
    path = folder / "script"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def machine_with(text: str) -> Machine:
    machine = Machine(MachineConfig(64, 1 << 20))
    machine.ram.write(RAM_BASE, assemble(text))
    machine.hart.reset(RAM_BASE)
    return machine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# fine\n\nfrob x", "line 3: 'frob' is not expect, send or after"),
        ("send", "line 1: send without a text"),
        ("expect ", "line 1: expect without a text"),
        ("after", "line 1: after takes a time such as 2s, 500ms or 10us, not ''"),
        ("after 2 years", "line 1: after takes a time such as 2s, 500ms or 10us, not '2 years'"),
        ("after -1s", "line 1: after takes a time such as 2s, 500ms or 10us, not '-1s'"),
        (r"send a\q", r"line 1: \q is none of \r \n \t \\ \xNN"),
        (r"send a\x5", r"line 1: \x is none of"),
        ("send a\\", "line 1: \\ is none of"),
        (b"send \\\xff", r"line 1: \�".encode().decode()),
        ("send " + "x" * 5000, "line 1: 5000 bytes in one line, at most 4096"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(
    text: str | bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path, text)
    said = complaint(capsys, "run", guest_path("rng-rv64"), "--script", path)
    assert said.startswith(f"{path}: {message}")


def test_a_script_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing"
    said = complaint(capsys, "run", guest_path("rng-rv64"), "--script", missing)
    assert said == f"{missing}: No such file or directory"


def test_escapes_units_and_comments(tmp_path: Path) -> None:
    text = "# a comment\r\nsend a\\r\\n\\t\\\\\\x00\\xfF é \nafter 1.5 ms\n\nexpect  x"
    steps = read_script(str(script(tmp_path, text)))
    assert [step[2:] for step in steps] == [
        ("send", b"a\r\n\t\\\x00\xff \xc3\xa9 ", 0), ("after", b"", 15_000), ("expect", b" x", 0),
    ]  # fmt: skip
    assert [step.number for step in steps] == [2, 3, 5]


@pytest.mark.parametrize("pieces", [[b"ab=> "], [b"ab", b"=", b"> "], [b"a", b"b=> "]])
def test_a_pattern_is_found_across_pieces(pieces: list[bytes]) -> None:
    matcher = Matcher(b"b=> ")
    *first, last = [matcher.take(piece) for piece in pieces]
    assert not any(first) and last == len(pieces[-1])


@pytest.mark.usefixtures("pace")
def test_input_comes_at_the_same_instruction_by_both_ways_to_count(tmp_path: Path) -> None:
    machine = machine_with(ECHO)
    path = script(tmp_path, "expect >\nafter 1ms\nsend ab\nexpect b\nsend q")
    played = ScriptedInput(machine, str(path))
    assert machine.run(10) is End.EXIT
    assert (machine.uart.transcript, played.waiting) == (b">ab", "")
    assert machine.hart.core.x[9] == 25_002, "1 ms is 100,000 instructions"


@pytest.mark.usefixtures("pace")
def test_time_that_the_guest_sleeps_through_counts(tmp_path: Path) -> None:
    machine = machine_with(SLEEPER)
    ScriptedInput(machine, str(script(tmp_path, "after 20s\nsend x")))
    assert machine.run(10) is End.EXIT
    assert machine.hart.core.x[10] == ord("x")
    assert 200_000_000 <= machine.hart.core.x[11] < 200_000_100


def test_one_write_of_firmware_may_answer_several_lines(tmp_path: Path) -> None:
    machine = machine_with(ECHO)
    played = ScriptedInput(machine, str(script(tmp_path, "expect one\nexpect two\nsend q")))
    machine.uart.emit(b"one, two")
    assert played.waiting == ""


def test_what_a_script_still_waits_for_is_said_and_the_exit_code_is_the_guests(tmp_path: Path) -> None:
    image = program(tmp_path, ECHO)
    done = virtscope("run", image, "--script", script(tmp_path, "send xq\nexpect never"), stdin=b"not read")
    assert (done.code, done.out) == (0, ">x")
    assert done.err == f"virtscope: {tmp_path / 'script'}: line 2: still waits: expect never\n"


def test_a_script_that_waits_for_what_never_comes_ends_a_sleeping_guest(tmp_path: Path) -> None:
    done = virtscope("run", program(tmp_path, SLEEPER), "--script", script(tmp_path, "expect never\nsend x"))
    assert done.code == 124
    assert "stuck at pc" in done.err and done.err.endswith("line 1: still waits: expect never\n")


def test_a_guest_that_does_not_read_holds_the_script(tmp_path: Path) -> None:
    machine = machine_with("l: j l")
    played = ScriptedInput(machine, str(script(tmp_path, ("send " + "x" * 4096 + "\n") * 17)))
    assert ": line 17: the guest does not read what is typed: send xxx" in played.waiting
    taken = b"".join(machine.uart.take(4096) for _ in range(18))
    assert (taken, played.waiting) == (b"x" * 17 * 4096, "")
