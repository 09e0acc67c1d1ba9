"""The main job: an unmodified U-Boot finds our VirtIO disk, reads it and writes it. The firmware is Debian's."""

from __future__ import annotations

import os
import random
import re
import zlib
from pathlib import Path

import pytest
from firmware import FILES, LOAD, UBoot, firmware

from emu.boot import BootConfig
from emu.machine import End
from emu.trace import RegisterAccess, Unimplemented
from virtio.events import ChainUsed, SpecViolation

MIB = 1 << 20
CONTENT = random.Random(2).randbytes(2 * MIB)
ACKNOWLEDGE_FORGOTTEN = "init.ack-before-driver"
"""U-Boot resets a device after it has acknowledged it, and goes on with DRIVER."""
BOOTS = {"fw_dynamic": "s-mode", "fw_jump": "s-mode", "builtin": "s-mode", "": "m-mode"}


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    image = tmp_path / "disk.img"
    image.write_bytes(CONTENT)
    return image


def debian(bios: str) -> BootConfig:
    return BootConfig(bios=firmware(bios) if bios in FILES else bios, kernel=firmware(BOOTS[bios]))


def guests_folder() -> Path:
    """Firmware that Debian does not have (rv32), where VIRTSCOPE_GUESTS says."""
    folder = Path(os.environ.get("VIRTSCOPE_GUESTS", "/nonexistent"))
    if not folder.is_dir():
        pytest.skip("VIRTSCOPE_GUESTS names no folder with U-Boot for rv32")
    return folder


def found(folder: Path, pattern: str) -> str:
    paths = sorted(folder.glob(pattern))
    if not paths:
        pytest.skip(f"{folder} has no {pattern}")
    return str(paths[0])


def power_off(guest: UBoot) -> None:
    guest.console.send(b"poweroff\r")
    assert guest.machine.run(20) is End.EXIT
    assert guest.machine.exit_code == 0


def read_and_write(guest: UBoot, disk: Path) -> None:
    """Find the disk, read the first MiB, write two sectors of 0x5a at sector 16."""
    assert guest.command("virtio scan") == ""
    information = guest.command("virtio info")
    assert "Device 0: QEMU VirtIO Block Device" in information
    assert "Capacity: 2.0 MB = 0.0 GB (4096 x 512)" in information
    assert "2048 blocks read: OK" in guest.command(f"virtio read {LOAD:x} 0 800")
    assert guest.crc32(MIB) == zlib.crc32(CONTENT[:MIB])
    assert guest.command(f"mw.b {LOAD:x} 5a 400") == ""
    assert "2 blocks written: OK" in guest.command(f"virtio write {LOAD:x} 10 2")
    written = disk.read_bytes()
    assert written == CONTENT[: 16 * 512] + b"Z" * 1024 + CONTENT[18 * 512 :]


def test_u_boot_after_opensbi_reads_and_writes_a_disk(disk: Path) -> None:
    guest = UBoot(debian("fw_dynamic"), f"blk,file={disk}")
    assert "OpenSBI v" in guest.start()
    read_and_write(guest, disk)
    power_off(guest)


def test_u_boot_without_firmware_is_seen_in_every_access_and_breaks_one_rule(disk: Path) -> None:
    guest = UBoot(debian(""), f"blk,file={disk}")
    guest.watch()
    guest.start()
    read_and_write(guest, disk)
    power_off(guest)
    assert [event.rule for event in guest.events if isinstance(event, SpecViolation)] == [ACKNOWLEDGE_FORGOTTEN]
    assert not [event.text for event in guest.events if isinstance(event, Unimplemented)]
    used = [event.length for event in guest.events if isinstance(event, ChainUsed)]
    assert (sum(used) - len(used)) % 512 == 0 and sum(used) > MIB
    accesses = [event for event in guest.events if isinstance(event, RegisterAccess)]
    assert {event.name for event in accesses} >= {"MagicValue", "Status", "QueueNotify", "QueueDescLow"}
    slots = {event.source for event in accesses}
    assert slots == {"virtio0-blk", *(f"virtio{slot}" for slot in range(1, 8))}


@pytest.mark.slow
@pytest.mark.parametrize("bios", BOOTS)
def test_every_way_to_boot_reads_writes_and_ends(bios: str, disk: Path) -> None:
    guest = UBoot(debian(bios), f"blk,file={disk},serial=QM01", "rng")
    guest.watch()
    guest.start()
    read_and_write(guest, disk)
    power_off(guest)
    assert {event.rule for event in guest.events if isinstance(event, SpecViolation)} == {ACKNOWLEDGE_FORGOTTEN}


@pytest.mark.slow
def test_a_read_only_disk_refuses_u_boots_write(disk: Path) -> None:
    guest = UBoot(debian(""), f"blk,file={disk},readonly")
    guest.start()
    guest.command("virtio scan")
    assert "OK" not in guest.command(f"virtio write {LOAD:x} 0 1")
    assert disk.read_bytes() == CONTENT


@pytest.mark.slow
def test_u_boots_reset_boots_again_with_its_disk(disk: Path) -> None:
    guest = UBoot(debian("fw_dynamic"), f"blk,file={disk}")
    guest.start()
    read_and_write(guest, disk)
    guest.console.send(b"reset\r")
    assert "OpenSBI v" in guest.start()
    assert "4096 x 512" in guest.command("virtio info")
    power_off(guest)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["m-mode", "s-mode", "builtin"])
def test_an_rv32_u_boot_reads_a_disk_and_entropy(mode: str, disk: Path) -> None:
    folder = guests_folder()
    bios = found(folder, "opensbi*rv32-fw_dynamic.bin*") if mode == "s-mode" else mode.removeprefix("m-mode")
    kernel = found(folder, "uboot*riscv32_smode.bin*" if bios else "uboot*riscv32.bin*")
    guest = UBoot(BootConfig(bios=bios, kernel=kernel), f"blk,file={disk}", "rng", xlen=32)
    guest.watch()
    guest.start()
    read_and_write(guest, disk)
    assert "RNG #0 - virtio-rng#1" in guest.command("rng list")
    assert re.fullmatch(r"00000000:( [0-9a-f]{2}){16}  .{16}", guest.command("rng 0 10"))
    power_off(guest)
    rules = [event.rule for event in guest.events if isinstance(event, SpecViolation)]
    assert rules == [ACKNOWLEDGE_FORGOTTEN] * 2  # once a device
