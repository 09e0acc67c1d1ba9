"""The small kernels of `virtscope get small-linux --build`: built here if not in the cache, and run by name."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest
from named_guests import guest

from emu.machine import End
from emu.trace import Event, Unimplemented
from tui.cache import guest_folder
from virtio.events import ChainUsed, SpecViolation

MIB = 1 << 20
SECONDS = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]  # two kernels are built


@pytest.mark.parametrize("xlen", [64, 32])
@pytest.mark.parametrize("name", ["small-linux", "opensbi+small-linux"])
def test_a_kernel_built_here_uses_every_device_breaks_no_rule_and_powers_off(
    name: str, xlen: int, tmp_path: Path
) -> None:
    disk, said = tmp_path / "disk.img", tmp_path / "hvc0"
    disk.write_bytes(bytes(16 * MIB))
    session = guest(
        name, "--xlen", str(xlen), "--append", "console=ttyS0 virtscope=check", "--device", f"blk,file={disk}",
        "--device", "rng", "--device", f"console,output={said}",
    )  # fmt: skip
    assert session.machine.config.xlen == xlen
    events: list[Event] = []
    session.machine.trace.subscribe(events.append)
    console = session.machine.uart
    assert session.machine.run(SECONDS) is End.EXIT, console.transcript[-500:].decode(errors="replace")
    assert session.machine.exit_code == 0
    text = console.transcript.decode(errors="replace")
    assert ("OpenSBI v" in text) == (name != "small-linux")
    for line in (
        rf"@@userspace up=[\d.]+ rv{xlen}", r"@@version Linux version 6\.12\..*",
        "@@virtio virtio0 id=0x0002 status=0x0000000f", "@@virtio virtio1 id=0x0004 status=0x0000000f",
        "@@virtio virtio2 id=0x0003 status=0x0000000f",
        "@@disk vda sectors=32768 read 4096", "@@disk vda wrote 4096 flushed 0 read 4096 ok",
        r"@@hwrng 16 bytes( [0-9a-f]{1,2}){16}", "@@hvc0 wrote 16",
        f"@@crc32 of 1 MiB of zeros {zlib.crc32(bytes(MIB)):x}", r"@@poweroff up=[\d.]+",
    ):  # fmt: skip
        assert re.search(rf"^{line}\r?$", text, re.MULTILINE), line
    pattern = bytes(((i * 2654435761 & 0xFFFFFFFF) >> 13) & 0xFF for i in range(4096))
    assert disk.read_bytes()[MIB : MIB + 4096] == pattern
    assert [event.text for event in events if isinstance(event, SpecViolation)] == []
    if name == "small-linux":
        assert [event.text for event in events if isinstance(event, Unimplemented)] == []
    assert {"virtio0-blk", "virtio1-rng"} <= {event.source for event in events if isinstance(event, ChainUsed)}
    made_from = (guest_folder("small-linux") / "made-from.txt").read_text()
    assert re.fullmatch(r"linux-source-6\.12 6\.12\.\S+\n", made_from)
