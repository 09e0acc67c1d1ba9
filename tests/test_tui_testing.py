"""`tui.testing` and the pytest plug-in: a driver author's own suite boots a guest in five lines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from guest_run import program

from emu.errors import InputError
from emu.machine import End
from tui.guests import guest_path
from tui.testing import Guest, open_guest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RNG, BUG = guest_path("rng-rv64"), guest_path("museum/status-clears-bits-rv64")
RUNS = """
    li t0, 0x10000000
    li t1, 62
    loop: sb t1, 0(t0)
    li t2, 10
    sb t2, 0(t0)
    j loop
"""


def own_suite(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A driver author's folder with one file of tests, run by pytest as a person would."""
    (folder / "test_driver.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env=environment)


def readme_example() -> str:
    (example,) = re.findall(r"^```python\n(def test_.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return str(example)


def test_the_readmes_example_passes_with_a_good_driver_and_fails_with_a_bad_one(tmp_path: Path) -> None:
    shutil.copy(RNG, tmp_path / "my-driver.elf")
    good = own_suite(tmp_path, readme_example())
    assert (good.returncode, good.stderr) == (0, ""), good.stdout
    assert "1 passed" in good.stdout
    shutil.copy(BUG, tmp_path / "my-driver.elf")
    bad = own_suite(tmp_path, readme_example())
    assert bad.returncode == 1


def test_a_failed_test_shows_what_the_guest_did(tmp_path: Path) -> None:
    test = f"""
def test_of_mine(machine):
    guest = machine({str(BUG)!r}, devices=["rng"])
    guest.run()
    assert guest.exit_code == 7
"""
    shown = own_suite(tmp_path, test).stdout
    assert "assert 0 == 7" in shown
    assert f"virtscope: {BUG}" in shown
    for text in (
        r"^at pc 0x8[0-9a-f]+ \w+\+0x[0-9a-f]+ \S+\.c:\d+ \[.*\], ended with code 0$",
        r"^the last of its output:\n  .*museum: and yet the device answers$",
        r"^the last events:\n  \.\.\. \d+ before\n +[\d,]+ virtio0-rng ",
        r"^rules broken:\n  Status 0x\w+ -> 0x\w+: .* \[status\.no-clear-bit, 2\.1\.1\] at .*$",
    ):
        assert re.search(text, shown, re.MULTILINE | re.DOTALL), (text, shown)


STRICT_CASES = (  # name, decorator, parameter, passes without and with the configuration's virtscope_strict
    ("nothing", "", "", True, False),
    ("parameter", "", ", strict=True", False, False),
    ("marker", "@pytest.mark.virtscope_strict", "", False, False),
    ("marker_takes_it_back", "@pytest.mark.virtscope_strict(False)", "", True, True),
    ("parameter_takes_it_back", "@pytest.mark.virtscope_strict", ", strict=False", True, True),
)


@pytest.mark.parametrize("configured", [False, True])
def test_a_suite_may_fail_on_every_broken_rule(configured: bool, tmp_path: Path) -> None:
    ini = "[pytest]\naddopts = --strict-markers\n" + "virtscope_strict = true\n" * configured
    (tmp_path / "pytest.ini").write_text(ini)
    test = "import pytest\n"
    for name, mark, option, *_ in STRICT_CASES:
        test += f"""
{mark}
def test_{name}(machine):
    guest = machine({str(BUG)!r}, devices=["rng"]{option})
    guest.run()
    assert guest.exit_code == 0
"""
    shown = own_suite(tmp_path, test, "-rA").stdout
    for name, _, _, *passes in STRICT_CASES:
        outcome = "PASSED" if passes[configured] else "FAILED"
        assert f"\n{outcome} test_driver.py::test_{name}" in shown, shown
    assert "the guest broke rules of the VirtIO specification:\n  Status 0x" in shown


def test_the_plug_in_costs_a_suite_without_guests_nothing(tmp_path: Path) -> None:
    test = """
import sys
def test_of_mine():
    heavy = {"unicorn", "rich", "emu", "virtio", "capstone", "tui.testing"} & set(sys.modules)
    assert "tui.pytest_plugin" in sys.modules and not heavy
"""
    done = own_suite(tmp_path, test)
    assert "1 passed" in done.stdout, done.stdout


def test_a_disk_is_closed_and_may_be_used_by_the_next_test(tmp_path: Path) -> None:
    (tmp_path / "disk.img").write_bytes(b"first".ljust(4096, b"."))
    test = f"""
import pytest
@pytest.mark.parametrize("turn", [1, 2])
def test_of_mine(machine, turn):
    guest = machine({str(guest_path("blk-rv64"))!r}, devices=["blk,file=disk.img"])
    guest.run()
    assert guest.exit_code == 0 and "by polling" in guest.output and guest.findings == []
"""
    done = own_suite(tmp_path, test)
    assert "2 passed" in done.stdout, done.stdout


def test_a_guest_can_be_opened_without_pytest(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"first sector".ljust(4096, b"\0"))
    with open_guest(guest_path("blk-rv32"), devices=[f"blk,file={disk}"], ram="4M") as guest:
        assert guest.machine.config.xlen == 32
        assert guest.uart.expect(b"by polling").startswith(b"blk: slot 0")
        assert guest.run(until="used") is End.UNTIL
        assert guest.run() is End.EXIT
    assert (guest.exit_code, guest.finish()) == (0, [])
    assert {event.kind for event in guest.events} >= {"access", "used", "status"}
    with open_guest(guest_path("blk-rv32"), devices=[f"blk,file={disk}"]) as again:
        assert again.run() is End.EXIT, "the lock on the disk was given back"


def test_options_are_those_of_the_command(tmp_path: Path) -> None:
    def output(**options: str | int) -> str:
        guest = open_guest(RNG, devices=["rng"], **options)  # type: ignore[arg-type]
        guest.run()
        return guest.output

    assert output() == output(seed=0) != output(seed=1)
    assert output(clock="wall") != output(clock="wall")
    with pytest.raises(ValueError, match="clock is virtual or wall, not 'sand'"):
        output(clock="sand")
    with pytest.raises(InputError, match="--ram lots: not a size"):
        output(ram="lots")
    with pytest.raises(InputError, match="no-such-file: No such file or directory"):
        open_guest("no-such-file")


def test_what_was_opened_is_closed_if_something_else_is_wrong(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    for devices in ([f"blk,file={disk}", "frob"], [f"blk,file={disk}"]):
        with pytest.raises(InputError, match=r"unknown device 'frob'|missing: No such file"):
            open_guest(RNG if devices[-1] == "frob" else tmp_path / "missing", devices=devices)
    assert open_guest(RNG, devices=[f"blk,file={disk}"]).transports[0].device is not None


def test_the_report_of_a_guest_that_did_nothing_says_so(tmp_path: Path) -> None:
    guest: Guest = open_guest(program(tmp_path, "l: j l"))
    assert guest.report() == (
        "at pc 0x80000000 program.bin+0x0 [j 0]\nthe last of its output:\n  none\n"
        "the last events:\n  none\nrules broken:\n  none"
    )


def test_a_report_shows_the_last_lines_only(tmp_path: Path) -> None:
    guest = open_guest(program(tmp_path, RUNS))
    for _ in range(9):
        guest.uart.expect(b">")
    lines = guest.report(3).splitlines()
    assert re.fullmatch(r"  \.\.\. \d+ before", lines[2])
    assert lines[3:6] == ["  >", "  >", "  >"]
