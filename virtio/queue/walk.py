"""From a head to its descriptors: follows a chain through the descriptor table and checks every step (2.7.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from emu.memory import Memory
from virtio.queue.chain import WRITE, Descriptor
from virtio.spec import DescFlag

DESCRIPTOR = struct.Struct("<QIHH")
MAX_CHAIN = 1024
"""Most descriptors that a chain may have in all, indirect ones included; QEMU's limit too."""
MAX_BYTES = 1 << 32
"""A chain holds at most 2^32 bytes (2.7.5.2)."""
NEXT, INDIRECT = int(DescFlag.NEXT), int(DescFlag.INDIRECT)
KNOWN_FLAGS = NEXT | WRITE | INDIRECT

Report = Callable[[str, str, str], None]
"""Takes a rule, its section and a sentence: what the driver did wrong but a device can live with."""


class RingError(Exception):
    """A ring that cannot be trusted any more: the `rule` that the driver broke, its `section`, and a sentence."""

    def __init__(self, rule: str, section: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.section = section
        self.message = message


class Walk:
    """Follows chains in a descriptor table of `size` entries at guest-physical `table`.

    `indirect` says whether INDIRECT_DESC was negotiated. What a device can live with goes to `report`. `indices` and
    `visited` are the descriptors of the table that were read, in order, also if one of them was wrong.
    """

    def __init__(self, memory: Memory, table: int, size: int, *, indirect: bool, report: Report) -> None:
        self.memory = memory
        self.table = table
        self.size = size
        self.indirect = indirect
        self.report = report
        self.indices: list[int] = []
        self.visited: list[Descriptor] = []

    @property
    def through_table(self) -> bool:
        """Whether the chain goes on in an indirect table."""
        return bool(self.visited) and bool(self.visited[-1].flags & INDIRECT)

    def chain(self, head: int) -> list[Descriptor]:
        """The descriptors of the chain at `head` that hold buffers, in order; raises `RingError`."""
        found: list[Descriptor] = []
        total = 0
        writable = False
        for descriptor in self._descriptors(head):
            total += descriptor.length
            if total > MAX_BYTES:
                raise RingError(
                    "split.chain-total-le-4g", "2.7.5.2", f"chain {head}: {total:#x} bytes in all, 2^32 are allowed"
                )
            if writable and not descriptor.writable:
                raise RingError(
                    "split.readable-before-writable",
                    "2.7.4.2",
                    f"chain {head}: the readable buffer at {descriptor.address:#x} comes after a writable one",
                )
            writable = descriptor.writable
            found.append(descriptor)
        return found

    def _descriptors(self, head: int) -> list[Descriptor]:
        found: list[Descriptor] = []
        index = head
        while True:
            where = f"chain {head}: descriptor {index}"
            descriptor = self._descriptor(self.table + 16 * index, where)
            self.indices.append(index)
            self.visited.append(descriptor)
            if descriptor.flags & INDIRECT:
                found += self._table(head, where, descriptor, len(found))
                return found
            found.append(self._buffer(descriptor, where))
            if not descriptor.flags & NEXT:
                return found
            index = descriptor.next
            if index >= self.size:
                raise RingError(
                    "inv.desc-next-range", "2.7.5", f"{where}: next is {index}, the queue has {self.size} descriptors"
                )
            if len(found) >= self.size:
                raise RingError(
                    "split.chain-no-loop",
                    "2.7.5.2",
                    f"chain {head}: still going on after {self.size} descriptors, so it visits one twice",
                )

    def _table(self, head: int, where: str, descriptor: Descriptor, before: int) -> list[Descriptor]:
        """The entries of an indirect table, whose own WRITE flag means nothing (2.7.5.3.2)."""
        if not self.indirect:
            self.report("indirect.flag-needs-feature", "2.7.5.3.1", f"{where}: INDIRECT without INDIRECT_DESC")
        if descriptor.flags & NEXT:
            raise RingError("indirect.no-indirect-and-next", "2.7.5.3.1", f"{where}: both INDIRECT and NEXT are set")
        if descriptor.length == 0 or descriptor.length % 16:
            raise RingError(
                "inv.indirect-len",
                "2.7.5.3",
                f"{where}: indirect table of {descriptor.length} bytes is not a positive multiple of 16",
            )
        if not self.memory.contains(descriptor.address, descriptor.length):
            raise RingError(
                "inv.indirect-len",
                "2.7.5.3",
                f"{where}: indirect table of {descriptor.length} bytes at {descriptor.address:#x} is outside RAM",
            )
        entries = descriptor.length // 16
        found: list[Descriptor] = []
        index = 0
        while True:
            entry = self._descriptor(descriptor.address + 16 * index, f"{where}, entry {index}")
            if entry.flags & INDIRECT:
                raise RingError("indirect.no-nesting", "2.7.5.3.1", f"{where}, entry {index}: INDIRECT in a table")
            found.append(self._buffer(entry, f"{where}, entry {index}"))
            if not entry.flags & NEXT:
                break
            if entry.next >= entries:
                raise RingError(
                    "inv.desc-next-range",
                    "2.7.5",
                    f"{where}, entry {index}: next is {entry.next}, the table has {entries} entries",
                )
            index = entry.next
            if len(found) >= entries:
                raise RingError(
                    "split.chain-no-loop",
                    "2.7.5.2",
                    f"{where}: still going on after all {entries} entries of its table, so it visits one twice",
                )
            if before + len(found) >= MAX_CHAIN:
                raise RingError(
                    "split.chain-le-queue-size", "2.7.5.3.1", f"chain {head}: longer than {MAX_CHAIN} descriptors"
                )
        if before + len(found) > self.size:
            # Linux makes such chains with small queues; no device needs to refuse them
            self.report(
                "split.chain-le-queue-size",
                "2.7.5.3.1",
                f"chain {head}: {before + len(found)} descriptors in a queue of {self.size}",
            )
        return found

    def _descriptor(self, address: int, where: str) -> Descriptor:
        descriptor = Descriptor(*DESCRIPTOR.unpack(self.memory.read(address, 16)))
        if descriptor.flags & ~KNOWN_FLAGS:
            undefined = descriptor.flags & ~KNOWN_FLAGS
            self.report("inv.desc-undefined-flags", "2.7.5", f"{where}: undefined flags {undefined:#x}")
        return descriptor

    def _buffer(self, descriptor: Descriptor, where: str) -> Descriptor:
        if descriptor.length == 0:
            raise RingError("inv.buffer-in-ram", "2.7.5", f"{where}: a buffer of 0 bytes at {descriptor.address:#x}")
        if not self.memory.contains(descriptor.address, descriptor.length):
            raise RingError(
                "inv.buffer-in-ram",
                "2.7.5",
                f"{where}: {descriptor.length} bytes at {descriptor.address:#x} are not inside RAM",
            )
        return descriptor
