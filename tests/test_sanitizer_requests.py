"""Requests to disks, consoles and entropy devices: for each rule one that breaks it and one that does not."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from judged import Judged

from virtio.device import Device
from virtio.devices.blk import MOST_RANGES, Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.registers import CONFIG
from virtio.registers import VirtioMmio as R
from virtio.spec import BlkFeature, BlkRequest, mask
from virtio.testing import negotiate

ALL = mask(BlkFeature.FLUSH, BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES, BlkFeature.SEG_MAX)
IN, OUT, FLUSH, GET_ID = BlkRequest.IN, BlkRequest.OUT, BlkRequest.FLUSH, BlkRequest.GET_ID
DISCARD, ZEROES = BlkRequest.DISCARD, BlkRequest.WRITE_ZEROES
Script = Callable[[Judged], object]


def disk(**options: int) -> Device:
    return Blk(io.BytesIO(bytes(64 * 512)), **options)


def ask(kind: int, *buffers: bytes | int, sector: int = 0) -> Script:
    """A request with header and status around `buffers`."""

    def send(j: Judged) -> None:
        j.queue.add(struct.pack("<IIQ", kind, 0, sector), *buffers, 1)
        j.queue.notify()

    return send


def segments(count: int, flags: int = 0) -> bytes:
    return b"".join(struct.pack("<QII", i, 1, flags) for i in range(count))


DISK_SCRIPTS: dict[str, tuple[Script, Script]] = {
    "inv.reqhdr-layout": (ask(IN, b"r" * 512), ask(IN, 512)),
    "inv.blk-unsupported-cmd": (ask(10, 512), ask(GET_ID, 20)),
    "blk.no-io-beyond-capacity": (ask(IN, 1024, sector=63), ask(IN, 512, sector=63)),
    "blk.flush-sector-zero": (ask(FLUSH, sector=1), ask(FLUSH)),
    "blk.flush-no-data": (ask(FLUSH, b"x"), ask(FLUSH)),
    "blk.rw-data-multiple-512": (ask(IN, 100), ask(IN, 100, 412)),
    "blk.dwz-data-multiple-seg": (ask(DISCARD, segments(1)[:15]), ask(DISCARD, segments(1))),
    "blk.getid-len-20": (ask(GET_ID, 21), ask(GET_ID, 20)),
    "blk.discard-seg-max": (ask(DISCARD, segments(MOST_RANGES + 1)), ask(DISCARD, segments(MOST_RANGES))),
    "blk.write-zeroes-seg-max": (ask(ZEROES, segments(MOST_RANGES + 1)), ask(ZEROES, segments(MOST_RANGES))),
    "blk.discard-unmap-zero": (ask(DISCARD, segments(1, 1)), ask(ZEROES, segments(1, 1))),
}


@pytest.mark.parametrize("rule", DISK_SCRIPTS)
def test_a_request_that_breaks_a_rule_is_told_that_one_with_its_chain(rule: str) -> None:
    j = Judged(disk(), ALL).start()
    DISK_SCRIPTS[rule][0](j)
    assert j.rules == [rule]
    assert any(line.startswith("      0  device (chain 0)") for line in j.findings[0].queue)


@pytest.mark.parametrize("rule", DISK_SCRIPTS)
def test_a_request_that_keeps_it_is_told_nothing(rule: str) -> None:
    j = Judged(disk(), ALL).start()
    DISK_SCRIPTS[rule][1](j)
    assert j.rules == []


@pytest.mark.parametrize(
    ("buffers", "said"),
    [
        ((512, 1), "header of 0 bytes instead of 16"),
        ((struct.pack("<IIQ", OUT, 0, 0), b"w" * 512), "has no writable byte for the status"),
        ((struct.pack("<IIQ", OUT, 0, 0), b"w" * 512, 4), "OUT with 3 writable bytes before the status"),
    ],
)
def test_a_request_without_header_or_status_is_told(buffers: tuple[bytes | int, ...], said: str) -> None:
    j = Judged(disk(), ALL).start()
    j.queue.add(*buffers)
    j.queue.notify()
    assert j.rules == ["inv.reqhdr-layout"]
    assert said in j.said


@pytest.mark.parametrize(("accepted", "rules"), [(0, ["blk.accept-ro"]), (mask(BlkFeature.RO), [])])
def test_a_read_only_disk_is_to_be_accepted_as_one(accepted: int, rules: list[str]) -> None:
    assert Judged(disk(readonly=1), accepted).start().rules == rules


def test_writeback_is_read_after_features_ok() -> None:
    j = Judged(disk())
    j.p.port.load(CONFIG + 32, 1)
    assert j.rules == ["blk.writeback-read-after-features-ok"]
    j = Judged(disk())
    j.p.port.load(CONFIG, 4)
    negotiate(j.p, j.accepted)
    j.p.port.load(CONFIG + 32, 1)
    assert j.rules == []
    j = Judged(Console(len))
    j.p.port.load(CONFIG, 4)
    assert j.rules == []


def into(queue: int, *buffers: bytes | int) -> Script:
    """A chain for queue 0 or 1."""

    def send(j: Judged) -> None:
        which = [j.queue, *j.others][queue]
        which.add(*buffers)
        which.notify()
        if isinstance(j.p.device, Console):
            j.p.device.feed(b"x")

    return send


OTHERS: dict[str, tuple[Callable[[], Device], Script, Script]] = {
    "console.rx-no-readable": (lambda: Console(len), into(0, b"x", 4), into(0, 4)),
    "console.tx-no-writable": (lambda: Console(len), into(1, b"x", 4), into(1, b"x")),
    "rng.no-readable": (lambda: Rng(bytes), into(0, b"x", 4), into(0, 4)),
}


@pytest.mark.parametrize("rule", OTHERS)
def test_buffers_of_the_wrong_direction_are_told(rule: str) -> None:
    make, breaks, keeps = OTHERS[rule]
    for script, rules in ((breaks, [rule]), (keeps, [])):
        j = Judged(make()).start()
        script(j)
        assert j.rules == rules
    assert j.p.read(R.Status) == 15
