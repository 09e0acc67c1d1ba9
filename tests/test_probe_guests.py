"""Whole guests under probes: what drivers that are known to be good do then, and what is found in real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import complaint, virtscope
from firmware import UBoot
from guest_run import Guest, Ran
from museum import INIT_FAILED, NO_DEVICE, REQUEST_FAILED
from test_guests_linux import APPEND, CONTENT, XLEN
from test_guests_linux import guest as kernel_file
from test_no_false_alarms import DOCS, advised, found, watched
from test_uboot import debian

from emu.boot import BootConfig
from emu.machine import End
from emu.recording import read_recording
from tui.cli import main
from tui.guests import guest_path
from tui.session import SessionConfig, open_session
from virtio.events import Probed
from virtio.probes import PROBES
from virtio.sanitizer.engine import Sanitizer

GUESTS = [f"{name}-rv{xlen}" for name in ("rng", "blk", "console", "demo") for xlen in (32, 64)]
ENDS = {"refuse-features": INIT_FAILED, "needs-reset": REQUEST_FAILED}
"""Probes under which our guests give the device up, and say so; they get on with all others."""


def devices(folder: Path) -> list[str]:
    disk = folder / "disk.img"
    disk.write_bytes(CONTENT[: 64 * 512])
    return ["rng", f"blk,file={disk}", f"console,output={folder / 'console'}"]


def code(name: str, probe: str) -> int:
    """What the guest ends with; the console's breaks down when input is asked for, which need not come."""
    return 0 if (name[:7], probe) == ("console", "needs-reset") else ENDS.get(probe, 0)


def provoked(ran: Ran) -> set[str]:
    return {event.name for event in ran.events if isinstance(event, Probed)}


@pytest.mark.parametrize("probe", ["all", *PROBES])
@pytest.mark.parametrize("name", GUESTS)
def test_the_guests_that_are_built_here_take_every_probe_well(name: str, probe: str, tmp_path: Path) -> None:
    guest = Guest(name, *devices(tmp_path), probes=probe)
    sanitizer = watched(guest.machine)
    ran = guest.run()
    assert (ran.end, ran.code) == (End.EXIT, code(name, probe)), ran.text
    assert (found(sanitizer), advised(sanitizer)) == ([], set())
    assert provoked(ran) <= set(PROBES)


@pytest.mark.parametrize("probe", sorted(set(PROBES) - {"used-flags"}))  # our guests do not accept EVENT_IDX
def test_every_probe_is_met_by_one_of_them(probe: str, tmp_path: Path) -> None:
    """Slots that are empty are looked at by a guest that finds nothing in the first ones."""
    missing = probe.startswith("bad-")
    name = "rng-rv64" if probe == "short-used" else "blk-rv64"
    ran = Guest(name, *([] if missing else devices(tmp_path)), probes=probe).run()
    assert provoked(ran) == {probe}
    assert ran.code == (NO_DEVICE if missing else code(name, probe))


