"""Findings as SARIF: what section 3 of its specification asks for, and the lines that a code host annotates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli import virtscope

from tui.guests import guest_path
from tui.sarif import artifact, log
from virtio.sanitizer.findings import Finding
from virtio.sanitizer.table import Rule, rule_of, rules

ROOT = Path(__file__).parent.parent
MUSEUM = guest_path("museum/status-clears-bits-rv64")


def finding(rule: Rule, where: str = "main+0x3a driver.c:25", file: str = "src/driver.c") -> Finding:
    return Finding(rule, "virtio0-rng", "a message", 7, 900, 0x80000790, where, "sw s1, 0x70(a0)", file)


def check_log(data: Any) -> None:
    """The essentials of the schema: required properties, types, enumerations, and references that resolve."""
    assert data["version"] == "2.1.0" and data["$schema"].endswith("/sarif-schema-2.1.0.json")  # 3.13
    assert set(data) == {"$schema", "version", "runs"} and len(data["runs"]) == 1
    (run,) = data["runs"]
    assert set(run) == {"tool", "originalUriBaseIds", "results"}  # 3.14
    driver = run["tool"]["driver"]  # 3.18, 3.19
    assert driver["name"] == "virtscope" and driver["version"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:  # 3.49
        assert set(rule) == {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"}
        for name in ("shortDescription", "fullDescription", "help"):
            assert isinstance(rule[name]["text"], str) and rule[name]["text"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert isinstance(rule["properties"]["tags"], list)
    prints = [result["partialFingerprints"]["ruleDeviceFunction/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    for result in run["results"]:  # 3.27
        assert result["ruleId"] == ids[result["ruleIndex"]]
        assert result["level"] in ("none", "note", "warning", "error")
        assert isinstance(result["message"]["text"], str) and result["message"]["text"]
        assert isinstance(result["occurrenceCount"], int) and result["occurrenceCount"] > 0
        (location,) = result["locations"]
        check_location(location, run["originalUriBaseIds"])


def check_location(location: Any, bases: Any) -> None:
    physical = location["physicalLocation"]  # 3.29: an address or an artifact
    assert set(physical) <= {"address", "artifactLocation", "region"}
    assert physical["address"]["absoluteAddress"] >= 0
    assert ("region" in physical) == ("artifactLocation" in physical)
    if "region" in physical:
        assert physical["region"]["startLine"] >= 1
        uri = physical["artifactLocation"]["uri"]
        assert " " not in uri and "\\" not in uri
        base = physical["artifactLocation"].get("uriBaseId")
        assert base in bases if base else uri.startswith("file:///")
    for logical in location.get("logicalLocations", []):  # 3.33
        assert logical["fullyQualifiedName"] and logical["kind"] == "function"


def test_a_run_writes_a_valid_log_with_the_lines_of_the_driver(tmp_path: Path) -> None:
    path = tmp_path / "found.sarif"
    assert virtscope("run", MUSEUM, "--device", "rng", "--findings", path).code == 0
    data = json.loads(path.read_text())
    check_log(data)
    results = data["runs"][0]["results"]
    source = (ROOT / "guests/museum/status-clears-bits.c").read_text().splitlines()
    assert len(results) == 3
    for result in results:
        physical = result["locations"][0]["physicalLocation"]
        assert physical["artifactLocation"]["uri"].endswith("guests/museum/status-clears-bits.c")
        assert "the bug: " in source[physical["region"]["startLine"] - 1]
        assert result["ruleId"] == "status.no-clear-bit" and result["level"] == "error"
        assert set(result["properties"]) >= {"pc", "count", "device", "insn", "history"}


def test_no_findings_are_a_log_without_results(tmp_path: Path) -> None:
    path = tmp_path / "none.sarif"
    assert virtscope("run", guest_path("rng-rv64"), "--device", "rng", "--findings", path).code == 0
    data = json.loads(path.read_text())
    check_log(data)
    assert data["runs"][0]["results"] == []


@pytest.mark.parametrize(("severity", "level"), [("violation", "error"), ("invariant", "warning"), ("advice", "note")])
def test_each_severity_has_its_level(severity: str, level: str) -> None:
    rule = next(rule for rule in rules().values() if rule.severity == severity)
    data = log([finding(rule)], ROOT)
    check_log(data)
    assert data["runs"][0]["results"][0]["level"] == level


def test_every_rule_has_help_with_its_section() -> None:
    data = log([finding(rule) for rule in rules().values()], ROOT)
    check_log(data)
    for described, rule in zip(data["runs"][0]["tool"]["driver"]["rules"], rules().values(), strict=True):
        assert rule.section in described["help"]["text"] and rule.text in described["help"]["text"]
        assert rule.hint in described["help"]["text"]


def test_two_findings_in_a_function_have_fingerprints_that_another_build_keeps() -> None:
    rule = rule_of("status.no-clear-bit")
    here = log([finding(rule), finding(rule, "main+0x44 driver.c:26")], ROOT)
    moved = log([finding(rule, "main+0x3c driver.c:31"), finding(rule, "main+0x46 driver.c:32")], ROOT)
    check_log(here)
    prints = [[r["partialFingerprints"] for r in data["runs"][0]["results"]] for data in (here, moved)]
    assert prints[0] == prints[1]


def test_without_a_line_the_address_and_the_function_are_the_location() -> None:
    rule = rule_of("status.no-clear-bit")
    data = log([finding(rule, "main+0x3a", ""), finding(rule, "", "")], ROOT)
    check_log(data)
    named, unnamed = (result["locations"][0] for result in data["runs"][0]["results"])
    assert named["physicalLocation"] == {"address": {"absoluteAddress": 0x80000790}}
    assert named["logicalLocations"] == [{"fullyQualifiedName": "main", "kind": "function"}]
    assert "logicalLocations" not in unnamed


def test_paths_are_given_below_the_directory_where_the_sources_are(tmp_path: Path) -> None:
    (tmp_path / "src" / "a b").mkdir(parents=True)
    (tmp_path / "src" / "driver.c").touch()
    (tmp_path / "src" / "a b" / "x.c").touch()
    for file, uri in [
        ("src/driver.c", "src/driver.c"),  # compiled here, with a relative path
        (f"{tmp_path}/src/driver.c", "src/driver.c"),  # with an absolute one
        ("/build/job7/src/driver.c", "src/driver.c"),  # in another place
        ("src/a b/x.c", "src/a%20b/x.c"),
        ("elsewhere/other.c", "elsewhere/other.c"),
        (f"{tmp_path}/gone.c", "gone.c"),
    ]:
        assert artifact(file, tmp_path) == {"uri": uri, "uriBaseId": "%SRCROOT%"}, file
    assert artifact("/usr/include/virtio.h", tmp_path) == {"uri": "file:///usr/include/virtio.h"}
