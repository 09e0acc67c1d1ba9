"""Shared fixtures. Tests stand on three rungs: pure, pair (driver and device, no emulator), guest (under Unicorn)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from emu import native

sys.path.insert(0, str(Path(__file__).parent))



@pytest.fixture(params=["count", "native"])
def pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One suite for both ways to count: by the engine, and by the native helper where it was built."""
    monkeypatch.setenv("VIRTSCOPE_NATIVE", str(int(request.param == "native")))
    if request.param == "native" and native.load() is None:
        pytest.skip(native.ABSENT)
    return str(request.param)
