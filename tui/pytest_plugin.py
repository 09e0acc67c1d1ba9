"""The pytest plug-in: the fixture `machine` boots a guest, and a failed test shows what the guest did.

Loaded by every pytest that finds virtscope installed, so it imports nothing until the fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tui.testing import Guest

STRICT = "virtscope_strict"
GUESTS = pytest.StashKey["list[tuple[Guest, bool]]"]()
"""The guests of a test, and whether it fails when one of them breaks a rule."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(STRICT, "fail a test whose guest breaks a rule of the VirtIO specification", "bool", False)


def pytest_configure(config: pytest.Config) -> None:
    text = f"{STRICT}(on=True): fail the test if its guest breaks a rule of the VirtIO specification"
    config.addinivalue_line("markers", text)


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Callable[..., Guest]]:
    """Boot a guest: `machine("driver.elf", devices=["rng"])` gives a `tui.testing.Guest`; closed after the test.

    It takes what `tui.testing.open_guest` takes, and `strict`: fail the test if the guest breaks a rule. Without it
    the marker `virtscope_strict` says so, or the option of that name in the configuration file.
    """
    guests: list[tuple[Guest, bool]] = request.node.stash.setdefault(GUESTS, [])
    marker = request.node.get_closest_marker(STRICT)
    default = bool(request.config.getini(STRICT)) if marker is None else bool((*marker.args, True)[0])

    def make(image: Any = "", *, strict: bool = default, **options: Any) -> Guest:
        from tui.testing import open_guest  # noqa: PLC0415  (start-up of every pytest)

        guest = open_guest(image, **options)
        guests.append((guest, strict))
        return guest

    yield make
    while guests:
        guests.pop()[0].close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """After a test that passed: the rules."""
    strict = [guest for guest, strict in item.stash.get(GUESTS, []) if strict]
    if not strict:
        return
    from tui.testing import text_of  # noqa: PLC0415  (start-up of every pytest)

    broken = [text_of(finding) for guest in strict for finding in guest.finish()]
    if broken:
        pytest.fail("the guest broke rules of the VirtIO specification:\n  " + "\n  ".join(broken), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Below a failure: where each guest was and what it did."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.when == "call" and report.failed:
        for guest, _ in item.stash.get(GUESTS, []):
            report.sections.append((f"virtscope: {guest.name}", guest.report()))
