"""Small Linux kernels, rv64 and rv32, with every VirtIO driver built in: from reset to power-off."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest
from firmware import firmware

from emu.boot import BootConfig
from emu.machine import End
from emu.trace import Event, Unimplemented
from tui.session import SessionConfig, open_session
from virtio.events import ChainUsed, SpecViolation

XLEN = pytest.mark.parametrize("xlen", [32, 64])
MIB = 1 << 20
APPEND = "console=hvc1 console=ttyS0 rdinit=/init"
CONTENT = b"The first sector of a disk that Linux reads.".ljust(512, b".") + bytes(16 * MIB - 512)
WRITTEN = b"".join((i * 2654435761 >> 13 & (1 << 19) - 1 & 0xFF).to_bytes(1, "little") for i in range(65536))
"""What the guest's init writes 1 MiB into the disk: the low byte of a 32-bit product, shifted."""
MARKERS = (
    r"@@USERSPACE up=0\.\d+ xlen={xlen}",
    r"@@VERSION Linux version 6\.12\.",
    r"@@VIRTIO virtio0 device=0x0002 status=0x0000000f",
    r"@@VIRTIO virtio1 device=0x0004 status=0x0000000f",
    r"@@VIRTIO virtio2 device=0x0003 status=0x0000000f",
    r"@@BLK vda read=512 head=The first sector of a disk tha",
    r"@@BLK-RW write=65536 fsync=0 odirect-read=65536 PASS",
    r"@@BLK-SEQ .* n=128",
    r"@@BLK-4K .* n=512",
    r"@@HWRNG n=32 [0-9a-f]{{50}}",
    r"@@NET none",
    r"hello-from-hvc0",  # the SBI's own console; that of VirtIO is hvc1
    r"@@HVC0 wrote=16",
    r"@@CPU .* crc4M=6da5e120",
    r"@@POWEROFF",
    r"reboot: Power down",
)


def guest(name: str) -> Path:
    """A file of the folder that VIRTSCOPE_GUESTS names, or no test."""
    folder = os.environ.get("VIRTSCOPE_GUESTS", "")
    path = Path(folder or "/nonexistent") / name
    if not path.exists():
        pytest.skip(f"VIRTSCOPE_GUESTS ({folder or 'not set'}) names no folder with {name}")
    return path


def boot(xlen: int, bios: str, tmp_path: Path) -> tuple[str, list[Event]]:
    """Run to power-off with a disk, entropy and a console; returns what was printed and what happened."""
    kernel, initrd = guest(f"Image-6.12-small-rv{xlen}.gz"), guest(f"ninit{xlen}.cpio")
    disk, hvc = tmp_path / "disk.img", tmp_path / "hvc0"
    disk.write_bytes(CONTENT)
    config = BootConfig(bios=bios, kernel=str(kernel), initrd=str(initrd), append=APPEND)
    session = open_session(SessionConfig(config, [f"blk,file={disk}", "rng", f"console,output={hvc}"]))
    assert session.machine.config.xlen == xlen, "the kernel says what it is for"
    events: list[Event] = []
    session.machine.trace.subscribe(events.append)
    console = session.machine.uart
    end = session.machine.run(100)
    text = console.transcript.decode(errors="replace")
    assert end is End.EXIT, text[-500:]
    assert session.machine.exit_code == 0
    log = hvc.read_text(errors="replace")
    assert "Run /init as init process" in log and log.rstrip().endswith("reboot: Power down")
    after = disk.read_bytes()
    assert after[MIB : MIB + 65536] == WRITTEN
    assert after[:MIB] + after[MIB + 65536 :] == CONTENT[:MIB] + CONTENT[MIB + 65536 :]
    return text, events


def check(text: str, xlen: int) -> None:
    at = 0
    for marker in MARKERS:
        found = re.compile(marker.format(xlen=xlen)).search(text, at)
        assert found is not None, f"no {marker} in {text[at : at + 500]}"
        at = found.end()


@XLEN
def test_linux_needs_no_firmware_and_breaks_no_rule(xlen: int, tmp_path: Path) -> None:
    text, events = boot(xlen, "", tmp_path)
    check(text, xlen)
    assert "SBI specification v2.0 detected" in text
    assert "SBI implementation ID=0x7673" in text
    assert {"TIME", "IPI", "RFENCE", "SRST", "DBCN"} == set(re.findall(r"SBI (\w+) extension detected", text))
    assert [event.text for event in events if isinstance(event, SpecViolation | Unimplemented)] == []
    assert sum(isinstance(event, ChainUsed) for event in events) > 600


@pytest.mark.slow
def test_linux_after_debians_opensbi_breaks_no_rule(tmp_path: Path) -> None:
    text, events = boot(64, firmware("fw_dynamic"), tmp_path)
    assert text.lstrip().startswith("OpenSBI v")
    check(text, 64)
    assert [event.text for event in events if isinstance(event, SpecViolation)] == []


@pytest.mark.slow
def test_linux_for_rv32_after_opensbi_breaks_no_rule(tmp_path: Path) -> None:
    packed = guest("opensbi1.6-rv32-fw_dynamic.bin.gz")
    text, events = boot(32, str(packed), tmp_path)
    assert "OpenSBI v1.6" in text
    check(text, 32)
    assert [event.text for event in events if isinstance(event, SpecViolation)] == []


@pytest.mark.slow
@XLEN
def test_linux_by_its_name_builtin_and_unpacked(xlen: int, tmp_path: Path) -> None:
    image = tmp_path / "Image"
    image.write_bytes(gzip.decompress(guest(f"Image-6.12-small-rv{xlen}.gz").read_bytes()))
    config = BootConfig(bios="builtin", kernel=str(image), append="console=ttyS0 earlycon=sbi panic=-1")
    session = open_session(SessionConfig(config))
    console = session.machine.uart
    text = console.expect(b"Kernel panic - not syncing").decode()
    assert "printk: legacy bootconsole [sbi0] enabled" in text
    console.expect(b"Linux version", timeout=20)  # it reboots
