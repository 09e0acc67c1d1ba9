"""Known findings: those of an earlier run, matched by rule, device and function, whatever the addresses are now."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from emu.errors import InputError
from tui.baseline import Baseline, document, function_of, read_baseline, text_of
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import rule_of


def finding(
    rule: str = "status.no-clear-bit", device: str = "virtio0-rng", where: str = "main+0x3a driver.c:25", pc: int = 0x80
) -> Finding:
    return Finding(rule_of(rule), device, "a message", 7, 900, pc, where)


@pytest.mark.parametrize(
    ("where", "function"),
    [
        ("virtq_enable+0x4c virtio.c:105", "virtq_enable virtio.c"),
        ("virtq_enable virtio.c:105", "virtq_enable virtio.c"),
        ("main+0x4", "main"),
        ("driver.c:3", "driver.c"),
        ("Image+0x3f2a10", "Image"),
        ("", ""),
    ],
)
def test_offset_and_line_are_no_part_of_a_function(where: str, function: str) -> None:
    assert function_of(where) == function


def test_what_was_written_is_known_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text(text_of([finding(), finding("inv.split-qsize-pow2", "virtio1-blk", "")]))
    known = read_baseline(str(path))
    assert finding(pc=0x999, where="main+0x44 driver.c:31") in known
    assert finding("inv.split-qsize-pow2", "virtio1-blk", "") in known
    for other in (
        finding("status.progress-bits"), finding(device="virtio1-rng"), finding(where="other+0x3a driver.c:25"),
        finding(where="main+0x3a other.c:25"),
    ):  # fmt: skip
        assert other not in known
    assert finding() not in Baseline()


def test_the_file_says_everything_of_a_finding() -> None:
    (record,) = document([finding()], 3)["findings"]
    assert document([], 3)["dropped"] == 3
    assert record == {
        "rule": "status.no-clear-bit", "level": "MUST NOT", "severity": "violation", "section": "2.1.1",
        "section13": "2.1.1", "section12": "2.1.1", "message": "a message", "device": "virtio0-rng", "count": 1,
        "seq": 7, "time": 900, "pc": 0x80, "where": "main+0x3a driver.c:25", "insn": "", "file": "",
        "hint": rule_of("status.no-clear-bit").hint, "refused_by": list(rule_of("status.no-clear-bit").refused_by),
        "history": [], "queue": [],
    }  # fmt: skip


def broken(**changes: Any) -> str:
    return json.dumps(document([finding()]) | changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ("\xff", "not JSON: "),
        ("[]", "not the findings of an earlier run (--findings FILE.json)"),
        ('{"version": "2.1.0", "runs": []}', "not the findings of an earlier run (--findings FILE.json)"),
        (broken(findings=None), "not the findings of an earlier run (--findings FILE.json)"),
        (broken(version=2), "field version: 2, this virtscope reads 1"),
        (broken(findings=[7]), "finding 1: not a JSON object"),
        (broken(findings=[{}]), "finding 1: field rule: None is not a text"),
        (broken(findings=[{"rule": "a", "device": "b", "where": 3}]), "finding 1: field where: 3 is not a text"),
    ],
)
def test_a_file_that_is_none_is_named_with_what_is_wrong(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="^" + re.escape(f"{path}: {message}")):
        read_baseline(str(path))
