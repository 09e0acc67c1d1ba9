"""Coverage pages: made beside a run and a check, added to, added up, refused if not ours, seen in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cli import complaint, virtscope

from tui.coverage import DATA, html, read_coverage
from tui.coverage_page import STATES
from tui.rules import TITLES
from virtio.sanitizer.coverage import Report
from virtio.sanitizer.table import rules

GUEST = str(Path(__file__).parent.parent / "guests" / "bin" / "rng-rv64.elf")
CHROMIUM = shutil.which("chromium")
VOID = {"meta", "input", "br", "link"}


class Page(HTMLParser):
    """Whether every element is closed; all attributes that could fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.rows: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        self.rows += [value or "" for name, value in attrs if name == "data-state"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def example() -> Report:
    return Report(["<guest> & co."], counts={"init.sequence": (4, 1), "mmio.no-write-ro": (1234, 0)})


def test_the_page_is_whole_needs_nothing_else_and_has_every_rule() -> None:
    text = html(example())
    page = Page(text)
    assert page.open == [] and page.links == []
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert len(page.rows) == len(rules()) and set(page.rows) <= set(STATES)
    assert "prefers-color-scheme: dark" in text
    assert "1 of 4 times" in text and "1,234 times" in text
    assert "&lt;guest&gt; &amp; co." in text and "<guest>" not in text
    assert all(f"<h2>{title}</h2>" in text for title in TITLES.values())
    assert "To reach it: a store to InterruptACK." in text


def test_a_page_carries_its_own_data(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(html(example()), encoding="utf-8")
    assert read_coverage(str(path)) == example()


def test_a_run_and_a_check_of_its_recording_add_to_a_page(tmp_path: Path) -> None:
    page, trace = tmp_path / "c.html", tmp_path / "t.jsonl"
    done = virtscope("run", GUEST, "--device", "rng", f"--trace={trace}", "--coverage", str(page))
    assert done.code == 0, done.err
    once = read_coverage(str(page))
    assert once.runs == ["rng-rv64.elf"] and once.counts["rng.no-readable"][0] > 1
    done = virtscope("check", str(trace), "--coverage", str(page))
    assert done.code == 0, done.err
    twice = read_coverage(str(page))
    assert twice.runs == ["rng-rv64.elf", "t.jsonl"]
    assert twice.counts == {name: (2 * asked, 2 * violated) for name, (asked, violated) in once.counts.items()}


def test_pages_of_several_runs_are_added_up(tmp_path: Path) -> None:
    pages = [tmp_path / name for name in ("a.html", "b.html", "all.html")]
    for page in pages[:2]:
        page.write_text(html(example()), encoding="utf-8")
    done = virtscope("coverage", str(pages[0]), str(pages[1]), "-o", str(pages[2]))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert read_coverage(str(pages[2])).counts["init.sequence"] == (8, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "all.html", "b.html"]


def broken(change: dict[str, object]) -> str:
    text = html(example())
    data = json.loads(DATA.findall(text)[0]) | change
    return DATA.sub(f'<script type="application/json" id="coverage">{json.dumps(data)}</script>', text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<html>my diary</html>", "not a coverage page of virtscope"),
        (broken({"version": 2}), "the data of this coverage page is broken: it is virtscope coverage 2, not "),
        (broken({"rules": {"no.such": [1, 0]}}), "broken: there is no rule no.such"),
        (broken({"rules": {"init.sequence": [1, 2]}}), "broken: init.sequence has the counts 1 and 2"),
        (broken({"rules": {"init.sequence": 1}}), "broken: "),
        (broken({"rules": 7}), "broken: "),
        (broken({"runs": "x"}), "broken: runs is no list of names"),
        (html(example()).replace('{"format"', '{"form'), "the data of this coverage page is broken: "),
    ],
)
def test_a_file_that_is_not_ours_is_refused_in_a_line_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    page, ours = tmp_path / "page.html", tmp_path / "ours.html"
    page.write_text(text, encoding="utf-8")
    ours.write_text(html(example()), encoding="utf-8")
    for arguments in (
        ["run", GUEST, "--device", "rng", "--coverage", page], ["coverage", page, "-o", ours],
        ["coverage", ours, "-o", page],
    ):  # fmt: skip
        told = complaint(capsys, *arguments)
        assert told.startswith(f"{page}: ") and says in told
    assert page.read_text(encoding="utf-8") == text


def test_coverage_without_a_check_and_over_an_input_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = complaint(capsys, "run", GUEST, "--check=off", "--coverage", "c.html")
    assert told == "--coverage needs --check=report or strict"
    guest = tmp_path / "g.elf"
    shutil.copy(GUEST, guest)
    told = complaint(capsys, "run", guest, "--coverage", guest)
    assert told == f"{guest}: --coverage would overwrite {guest}, which this run reads"
    assert complaint(capsys, "run", GUEST, "--coverage", tmp_path) == f"{tmp_path}: Is a directory"
    nowhere = tmp_path / "no" / "c.html"
    assert complaint(capsys, "run", GUEST, "--coverage", nowhere) == f"{nowhere}: No such file or directory"


def pixels(png: bytes) -> bytes:
    """The bytes of a PNG's rows, unfiltered enough to tell colours apart."""
    data, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    return zlib.decompress(data)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_shows_the_page_in_light_and_dark_and_the_filter_works(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(html(example()), encoding="utf-8")

    def chromium(name: str, *more: str) -> subprocess.CompletedProcess[str]:
        quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
        command = [
            CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync", *quiet,
            "--hide-scrollbars", f"--user-data-dir={tmp_path / name}", "--window-size=1000,1200", *more, page.as_uri(),
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)

    seen = []
    for name, scheme in (("light", 1), ("dark", 0)):
        shot = tmp_path / f"{name}.png"
        chromium(name, f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shot}")
        found = pixels(shot.read_bytes())
        assert len(set(found)) > 50, "the page is blank"
        seen.append(found)
    assert seen[0] != seen[1]
    document = chromium("dom", "--dump-dom").stdout
    assert re.search(r'<html[^>]* class="script"', document), "the script did not run"
