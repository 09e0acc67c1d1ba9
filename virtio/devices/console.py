"""The console device (VirtIO 5.3): port 0 only."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import ClassVar

from emu.snapshot import Octets
from virtio.device import Device
from virtio.queue.split import Queue
from virtio.spec import ConsoleFeature, DeviceId, mask

MOST_INPUT = 0x10000
"""Bytes of input that wait for the driver at most."""
PIECE = 0x10000
EMERG_WR = 8
CONFIG = struct.Struct("<HHII")


class Console(Device):
    """Bytes out to `output(data)`, bytes in by `feed`; `size` is (columns, rows), None where nobody knows.

    Input that comes before the driver gives buffers waits. Raises ValueError for a size beyond 65535.
    """

    device_id = DeviceId.CONSOLE
    queue_names = ("receiveq", "transmitq")
    input_queues = ("receiveq",)
    config_writable = (range(EMERG_WR, EMERG_WR + 4),)
    saved: ClassVar = {"_input": Octets(MOST_INPUT)}

    def __init__(self, output: Callable[[bytes], object], size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.output = output
        self.features |= mask(ConsoleFeature.EMERG_WRITE)
        if size is not None:
            self.features |= mask(ConsoleFeature.SIZE)
        self.config = bytearray(CONFIG.pack(0, 0, 1, 0))
        self._set_size(*size or (80, 25))
        self._input = bytearray()

    @property
    def backlog(self) -> int:
        return len(self._input)

    def feed(self, data: bytes) -> int:
        """Input from outside; returns how many bytes were taken (the rest does not fit and is the caller's)."""
        taken = min(len(data), MOST_INPUT - len(self._input))
        self._input += data[:taken]
        self._deliver()
        return taken

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size now (5.3.4); raises ValueError if the console was made without a size."""
        if not self.features >> ConsoleFeature.SIZE & 1:
            raise ValueError("this console was made without a size")
        self._set_size(columns, rows)
        if self.host is not None:
            self.host.config_changed()

    def on_notify(self, queue: Queue, name: str) -> None:
        if name == "receiveq":
            self._deliver()
            return
        for chain in queue:
            if chain.room:
                self.violation("console.tx-no-writable", "5.3.6.1", f"chain {chain.head} has a writable buffer")
            while data := chain.read(PIECE):
                self._send(data)
            queue.push(chain)

    def on_driver_ok(self) -> None:
        self._deliver()

    def on_config_write(self, offset: int, data: bytes) -> None:
        """A character of an emergency write, which needs no initialization (5.3.5.1)."""
        if offset == EMERG_WR:
            self._send(data[:1])

    def _set_size(self, columns: int, rows: int) -> None:
        if not (0 <= columns <= 0xFFFF and 0 <= rows <= 0xFFFF):
            raise ValueError(f"console size {columns}x{rows}: each is 0 to 65535")
        struct.pack_into("<HH", self.config, 0, columns, rows)

    def _send(self, data: bytes) -> None:
        try:
            self.output(data)
        except OSError as error:
            self.notice(f"{len(data)} bytes of output lost: {error}")

    def _deliver(self) -> None:
        """Fill receive buffers with the input that waits."""
        if not self.queues:
            return
        queue = self.queues[0]
        for _ in range(queue.size + 1):  # once more than a driver can have out: the ring must be seen empty (2.7.10)
            chain = queue.pop() if self._input else None
            if chain is None:
                return
            if chain.readable_size:
                self.violation("console.rx-no-readable", "5.3.6.1", f"chain {chain.head} has a readable buffer")
            del self._input[: chain.write(bytes(self._input[: chain.room]))]
            queue.push(chain)
