"""What the trace says of an access."""

from __future__ import annotations

import io

import pytest
from slots import live

from emu.trace import NO_TRACE, RegisterAccess
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.mmio import MmioTransport
from virtio.testing import pair


@pytest.mark.parametrize(
    ("device", "op", "offset", "width", "value", "name", "phrase"),
    [
        (Rng(), "r", 0x00, 4, 0x74726976, "MagicValue", '"virt"'),
        (Rng(), "r", 0x08, 4, 2, "DeviceID", "BLOCK"),
        (None, "r", 0x08, 4, 0, "DeviceID", "0: nothing in this slot"),
        (Rng(), "r", 0x10, 4, 1 << 28 | 1 << 29, "DeviceFeatures", "word 0: INDIRECT_DESC, EVENT_IDX"),
        (Rng(), "w", 0x20, 4, 0, "DriverFeatures", "word 0: none"),
        (Rng(), "w", 0x24, 4, 1, "DriverFeaturesSel", "feature bits 32 to 63"),
        (Rng(), "w", 0x30, 4, 0, "QueueSel", "queue 0 (requestq)"),
        (Rng(), "w", 0x30, 4, 7, "QueueSel", "queue 7 (not there)"),
        (Rng(), "r", 0x34, 4, 256, "QueueSizeMax", "queue 0: at most 256 descriptors"),
        (Rng(), "w", 0x50, 4, 0, "QueueNotify", "queue 0: not ready"),
        (Rng(), "w", 0x50, 4, 9, "QueueNotify", "queue 9 (not there)"),
        (Rng(), "w", 0x70, 4, 0, "Status", "0: reset"),
        (Rng(), "w", 0x70, 4, 3, "Status", "ACKNOWLEDGE | DRIVER: ACKNOWLEDGE | DRIVER set"),
        (Rng(), "w", 0x70, 4, 11, "Status", "ACKNOWLEDGE | DRIVER | FEATURES_OK: "
                                             "ACKNOWLEDGE | DRIVER set, FEATURES_OK refused"),
        (Rng(), "w", 0x84, 4, 1, "QueueDescHigh", "queue 0: descriptor table's address, high half"),
        (Rng(), "w", 0x64, 4, 1, "InterruptACK", "USED_BUFFER: acknowledged"),
        (Rng(), "r", 0x60, 4, 0, "InterruptStatus", "nothing pending"),
        (Rng(), "r", 0x18, 4, 0, "", "no register here"),
        (Rng(), "r", 0x70, 1, 0, "Status", "1-byte access; registers take aligned 4-byte accesses"),
        (Rng(), "r", 0x50, 4, 0, "QueueNotify", "write-only, reads 0"),
        (Rng(), "w", 0x04, 4, 1, "Version", "read-only, 0x1 is ignored"),
        (Rng(), "r", 0x100, 4, 1, "config+0x0", "past the configuration's 0 bytes"),
        (Console(print), "r", 0x100, 2, 80, "config+0x0", "cols: 80"),
        (Console(print), "r", 0x102, 1, 25, "config+0x2", "rows, bytes 0 to 0: 25"),
    ],
)  # fmt: skip
def test_every_access_has_a_phrase(device, op, offset, width, value, name: str, phrase: str) -> None:
    assert pair(device).transport.describe(op, offset, width, value) == (name, phrase)


def test_the_phrases_of_a_session_tell_its_story() -> None:
    p = pair(Blk(io.BytesIO(bytes(0x100000))))
    queue = live(p)
    p.port.load(0x100, 4)
    p.port.load(0x114, 4)
    queue.add(bytes(16), 513)
    queue.add(bytes(16), 513)
    queue.notify()
    p.port.load(0x70, 4)
    accesses = [(e.op, e.name, e.detail) for e in p.of(RegisterAccess)]
    assert ("w", "Status", "ACKNOWLEDGE | DRIVER | FEATURES_OK: FEATURES_OK set") in accesses
    assert ("w", "DriverFeatures", "word 1: VERSION_1") in accesses
    assert ("w", "QueueReady", "queue 0 is to be used") in accesses
    assert ("w", "QueueNotify", "queue 0: 2 chains available") in accesses
    assert ("r", "config+0x0", "capacity, bytes 0 to 3: 2048") in accesses
    assert ("r", "config+0x14", "blk_size: 512") in accesses
    assert accesses[-1] == ("r", "Status", "ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK")


def test_without_listeners_no_event_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    p = pair(Rng())
    quiet = MmioTransport(Rng(), p.memory, p.irq)
    monkeypatch.setattr(NO_TRACE, "publish", lambda event: pytest.fail(f"published {event}"))
    for offset in range(0, 0x104):
        for width in (1, 2, 4, 8):
            quiet.load(offset, width)
            quiet.store(offset, width, 0xFFFFFFFF)
