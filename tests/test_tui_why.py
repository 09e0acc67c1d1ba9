"""`virtscope why`, what `run` says at its end, and Ctrl-A w."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest
from asm import assemble
from cli import COMMAND, ENVIRONMENT, virtscope
from guest_run import Guest
from why_guests import AWAIT, POLL, REQUEST, driver

from tui.explain import listen
from tui.guests import guest_path
from tui.why import Explainer

NO_KICK = driver(requests="jal ra, publish\n" + AWAIT)
SPINS = driver(requests="jal ra, publish\n" + AWAIT, wait=POLL)
WAITS = "queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0)"


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    return image(tmp_path, NO_KICK)


def image(folder: Path, text: str) -> Path:
    path = folder / "driver.bin"
    path.write_bytes(assemble(text))
    return path


def test_the_command_explains_on_standard_output_with_evidence(hanging: Path) -> None:
    done = virtscope("why", hanging, "--device", "rng")
    assert done.code == 1
    assert done.err.startswith("virtscope: stuck at pc 0x8000")
    first, second, do, *evidence = done.out.splitlines()
    assert first == f"why: virtio0-rng: {WAITS}; QueueNotify was never"
    assert second == "     written for it [2.7.13.4]"
    assert do.startswith("  do: write the queue's index to QueueNotify after avail.idx has advanced")
    text = "\n".join(evidence)
    assert "  Status 0xf ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK, InterruptStatus 0x0" in text
    assert "  queue 0 (requestq): 8 descriptors, avail.idx 1, taken 0, returned 0, avail.flags 0" in text
    assert evidence[-1].split()[1:5] == ["W", "Status", "=", "0xf"]
    assert len(evidence) <= 14 and max(map(len, done.out.splitlines())) <= 100


def test_a_guest_that_spins_is_explained_when_its_time_is_over(tmp_path: Path) -> None:
    done = virtscope("why", image(tmp_path, SPINS), "--device", "rng", "--timeout", "0.2")
    assert done.code == 1
    assert done.err.startswith("virtscope: timeout after 0.2 s at pc 0x8000")
    assert f"virtio0-rng: {WAITS}" in done.out


def test_a_guest_that_is_not_stuck_is_told_so() -> None:
    done = virtscope("why", guest_path("rng-rv64"), "--device", "rng")
    assert (done.code, done.err) == (0, "")
    assert "rng: ok\nwhy: the guest ended by itself with code 0: nothing holds it up\n" in done.out
    assert "virtio0-rng: queue 0 (requestq): used.idx 2; last interrupt acknowledged at pc" in done.out


def test_the_museum_guest_that_never_acknowledges_is_explained_with_function_and_line() -> None:
    done = virtscope("why", guest_path("museum/no-ack-rv64"), "--device", "rng")
    assert done.code == 1
    assert "InterruptStatus 0x1 was never acknowledged (no write to InterruptACK)" in " ".join(done.out.split())
    assert "R InterruptStatus = 0x1" in done.out and " no-ack.c:" in done.out


def test_a_machine_without_devices_has_nothing_to_explain(tmp_path: Path) -> None:
    done = virtscope("why", image(tmp_path, "l: wfi\nj l"))
    assert (done.code, done.out) == (0, "why: there is no VirtIO device in any slot\n")
    assert virtscope("run", image(tmp_path, "l: wfi\nj l")).err.count("\n") == 1


def test_looking_leaves_no_trace_and_prints_nothing_of_the_guest(tmp_path: Path) -> None:
    """After the WFI this guest would print and switch itself off."""
    talks = driver(requests=REQUEST + "j s\ns: wfi\nli t0, 0x10000000\nli t1, 65\nsb t1, 0(t0)\n")
    guest = Guest(image(tmp_path, talks), "rng")
    ran = guest.run()
    heard = len(ran.events)
    found = Explainer(guest.session, listen(guest.session)).explain(ran.end)
    assert "and would go on to write to uart if it woke" in found.verdicts[0].sentence
    guest.machine.uart.flush()
    assert (guest.output, len(guest.events), guest.machine.exit_code) == (b"", heard, None)
    assert guest.machine.trace.on


def test_two_devices_are_told_apart(hanging: Path) -> None:
    done = virtscope("why", hanging, "--device", "rng", "--device", "console")
    assert done.out.startswith(f"why: virtio0-rng: {WAITS}")
    assert "virtio1-console" not in done.out, "nobody drives it, and nothing waits for it"


@pytest.mark.parametrize("trace", [False, True])
def test_run_says_it_shortly_behind_stuck(hanging: Path, trace: bool, tmp_path: Path) -> None:
    options = [f"--trace={tmp_path / 'trace.jsonl'}"] if trace else []
    done = virtscope("run", hanging, "--device", "rng", "--check=off", *options)
    assert (done.code, done.out) == (124, "")
    stuck, *rest = done.err.splitlines()
    assert stuck.startswith("virtscope: stuck at pc")
    told = "QueueNotify was never" if trace else "the device was not notified"
    assert " ".join(" ".join(rest).split()).startswith(f"why: virtio0-rng: {WAITS}; {told}")
    assert 4 <= len(rest) <= 8 and max(map(len, rest)) <= 100


def test_run_says_it_behind_a_timeout_and_keeps_its_code(tmp_path: Path) -> None:
    done = virtscope("run", image(tmp_path, SPINS), "--device", "rng", "--timeout", "0.2")
    assert done.code == 124
    assert done.err.splitlines()[1].startswith(f"why: virtio0-rng: {WAITS}")


def test_a_run_that_ends_is_not_explained(tmp_path: Path) -> None:
    done = virtscope("run", image(tmp_path, driver(requests=REQUEST + AWAIT)), "--device", "rng", "--check=off")
    assert (done.code, done.err) == (0, "")


def test_ctrl_a_w_explains_and_the_guest_runs_on(tmp_path: Path) -> None:
    main, side = pty.openpty()
    command = [*COMMAND, "run", str(image(tmp_path, SPINS)), "--device", "rng", "--timeout", "20"]
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=ENVIRONMENT, start_new_session=True)
    shown, end = b"", time.monotonic() + 15
    try:
        while shown.count(b"InterruptStatus 0x0") < 2 and time.monotonic() < end:
            os.write(main, b"\x01w")
            while select.select([main], [], [], 0.3)[0]:
                shown += os.read(main, 4096)
        assert shown.count(f"why: virtio0-rng: {WAITS}".encode()) >= 2
        os.write(main, b"\x01x")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(main)
        os.close(side)
