"""Coverage as a file: `--coverage FILE.html` beside a run or a check, and `virtscope coverage` to add files up."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from emu.errors import InputError
from tui.coverage_page import page
from tui.outputs import spare
from virtio.sanitizer.coverage import Coverage, Report
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import rules

FORMAT, VERSION = "virtscope coverage", 1
DATA = re.compile(r'<script type="application/json" id="coverage">(.*?)</script>', re.DOTALL)
MOST = 64 << 20
"""Bytes that a page of ours does not have."""


def read_coverage(path: str) -> Report:
    """What a page of ours says; raises InputError for any other file."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read(MOST)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a coverage page of virtscope: it is no text") from None
    found = DATA.search(text)
    if found is None:
        raise InputError(f"{path}: not a coverage page of virtscope")
    try:
        return _report(json.loads(found[1]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: the data of this coverage page is broken: {error}") from None


def _report(data: Any) -> Report:
    if data["format"] != FORMAT or data["version"] != VERSION:
        raise ValueError(f"it is {data['format']} {data['version']}, not {FORMAT} {VERSION}")
    runs, advice, strict, counts = (data[name] for name in ("runs", "advice", "strict", "rules"))
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
        raise ValueError("runs is no list of names")
    if not isinstance(advice, bool) or not isinstance(strict, bool):
        raise ValueError("advice and strict are not true or false")
    for name, count in counts.items():
        if name not in rules():
            raise ValueError(f"there is no rule {name}")
        asked, violated = count
        if type(asked) is not int or type(violated) is not int or not 0 <= violated <= asked or not asked:
            raise ValueError(f"{name} has the counts {asked!r} and {violated!r}")
    return Report(runs, advice, strict, {name: (asked, violated) for name, (asked, violated) in counts.items()})


def html(report: Report) -> str:
    """The page, with its data."""
    data = {
        "format": FORMAT, "version": VERSION, "runs": report.runs, "advice": report.advice, "strict": report.strict,
        "rules": report.counts,
    }  # fmt: skip
    return page(report, json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))


class CoverageFile:
    """The page that `--coverage` names; what an earlier run wrote there is kept. `coverage` is for the sanitizer.

    Raises InputError at once if it cannot be used, so that a long run does not end with a complaint. `inputs` are files
    that may not be written over.
    """

    def __init__(self, args: argparse.Namespace, inputs: Sequence[str]) -> None:
        self.coverage = Coverage()
        self._args = args
        self._path = path = args.coverage
        spare(path, "--coverage", inputs)
        self._before = read_coverage(path) if is_written(path) else Report()
        try:
            with open(path, "a", encoding="utf-8"):
                pass
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None

    def add(self, findings: Iterable[Finding]) -> None:
        """Write the page with what came of this run."""
        args = self._args
        name = next((p for p in (getattr(args, n, None) for n in ("recording", "kernel", "image", "bios")) if p), "run")
        what = os.path.basename(name)
        report = self.coverage.report(what, findings, advice=args.advice, strict=args.pedantic)
        write(self._path, self._before + report)


def is_written(path: str) -> bool:
    """Whether there is something in the file."""
    return os.path.exists(path) and os.path.getsize(path) > 0


def write(path: str, report: Report) -> None:
    """Write the page of `report`, in one step where `path` is a file."""
    text = html(report)
    target = Path(path)
    try:
        if target.is_file() and not target.is_symlink():
            beside = target.with_name(f"{target.name}.new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(target)
        else:
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def merge(paths: Sequence[str], target: str) -> int:
    """`virtscope coverage A.html B.html -o ALL.html`; a target that is there is overwritten if it is a page of ours."""
    if is_written(target):
        read_coverage(target)
    write(target, sum((read_coverage(path) for path in paths), Report()))
    return 0
