"""The configuration space of a slot (2.5, 4.2.2): bytes of the device, reached by accesses of any width."""

from __future__ import annotations

from collections.abc import Callable

from virtio.device import Device


class ConfigSpace:
    """The bytes in `device.config`, at offsets from CONFIG. `violation(rule, section, message)` hears of misuse."""

    def __init__(self, device: Device, violation: Callable[[str, str, str], None]) -> None:
        self.device = device
        self.violation = violation

    def load(self, at: int, width: int) -> int:
        """`width` bytes at `at`; all ones past the end, as QEMU answers."""
        self._check("read", at, width)
        config = self.device.config
        if at + width > len(config):
            return (1 << 8 * width) - 1
        return int.from_bytes(config[at : at + width], "little")

    def store(self, at: int, width: int, value: int) -> None:
        """Write `width` bytes at `at`, if all of them may be written; the device hears of it afterwards."""
        self._check("write", at, width)
        device = self.device
        if any(at in allowed and at + width <= allowed.stop for allowed in device.config_writable):
            data = value.to_bytes(width, "little")
            device.config[at : at + width] = data
            device.on_config_write(at, data)
        elif at + width <= len(device.config):
            self.violation("mmio.no-write-ro", "4.2.2.2", f"config+{at:#x} is read-only")

    def _check(self, verb: str, at: int, width: int) -> None:
        size = len(self.device.config)
        if at + width > size:
            where = f"{width}-byte {verb} at config+{at:#x}"
            self.violation("inv.config-read-beyond-layout", "4.2.2", f"{where}, the configuration has {size} bytes")
