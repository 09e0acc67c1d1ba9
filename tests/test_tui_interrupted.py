"""A run of Linux that is ended from outside while it writes its disk: what the guest flushed is there, all is tidy."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from screen import Screen
from test_guests_linux import CONTENT, MIB, WRITTEN, guest

from tui.get import LINUX, is_here


def terminate(number: signal.Signals) -> Callable[[Screen], None]:
    return lambda screen: screen.process.send_signal(number)


def hang_up(screen: Screen) -> None:
    """Close the terminal's window."""
    os.close(screen.main)
    screen.main = os.open(os.devnull, os.O_RDWR)


WAYS = {
    "SIGINT": (terminate(signal.SIGINT), 130),
    "SIGTERM": (terminate(signal.SIGTERM), 143),
    "SIGHUP": (terminate(signal.SIGHUP), 129),
    "a closed terminal": (hang_up, 129),
}


def end(screen: Screen, way: str) -> None:
    """End the run; the exit code is the signal's, and the terminal as before where there is still one."""
    act, code = WAYS[way]
    act(screen)
    assert screen.process.wait(20) == code
    if act is not hang_up:
        assert screen.ended() == code


@pytest.mark.parametrize("way", WAYS)
def test_what_linux_had_flushed_is_on_the_disk(way: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT)
    options = ["--append", "console=ttyS0 rdinit=/init", "--device", f"blk,file={disk}", "--trace=" + os.devnull]
    screen = Screen(
        "--kernel", guest("Image-6.12-small-rv64.gz"), "--initrd", guest("ninit64.cpio"), *options, controlling=True
    )
    try:
        screen.wait_for(b"@@BLK-RW write=65536 fsync=0")
        end(screen, way)
    finally:
        screen.close()
    after = disk.read_bytes()
    assert after[MIB : MIB + 65536] == WRITTEN
    assert after[:MIB] + after[MIB + 65536 :] == CONTENT[:MIB] + CONTENT[MIB + 65536 :]


PROMPT = b"/ # "
KEEP_WRITING = (
    b"mount -t ext4 /dev/vda /mnt && echo kept > /mnt/flushed && md5sum /bin/busybox > /mnt/sums && "
    b"cp /bin/busybox /mnt/busybox && sync && echo all $((40 + 2)) flushed\r"
)
GO_ON = b"i=0; while true; do i=$((i + 1)); cp /bin/busybox /mnt/$((i % 3)); echo turn $((i + 1000)); done\r"


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One of e2fsprogs; skips the test where it is not installed."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"needs {name} of e2fsprogs")
    return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
def test_an_ext4_that_debians_linux_was_writing_is_whole_after_its_journal(way: str, tmp_path: Path) -> None:
    if not is_here(LINUX):
        pytest.skip("needs virtscope get linux")
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(64 * MIB))
    assert tool("mke2fs", "-q", "-t", "ext4", disk).returncode == 0
    screen = Screen(LINUX, "--device", f"blk,file={disk}", controlling=True)
    try:
        screen.wait_for(PROMPT, 200)
        screen.type(KEEP_WRITING)
        screen.wait_for(b"all 42 flushed", 100)
        screen.type(GO_ON)
        screen.wait_for(b"turn 1005", 100)
        end(screen, way)
    finally:
        screen.close()
    replayed = tool("e2fsck", "-fp", disk)
    assert replayed.returncode in (0, 1), replayed.stdout  # 1: the journal was replayed
    checked = tool("e2fsck", "-fn", disk)
    assert checked.returncode == 0, checked.stdout
    assert tool("debugfs", "-R", "cat /flushed", disk).stdout == "kept\n"
    tool("debugfs", "-R", f"dump /busybox {tmp_path / 'busybox'}", disk)
    found = hashlib.md5((tmp_path / "busybox").read_bytes()).hexdigest()
    assert tool("debugfs", "-R", "cat /sums", disk).stdout == f"{found}  /bin/busybox\n"
