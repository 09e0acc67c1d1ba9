"""Findings as a JSON file, and such a file of an earlier run as what is known already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from emu.elf import read_file
from emu.errors import InputError
from virtio.sanitizer.findings import Finding

FORMAT, VERSION = "virtscope findings", 1
WITHIN = re.compile(r"\+0x[0-9a-f]+(?= |$)|:\d+$")
"""What a place has that another build moves: the offset in its function, the line."""

Key = tuple[str, str, str]
"""Rule, device, and function with its file."""


def document(findings: Iterable[Finding], dropped: int = 0) -> dict[str, Any]:
    """What `--findings FILE.json` holds; `dropped` is how many places were too many to keep."""
    return {
        "format": FORMAT, "version": VERSION, "findings": [finding.to_json() for finding in findings],
        "dropped": dropped,
    }  # fmt: skip


def text_of(findings: Iterable[Finding], dropped: int = 0) -> str:
    """`document` as a text that a person can read and compare."""
    return json.dumps(document(findings, dropped), indent=1, ensure_ascii=False) + "\n"


def function_of(where: str) -> str:
    """`virtq_enable virtio.c` for `virtq_enable+0x4c virtio.c:105`; the image for `Image+0x1234`."""
    return WITHIN.sub("", where)


@dataclass(frozen=True)
class Baseline:
    """Findings that are known: the same rule, device and function; where in it, and how often, does not matter."""

    known: frozenset[Key] = frozenset()

    def __contains__(self, finding: Finding) -> bool:
        return (finding.rule.id, finding.source, function_of(finding.where)) in self.known


def read_baseline(path: str) -> Baseline:
    """The findings that `--findings` wrote to `path`; raises InputError with file, place and field."""
    try:
        data = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("findings"), list):
        raise InputError(f"{path}: not the findings of an earlier run (--findings FILE.json)")
    if data.get("version") != VERSION:
        raise InputError(f"{path}: field version: {data.get('version')!r}, this virtscope reads {VERSION}")
    return Baseline(frozenset(_key(record, f"{path}: finding {n}") for n, record in enumerate(data["findings"], 1)))


def _key(record: Any, place: str) -> Key:
    if not isinstance(record, dict):
        raise InputError(f"{place}: not a JSON object")
    for name in ("rule", "device", "where"):
        if not isinstance(record.get(name), str):
            raise InputError(f"{place}: field {name}: {record.get(name)!r} is not a text")
    return record["rule"], record["device"], function_of(record["where"])
