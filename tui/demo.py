"""`virtscope demo`: the main job on a built-in guest: a driver reads entropy and a disk, and every access is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tui.guests import guest_path

FIRST_SECTOR = b"Hello from the first sector of a virtscope disk.\n"
DISK_SIZE = 64 * 1024


def demo(xlen: int, main: Callable[[Sequence[str]], int]) -> int:
    """Run the demo guest with a scratch disk through the command line `main`; returns its exit code."""
    with tempfile.TemporaryDirectory(prefix="virtscope-") as folder:
        disk = Path(folder) / "disk.img"
        disk.write_bytes(FIRST_SECTOR.ljust(DISK_SIZE, b"\0"))
        guest = str(guest_path(f"demo-rv{xlen}"))
        devices = ["--device", "rng", "--device", f"blk,file={disk},serial=VIRTSCOPE-DEMO"]
        return main(["run", guest, *devices, "--trace", "--timeout", "30"])
