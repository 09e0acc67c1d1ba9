"""What led to a finding: the last accesses as lines, with their places, repeats counted, and nothing said twice."""

from __future__ import annotations

from emu.trace import Event, InterruptLine, RegisterAccess, Site
from virtio.events import ChainUsed, InterruptStatusChanged, QueueNotified, SpecViolation, StatusChanged
from virtio.sanitizer.history import LENGTH, History

PLACES = {0: "", 4: "main+0x4 driver.c:34", 8: "_start+0x8"}


def site(event: Event) -> Site:
    return Site(PLACES.get(event.pc, ""))


def at(pc: int, event: Event) -> Event:
    event.pc = pc
    return event


def access(op: str, name: str, value: int, detail: str = "", *, offset: int = 0x70, width: int = 4) -> RegisterAccess:
    return RegisterAccess("virtio0-rng", op, offset, width, value, name, detail)


def lines(*events: Event) -> list[str]:
    """What a finding at the last of these would show."""
    history = History()
    for event in events[:-1]:
        history.add(event)
    return list(history.lines(events[-1], site))


def test_an_access_is_shown_with_its_place_its_register_its_value_and_what_it_meant() -> None:
    assert lines(
        at(4, access("w", "Status", 3, "ACKNOWLEDGE | DRIVER: DRIVER set")),
        at(8, access("r", "QueueReady", 0, "0x0")),
        at(0x80000010, access("w", "", 5, "no register here", offset=0x18, width=2)),
    ) == [
        "driver.c:34  W Status = 0x3  ACKNOWLEDGE | DRIVER: DRIVER set",
        "_start+0x8   R QueueReady = 0x0",
        "0x80000010   W 0x018.16 = 0x5  no register here",
    ]


def test_what_the_device_did_has_a_dot_and_no_place() -> None:
    assert lines(access("w", "QueueNotify", 0), at(4, ChainUsed("virtio0-rng", 0, 1, 0, 16))) == [
        "0x0  W QueueNotify = 0x0",
        "     · queue 0: returned chain 0, 16 bytes written",
    ]


def test_what_the_line_before_says_already_is_left_out() -> None:
    name = "virtio0-rng"
    said: list[Event] = [StatusChanged(name, 0, 1), QueueNotified(name, 0, 1), InterruptLine(name, 1)]
    said.append(InterruptStatusChanged(name, 0))
    assert len(lines(access("w", "Status", 1), *said, access("w", "Status", 3))) == 2


def test_an_access_that_is_made_again_and_again_is_one_line() -> None:
    poll = [at(4, access("r", "InterruptStatus", 0)) for _ in range(500)]
    assert lines(at(8, access("w", "Status", 4)), *poll, at(8, access("w", "QueueNotify", 0))) == [
        "_start+0x8   W Status = 0x4",
        "driver.c:34  R InterruptStatus = 0x0 (500 times)",
        "_start+0x8   W QueueNotify = 0x0",
    ]
    other_value = [at(4, access("r", "InterruptStatus", value)) for value in (0, 1, 0)]
    assert len(lines(*other_value, at(4, access("w", "InterruptACK", 1)))) == 4


def test_blame_is_not_part_of_what_led_to_it() -> None:
    blame = SpecViolation("virtio0-rng", "status.no-clear-bit", "2.1.1", "cleared")
    assert lines(at(4, access("w", "Status", 2)), at(4, blame)) == ["driver.c:34  W Status = 0x2"]


def test_an_earlier_event_is_shown_where_it_was() -> None:
    history = History()
    events = [at(4, access("w", "Status", value)) for value in range(LENGTH + 5)]
    for seq, event in enumerate(events):
        event.seq = seq
        history.add(event)
    kept = history.lines(events[-1], site)
    assert history.lines(events[-2], site) == kept
    forgotten = history.lines(events[0], site)
    assert forgotten == ("driver.c:34  W Status = 0x0", *kept[: LENGTH - 1])


def test_only_the_last_ones_are_kept() -> None:
    many = [at(4, access("w", "Status", value)) for value in range(100)]
    shown = lines(*many)
    assert len(shown) == LENGTH and shown[-1].endswith("W Status = 0x63")


def test_a_long_place_does_not_push_the_others_away() -> None:
    PLACES[12] = "_ZN6virtio6driver10initialize17h0123456789abcdefE+0x1c"
    long, short = lines(at(12, access("w", "Status", 1)), at(4, access("w", "Status", 3)))
    assert long.startswith("_ZN6virtio6driver10initialize17h0123456789abcdefE+0x1c  W Status")
    assert short.index("W Status") == 26
