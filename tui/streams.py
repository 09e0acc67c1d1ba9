"""The three standard streams, which a person or a script may have closed before we started."""

from __future__ import annotations

import os
import sys


def hold() -> None:
    """Occupy the descriptors 0 to 2 that are closed: the next file opened, a disk say, would take such a number.

    Reading finds the end of file, writing to standard output fails as on a closed one, errors go nowhere.
    """
    for fd, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free, which is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (for the whole run)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (as well)


def one_line(text: str) -> str:
    """`text` as one printable line, whatever a file's name in it is made of."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
