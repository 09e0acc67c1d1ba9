"""Guest memory, bounds-checked: the machine's own RAM, and the same face over a borrowed Unicorn instance."""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Callable
from typing import Any, Protocol

U16, U32, U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")


class BadAddress(Exception):
    """An access of `size` bytes at `address` (guest-physical) is not wholly inside guest memory."""

    def __init__(self, address: int, size: int) -> None:
        super().__init__(f"{size} bytes at {address:#x} are not inside guest RAM")
        self.address = address
        self.size = size


class Memory(Protocol):
    """Guest-physical memory. Addresses and sizes in bytes, numbers little endian; raises `BadAddress`."""

    def contains(self, address: int, size: int) -> bool: ...

    def read(self, address: int, size: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None:
        """Write bytes that the guest may execute: translated code is invalidated."""

    def get16(self, address: int) -> int: ...

    def get32(self, address: int) -> int: ...

    def get64(self, address: int) -> int: ...

    def put16(self, address: int, value: int) -> None:
        """Write a number into a structure that is never code (a ring): nothing is invalidated."""

    def put32(self, address: int, value: int) -> None: ...

    def put64(self, address: int, value: int) -> None: ...


class Ram:
    """`size` bytes of zeroed RAM at guest-physical `base`; `invalidate(address, size)` hears of bulk writes."""

    def __init__(self, base: int, size: int) -> None:
        if size <= 0 or size % mmap.PAGESIZE:
            raise ValueError(f"RAM size {size:#x} is not a positive multiple of {mmap.PAGESIZE:#x}")
        self.base = base
        self.size = size
        self.buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(AttributeError, OSError):  # not for core dumps, and so a mapping of its own
            self.buffer.madvise(mmap.MADV_DONTDUMP)
        self.view = memoryview(self.buffer)
        self.invalidate: Callable[[int, int], None] | None = None

    def _offset(self, address: int, size: int) -> int:
        offset = address - self.base
        if offset < 0 or size < 0 or offset + size > self.size:
            raise BadAddress(address, size)
        return offset

    def contains(self, address: int, size: int) -> bool:
        return address >= self.base and size >= 0 and address - self.base + size <= self.size

    def read(self, address: int, size: int) -> bytes:
        offset = self._offset(address, size)
        return bytes(self.view[offset : offset + size])

    def write(self, address: int, data: bytes) -> None:
        offset = self._offset(address, len(data))
        self.view[offset : offset + len(data)] = data
        if self.invalidate is not None and data:
            self.invalidate(address, len(data))

    def get16(self, address: int) -> int:
        value: int = U16.unpack_from(self.view, self._offset(address, 2))[0]
        return value

    def get32(self, address: int) -> int:
        value: int = U32.unpack_from(self.view, self._offset(address, 4))[0]
        return value

    def get64(self, address: int) -> int:
        value: int = U64.unpack_from(self.view, self._offset(address, 8))[0]
        return value

    def put16(self, address: int, value: int) -> None:
        U16.pack_into(self.view, self._offset(address, 2), value)

    def put32(self, address: int, value: int) -> None:
        U32.pack_into(self.view, self._offset(address, 4), value)

    def put64(self, address: int, value: int) -> None:
        U64.pack_into(self.view, self._offset(address, 8), value)


class BorrowedMemory:
    """The memory of a Unicorn instance that the user already has (`mem_read`, `mem_write`, `mem_regions`)."""

    def __init__(self, uc: Any) -> None:
        self.uc = uc

    def contains(self, address: int, size: int) -> bool:
        end = address + max(size, 1)  # no bytes must lie somewhere, too
        while address < end:  # a buffer may span adjacent regions
            for first, last, _ in self.uc.mem_regions():
                if first <= address <= last:
                    address = last + 1
                    break
            else:
                return False
        return size >= 0

    def _check(self, address: int, size: int) -> None:
        if not self.contains(address, size):
            raise BadAddress(address, size)

    def read(self, address: int, size: int) -> bytes:
        self._check(address, size)
        return bytes(self.uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self.uc.mem_write(address, bytes(data))
        if data:
            self.uc.ctl_remove_cache(address, address + len(data))

    def get16(self, address: int) -> int:
        return int.from_bytes(self.read(address, 2), "little")

    def get32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def get64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def _put(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self.uc.mem_write(address, data)

    def put16(self, address: int, value: int) -> None:
        self._put(address, U16.pack(value))

    def put32(self, address: int, value: int) -> None:
        self._put(address, U32.pack(value))

    def put64(self, address: int, value: int) -> None:
        self._put(address, U64.pack(value))
