"""Debian's own Linux kernel with our initramfs, as `virtscope get linux` and `virtscope run linux` have it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from named_guests import guest

from emu.machine import End
from emu.trace import Event, Unimplemented
from virtio.events import ChainUsed, SpecViolation

MIB = 1 << 20
NAMES = ("linux", "opensbi+linux")
SECONDS = 300
README = Path(__file__).parent.parent / "README.md"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("name", NAMES)
def test_debians_linux_uses_every_device_breaks_no_rule_and_powers_off(name: str, tmp_path: Path) -> None:
    disk, said = tmp_path / "disk.img", tmp_path / "hvc0"
    disk.write_bytes(bytes(16 * MIB))
    session = guest(
        name, "--append", "console=ttyS0 virtscope=check,format,off", "--device", "rng",
        "--device", f"blk,file={disk},serial=QM01", "--device", f"console,output={said}",
    )  # fmt: skip
    events: list[Event] = []
    session.machine.trace.subscribe(events.append)
    console = session.machine.uart
    assert session.machine.run(SECONDS) is End.EXIT, console.transcript[-500:].decode(errors="replace")
    assert session.machine.exit_code == 0
    text = console.transcript.decode()
    assert ("OpenSBI v" in text) == (name != "linux")
    zeros = hashlib.md5(bytes(MIB)).hexdigest()
    for line in (
        r"@@userspace up=[\d.]+ Linux 6\.\S+ riscv64", "@@module virtio_mmio ok", "@@module ext4 ok",
        "@@virtio virtio0 id=0x0004 status=0x0000000f driver=virtio_rng",
        "@@virtio virtio1 id=0x0002 status=0x0000000f driver=virtio_blk",
        "@@virtio virtio2 id=0x0003 status=0x0000000f driver=virtio_console",
        "@@disk vda sectors=32768 readonly=0 serial=QM01", "@@disk vda format ok", "@@disk vda file system ok",
        r"@@hwrng virtio_rng\.0 [0-9a-f]{64}", "@@hvc0 ok", r"@@fork and exec 20 times up=[\d.]+",
        rf"@@md5 of 1 MiB of zeros {zeros} up=[\d.]+", r"@@poweroff up=[\d.]+",
    ):  # fmt: skip
        assert re.search(rf"^{line}\r?$", text, re.MULTILINE), line
    assert "FAILED" not in text
    (shown,) = re.findall(r"^```text linux\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert set(shown.splitlines()) <= set(text.replace("\r", "").splitlines())
    assert said.read_bytes() == b"hello from hvc0\r\n"
    assert disk.read_bytes()[1080:1082] == b"\x53\xef"  # ext2's magic number
    assert [event.text for event in events if isinstance(event, SpecViolation | Unimplemented)] == []
    assert {event.source for event in events if isinstance(event, ChainUsed)} == {
        "virtio0-rng", "virtio1-blk", "virtio2-console",
    }  # fmt: skip


def test_debians_linux_has_a_shell_whose_end_powers_off() -> None:
    session = guest("linux", "--device", "rng")
    console = session.machine.uart
    console.expect(b"@@shell (exit powers off)", SECONDS)
    console.expect(b"/ # ", SECONDS)
    console.send(b"echo $((6 * 7)) from $(uname -m)\r")
    console.expect(b"\r\n42 from riscv64\r\n", SECONDS)
    console.expect(b"/ # ", SECONDS)
    console.send(b"exit\r")
    assert session.machine.run(SECONDS) is End.EXIT
    assert session.machine.exit_code == 0
    assert b"@@disk" not in console.transcript  # not asked to touch one
