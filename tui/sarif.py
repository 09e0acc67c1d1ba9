"""Findings as SARIF 2.1.0, the format by which code hosts show them beside the line. Numbers are its sections."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from tui.baseline import function_of
from tui.findings import sections
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import ADVICE, INVARIANT, VIOLATION, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {VIOLATION: "error", INVARIANT: "warning", ADVICE: "note"}
ROOT = "%SRCROOT%"
FINGERPRINT = "ruleDeviceFunction/v1"
LINE = re.compile(r":(\d+)$")

Json = dict[str, Any]


def log(findings: Iterable[Finding], root: Path) -> Json:
    """The log of one run (3.13); paths of sources are given below `root`, where the sources are checked out."""
    found = list(findings)
    rules = list({finding.rule.id: finding.rule for finding in found}.values())
    index = {rule.id: number for number, rule in enumerate(rules)}
    driver = {"name": "virtscope", "version": version("virtscope"), "rules": [describe(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {ROOT: {"description": {"text": "Where the sources of the guest are checked out."}}},
        "results": [
            {**result(finding, root), "ruleIndex": index[finding.rule.id], "partialFingerprints": {FINGERPRINT: own}}
            for finding, own in zip(found, fingerprints(found), strict=True)
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def describe(rule: Rule) -> Json:
    """A rule as a reportingDescriptor (3.49)."""
    where = sections(rule)
    refused = "".join(f"\n\nRefused by {who}." for who in rule.refused_by)
    help_text = f"{rule.text} ({rule.level}, {where})." + (f"\n\n{rule.hint}" if rule.hint else "") + refused
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.text},
        "fullDescription": {"text": f"{where}, {rule.level}: {rule.text}"},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"section": rule.section, "level": rule.level, "severity": rule.severity, "tags": ["virtio"]},
    }


def fingerprints(findings: Iterable[Finding]) -> Iterable[str]:
    """What stays the same from build to build (3.27.17): rule, device, function, and which of several there it is."""
    seen: Counter[str] = Counter()
    for finding in findings:
        key = "\0".join((finding.rule.id, finding.source, function_of(finding.where)))
        seen[key] += 1
        yield hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()


def result(finding: Finding, root: Path) -> Json:
    """A finding as a result (3.27)."""
    hint = f" ({finding.rule.hint})" if finding.rule.hint else ""
    return {
        "ruleId": finding.rule.id,
        "level": LEVELS[finding.rule.severity],
        "message": {"text": f"{finding.source}: {finding.message}{hint}"},
        "locations": [location(finding, root)],
        "occurrenceCount": finding.count,
        "properties": {
            "device": finding.source, "pc": f"{finding.pc:#x}", "count": finding.count, "time": finding.time,
            "where": finding.where, "insn": finding.insn, "history": list(finding.history),
            "queue": list(finding.queue),
        },
    }  # fmt: skip


def location(finding: Finding, root: Path) -> Json:
    """The line where it is known, and the function or the address (3.28 to 3.33)."""
    line = LINE.search(finding.where)
    physical: Json = {"address": {"absoluteAddress": finding.pc}}
    if finding.file and line is not None:
        physical["artifactLocation"] = artifact(finding.file, root)
        physical["region"] = {"startLine": max(int(line[1]), 1)}
    place: Json = {"physicalLocation": physical}
    if name := function_of(finding.where).partition(" ")[0]:
        place["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "function"}]
    return place


def artifact(file: str, root: Path) -> Json:
    """The path as the compiler knew it, below `root`: of what it was there, the longest end that is a file here."""
    parts = PurePosixPath(file).parts
    relative = PurePosixPath(file)
    if relative.is_absolute() and relative.is_relative_to(root.resolve()):
        relative = relative.relative_to(root.resolve())
    elif not (root / relative).is_file() or relative.is_absolute():
        ends = (PurePosixPath(*parts[skip:]) for skip in range(1, len(parts)))
        relative = next((end for end in ends if (root / end).is_file()), relative)
    if relative.is_absolute():
        return {"uri": Path(relative).as_uri()}
    return {"uri": quote(str(relative)), "uriBaseId": ROOT}
