"""Makes docs/trace.svg, the picture in the README, from a real run: `.venv/bin/python docs/make_picture.py`.

The guest is one of the museum's. Nothing of it depends on the host, so the picture is the same every time.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from emu.boot import BootConfig
from emu.machine import End
from emu.trace import Event, RegisterAccess
from tui.format import SOURCE_WIDTH, TIME_WIDTH, WHERE_WIDTH, Part, event_parts
from tui.guests import guest_path
from tui.session import SessionConfig, open_session
from virtio.events import said_before

GUEST = "museum/status-clears-bits-rv64"
PICTURE = Path(__file__).parent / "trace.svg"
WIDTH = 136
INDENT = TIME_WIDTH + SOURCE_WIDTH + WHERE_WIDTH + 5
"""Where the continuation of a folded line begins."""
LEFT_OUT = re.compile("MagicValue|Version|DeviceID|.*Features|.*Sel|QueueSize.*|.*Low|.*High")
"""Registers whose accesses become a line of three dots, to keep the picture small."""
DOTS = "..."
UNSEEN = "italic"
"""The style of spaces: a text of its own, because some programs drop spaces at the start of one."""
FONTS = "DejaVu Sans Mono, Menlo, Consolas, monospace"
DARK = TerminalTheme(
    (18, 20, 24),
    (208, 212, 220),
    [(18, 20, 24), (232, 90, 90), (120, 190, 110), (222, 178, 80),
     (98, 148, 230), (190, 140, 220), (86, 182, 194), (208, 212, 220)],
)  # fmt: skip


class Lines:
    """What a terminal would show: the guest's words and the trace, in their order."""

    def __init__(self) -> None:
        self.lines: list[Text] = []
        self._partial = b""

    def said(self, data: bytes) -> None:
        """The guest wrote to its UART."""
        *whole, self._partial = (self._partial + data).split(b"\n")
        self.lines += [Text(line.decode(errors="replace").rstrip("\r"), "bold") for line in whole]

    def happened(self, event: Event, where: str) -> None:
        """An event was published while pc was at `where`."""
        if isinstance(event, RegisterAccess) and LEFT_OUT.fullmatch(event.name):
            if not self.lines or self.lines[-1].plain != DOTS:
                self.lines.append(Text(DOTS, "dim"))
        elif not said_before(event):
            self.lines += folded(event_parts(event, where))


def folded(parts: list[Part]) -> list[Text]:
    """One event as one line, or as several where it is wider than the picture."""
    line = Text()
    for text, style in parts:
        words = text.lstrip(" ")
        line.append(" " * (len(text) - len(words)), UNSEEN)
        line.append(words, style)
    if line.cell_len <= WIDTH:
        return [line]
    at = line.plain.rindex(" ", 0, WIDTH) + 1
    rest = line[at:]
    return [line[:at], Text.assemble((" " * INDENT, UNSEEN), rest)]


def run() -> list[Text]:
    """Run the guest to its end; the lines of its trace."""
    seen = Lines()
    config = SessionConfig(BootConfig(image=str(guest_path(GUEST))), ["rng"], output=seen.said)
    session = open_session(config)
    machine = session.machine

    def subscriber(event: Event) -> None:
        machine.uart.flush()
        seen.happened(event, session.boot.where(event.pc))

    machine.trace.subscribe(subscriber)
    end = machine.run(10.0)
    if end is not End.EXIT:
        raise RuntimeError(f"{GUEST}: {end.value}")
    return seen.lines


def picture(lines: list[Text]) -> str:
    """The lines as SVG. It names no font on the network: any monospaced one will do."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ virtscope run guests/bin/{GUEST}.elf --device rng --trace", "bold"))
    for line in lines:
        console.print(line, soft_wrap=True)
    svg = console.export_svg(title="virtscope", theme=DARK, unique_id="virtscope")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", FONTS)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(run()), encoding="utf-8")
