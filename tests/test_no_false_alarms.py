"""Drivers that are known to work, under the sanitizer with every rule on: what is found in them is true, and listed.

What is found in other people's drivers is written up in docs/found-in-the-wild.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from firmware import UBoot
from guest_run import Guest
from named_guests import guest as named_guest
from test_guests_linux import APPEND, CONTENT
from test_guests_linux import guest as kernel_file
from test_uboot import BOOTS, debian, guests_folder
from test_uboot import found as built

from emu.boot import BootConfig
from emu.machine import End, Machine
from emu.trace import Trace
from tui.session import SessionConfig, open_session
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.table import ADVICE
from virtio.scenarios import PERSONALITIES, SCENARIOS, Scenario, run

BUILT = [f"{name}-rv{xlen}" for name in ("rng", "blk", "console", "demo", "errors") for xlen in (32, 64)]
DOCS = Path(__file__).parent.parent / "docs" / "found-in-the-wild.md"
GIVES_UP_SILENTLY = {"no-version-1", "pre-hook"}
"""Where Tock's transport leaves a device without FAILED, as its own page of errors says."""
ADVISED = {"cfg.generation-loop"}
"""What Linux is advised, and not forbidden."""


def watched(machine: Machine) -> Sanitizer:
    sanitizer = Sanitizer(advice=True, strict=True)
    machine.trace.subscribe(sanitizer)
    return sanitizer


def found(sanitizer: Sanitizer) -> list[str]:
    """The violations and broken invariants once the run is over."""
    sanitizer.finish()
    return [f"{f.rule.id}: {f.message}" for f in sanitizer.findings if f.rule.severity != ADVICE]


def advised(sanitizer: Sanitizer) -> set[str]:
    return {finding.rule.id for finding in sanitizer.findings if finding.rule.severity == ADVICE}


@pytest.mark.parametrize("name", BUILT)
def test_nothing_is_found_in_the_guests_that_are_built_here(name: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(64 * 512))
    guest = Guest(name, "rng", f"blk,file={disk}", "console")
    sanitizer = watched(guest.machine)
    assert guest.run().code == 0
    assert (found(sanitizer), advised(sanitizer)) == ([], set())


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_way_that_initialization_can_end_is_a_good_way(scenario: Scenario, personality: str) -> None:
    trace, sanitizer = Trace(), Sanitizer(advice=True, strict=True)
    trace.subscribe(sanitizer)
    run(scenario, personality, trace)
    by_hand = ["mmio.devid-zero-no-access: read of Status in a slot without a device"]  # it is `run` that looks
    assert found(sanitizer) == (by_hand if scenario.name == "empty-slot" else [])
    silent = personality == "tock" and scenario.name in GIVES_UP_SILENTLY
    assert advised(sanitizer) == ({"init.failed-on-giveup"} if silent else set())


@pytest.mark.parametrize("xlen", [32, 64])
def test_linux_is_given_one_piece_of_advice_and_breaks_no_rule(xlen: int, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT)
    kernel, initrd = kernel_file(f"Image-6.12-small-rv{xlen}.gz"), kernel_file(f"ninit{xlen}.cpio")
    config = BootConfig(kernel=str(kernel), initrd=str(initrd), append=APPEND)
    devices = [f"blk,file={disk}", "rng", f"console,output={tmp_path / 'hvc0'}"]
    session = open_session(SessionConfig(config, devices))
    sanitizer = watched(session.machine)
    assert session.machine.run(100) is End.EXIT
    assert (found(sanitizer), advised(sanitizer)) == ([], ADVISED)


@pytest.mark.parametrize("bios", [
    "", *(pytest.param(bios, marks=pytest.mark.slow) for bios in BOOTS if bios),
])  # fmt: skip
def test_u_boot_forgets_acknowledge_and_nothing_else(bios: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT[: 2 << 20])
    guest = UBoot(debian(bios), f"blk,file={disk}", "rng", "console")
    sanitizer = watched(guest.machine)
    guest.start()
    guest.command("virtio scan")
    assert "2 blocks read: OK" in guest.command("virtio read 84000000 0 2")
    assert "2 blocks written: OK" in guest.command("virtio write 84000000 10 2")
    assert found(sanitizer) == ["init.ack-before-driver: Status 0x00 -> 0x02: DRIVER without ACKNOWLEDGE"]
    assert advised(sanitizer) == set()
    assert "init.ack-before-driver" in DOCS.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("bios", ["", "builtin"])
def test_u_boot_for_rv32_forgets_acknowledge_once_a_device(bios: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT[: 2 << 20])
    kernel = built(guests_folder(), "uboot*riscv32_smode.bin*" if bios else "uboot*riscv32.bin*")
    guest = UBoot(BootConfig(bios=bios, kernel=kernel), f"blk,file={disk}", "rng", "console", xlen=32)
    sanitizer = watched(guest.machine)
    guest.start()
    guest.command("virtio scan")
    assert "2 blocks read: OK" in guest.command("virtio read 84000000 0 2")
    assert "00000000: " in guest.command("rng 0 10")
    assert found(sanitizer) == ["init.ack-before-driver: Status 0x00 -> 0x02: DRIVER without ACKNOWLEDGE"] * 2
    assert advised(sanitizer) == set()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["linux", "opensbi+linux"])
def test_debians_linux_is_given_one_piece_of_advice_and_breaks_no_rule(name: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(16 << 20))
    session = named_guest(
        name, "--append", "console=ttyS0 virtscope=check,format,off", "--device", "rng",
        "--device", f"blk,file={disk}", "--device", f"console,output={tmp_path / 'hvc0'}",
    )  # fmt: skip
    sanitizer = watched(session.machine)
    assert session.machine.run(300) is End.EXIT
    assert (found(sanitizer), advised(sanitizer)) == ([], ADVISED)
    assert all(rule in DOCS.read_text(encoding="utf-8") for rule in ADVISED)
