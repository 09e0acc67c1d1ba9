"""The host's file behind a block device: everything in it can go wrong, and then it is an OSError."""

from __future__ import annotations

import hashlib
import os
from io import SEEK_END, UnsupportedOperation
from typing import Protocol

from emu.snapshot import BadState, State, record, shortened

SECTOR = 512
PIECE = 0x100000
"""Bytes moved at once: a request may have 4 GiB."""


class Backend(Protocol):
    """An open, seekable binary file, raw or buffered; it may read and write less than asked."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def read(self, size: int, /) -> bytes | None: ...
    def write(self, data: bytes, /) -> int | None: ...
    def flush(self) -> None: ...
    def fileno(self) -> int: ...


class Disk:
    """`file` as sectors of 512 bytes; raises ValueError if it ends inside one. Offsets and sizes are in bytes."""

    def __init__(self, file: Backend) -> None:
        size = file.seek(0, SEEK_END)
        if size % SECTOR:
            raise ValueError(f"disk of {size} bytes: not a multiple of {SECTOR}")
        self.file = file
        self.sectors = size // SECTOR

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes at `offset`; raises OSError if the file became shorter than it was."""
        self._seek(offset)
        parts = []
        while size > 0:
            part = self.file.read(size)
            if not part:
                raise OSError(f"the file ends {size} bytes too early")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        self._seek(offset)
        while data:
            done = self.file.write(data)
            if not done:
                raise OSError("the file takes no data")
            data = data[done:]

    def zero(self, offset: int, size: int) -> None:
        """Write `size` zero bytes at `offset`."""
        for done in range(0, size, PIECE):
            self.write(offset + done, bytes(min(PIECE, size - done)))

    def snapshot(self) -> State:
        """What tells whether a disk is this one; the content stays where it is. Raises OSError."""
        self.flush()
        return {"sectors": self.sectors, "sha256": self.digest()}

    def restore(self, state: object) -> None:
        """See that this is the disk that was there: a guest keeps parts of it in RAM, and would ruin another."""
        saved = record(state, ("sectors", "sha256"))
        if saved["sectors"] != self.sectors:
            raise BadState(f"it has {self.sectors} sectors, the saved one had {shortened(saved['sectors'])}")
        try:
            digest = self.digest()
        except OSError as error:
            raise BadState(f"it cannot be read: {error}") from None
        if saved["sha256"] != digest:
            raise BadState("its content is not what it was: restore with a copy of the disk from then")

    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        found = hashlib.sha256()
        for offset in range(0, self.sectors * SECTOR, PIECE):
            found.update(self.read(offset, min(PIECE, self.sectors * SECTOR - offset)))
        return found.hexdigest()

    def flush(self) -> None:
        """Hand what was written to the host."""
        try:
            self.file.flush()
        except ValueError as error:  # the file was closed
            raise OSError(str(error)) from None

    def sync(self) -> None:
        """Make what was written survive the host, if the file is more than memory."""
        self.flush()
        try:
            descriptor = self.file.fileno()
        except UnsupportedOperation:
            return
        os.fsync(descriptor)

    def _seek(self, offset: int) -> None:
        try:
            self.file.seek(offset)
        except ValueError as error:  # the file was closed
            raise OSError(str(error)) from None
