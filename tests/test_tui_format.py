"""One line an event: what is in which column, in which colour, and what is left out because it was said before."""

from __future__ import annotations

import re

from rich.color import ColorSystem

from emu.trace import Event, InterruptLine, Notice, RegisterAccess, Unimplemented
from tui.format import event_parts, render
from virtio.events import (
    ChainUsed,
    InterruptStatusChanged,
    QueueNotified,
    SpecViolation,
    StatusChanged,
    said_before,
)


def at(event: Event, time: int = 1234567, pc: int = 0x80000010) -> Event:
    event.time, event.pc = time, pc
    return event


def line(event: Event, where: str = "") -> str:
    return render(event_parts(at(event), where), None)


def access(op: str = "w", name: str = "Status", value: int = 3, width: int = 4, detail: str = "") -> RegisterAccess:
    return RegisterAccess("virtio0-rng", op, 0x70, width, value, name, detail)


def test_an_access_shows_time_device_place_register_value_and_meaning() -> None:
    text = line(access(detail="ACKNOWLEDGE | DRIVER: DRIVER set"), "main+0x4 rng.c:7")
    assert re.fullmatch(
        r"  1,234,567 virtio0-rng +80000010 main\+0x4 rng\.c:7 +W Status = 0x3  ACKNOWLEDGE \| DRIVER: DRIVER set", text
    )


def test_a_meaning_that_only_repeats_the_value_is_left_out() -> None:
    assert line(access("r", detail="3")).endswith("R Status = 0x3")
    assert line(access("r", detail="0x3")).endswith("R Status = 0x3")


def test_a_hole_shows_its_offset_and_an_odd_width_its_bits() -> None:
    assert " W 0x070.16 = 0x3" in line(access(name="", width=2))
    assert " R Status.8 = 0x3" in line(access("r", width=1))
    assert " R Status = 0x3" in line(access("r", width=4))


def test_columns_line_up_whoever_speaks() -> None:
    lines = [
        line(access(), "f a.c:1"),
        line(access("r"), ""),
        line(ChainUsed("virtio0-rng", 0, 1, 0, 16)),
        line(SpecViolation("virtio0-rng", "r.x", "2.1", "wrong")),
        line(Unimplemented("uart", "that")),
        line(Notice("machine", "hello")),
    ]
    assert len({re.search(r" ([WR·!?]) ", text).start(1) for text in lines}) == 1  # type: ignore[union-attr]


def test_blame_has_its_own_mark() -> None:
    violation = SpecViolation("virtio0", "status.no-clear-bit", "2.1.1", "bit 1 cleared")
    assert line(violation).endswith("! bit 1 cleared [status.no-clear-bit, 2.1.1]")
    assert line(Unimplemented("virtio0", "packed rings")).endswith("? not implemented: packed rings")
    assert line(Notice("machine", "hello")).endswith("· hello")


def test_what_the_line_before_has_said_is_not_said_again() -> None:
    assert said_before(StatusChanged("v", 0, 1))
    assert said_before(QueueNotified("v", 0, 1))
    assert said_before(InterruptLine("v", 1))
    assert said_before(InterruptStatusChanged("v", 0))
    assert not said_before(InterruptStatusChanged("v", 1))
    assert not said_before(access())


def test_colours_change_nothing_but_the_looks() -> None:
    event = at(access(detail="DRIVER set"))
    plain = render(event_parts(event, "f"), None)
    coloured = render(event_parts(event, "f"), ColorSystem.STANDARD)
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
