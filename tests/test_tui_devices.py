"""`--device`: what goes into which slot, and one line for whatever cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli import complaint, virtscope

from emu.errors import InputError
from tui.devices import make_devices
from tui.guests import guest_path

RNG, BLK, CONSOLE = guest_path("rng-rv64"), guest_path("blk-rv64"), guest_path("console-rv64")
Complaint = Callable[..., str]


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Complaint:
    def ask(*devices: str) -> str:
        return complaint(capsys, "run", RNG, *(part for text in devices for part in ("--device", text)))

    return ask


def names(*texts: str) -> dict[int, str]:
    return {slot: device.name for slot, device in make_devices(list(texts), 8, lambda data: None).items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "unknown device 'foo'; there are rng, blk, console"),
        ("", "unknown device ''"),
        (",", "empty key ''"),
        ("rng,,", "empty key ''"),
        ("rng,=3", "empty key ''"),
        ("rng,depth=1", "unknown key 'depth'; rng has slot=N"),
        ("blk", "blk needs file=PATH"),
        ("blk,file=", "blk needs file=PATH"),
        ("blk,file=x,file=x", "repeated key 'file'"),
        ("blk,file=x,sectors=1", "unknown key 'sectors'; blk has file=PATH, readonly, serial=TEXT, slot=N"),
        ("blk,file=x,readonly=maybe", "readonly is on or off, not 'maybe'"),
        ("blk,file=x,serial=twenty-one-characters", "serial is at most 20 bytes, not 21"),
        ("blk,file=x,serial=ääääääääääa", "serial is at most 20 bytes, not 21"),
        ("rng,slot=8", "slot is a number from 0 to 7, not '8'"),
        ("rng,slot=-1", "slot is a number from 0 to 7, not '-1'"),
        ("rng,slot=", "slot is a number from 0 to 7, not ''"),
        ("rng,slot=1,slot=2", "repeated key 'slot'"),
        ("console,cols=80", "cols and rows go together"),
        ("console,cols=0,rows=25", "cols is a number from 1 to 65535, not '0'"),
        ("console,cols=80,rows=65536", "rows is a number from 1 to 65535, not '65536'"),
    ],
)
def test_a_device_that_cannot_be_is_named_with_the_wrong_part(text: str, message: str, says: Complaint) -> None:
    assert says(text).startswith(f"--device {text}: {message}")


def test_a_disk_that_cannot_be_used_is_named(says: Complaint, tmp_path: Path) -> None:
    odd, empty, missing = tmp_path / "odd", tmp_path / "empty", tmp_path / "missing"
    odd.write_bytes(bytes(1000))
    empty.touch()
    assert says(f"blk,file={odd}") == f"{odd}: size 1000 is not a positive multiple of 512 bytes"
    assert says(f"blk,file={empty}") == f"{empty}: size 0 is not a positive multiple of 512 bytes"
    assert says(f"blk,file={missing}") == f"{missing}: No such file or directory"
    assert says(f"blk,file={tmp_path}") == f"{tmp_path}: Is a directory"
    assert says("blk,file=/dev/null,readonly") == "/dev/null: size 0 is not a positive multiple of 512 bytes"


def test_a_consoles_files_that_cannot_be_opened_are_named(says: Complaint, tmp_path: Path) -> None:
    missing = tmp_path / "no" / "file"
    assert says(f"console,input={missing}") == f"{missing}: No such file or directory"
    assert says(f"console,output={missing}") == f"{missing}: No such file or directory"
    assert says(f"console,input={tmp_path}") == f"{tmp_path}: Is a directory"


def test_a_slot_is_taken_once(says: Complaint) -> None:
    assert says("rng,slot=1", "console,slot=1") == "--device console,slot=1: slot 1 is taken"
    assert says("rng", "rng,slot=0") == "--device rng,slot=0: slot 0 is taken"


def test_there_are_eight_slots(says: Complaint) -> None:
    assert says(*["rng"] * 9) == "--device rng: all 8 slots are taken"
    assert names(*["rng"] * 8) == dict.fromkeys(range(8), "rng")


def test_devices_go_into_the_first_free_slots_in_their_order() -> None:
    assert names("console,slot=1", "rng", "rng", "console,slot=7") == {1: "console", 0: "rng", 2: "rng", 7: "console"}


def test_numbers_may_be_hexadecimal_and_flags_be_spelled_out(tmp_path: Path) -> None:
    assert names("rng,slot=0x3") == {3: "rng"}
    for flag in ("readonly", "readonly=on", "readonly=off"):
        disk = tmp_path / flag
        disk.write_bytes(bytes(512))
        assert names(f"blk,file={disk},{flag}") == {0: "blk"}


def test_a_file_that_nobody_may_write_is_refused_for_writing() -> None:
    with pytest.raises(InputError, match=r"^/proc/self/mountinfo: "):  # not even by root
        names("blk,file=/proc/self/mountinfo")


def test_a_disk_is_left_alone_when_it_is_read_only(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4096))
    disk.chmod(0o444)
    done = virtscope("run", BLK, "--device", f"blk,file={disk},readonly,serial=S1")
    assert (done.code, done.err) == (0, "")
    assert 'read-only\nblk: serial "S1"\n' in done.out
    assert disk.read_bytes() == bytes(4096)


def test_a_console_writes_to_the_terminal_or_to_its_file(tmp_path: Path) -> None:
    assert "Hello from the guest, by polling.\r\n" in virtscope("run", CONSOLE, "--device", "console").out
    typed, output = tmp_path / "in", tmp_path / "out"
    typed.write_bytes(b"hello\n")
    done = virtscope("run", CONSOLE, "--device", f"console,cols=80,rows=25,input={typed},output={output}")
    assert done.out == (
        "console: slot 0\nconsole: 80 x 25\nconsole: emergency write\nconsole: 5 bytes of input\nconsole: ok\n"
    )
    assert output.read_bytes().endswith(b"You typed: hello\r\n")


def test_a_console_whose_file_is_full_says_so_in_the_trace() -> None:
    done = virtscope("run", CONSOLE, "--device", "console,output=/dev/full", "--trace")
    assert done.code == 0
    assert "1 bytes of output lost: [Errno 28] No space left on device" in done.err
