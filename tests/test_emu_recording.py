"""emu/recording.py: events as JSON lines, written and read back."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import InputError
from emu.recording import Header, Recorder, read_recording
from emu.trace import Event, InterruptLine, Notice, RegisterAccess, Site, Trace

HEADER = Header("machine", 1, 64, "guest.elf", ("rng", "", "blk"))


@dataclass(slots=True)
class Nested(Event):
    """An event with a list in it, like the rings' chains."""

    kind: ClassVar[str] = "test-nested"

    ok: bool
    parts: tuple[tuple[int, int], ...]


class Level(IntEnum):
    """A number with a name, as the transport's registers have them."""

    HIGH = 1


def recorded(events: list[Event], **options: object) -> str:
    """What a recording of `events` holds."""
    stream = io.StringIO()
    trace = Trace(lambda: 1000, lambda: 0x80000010)
    trace.subscribe(Recorder(stream, **options))  # type: ignore[arg-type]
    for event in events:
        trace.publish(event)
    return stream.getvalue()


def access(name: str = "Status", detail: str = "DRIVER") -> RegisterAccess:
    return RegisterAccess("virtio0", "w", 0x70, 4, 3, name, detail)


def test_an_access_is_one_line_with_everything_in_it() -> None:
    line = recorded([access()])
    assert line.endswith("}\n") and line.count("\n") == 1
    assert json.loads(line) == {
        "seq": 0,
        "time": 1000,
        "pc": 0x80000010,
        "source": "virtio0",
        "kind": "access",
        "op": "w",
        "offset": 0x70,
        "width": 4,
        "value": 3,
        "name": "Status",
        "text": "DRIVER",
    }


@given(st.text(), st.text())
def test_the_fast_line_says_what_the_event_says(name: str, detail: str) -> None:
    event = access(name, detail)
    assert json.loads(recorded([event])) == event.to_json()


@given(st.text(), st.booleans(), st.integers())
def test_the_line_of_any_other_event_says_it_too(text: str, flag: bool, number: int) -> None:
    events = [Notice(text, text), Nested("x", flag, ((number, 2), (3, 4))), InterruptLine("virtio0", Level.HIGH)]
    lines = recorded(list(events)).splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(json.dumps(event.to_json())) for event in events]


def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path) -> None:
    events = [
        access(),
        InterruptLine("virtio0", 1),
        Notice("machine", 'a "quoted" \n word'),
        Nested("x", True, ((1, 2),)),
    ]
    path = tmp_path / "r.jsonl"
    path.write_text(recorded(events, header=HEADER))
    assert list(read_recording(path)) == [HEADER, *events]


def test_the_header_is_the_first_line() -> None:
    first = json.loads(recorded([access()], header=HEADER).splitlines()[0])
    assert first["kind"] == "header" and first["version"] == 1 and first["devices"] == ["rng", "", "blk"]
    assert {"seq", "time", "pc", "source"} <= first.keys()
    assert first["text"] == "recording of guest.elf on rv64 with slot 0 rng, slot 2 blk"


def site_of(event: Event) -> Site:
    return Site(event.where, event.insn, event.file)


def test_the_place_in_the_program_is_recorded_and_read(tmp_path: Path) -> None:
    asked: list[int] = []
    known = Site('main+0x4 "a".c:3', "sw a0, 112(a1)", "src/a.c")

    def site(pc: int) -> Site:
        asked.append(pc)
        return known

    path = tmp_path / "r.jsonl"
    path.write_text(recorded([access(), Notice("machine", "x"), access()], site=site))
    assert [site_of(event) for event in read_recording(path)] == [known] * 3
    assert asked == [0x80000010]


def test_what_is_not_known_of_a_place_is_left_out() -> None:
    assert json.loads(recorded([access()], site=lambda pc: Site())).keys().isdisjoint(Site._fields)
    only = json.loads(recorded([access()], site=lambda pc: Site(insn="nop")))
    assert only["insn"] == "nop" and only.keys().isdisjoint({"where", "file"})


def test_a_place_that_the_event_has_is_kept(tmp_path: Path) -> None:
    event = access()
    event.where, event.insn, event.file = "main", "nop", "main.c"
    path = tmp_path / "again.jsonl"
    path.write_text(recorded([event]))
    assert site_of(next(read_recording(path))) == site_of(event)


def test_keys_that_nobody_knows_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({**InterruptLine("v", 1).to_json(), "colour": "red"}) + "\n")
    assert list(read_recording(path)) == [InterruptLine("v", 1)]


GOOD = json.dumps(InterruptLine("v", 1).to_json())


def but(**changes: object) -> str:
    return json.dumps({**InterruptLine("v", 1).to_json(), **changes}) + "\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello\n", "line 2: not JSON: Expecting value"),
        ("\n", "line 2: not JSON: Expecting value"),
        ("[" * 100_000 + "\n", "line 2: not JSON: maximum recursion depth"),
        ("[1, 2]\n", "line 2: not a JSON object"),
        ("{}\n", "line 2: field kind: missing"),
        (but(kind="frob"), "line 2: field kind: unknown value 'frob'"),
        (but(kind=["irq"]), "line 2: field kind: unknown value ['irq']"),
        (but(level="high"), "line 2: field level: 'high' is not of type int"),
        (but(level=True), "line 2: field level: True is not of type int"),
        (but(pc=None), "line 2: field pc: None is not of type int"),
        (but(where=7), "line 2: field where: 7 is not of type str"),
        (json.dumps({"kind": "irq", "source": "v"}) + "\n", "line 2: field seq: missing in a irq event"),
        (but(kind="test-nested", ok=True, parts=5), "line 2: field parts: 5 is not of type tuple"),
        (but(kind="test-nested", ok=True, parts=[[1]]), "line 2: field parts: [[1]] is not of type tuple"),
        (but(kind="test-nested", ok=1, parts=[]), "line 2: field ok: 1 is not of type bool"),
        (json.dumps({**HEADER.to_json(), "version": 2}) + "\n", "line 2: field version: 2, this virtscope reads 1"),
        (GOOD[:-5], "line 2 is truncated: the recording stops in the middle of it"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_field(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(GOOD + "\n" + line)
    events = read_recording(path)
    assert next(events) == InterruptLine("v", 1)
    with pytest.raises(InputError, match="^" + re.escape(f"{path}: {message}")) as caught:
        next(events)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"kind": "\xff\xfe"}\n')
    with pytest.raises(InputError, match="line 1: not JSON"):
        list(read_recording(path))


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/no.jsonl: No such file or directory")):
        list(read_recording(tmp_path / "no.jsonl"))


def test_closing_twice_and_events_after_it_are_harmless(tmp_path: Path) -> None:
    with open(tmp_path / "r.jsonl", "w") as stream:
        recorder = Recorder(stream, HEADER)
        recorder.flush()
        assert len(list(read_recording(tmp_path / "r.jsonl"))) == 1
        recorder.close()
        recorder.close()
        recorder(access())
        recorder.flush()
    assert recorder.written == 1 and list(read_recording(tmp_path / "r.jsonl")) == [HEADER]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_ends_the_recording_and_is_told_at_its_end() -> None:
    with pytest.raises(InputError, match=r"^/dev/full: writing failed after \d+ events: No space left on device"):
        recorder = Recorder(open("/dev/full", "w"), HEADER)  # noqa: SIM115  (the recorder closes it)
        for _ in range(1000):
            recorder(access())
        assert recorder.written < 1000
        recorder.close()
