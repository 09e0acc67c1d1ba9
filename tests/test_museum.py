"""Every guest of the museum is told its own rules and no others, and ends as it should; a good guest is told none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from guest_run import Guest, Ran
from museum import CATALOGUE, INPUT, SOURCES, Exhibit, row

from emu.machine import End
from virtio.sanitizer.engine import Sanitizer
from virtio.sanitizer.table import ADVICE, rules

XLENS = [32, 64]
SECONDS = 30.0
TURNING = 0.4
"""Seconds that a guest gets which turns in a circle for ever."""



def device(kind: str, folder: Path) -> str:
    """The --device for a driver of `kind`."""
    if kind == "blk":
        image = folder / "disk.img"
        image.write_bytes(b"first sector\n".ljust(64 * 512, b"\0"))
        return f"blk,file={image}"
    if kind == "console":
        typed = folder / "typed.txt"
        typed.write_bytes(INPUT)
        return f"console,input={typed},output={folder / 'console.txt'}"
    return kind


def judged(guest: str, seconds: float, *devices: str) -> tuple[Ran, set[str], set[str]]:
    """The run of a built guest, and the rules that it broke: first those that always count, then the SHOULDs."""
    run = Guest(guest, *devices)
    sanitizer = Sanitizer(advice=True)
    run.machine.trace.subscribe(sanitizer)
    ran = run.run(seconds)
    sanitizer.finish()
    advice = {finding.rule.id for finding in sanitizer.findings if finding.rule.severity == ADVICE}
    return ran, {finding.rule.id for finding in sanitizer.findings} - advice, advice


def implemented(names: tuple[str, ...]) -> set[str]:
    return {name for name in names if rules()[name].implemented}


@pytest.mark.parametrize("xlen", XLENS)
@pytest.mark.parametrize("exhibit", CATALOGUE, ids=lambda exhibit: exhibit.name)
def test_a_museum_guest_is_told_its_rules_and_no_others(exhibit: Exhibit, xlen: int, tmp_path: Path) -> None:
    seconds = TURNING if exhibit.ends is End.TIMEOUT else SECONDS
    ran, found, advice = judged(f"museum/{exhibit.name}-rv{xlen}", seconds, device(exhibit.device, tmp_path))
    assert found - {*exhibit.rules, *exhibit.late} == set()
    missed = implemented(exhibit.rules) - found
    assert missed == set()
    assert implemented(exhibit.advice) - advice == set()
    if isinstance(exhibit.ends, End):
        assert (ran.end, ran.code) == (exhibit.ends, None)
    else:
        assert (ran.end, ran.code) == (End.EXIT, exhibit.ends)
    assert exhibit.says in ran.text.rstrip().rpartition("\n")[2]


@pytest.mark.parametrize("xlen", XLENS)
@pytest.mark.parametrize("name", ["rng", "blk", "console", "demo"])
def test_a_good_guest_is_told_nothing(name: str, xlen: int, tmp_path: Path) -> None:
    kinds = ["rng", "blk"] if name == "demo" else [name]
    ran, found, _ = judged(f"{name}-rv{xlen}", SECONDS, *(device(kind, tmp_path) for kind in kinds))
    assert (ran.end, ran.code, found) == (End.EXIT, 0, set())


def test_the_catalogue_has_every_guest_once() -> None:
    names = [exhibit.name for exhibit in CATALOGUE]
    assert sorted(names) == sorted(path.stem for path in SOURCES.glob("*.c"))


def test_thirty_bugs_are_real_ones_and_ten_guests_hang_each_for_its_own_reason() -> None:
    assert sum(exhibit.fields["Source"] != "none" for exhibit in CATALOGUE) >= 30
    reasons = [exhibit.why for exhibit in CATALOGUE if isinstance(exhibit.ends, End)]
    assert all(reasons)
    assert len(set(reasons)) == len(reasons) >= 10
    assert not any(exhibit.why for exhibit in CATALOGUE if not isinstance(exhibit.ends, End))


@pytest.mark.parametrize("exhibit", CATALOGUE, ids=lambda exhibit: exhibit.name)
def test_the_head_of_a_museum_guest_names_project_bug_rules_and_source(exhibit: Exhibit) -> None:
    fields = exhibit.fields
    assert list(fields)[:4] == ["Project", "The bug", "Rules", "Source"]
    assert re.match(r"https://\S+|none$", fields["Source"])
    named = dict(re.findall(r"([a-z]+\.[a-z0-9-]+) \(([\d.]+)\)", fields["Rules"]))
    assert set(named) == set(exhibit.every_rule)
    assert named == {name: rules()[name].section for name in named}
    assert bool(named) != fields["Rules"].startswith("none: ")
    assert ("with --watch rings" in fields["Rules"]) == bool(exhibit.watch)
    assert ("a SHOULD" in fields["Rules"]) == bool(exhibit.advice)


@pytest.mark.parametrize("exhibit", CATALOGUE, ids=lambda exhibit: exhibit.name)
def test_the_museum_s_guide_has_the_guest_s_line(exhibit: Exhibit) -> None:
    lines = (SOURCES / "README.md").read_text(encoding="utf-8").splitlines()
    assert row(exhibit) in lines, "python tests/museum.py prints the table"
