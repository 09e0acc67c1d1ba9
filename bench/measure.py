"""Samples, medians and ratios. Cases are measured in turn, so that a busy machine slows all of them alike."""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
VIRTSCOPE = [sys.executable, "-m", "tui.cli", "run"]
REPETITIONS = 5

Samples = dict[str, list[float]]
"""Name of a case to one figure a repetition."""


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, the figure with its unit, and ratios (one a column, empty for none)."""

    name: str
    figure: str
    ratios: tuple[str, ...] = ()


@dataclass
class Section:
    """A table: `columns` are the headings of the ratios; `notes` are sentences below it."""

    title: str
    columns: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, figure: str, *ratios: str) -> None:
        self.rows.append(Row(name, figure, ratios))


def interleaved(cases: Mapping[str, Callable[[], float]], repetitions: int = REPETITIONS) -> Samples:
    """Run every case once a repetition; each returns its own figure."""
    samples: Samples = {name: [] for name in cases}
    for _ in range(repetitions):
        for name, case in cases.items():
            samples[name].append(case())
    return samples


def median(samples: Samples, name: str) -> float:
    return statistics.median(samples[name])


def median_ratio(samples: Samples, name: str, base: str) -> float:
    """The median of the ratios of one repetition each."""
    pairs = zip(samples[name], samples[base], strict=True)
    return statistics.median(a / b for a, b in pairs)


def ratio(samples: Samples, name: str, base: str) -> str:
    """`median_ratio`, as `1.23x`."""
    return f"{median_ratio(samples, name, base):.2f}x"


def seconds(action: Callable[[], object]) -> float:
    """The wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _assembler() -> Any:
    """tests/asm.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("asm", ROOT / "tests" / "asm.py")
    if spec is None or spec.loader is None:
        raise ImportError("tests/asm.py is not there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_asm = _assembler()


def assemble(text: str) -> bytes:
    """rv64 machine code of `text`, to be placed at 0x80000000."""
    code: bytes = _asm.assemble(text, 64)
    return code
