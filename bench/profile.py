"""`python -m bench.profile [OPTION...]`: where the time of the Linux script goes, part by part; needs Linux's perf.

Options go to `virtscope run` (`--trace=FILE`). It says what limits each goal, for `bench/goals.py`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench import guests
from bench.linux import PARTS
from bench.timed import run

WHERE = (
    ("[JIT]", "translated code"), ("perf-", "translated code"), ("libunicorn", "engine"), ("_helper", "native helper"),
    ("ctypes", "ctypes"), ("libffi", "ctypes"), ("python", "Python"), ("[kernel", "host kernel"),
)  # fmt: skip
"""Part of a shared object's name -> what runs there; the first that fits."""
SYMBOLS = 6

Sample = tuple[float, str, str]
"""Seconds from the start, what runs there, symbol."""


def where(name: str) -> str:
    """What kind of code the shared object `name` is."""
    return next((kind for part, kind in WHERE if part in name), Path(name).name)


def parse(text: str, start: float) -> list[Sample]:
    """The lines of `perf script -F time,ip,sym,dso`: `  12.345678:   7f00 symbol (/lib/x.so)`."""
    found = []
    for line in text.splitlines():
        at, _, rest = line.strip().partition(":")
        code, _, name = rest.rpartition("(")
        if name:
            found.append((float(at) - start, where(name.rstrip(")")), " ".join(code.split()[1:]) or "?"))
    return found


def shares(counts: Counter[str], most: int) -> str:
    """The `most` largest, in percent."""
    total = sum(counts.values())
    return ", ".join(f"{name} {100 * count / total:.0f} %" for name, count in counts.most_common(most))


def main(options: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        guest = guests.linux(Path(folder))
        if guest is None:
            print("bench: linux is not in the cache (virtscope get linux)", file=sys.stderr)
            return 2
        data = f"{folder}/perf.data"
        record = ["perf", "record", "-q", "-F", "999", "-k", "CLOCK_MONOTONIC", "-o", data, "--"]
        start = time.monotonic()
        done = run([*record, *guest.virtscope("--check=off", *options)])
        script = ["perf", "script", "-i", data, "-F", "time,ip,sym,dso"]
        text = subprocess.run(script, check=True, capture_output=True, text=True, errors="replace").stdout
    samples = parse(text, start)
    for what, (begin, end) in {**PARTS, "all of it": ("", "")}.items():
        low, high = done.at(begin).wall if begin else 0.0, (done.at(end) if end else done.taken).wall
        inside = [(kind, symbol) for at, kind, symbol in samples if low <= at < high]
        print(f"{what}: {high - low:.2f} s")
        print(f"    {shares(Counter(kind for kind, _ in inside), 8)}")
        print(f"    {shares(Counter(symbol for kind, symbol in inside if kind != 'translated code'), SYMBOLS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
