"""Every guest of the museum that hangs is told why, by the link that is broken and in its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from guest_run import Guest
from museum import CATALOGUE, Exhibit
from test_museum import TURNING, device

from emu.machine import End
from tui.explain import listen
from tui.why import Explainer
from tui.why_text import lines

HANGS = [exhibit for exhibit in CATALOGUE if isinstance(exhibit.ends, End)]
SAID = {
    "kick-before-driver-ok": ("kicked", "1 chain waits (avail.idx 1, taken 0); it was notified only before DRIVER_OK"),
    "queue-never-ready": ("queue_started", "is not ready and was notified"),
    "used-flags-dirty": ("kicked", "(NO_NOTIFY), which the device never wrote"),
    "empty-chain": ("healthy", "chain 65535 made available, the queue has 8 descriptors"),
    "too-many-buffers": ("healthy", "avail.idx is 10 ahead, the queue has 8 descriptors"),
    "zero-length-buffer": ("healthy", "a buffer of 0 bytes"),
    "buffers-never-returned": ("buffered", "(receiveq) has no buffer for them: all 2 that it was given came back"),
    "available-index-kept": ("published", "but avail.idx is 0: no chain was ever made available"),
    "refill-without-kick": ("kicked", "(receiveq): 1 chain waits (avail.idx 2, taken 1); the last notification"),
    "kicks-the-receive-queue": ("kicked", "queue 1 (transmitq): 1 chain waits (avail.idx 1, taken 0); the driver "
                                "notified queue 0 instead"),
    "index-read-once": ("interrupt_wanted", "returned 1 chain (used.idx 1) without an interrupt"),
    "used-event-stale": ("interrupt_wanted", "EVENT_IDX is on and used_event is still 0"),
    "callbacks-left-off": ("interrupt_wanted", "avail.flags has NO_INTERRUPT set"),
    "no-ack": ("pending", "InterruptStatus 0x1 was never acknowledged (no write to InterruptACK)"),
    "echo-then-ack": ("acknowledged_in_time", "(transmitq) came back after the driver had read InterruptStatus"),
    "ack-last": ("acknowledged_in_time", "came back after the driver had read InterruptStatus, and InterruptACK"),
    "ack-after-responses": ("acknowledged_in_time", "took its interrupt away"),
    "plic-enable-inverted": ("enabled", "is pending, but no context of the hart has it enabled"),
    "plic-priority-next-door": ("priority", "is pending with priority 0, which means never interrupt"),
    "plic-threshold-left": ("threshold", "with priority 1, and the threshold of context 0 (M mode) is 7"),
    "plic-not-completed": ("completed", "was claimed and never completed"),
    "mie-clear": ("taken", "mip.MEIP is pending and mie.MEIE is 0"),
    "mstatus-clear": ("taken", "mstatus.MIE is 0 and the hart is in M mode"),
    "sleeps-after-the-interrupt": ("awake", "all is delivered and nothing is left to wake it"),
}  # fmt: skip
"""Link and words. Where a driver waits for something of its own (chain-cleared-then-walked), no link is broken."""


@pytest.mark.parametrize("exhibit", HANGS, ids=lambda exhibit: exhibit.name)
def test_a_museum_guest_that_hangs_is_told_why(exhibit: Exhibit, tmp_path: Path) -> None:
    guest = Guest(f"museum/{exhibit.name}-rv64", device(exhibit.device, tmp_path))
    witness = listen(guest.session)
    end = guest.machine.run(TURNING if exhibit.ends is End.TIMEOUT else 30)
    found = Explainer(guest.session, witness).explain(end)
    if exhibit.name not in SAID:
        assert (found.broken, found.verdicts) == (False, [])
        return
    link, words = SAID[exhibit.name]
    assert [verdict.link for verdict in found.verdicts] == [link]
    assert words in found.verdicts[0].broken.message
    assert max(map(len, lines(found, short=False))) <= 100


def test_every_hanging_guest_but_one_has_its_link() -> None:
    assert {exhibit.name for exhibit in HANGS} - set(SAID) == {"chain-cleared-then-walked"}
