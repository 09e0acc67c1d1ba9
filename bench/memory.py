"""Memory of a running machine beyond its guest's RAM, from /proc.

Guest RAM is one mapping of exactly the RAM's size, of which only the pages that the guest touched are resident. Beyond
it is the most that the process had resident so far (VmHWM) less what is resident of that mapping now. As the guest's
pages stay, this is never less than what the process itself has now.
"""

from __future__ import annotations

import re
from pathlib import Path

MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ .*$", re.MULTILINE)


def resident_of(smaps: str, size: int) -> int:
    """KiB resident of the one mapping of `size` bytes; raises RuntimeError unless there is exactly one."""
    found = [text for text in MAPPING.split(smaps)[1:] if _kib("Size", text) == size >> 10]
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} mappings of {size >> 20} MiB in smaps; guest RAM should be the only one")
    return _kib("Rss", found[0])


def beyond_ram(pid: int, size: int) -> float:
    """MiB that the process `pid` had resident at its peak beyond `size` bytes of guest RAM (see above)."""
    place = Path("/proc") / str(pid)
    peak = _kib("VmHWM", (place / "status").read_text(encoding="utf-8"))
    return (peak - resident_of((place / "smaps").read_text(encoding="utf-8"), size)) / 1024


def _kib(name: str, text: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"no {name} in {text[:80]!r}")
    return int(found[1])
