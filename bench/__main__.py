"""`python -m bench [NAME...]`: measure everything, or the sections named; all of them together go to results.md."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console

from bench import firmware, linux, mmio, report, requests, speed, startup
from bench.measure import Section

SECTIONS: dict[str, Callable[[], Section]] = {
    "mmio": mmio.measure,
    "speed": speed.measure,
    "startup": startup.measure,
    "firmware": firmware.measure,
    "linux": linux.measure,
    "requests": requests.measure,
}


def main(names: list[str]) -> int:
    """Print each section as soon as it is measured; returns the exit code."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"bench: no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 110)
    start = time.monotonic()
    console.print(f"{report.machine_facts()}\n", highlight=False)
    done = []
    for name in names or SECTIONS:
        done.append(SECTIONS[name]())
        report.show(done[-1], console)
        console.print()
    if not names:
        report.RESULTS.write_text(report.markdown(done), encoding="utf-8")
        console.print(f"{report.RESULTS} written after {time.monotonic() - start:.0f} s", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
