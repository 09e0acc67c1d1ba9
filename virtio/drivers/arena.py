"""Guest-physical memory for rings and buffers: first fit, freed neighbours join."""

from __future__ import annotations

from virtio.errors import DriverMisuse


class Arena:
    """`size` bytes at guest-physical `base` that belong to the host-side driver and to nobody else."""

    def __init__(self, base: int, size: int) -> None:
        self.base = base
        self.size = size
        self._free: list[tuple[int, int]] = [(base, size)]
        self._taken: dict[int, int] = {}

    def allocate(self, size: int, align: int = 16) -> int:
        """The address of `size` bytes aligned to `align` (bytes, a power of two); raises DriverMisuse when out."""
        if size <= 0:
            raise DriverMisuse(f"cannot allocate {size} bytes")
        for i, (start, length) in enumerate(self._free):
            address = -(-start // align) * align
            rest = start + length - (address + size)
            if rest < 0:
                continue
            parts = [(start, address - start), (address + size, rest)]
            self._free[i : i + 1] = [part for part in parts if part[1]]
            self._taken[address] = size
            return address
        free = sum(length for _, length in self._free)
        raise DriverMisuse(f"no {size} bytes left in the arena at {self.base:#x} ({free} of {self.size} free)")

    def free(self, address: int) -> None:
        """Give back what `allocate` returned."""
        size = self._taken.pop(address, None)
        if size is None:
            raise DriverMisuse(f"{address:#x} is not an allocated address of the arena at {self.base:#x}")
        joined: list[tuple[int, int]] = []
        for start, length in sorted([*self._free, (address, size)]):
            if joined and sum(joined[-1]) == start:
                joined[-1] = (joined[-1][0], joined[-1][1] + length)
            else:
                joined.append((start, length))
        self._free = joined

    @property
    def used(self) -> int:
        """Bytes allocated now."""
        return sum(self._taken.values())
