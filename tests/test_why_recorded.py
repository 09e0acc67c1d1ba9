"""`virtscope why FILE.jsonl`: the same sentence where the events are enough, and what cannot be known where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asm import assemble
from cli import complaint, virtscope
from guest_run import Guest
from test_why_guests import HANGS, PUBLISH_ONLY, TWICE
from why_guests import AWAIT, REQUEST, driver

from emu.recording import Header
from tui.cli import main
from tui.guests import guest_path
from virtio.why.judge import Verdict, judge_all
from virtio.why.recorded import behind_the_wire, recorded

SAME = (
    "kick before DRIVER_OK", "DRIVER_OK never set", "queue never made ready", "size refused", "descriptors misaligned",
    "NO_INTERRUPT set", "used_event stale", "a broken chain", "features refused", "FEATURES_OK never set",
    "reset and left", "given up", "never driven",
)  # fmt: skip
"""Hangs whose reason is in the events, word for word."""


def verdicts(folder: Path, changes: dict[str, Any]) -> list[Verdict]:
    path = folder / "driver.bin"
    path.write_bytes(assemble(driver(**changes)))
    guest = Guest(path, "rng")
    events = guest.run(0.15).events
    return judge_all(recorded([Header("machine", 1, 64, "", ("virtio0-rng",)), *events]), behind_the_wire)


@pytest.mark.parametrize("name", SAME)
def test_events_that_are_enough_give_the_sentence_of_the_live_run(name: str, tmp_path: Path) -> None:
    changes, expected = HANGS[name]
    (found,) = verdicts(tmp_path, changes)
    said = f"{found.broken.message} [{found.broken.section}]"
    for place in ("kick", "status"):
        register = {"kick": "QueueNotify", "status": "Status"}[place]
        event = found.device.wrote(register)
        expected = expected.replace(f"{{{place}}}", f"{event.pc:#x}" if event is not None else "")
    assert said == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"requests": PUBLISH_ONLY + AWAIT},
            "queue 0 (requestq) is ready and was never notified; whether a chain waits in it is not known",
        ),
        (HANGS["avail.idx never advanced"][0], "but avail.idx is 0: no chain was ever made available"),
        (
            {"ack": "", "requests": TWICE},
            "InterruptStatus 0x1 was never acknowledged (no write to InterruptACK); whether PLIC or hart hold the "
            "interrupt back is not in a recording",
        ),
    ],
)
def test_what_events_do_not_tell_is_said(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    (found,) = verdicts(tmp_path, changes)
    assert found.broken.message.endswith(sentence)


def test_a_run_without_fault_leaves_nothing_outstanding(tmp_path: Path) -> None:
    assert verdicts(tmp_path, {"requests": TWICE}) == []


def test_the_command_reads_a_recording_and_shows_its_places(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    virtscope("run", guest_path("museum/no-ack-rv64"), "--device", "rng", "--device", "console", f"--trace={file}")
    done = virtscope("why", file)
    assert (done.code, done.err) == (1, "")
    text = " ".join(done.out.split())
    assert text.startswith("why: virtio0-rng: InterruptStatus 0x1 was never acknowledged")
    assert "no-ack.c:" in text and "virtio1" not in text
    assert text.endswith("rings after the last notification, PLIC and hart; `virtscope why IMAGE` looks at them too")
    assert max(map(len, done.out.splitlines())) <= 100


def test_a_good_recording_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    path = tmp_path / "driver.bin"
    path.write_bytes(assemble(driver(requests=REQUEST + AWAIT)))
    assert virtscope("run", path, "--device", "rng", f"--trace={file}").code == 0
    assert main(["why", str(file)]) == 0
    assert capsys.readouterr().out.startswith("why: nothing is outstanding: every chain that was made available")


def test_a_recording_with_a_machine_and_a_broken_one_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text('{"kind":"header"')
    said = complaint(capsys, "why", file, "--device", "rng")
    assert said == f"{file}: a recording goes without devices and files of a machine"
    assert complaint(capsys, "why", file).startswith(f"{file}: line 1 is truncated")
