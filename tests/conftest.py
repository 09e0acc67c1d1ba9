"""Shared fixtures. Tests stand on three rungs: pure, pair (driver and device, no emulator), guest (under Unicorn)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
