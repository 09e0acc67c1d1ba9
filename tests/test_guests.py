"""Every built guest on the whole machine: what it prints, how it ends, and which rules it breaks (none, or its own)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from guest_run import Guest

from emu.machine import End
from virtio.events import ChainUsed

XLENS = [32, 64]
PATTERN = bytes((i ^ i >> 8 ^ 0xA5) & 0xFF for i in range(512))
"""What the guest blk writes to sector 1."""


def disk(folder: Path, sectors: int = 64) -> Path:
    image = folder / "disk.img"
    image.write_bytes(b"first sector\n".ljust(sectors * 512, b"\0"))
    return image


@pytest.mark.parametrize("xlen", XLENS)
def test_entropy_comes_by_polling_and_by_interrupt(xlen: int) -> None:
    ran = Guest(f"rng-rv{xlen}", "rng").run()
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, 0, [])
    found = re.findall(r"rng: 16 bytes by (?:polling|interrupt):((?: [0-9a-f]{2}){16})\n", ran.text)
    assert len(set(found)) == 2
    assert ran.text.endswith("rng: ok\n")
    assert [event.length for event in ran.events if isinstance(event, ChainUsed)] == [16, 16]


@pytest.mark.parametrize("xlen", XLENS)
@pytest.mark.parametrize("slot", [0, 7])
def test_a_guest_finds_its_device_in_any_slot(xlen: int, slot: int) -> None:
    ran = Guest(f"rng-rv{xlen}", f"rng,slot={slot}").run()
    assert (ran.code, ran.violations) == (0, [])
    assert f"rng: slot {slot}, " in ran.text


@pytest.mark.parametrize("xlen", XLENS)
def test_a_disk_is_read_and_really_changed(xlen: int, tmp_path: Path) -> None:
    image = disk(tmp_path)
    ran = Guest(f"blk-rv{xlen}", f"blk,file={image},serial=QM01").run()
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, 0, [])
    assert '64 sectors\nblk: serial "QM01"\nblk: sector 0 by polling: "first sector"\n' in ran.text
    data = image.read_bytes()
    assert data[:512] == b"first sector\n".ljust(512, b"\0")
    assert data[512:1024] == PATTERN
    assert data[1024:] == bytes(62 * 512)


@pytest.mark.parametrize("xlen", XLENS)
def test_a_read_only_disk_is_read_and_left_as_it_is(xlen: int, tmp_path: Path) -> None:
    image = disk(tmp_path)
    before = image.read_bytes()
    ran = Guest(f"blk-rv{xlen}", f"blk,file={image},readonly").run()
    assert (ran.code, ran.violations) == (0, [])
    assert "64 sectors, read-only\n" in ran.text
    assert image.read_bytes() == before


@pytest.mark.parametrize("xlen", XLENS)
def test_a_disk_of_one_sector_is_only_read(xlen: int, tmp_path: Path) -> None:
    image = disk(tmp_path, sectors=1)
    ran = Guest(f"blk-rv{xlen}", f"blk,file={image}").run()
    assert (ran.code, ran.violations) == (0, [])
    assert image.read_bytes() == b"first sector\n".ljust(512, b"\0")


@pytest.mark.parametrize("xlen", XLENS)
def test_a_console_greets_and_does_without_input(xlen: int, tmp_path: Path) -> None:
    output = tmp_path / "console.txt"
    ran = Guest(f"console-rv{xlen}", f"console,cols=80,rows=25,output={output}").run()
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, 0, [])
    assert "console: 80 x 25\nconsole: emergency write\nconsole: no input\nconsole: ok\n" in ran.text
    assert output.read_bytes() == (
        b"!Hello from the guest, by polling.\r\nHello from the guest, by interrupt. Type a line:\r\n"
    )


@pytest.mark.parametrize("xlen", XLENS)
def test_a_console_echoes_the_line_of_its_input_file(xlen: int, tmp_path: Path) -> None:
    typed, output = tmp_path / "typed.txt", tmp_path / "console.txt"
    typed.write_bytes(b"x" * 40 + b"\nthe next line")
    guest = Guest(f"console-rv{xlen}", f"console,input={typed},output={output}")
    guest.set_word("wait_for_line", 1)
    ran = guest.run()
    assert (ran.code, ran.violations) == (0, [])
    assert "console: 40 bytes of input\n" in ran.text
    assert output.read_bytes().endswith(b"You typed: " + b"x" * 40 + b"\r\n")


@pytest.mark.parametrize("xlen", XLENS)
def test_a_console_that_sleeps_wakes_when_a_line_is_typed(xlen: int) -> None:
    guest = Guest(f"console-rv{xlen}", "console")
    guest.set_word("wait_for_line", 1)
    assert guest.run().end is End.STUCK
    assert "Type a line:\r\n" in guest.output.decode()
    device = guest.session.transports[0].device
    assert device is not None
    device.feed(b"good ")  # type: ignore[attr-defined]
    assert guest.run().end is End.STUCK
    device.feed(b"morning\r")  # type: ignore[attr-defined]
    ran = guest.run()
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, 0, [])
    assert "You typed: good morning\r\n" in ran.text


@pytest.mark.parametrize("xlen", XLENS)
def test_the_demo_reads_entropy_and_a_disk(xlen: int, tmp_path: Path) -> None:
    ran = Guest(f"demo-rv{xlen}", "rng", f"blk,file={disk(tmp_path)}").run()
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, 0, [])
    assert ran.text.startswith(f"virtscope demo on an rv{xlen} hart\n")
    assert ran.text.endswith('64 sectors, the first begins "first sector"\n')


@pytest.mark.parametrize("xlen", XLENS)
@pytest.mark.parametrize("name", ["rng", "blk", "console", "demo"])
def test_a_guest_without_its_device_says_so_and_fails(name: str, xlen: int) -> None:
    ran = Guest(f"{name}-rv{xlen}").run()
    assert (ran.end, ran.code, ran.violations) == (End.EXIT, 1, [])
    assert re.fullmatch(r"(virtscope demo .*\n)?\w+: no [a-z ]+ in slots 0 to 7\n", ran.text)


def test_a_script_talks_to_a_guest_on_its_uart(tmp_path: Path) -> None:
    guest = Guest("blk-rv64", f"blk,file={disk(tmp_path)}")
    console = guest.machine.uart
    assert console.expect(b"serial", 10).startswith(b"blk: slot 0")
    assert console.expect(b"by polling", 10).endswith(b"sector 0 by polling")
    assert guest.machine.exit_code is None
    assert guest.run().code == 0
