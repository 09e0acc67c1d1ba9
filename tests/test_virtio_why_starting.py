"""Why a device was not started: the first step of its initialization that is missing, by its sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from slots import live
from why_pair import PC, watched

from emu.broken import STOPPED, UNSTARTED
from virtio.registers import VirtioMmio as R
from virtio.testing import VERSION_1, Pair, RawQueue, driver_ok, negotiate, pair
from virtio.why.judge import judge_all
from virtio.why.look import look


def status(*values: int) -> Callable[[Pair], object]:
    def write(p: Pair) -> None:
        for value in values:
            p.write(R.Status, value)

    return write


def accepted(features: int, *after: int) -> Callable[[Pair], object]:
    def begin(p: Pair) -> None:
        negotiate(p, features)
        status(*after)(p)

    return begin


def set_up(**where: int) -> Callable[[Pair], object]:
    def begin(p: Pair) -> None:
        negotiate(p)
        RawQueue(p, **where).enable()

    return begin


def laid_out_only(p: Pair) -> None:
    negotiate(p)
    p.write(R.QueueDescLow, 0x80000000)


def kicked_early(p: Pair) -> None:
    negotiate(p)
    queue = RawQueue(p).enable()
    queue.add(16)
    queue.notify()


def kicked_not_ready(p: Pair) -> None:
    negotiate(p)
    driver_ok(p)
    p.write(R.QueueNotify, 0)


@pytest.mark.parametrize(
    ("begin", "sentence"),
    [
        (lambda p: None, "driven: the device was never driven: no register of it was ever touched [3.1.1]"),
        (
            lambda p: p.read(R.DeviceID),
            f"driven: the driver found the device (DeviceID read{PC}) and never drove it [3.1.1]",
        ),
        (
            status(0),
            f"driven: initialization stopped after step 1 of 3.1.1 (reset{PC}): ACKNOWLEDGE was never set [3.1.1]",
        ),
        (
            status(0, 1),
            f"got_to_features: initialization stopped after step 2 of 3.1.1 (ACKNOWLEDGE{PC}): DRIVER was never set "
            "[3.1.1]",
        ),
        (
            status(0, 1, 3),
            f"got_to_features: initialization stopped after step 3 of 3.1.1 (DRIVER{PC}): no feature was accepted and "
            "FEATURES_OK was never set [3.1.1]",
        ),
        (
            accepted(0),
            "features_agreed: the device refused FEATURES_OK for features 0x0: VERSION_1 was not accepted [2.2.2]",
        ),
        (
            accepted(VERSION_1 | 1 << 5, 131),
            "features_agreed: the device refused FEATURES_OK for features 0x100000020: accepted but not offered: "
            "bit 5; the driver then set FAILED [2.2.2]",
        ),
        (
            accepted(VERSION_1),
            "live: initialization stopped after step 6 of 3.1.1 (FEATURES_OK): no queue was made ready, no DRIVER_OK, "
            "Status is 0xb [3.1.1]",
        ),
        (
            laid_out_only,
            "queue_started: queue 0 (requestq) is not ready: QueueReady was never set to 1 after its addresses were "
            "written [4.2.3.2]",
        ),
        (
            set_up(size=512),
            "queue_started: queue 0 (requestq) is not ready: the driver uses size 512, 1 to 256 is offered [4.2.3.2]",
        ),
        (
            set_up(size=3),
            "queue_started: queue 0 (requestq) is not ready: size 3 is not a power of 2 in 1..256 [4.2.3.2]",
        ),
        (
            set_up(at=0x1000),
            "queue_started: queue 0 (requestq) is not ready: descriptor table (128 bytes) at 0x1000 is not inside RAM "
            "[4.2.3.2]",
        ),
        (
            set_up(),
            "live: initialization stopped after step 7 of 3.1.1 (queue 0 (requestq) ready): DRIVER_OK was never set, "
            "Status is 0xb [3.1.1]",
        ),
        (
            kicked_early,
            f"live: queue 0 (requestq) was notified{PC}, but DRIVER_OK was never set (Status 0xb): the device takes "
            "nothing [3.1.1]",
        ),
        (
            kicked_not_ready,
            f"queue_started: queue 0 (requestq) is not ready and was notified{PC}: neither its size nor its addresses "
            "were written [4.2.3.2]",
        ),
        (accepted(VERSION_1, 15), "any_queue: DRIVER_OK is set, but no queue was made ready: there is nothing the "
            "device could serve [4.2.3.2]"),
        (
            accepted(VERSION_1, 0x8B),
            f"not_given_up: the driver gave the device up: it set FAILED{PC}, Status is 0x8b [3.1.1]",
        ),
        (
            accepted(VERSION_1, 15, 0),
            f"driven: the device was reset{PC} and not initialized again: Status is 0 [2.4]",
        ),
    ],
)  # fmt: skip
def test_the_step_of_the_initialization_that_is_missing_is_named(
    begin: Callable[[Pair], object], sentence: str
) -> None:
    w = watched()
    begin(w.pair)
    assert w.says() == sentence
    assert w.verdict().broken.hint


def test_an_empty_slot_is_no_device() -> None:
    assert look(pair(None).transport) is None


def test_work_that_lies_still_comes_first_and_an_unused_device_is_silent_beside_it() -> None:
    idle, half, stopped = watched(), watched(), watched()
    status(0, 1, 3)(half.pair)
    live(stopped.pair).add(16)
    accepted(VERSION_1, 15, 0)((again := watched()).pair)
    found = judge_all([w.view() for w in (idle, again, half, stopped)])
    assert [v.broken.weight for v in found] == [STOPPED, STOPPED, UNSTARTED]
    assert found[0].queue is not None, "the device that was used last"
    assert [v.link for v in judge_all([idle.view()])] == ["driven"]
