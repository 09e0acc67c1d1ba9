"""The same every time: two runs in two processes give byte-identical traces, and what holds with and without helper."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import fdt
import pytest
from cli import COMMAND, ENVIRONMENT, virtscope
from firmware import firmware
from test_guests_linux import CONTENT, guest

from emu import native
from tui.get import LINUX, OPENSBI, U_BOOT, is_here
from tui.guests import guest_path

HELPER = [
    pytest.param(True, id="native", marks=pytest.mark.skipif(native.load() is None, reason=native.ABSENT)),
    pytest.param(False, id="count"),
]
U_BOOT_SCRIPT = """
# stop the countdown, read 64 KiB, ask for entropy's device, power off
expect autoboot
send \\x20
expect =>
send virtio read 0x84000000 0 0x80\\r
expect blocks read: OK
expect =>
after 500ms
send poweroff\\r
"""
Trace = Callable[..., bytes]


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """The recording that a run with a fresh disk makes; the guest has to power off."""
    number = 0

    def run(*options: str | Path, helper: bool = True, seconds: float = 300) -> bytes:
        nonlocal number
        number += 1
        disk, recording = tmp_path / "disk.img", tmp_path / f"{number}.jsonl"
        disk.write_bytes(CONTENT)
        devices = ["--device", "rng", "--device", f"blk,file={disk}", f"--trace={recording}"]
        done = subprocess.run(
            [*COMMAND, "run", *map(str, options), *devices], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=seconds, env={**ENVIRONMENT, "VIRTSCOPE_NATIVE": str(int(helper))},
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout[-500:], done.stderr)
        return recording.read_bytes()

    run.folder = tmp_path  # type: ignore[attr-defined]
    return run


def compared(trace: Trace, *options: str | Path, helper: bool) -> bytes:
    """Two runs, their files compared by `cmp`; returns the trace."""
    first = trace(*options, helper=helper)
    assert trace(*options, helper=helper)
    folder: Path = trace.folder  # type: ignore[attr-defined]
    done = subprocess.run(["cmp", folder / "1.jsonl", folder / "2.jsonl"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    return first


def small_linux(xlen: int) -> list[str | Path]:
    kernel, initrd = guest(f"Image-6.12-small-rv{xlen}.gz"), guest(f"ninit{xlen}.cpio")
    return ["--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 rdinit=/init"]


def without_time(recording: bytes) -> list[str]:
    return re.sub(r'"time":\d+,', "", recording.decode()).splitlines()


def kinds(recording: bytes) -> set[str]:
    return {json.loads(line)["kind"] for line in recording.splitlines()}


@pytest.mark.parametrize("xlen", [32, 64])
def test_two_runs_of_linux_give_the_same_trace(xlen: int, trace: Trace) -> None:
    recording = compared(trace, *small_linux(xlen), helper=True)
    assert len(recording) > 1_000_000
    assert kinds(recording) >= {"header", "access", "features", "queue", "pop", "used", "irq"}


@pytest.mark.slow
@pytest.mark.parametrize("xlen", [32, 64])
def test_without_the_helper_too_and_but_for_time_it_is_the_one_with_it(xlen: int, trace: Trace) -> None:
    alone = compared(trace, *small_linux(xlen), helper=False)
    if native.load() is None:
        pytest.skip(native.ABSENT)
    assert without_time(trace(*small_linux(xlen))) == without_time(alone)


def u_boot(folder: Path) -> list[str | Path]:
    script = folder / "u-boot.script"
    script.write_text(U_BOOT_SCRIPT)
    if is_here(U_BOOT) and is_here(OPENSBI):
        return ["opensbi+u-boot", "--script", script]
    return ["--bios", firmware("fw_dynamic"), "--kernel", firmware("s-mode"), "--script", script]


def test_u_boot_gives_the_same_trace_every_time_and_without_the_helper_too(trace: Trace, tmp_path: Path) -> None:
    recording = compared(trace, *u_boot(tmp_path), helper=True)
    assert kinds(recording) >= {"header", "access", "features", "queue", "pop", "used", "violation"}
    assert trace(*u_boot(tmp_path), helper=False) == recording, "no timer interrupt, no difference"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("helper", HELPER)
def test_two_runs_of_debians_linux_give_the_same_trace(helper: bool, trace: Trace) -> None:
    if not is_here(LINUX):
        pytest.skip("needs virtscope get linux")
    recording = compared(trace, LINUX, "--append", "console=ttyS0 virtscope=check,format,off", helper=helper)
    assert kinds(recording) >= {"header", "access", "features", "queue", "pop", "used", "irq"}


def entropy(*options: str) -> str:
    done = virtscope("run", guest_path("rng-rv64"), "--device", "rng", *options)
    assert done.code == 0
    return done.out


def test_random_numbers_are_those_of_the_seed_and_seed_0_where_time_is_virtual() -> None:
    assert entropy() == entropy("--clock", "virtual") == entropy("--seed", "0") == entropy("--seed=0", "--clock=wall")
    assert len({entropy(), entropy("--seed", "1"), entropy("--clock", "wall"), entropy("--clock", "wall")}) == 4


def test_the_device_tree_starts_the_guests_random_numbers(tmp_path: Path) -> None:
    def seed(*options: str) -> bytes:
        path = tmp_path / "board.dtb"
        assert virtscope("run", guest_path("rng-rv64"), "--dump-dtb", path, *options).code == 0
        words = fdt.parse_dtb(path.read_bytes()).get_node("/chosen").get_property("rng-seed").data
        return b"".join(word.to_bytes(4, "big") for word in words)

    assert len(seed()) == 32 and seed() == seed("--seed", "0") != seed("--seed", "1")
    assert seed("--clock", "wall") != seed("--clock", "wall")


def test_a_seed_that_is_none_is_named() -> None:
    done = virtscope("run", guest_path("rng-rv64"), "--seed", "-1")
    assert done.code == 2 and done.err.startswith("virtscope: argument --seed: invalid number value: '-1'")
