"""The committed guests on QEMU: somebody else's devices agree that they are good drivers (`make test-slow`)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from museum import CATALOGUE, Exhibit

BIN = Path(__file__).parent.parent / "guests" / "bin"
RNG = ("-device", "virtio-rng-device")
LOOKED_OVER = {
    "capacity-torn", "config-bytes", "driver-features-read", "features-ok-not-reread", "fence-after-kick",
    "flush-not-negotiated", "kick-without-fence", "no-ack", "no-fence-before-index", "no-reset", "no-version-1",
    "own-queue-size", "queue-never-ready", "queue-size-3", "queue-stopped-unread", "queues-first",
    "ring-not-zeroed", "rings-overlap", "second-reset", "selectors-unwritten", "size-max-unread",
    "status-clears-bits", "suppression-unordered",
}  # fmt: skip
"""Bugs of the museum with which a driver ends well on QEMU 7.2, whatever its host's speed."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("qemu-system-riscv64") is None, reason="qemu-system-misc is not installed"),
]


def qemu(elf: str, *devices: str) -> tuple[int, str]:
    """Exit code, and what `elf` (below bin/) printed on the UART."""
    board = ("-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-serial", "stdio")
    modern = ("-global", "virtio-mmio.force-legacy=false")
    command = [f"qemu-system-riscv{32 if 'rv32' in elf else 64}", *board, *modern, "-kernel", str(BIN / elf), *devices]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def disk(folder: Path, *options: str) -> tuple[str, ...]:
    """QEMU's arguments for a disk of 64 sectors with text in the first."""
    image = folder / "disk.img"
    image.write_bytes(b"first sector\n".ljust(64 * 512, b"\0"))
    drive = ",".join([f"file={image}", "if=none", "id=d", "format=raw", *options])
    return ("-drive", drive, "-device", "virtio-blk-device,drive=d,serial=QM01")


@pytest.mark.parametrize("xlen", [32, 64])
def test_entropy_comes_by_polling_and_by_interrupt(xlen: int) -> None:
    code, text = qemu(f"rng-rv{xlen}.elf", *RNG)
    assert code == 0
    assert len(re.findall(r"rng: 16 bytes by (?:polling|interrupt):(?: [0-9a-f]{2}){16}\n", text)) == 2


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_disk_is_read_and_written(xlen: int, tmp_path: Path) -> None:
    code, text = qemu(f"blk-rv{xlen}.elf", *disk(tmp_path))
    assert code == 0
    assert '64 sectors\nblk: serial "QM01"\nblk: sector 0 by polling: "first sector"\n' in text
    written = bytes((i ^ i >> 8 ^ 0xA5) & 0xFF for i in range(512))
    assert (tmp_path / "disk.img").read_bytes()[512:1024] == written


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_read_only_disk_is_left_as_it_is(xlen: int, tmp_path: Path) -> None:
    code, text = qemu(f"blk-rv{xlen}.elf", *disk(tmp_path, "readonly=on"))
    assert code == 0
    assert "64 sectors, read-only" in text
    assert (tmp_path / "disk.img").read_bytes()[512:] == bytes(63 * 512)


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_console_is_greeted(xlen: int, tmp_path: Path) -> None:
    output = tmp_path / "console.txt"
    port = ("-chardev", f"file,id=c,path={output}", "-device", "virtconsole,chardev=c")
    code, text = qemu(f"console-rv{xlen}.elf", "-device", "virtio-serial-device", *port)
    assert (code, text.splitlines()[-1]) == (0, "console: ok")
    assert output.read_text().startswith("!Hello from the guest, by polling.\n")


@pytest.mark.parametrize("xlen", [32, 64])
def test_the_demo_reads_entropy_and_a_disk(xlen: int, tmp_path: Path) -> None:
    code, text = qemu(f"demo-rv{xlen}.elf", *RNG, *disk(tmp_path))
    assert code == 0
    assert text.startswith(f"virtscope demo on an rv{xlen} hart\n")
    assert text.endswith('64 sectors, the first begins "first sector"\n')


@pytest.mark.parametrize("xlen", [32, 64])
@pytest.mark.parametrize("name", ["rng", "blk", "console", "demo"])
def test_a_guest_without_its_device_says_so_and_fails(name: str, xlen: int) -> None:
    code, text = qemu(f"{name}-rv{xlen}.elf")
    assert code == 1
    assert re.fullmatch(r"(virtscope demo .*\n)?\w+: no [a-z ]+ in slots 0 to 7\n", text)


@pytest.mark.parametrize("xlen", [32, 64])
def test_the_error_guest_reports_success_and_another_device_type(xlen: int, tmp_path: Path) -> None:
    slot0 = "bus=virtio-mmio-bus.0"
    *drive, blk = disk(tmp_path)
    assert qemu(f"errors-rv{xlen}.elf", "-device", f"virtio-rng-device,{slot0}") == (
        0, "@@ERROR code=0 a=0 b=0 status=f\n",
    )  # fmt: skip
    assert qemu(f"errors-rv{xlen}.elf", *drive, f"{blk},{slot0}") == (0, "@@ERROR code=5 a=2 b=0 status=0\n")
    assert qemu(f"errors-rv{xlen}.elf") == (0, "@@ERROR code=4 a=0 b=0 status=0\n")


@pytest.mark.parametrize(
    "exhibit", [exhibit for exhibit in CATALOGUE if exhibit.name in LOOKED_OVER], ids=lambda exhibit: exhibit.name
)
def test_qemu_does_not_notice_a_bug_of_the_museum(exhibit: Exhibit, tmp_path: Path) -> None:
    devices = RNG if exhibit.device == "rng" else disk(tmp_path)
    code, text = qemu(f"museum/{exhibit.name}-rv64.elf", *devices)
    assert code == 0, text
