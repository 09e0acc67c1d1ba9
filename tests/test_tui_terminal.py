"""The terminal during a run, under a real pty: raw while the guest runs, as before afterwards, and a way out."""

from __future__ import annotations

import os
import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from asm import assemble
from cli import virtscope
from screen import Screen

from tui.terminal import Keys

ECHO = """
li s0, 0x10000000
li t1, 62
sb t1, 0(s0)          # a prompt
loop:
lbu t0, 5(s0)
andi t0, t0, 1
beqz t0, loop
lbu t1, 0(s0)
li t2, 113            # q ends
beq t1, t2, end
addi t1, t1, 1        # what is typed comes back as the next letter
sb t1, 0(s0)
j loop
end:
li t0, 0x100000
li t1, 0x73333
sw t1, 0(t0)
stay:
j stay
"""
CTRL_A, CTRL_C = b"\x01", b"\x03"
CTRL_C_PLUS_1 = b"\x04"


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    image = tmp_path / "echo.bin"
    image.write_bytes(assemble(ECHO))
    shown = Screen(image, "--timeout", "20")
    try:
        shown.wait_for(b">")
        yield shown
    finally:
        shown.close()


def test_keys_reach_the_guest_raw_and_the_terminal_is_restored_at_its_exit(screen: Screen) -> None:
    assert not screen.local_flags & (termios.ICANON | termios.ECHO | termios.ISIG)
    screen.type(b"HAL")
    screen.wait_for(b">IBM")
    screen.type(b"q")
    assert screen.ended() == 7


def test_ctrl_c_is_the_guests(screen: Screen) -> None:
    screen.type(CTRL_C)
    screen.wait_for(b">" + CTRL_C_PLUS_1)
    screen.type(b"q")
    assert screen.ended() == 7


def test_ctrl_a_x_quits_with_code_0(screen: Screen) -> None:
    screen.type(CTRL_A + b"x")
    assert screen.ended() == 0


def test_ctrl_a_twice_sends_one_and_h_shows_the_help(screen: Screen) -> None:
    screen.type(CTRL_A + CTRL_A)
    screen.wait_for(b">\x02")
    screen.type(CTRL_A + b"h")
    screen.wait_for(b"Ctrl-A x: quit")
    screen.type(CTRL_A)  # in two pieces, as a slow hand types it
    time.sleep(0.1)
    screen.type(b"x")
    assert screen.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_restores_the_terminal_too(screen: Screen, number: signal.Signals) -> None:
    screen.process.send_signal(number)
    assert screen.ended() == 128 + number


def test_a_terminal_that_hangs_up_ends_the_run(tmp_path: Path) -> None:
    image = tmp_path / "sleeps.bin"
    image.write_bytes(assemble("li t0, 0x10000000\nli t1, 62\nsb t1, 0(t0)\nl:\nwfi\nj l"))
    screen = Screen(image, "--timeout", "20")
    os.close(screen.side)
    screen.wait_for(b">")
    os.close(screen.main)
    try:
        assert screen.process.wait(10) != 0
    finally:
        screen.process.kill()
        screen.process.wait()


def test_piped_input_is_typed_and_ends(tmp_path: Path) -> None:
    image = tmp_path / "echo.bin"
    image.write_bytes(assemble(ECHO))
    done = virtscope("run", image, stdin=b"HAL" * 10000 + CTRL_A + b"xq")
    assert (done.code, done.err) == (7, "")
    assert done.out == ">" + "IBM" * 10000 + "\x02y"  # Ctrl-A is a key only at a terminal


def test_keys_are_split_between_the_guest_and_us() -> None:
    fed: list[bytes] = []
    quits: list[int] = []
    keys = Keys(fed.append, lambda: quits.append(1))
    keys.type(b"ab\x01\x01c")
    keys.type(b"\x01z")  # no such command: nothing happens
    keys.type(b"d\x01")
    assert (fed, quits) == ([b"ab\x01c", b"d"], [])
    keys.type(b"X lost")
    assert (fed, quits) == ([b"ab\x01c", b"d"], [1])
