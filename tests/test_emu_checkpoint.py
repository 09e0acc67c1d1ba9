"""The file of a checkpoint: whole or not there, and every way in which it can be wrong is one line."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from checkpoints import signed
from cli import ENVIRONMENT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu import checkpoint
from emu.errors import InputError
from emu.memory import Ram

BASE, MIB = 0x80000000, 1 << 20
HEADER = {"what": "a test"}
SAVER = """
import sys
from emu import checkpoint
from emu.memory import Ram
ram = Ram(0x80000000, 64 << 20)
ram.view[:] = bytes(range(256)) * (1 << 18)
number = 0
print("ready", flush=True)
while True:
    number += 1
    checkpoint.write(sys.argv[1], {"number": number}, ram)
"""


def filled() -> Ram:
    """RAM whose size is no number of whole MiB, with something in the first, a middle and the last page."""
    ram = Ram(BASE, 5 * MIB + 8192)
    ram.write(BASE, b"first")
    ram.write(BASE + 2 * MIB - 4, b"across a boundary")
    ram.write(BASE + 2 * MIB + 5 * 4096, b"alone")
    ram.write(BASE + ram.size - 4, b"last")
    return ram


def saved(folder: Path) -> Path:
    path = folder / "saved"
    checkpoint.write(str(path), HEADER, filled())
    return path


def why(path: Path) -> str:
    """What is said of a checkpoint that cannot be used: one line that begins with its name."""
    with pytest.raises(InputError) as caught:
        checkpoint.read(str(path)).fill(Ram(BASE, 5 * MIB + 8192))
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_ram_comes_back_and_zero_pages_take_no_room(tmp_path: Path) -> None:
    path, ram = saved(tmp_path), Ram(BASE, 5 * MIB + 8192)
    found = checkpoint.read(str(path))
    assert found.header == HEADER
    found.fill(ram)
    assert ram.view == filled().view
    assert path.stat().st_size < 1000
    assert [file.name for file in tmp_path.iterdir()] == ["saved"]


def test_random_ram_comes_back(tmp_path: Path) -> None:
    ram, again, source = Ram(BASE, 8 * MIB), Ram(BASE, 8 * MIB), random.Random(1)
    for _ in range(300):
        ram.write(BASE + source.randrange(2047) * 4096, source.randbytes(source.randrange(1, 4097)))
    checkpoint.write(str(tmp_path / "x"), HEADER, ram)
    checkpoint.read(str(tmp_path / "x")).fill(again)
    assert again.view == ram.view


def test_what_is_not_a_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    for content in (b"", b"\x7fELF" + bytes(100), b"virtscope checkpoint one\n", b"virtscope checkpoint 1"):
        path.write_bytes(content)
        assert why(path) == "not a checkpoint of virtscope"
    assert why(tmp_path / "nowhere") == "No such file or directory"
    assert why(tmp_path) == "Is a directory"


def test_a_newer_version_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"checkpoint 1\n", b"checkpoint 2\n"))
    assert why(path) == "version 2 of the format, this virtscope reads 1"


def test_a_truncated_file_says_how_much_is_missing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = path.read_bytes()
    for size in (len(content) - 1, len(content) // 2, 60):
        path.write_bytes(content[:size])
        assert why(path) == f"truncated: {len(content) - size} bytes are missing, by what it says itself"
    path.write_bytes(content[:30])
    assert why(path).startswith("truncated: ")
    path.write_bytes(content + b"x")
    assert why(path) == "corrupt: its lengths are wrong"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_flipped_byte_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "flipped"
    content = bytearray(saved(tmp_path).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4, unique=True)):
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert why(path)


def test_a_well_signed_header_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert "header is not an object" in why(signed(path, [1], b""))
    body = path.read_bytes()
    deep = b"[" * 100_000
    body = b"virtscope checkpoint 1\n" + len(deep).to_bytes(8, "little") + bytes(8) + deep
    path.write_bytes(body + hashlib.sha256(body).digest())
    assert "the header is not JSON" in why(path)


def piece(number: int, pages: int, data: bytes, size: int | None = None) -> bytes:
    return checkpoint.CHUNK.pack(number, len(data) if size is None else size, pages.to_bytes(32, "little")) + data


def test_pages_reach_nothing_beside_ram(tmp_path: Path) -> None:
    path, page, bomb = tmp_path / "x", zlib.compress(bytes(4096)), zlib.compress(bytes(64 * MIB))
    for pages, message in [
        (piece(6, 1, page), "pages.MiB 6: out of order, or outside of RAM"),
        (piece(5, 4, page), "pages.MiB 5: out of order, or outside of RAM"),
        (piece(2, 1, page) + piece(2, 1, page), "pages.MiB 2: out of order, or outside of RAM"),
        (piece(0, 3, page), "pages.MiB 0: does not hold 8192 bytes"),
        (piece(0, 1, bomb), "pages.MiB 0: does not hold 4096 bytes"),
        (piece(0, 1, page[:-1]), "pages.MiB 0: does not hold 4096 bytes"),
        (piece(0, 1, page, 1 << 31), "pages.MiB 0: does not hold 4096 bytes"),
        (piece(0, 1, b"nonsense"), "pages.MiB 0: cannot be unpacked: "),
        (piece(0, 1, page) + b"rest", "pages: a piece of a header"),
    ]:
        assert why(signed(path, {}, pages)).startswith(message)


def test_a_checkpoint_is_put_only_where_a_file_can_be(tmp_path: Path) -> None:
    checkpoint.check_target(str(tmp_path / "new"))
    checkpoint.check_target(str(saved(tmp_path)))
    for target, message in ((tmp_path, "not a regular file"), ("/dev/null", "not a regular file")):
        with pytest.raises(InputError, match=message):
            checkpoint.check_target(str(target))
    with pytest.raises(InputError, match="there is no folder"):
        checkpoint.check_target(str(tmp_path / "no" / "where"))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(saved(tmp_path))
    checkpoint.write(str(tmp_path / "link"), {"new": 1}, filled())
    assert (tmp_path / "link").is_symlink()
    assert checkpoint.read(str(tmp_path / "saved")).header == {"new": 1}


def test_a_full_disk_leaves_the_older_checkpoint_whole(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    ram = filled()
    ram.write(BASE, random.Random(1).randbytes(MIB))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            checkpoint.write(str(path), HEADER, ram)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "what was written so far is gone"


def test_a_kill_while_saving_leaves_a_checkpoint_whole(tmp_path: Path) -> None:
    path, source = tmp_path / "saved", random.Random(4)
    for _ in range(5):
        command = [sys.executable, "-c", SAVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
            assert process.stdout is not None
            process.stdout.readline()
            while not path.exists():
                time.sleep(0.01)
            time.sleep(source.uniform(0.0, 0.6))
            process.kill()
        assert checkpoint.read(str(path)).header["number"] >= 1
    left = [name for name in os.listdir(tmp_path) if name != "saved"]
    assert left, "not one kill came in the middle"
    assert all(name.startswith(".saved-") and name.endswith(".partial") for name in left)