def test_what_is_provoked_comes_from_the_seed() -> None:
    def texts(seed: int) -> list[str]:
        ran = Guest("rng-rv64", "rng", probes="all", seed=seed).run()
        return [event.text for event in ran.events if isinstance(event, Probed)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_a_recording_says_what_was_provoked_and_is_judged_the_same(tmp_path: Path) -> None:
    recording = tmp_path / "run.jsonl"
    options = [f"--device={text}" for text in devices(tmp_path)]
    probes = "slow-reset,unknown-feature"
    done = virtscope("run", guest_path("demo-rv64"), *options, "--probe", probes, f"--trace={recording}")
    assert (done.code, done.err) == (0, "")
    sanitizer = Sanitizer(advice=True, strict=True)
    said = []
    for event in read_recording(recording):
        sanitizer(event)
        if isinstance(event, Probed):
            said.append(event.name)
    assert said == ["slow-reset", "unknown-feature"] * 2
    assert found(sanitizer) == []


@pytest.mark.parametrize(("options", "says"), [
    (["all,magic"], "--probe magic: not the name of a probe; --probe list prints them"),
    (["all", "--restore", "x"], "--probe all with --restore: what a probe has done is no part of a checkpoint"),
    (["all", "--save-at", "1s", "x"], "--probe all with --save-at: what a probe has done is no part of a checkpoint"),
])  # fmt: skip
def test_what_cannot_be_probed_is_refused(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", guest_path("rng-rv64"), "--device", "rng", "--probe", *options) == says


def test_the_probes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--probe", "list"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-2]] == list(PROBES)
    assert lines[-1] == "* not in `all`: a correct driver may give the device up then"


@pytest.mark.slow
@XLEN
@pytest.mark.parametrize(("probe", "rules", "advice"), [
    ("all", {"mmio.irq-ack-no-undef"}, {"cfg.generation-loop", "reset.poll-status-zero"}),
    ("undefined-interrupt", {"mmio.irq-ack-no-undef"}, {"cfg.generation-loop"}),
    ("slow-reset", set(), {"cfg.generation-loop", "reset.poll-status-zero"}),
    ("spurious-interrupt,config-moves,config-interrupt,used-flags", set(), {"cfg.generation-loop"}),
    ("minimal-features,avail-event", set(), set()),
    ("bad-magic,bad-version,unknown-feature", set(), {"cfg.generation-loop"}),
])  # fmt: skip
def test_linux_under_probes(xlen: int, probe: str, rules: set[str], advice: set[str], tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT)
    kernel, initrd = kernel_file(f"Image-6.12-small-rv{xlen}.gz"), kernel_file(f"ninit{xlen}.cpio")
    config = BootConfig(kernel=str(kernel), initrd=str(initrd), append=APPEND)
    given = [f"blk,file={disk}", "rng", f"console,output={tmp_path / 'hvc0'}"]
    session = open_session(SessionConfig(config, given, probes=probe))
    sanitizer = watched(session.machine)
    assert session.machine.run(100) is End.EXIT
    text = session.machine.uart.transcript.decode(errors="replace")
    assert "@@BLK-RW write=65536 fsync=0 odirect-read=65536 PASS" in text
    assert "reboot: Power down" in text
    assert {said.partition(":")[0] for said in found(sanitizer)} == rules
    assert advised(sanitizer) == advice
    page = DOCS.read_text(encoding="utf-8")
    assert all(rule in page for rule in rules | advice)


@pytest.mark.slow
def test_linux_gives_up_a_device_that_refuses_its_features(tmp_path: Path) -> None:
    kernel, initrd = kernel_file("Image-6.12-small-rv64.gz"), kernel_file("ninit64.cpio")
    config = BootConfig(kernel=str(kernel), initrd=str(initrd), append=APPEND)
    session = open_session(SessionConfig(config, ["rng"], probes="refuse-features"))
    sanitizer = watched(session.machine)
    assert session.machine.run(100) is End.EXIT
    assert session.transports[0].status & 0x80
    assert (found(sanitizer), advised(sanitizer)) == ([], set())


@pytest.mark.slow
@pytest.mark.parametrize(("probe", "rules", "advice"), [
    ("all", {"mmio.follow-general-init"}, {"reset.poll-status-zero"}),
    ("minimal-features", {"init.ack-before-driver"}, set()),
])  # fmt: skip
def test_u_boot_under_probes(probe: str, rules: set[str], advice: set[str], tmp_path: Path) -> None:
    """It does not wait for a reset either, so that it finds ACKNOWLEDGE still set and sets it again with DRIVER."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(CONTENT[: 2 << 20])
    guest = UBoot(debian(""), f"blk,file={disk}", "rng", probes=probe)
    sanitizer = watched(guest.machine)
    guest.start()
    guest.command("virtio scan")
    assert "2 blocks read: OK" in guest.command("virtio read 84000000 0 2")
    assert "2 blocks written: OK" in guest.command("virtio write 84000000 10 2")
    assert {said.partition(":")[0] for said in found(sanitizer)} == rules
    assert advised(sanitizer) == advice
