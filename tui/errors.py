"""`virtscope errors`: every variant of VirtIOInitializationError, what forces it and what it leaves behind."""

from __future__ import annotations

from tui.guests import initialize_in_guest
from virtio.scenarios import SCENARIOS, rows, run

HEADINGS = ("scenario", "configured", "error", "status", "status (tock)", "in a guest")


def table() -> list[tuple[str, ...]]:
    """The table as run now, host-side (both personalities) and by a guest under emulation on rv32 and rv64."""
    lines: list[tuple[str, ...]] = []
    for scenario, row in zip(SCENARIOS, rows(), strict=True):
        host = run(scenario)
        guests = {xlen: initialize_in_guest(scenario, xlen) for xlen in (32, 64)}
        differ = [f"rv{xlen}: {outcome}" for xlen, outcome in guests.items() if outcome != host]
        verdict = ", ".join(differ) or "the same"
        lines.append((row.scenario, row.configured, row.error, row.status, row.tock_status, verdict))
    return lines


def print_errors(*, markdown: bool) -> int:
    """Print the table, for a terminal or as Markdown."""
    lines = table()
    if markdown:
        print("| " + " | ".join(HEADINGS) + " |")
        print("|" + "---|" * len(HEADINGS))
        for line in lines:
            print("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |")
        return 0
    from rich.console import Console  # noqa: PLC0415  (start-up time)
    from rich.table import Table  # noqa: PLC0415

    view = Table()
    for heading in HEADINGS:
        view.add_column(heading, overflow="fold")
    for line in lines:
        view.add_row(*line)
    Console().print(view)
    return 0
