"""Accesses that no register answers: which rule of 4.2.2.2 each one breaks."""

from __future__ import annotations

from virtio.registers import VirtioMmio
from virtio.status import Finding

SECTION = "4.2.2.2"


def misuse(op: str, offset: int, width: int, empty: bool) -> Finding:
    """What is wrong with a load ("r") or store ("w") below the configuration space that found no handler.

    `empty`: the slot has no device.
    """
    verb = "read" if op == "r" else "write"
    register = VirtioMmio.containing(offset)
    if empty:
        what = register.name if register is not None else f"{offset:#05x}"
        return "mmio.devid-zero-no-access", "4.2.3.1.1", f"{verb} of {what} in a slot without a device"
    if register is None:
        return "mmio.no-undefined-access", SECTION, f"{width}-byte {verb} at {offset:#05x}, where no register is"
    if width != 4 or offset % 4:
        message = f"{width}-byte {verb} at {offset:#05x} ({register.name}): registers take aligned 4-byte accesses"
        return "mmio.ctrl-32bit-aligned", SECTION, message
    if op == "r":
        return "mmio.no-read-wo", SECTION, f"read of {register.name}, which is write-only"
    return "mmio.no-write-ro", SECTION, f"write of {register.name}, which is read-only"
