"""No false alarms: what real drivers do with their rings and requests, judged with everything on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from firmware import UBoot
from guest_run import Guest
from judged import about_rings
from test_guests import disk
from test_guests_linux import XLEN, boot
from test_uboot import CONTENT, debian, power_off, read_and_write

from emu.trace import Event
from virtio.sanitizer.engine import Sanitizer


def found(events: Iterable[Event]) -> list[str]:
    """What the sanitizer says of rings and requests, advice and the strict profile included."""
    sanitizer = Sanitizer(advice=True, strict=True)
    for event in events:
        sanitizer(event)
    return [f"{f.source}: {f.rule.id}: {f.message}" for f in sanitizer.findings if about_rings(f.rule)]


@XLEN
@pytest.mark.parametrize("name", ["rng", "blk", "console", "demo"])
def test_the_drivers_in_c_break_no_rule_of_rings_or_requests(name: str, xlen: int, tmp_path: Path) -> None:
    devices = ["rng", f"blk,file={disk(tmp_path)}", f"console,output={tmp_path / 'console'}"]
    assert found(Guest(f"{name}-rv{xlen}", *devices).run().events) == []


@XLEN
def test_linux_breaks_no_rule_of_rings_or_requests(xlen: int, tmp_path: Path) -> None:
    assert found(boot(xlen, "", tmp_path)[1]) == []


@pytest.mark.slow
def test_u_boot_breaks_no_rule_of_rings_or_requests(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(CONTENT)
    guest = UBoot(debian(""), f"blk,file={image}", "rng")
    guest.watch()
    guest.start()
    read_and_write(guest, image)
    power_off(guest)
    assert found(guest.events) == []
