"""The figures as tables in the terminal, and as Markdown for the repository."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measure import Section

RESULTS = Path(__file__).parent / "results.md"


def machine_facts() -> str:
    """One line: what this was measured on."""
    models = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    cpu = f"{len(models)} x {models[0]}" if models else platform.machine()
    return f"Python {platform.python_version()}, unicorn {version('unicorn')}, {cpu}, {platform.system()}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def show(section: Section, console: Console) -> None:
    """Print one table."""
    if section.rows:
        table = Table(title=section.title, title_justify="left", title_style="bold")
        table.add_column("what", no_wrap=True)
        table.add_column("figure", justify="right", no_wrap=True)
        for column in section.columns:
            table.add_column(column, justify="right", no_wrap=True)
        for row in section.rows:
            table.add_row(row.name, row.figure, *row.ratios)
        console.print(table)
    else:
        console.print(f"[bold]{section.title}[/bold]")
    for note in section.notes:
        console.print(f"  {note}", highlight=False)


def markdown(sections: list[Section]) -> str:
    """All tables, with the facts of the machine above them."""
    lines = [
        "# What `make bench` measured", "", f"{machine_facts()}.", "",
        "Medians of interleaved repetitions; a ratio is the median of the ratios of single repetitions,",
        "in each line to the case that the column names.",
    ]  # fmt: skip
    for section in sections:
        lines += ["", f"## {section.title}", ""]
        if section.rows:
            lines.append("| " + " | ".join(("what", "figure", *section.columns)) + " |")
            lines.append("|---|" + "---:|" * (1 + len(section.columns)))
            for row in section.rows:
                blanks = ("",) * (len(section.columns) - len(row.ratios))
                lines.append("| " + " | ".join((row.name.strip(), row.figure, *row.ratios, *blanks)) + " |")
            lines.append("")
        lines += [f"* {note}" for note in section.notes]
    return "\n".join(lines) + "\n"
