"""`virtscope errors`: every variant of VirtIOInitializationError, what forces it and what it leaves behind."""

from __future__ import annotations

from dataclasses import asdict, fields

from virtio.scenarios import Row, rows


def print_errors(*, markdown: bool) -> int:
    """Print the table, for a terminal or as Markdown."""
    headings = [field.name.replace("_", " ") for field in fields(Row)]
    cells = [[str(value) for value in asdict(row).values()] for row in rows()]
    if markdown:
        print("| " + " | ".join(headings) + " |")
        print("|" + "---|" * len(headings))
        for row in cells:
            print("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        return 0
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(*headings)
    for row in cells:
        table.add_row(*row)
    Console().print(table)
    return 0
