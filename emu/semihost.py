"""RISC-V semihosting: a guest asks its host for console output, the time, or the end of the run.

The calls are those of Arm's semihosting specification, which RISC-V's binary interface takes over. A guest gets no
file of the host's: such calls are refused by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any, ClassVar

from emu.memory import BadAddress, Memory
from emu.snapshot import Saved, bits
from emu.trace import NO_TRACE, Notice, Trace

FAILED = -1
APPLICATION_EXIT = 0x20026
CONSOLE = b":tt"
EINVAL, EBADF, EACCES = 22, 9, 13
MAX_STRING = 1 << 16
"""A string without an end is cut here, so that a guest cannot make us walk through all of its memory."""
STDIN, STDOUT, STDERR = 1, 2, 3
INSTRUCTIONS = (0x01F01013, 0x00100073, 0x40705013)
"""slli x0, x0, 0x1f; ebreak; srai x0, x0, 7: three uncompressed instructions that nothing else uses."""


class Sys(IntEnum):
    """Operation numbers."""

    OPEN = 0x01
    CLOSE = 0x02
    WRITEC = 0x03
    WRITE0 = 0x04
    WRITE = 0x05
    READ = 0x06
    READC = 0x07
    ISERROR = 0x08
    ISTTY = 0x09
    SEEK = 0x0A
    FLEN = 0x0C
    TMPNAM = 0x0D
    REMOVE = 0x0E
    RENAME = 0x0F
    CLOCK = 0x10
    TIME = 0x11
    SYSTEM = 0x12
    ERRNO = 0x13
    GET_CMDLINE = 0x15
    HEAPINFO = 0x16
    EXIT = 0x18
    EXIT_EXTENDED = 0x20
    ELAPSED = 0x30
    TICKFREQ = 0x31


class Semihosting(Saved):
    """Answers `call(operation, argument)`, the values of a0 and a1, with the new a0. Nothing in it raises.

    `output(data)` is the console, `on_exit(code)` ends the run, `read_char()` gives a byte of input or -1;
    `translate` makes a guest-physical address of a pointer and may raise `BadAddress`.
    """

    saved: ClassVar = {"_errno": bits(32)}

    def __init__(
        self,
        memory: Memory,
        output: Callable[[bytes], object],
        on_exit: Callable[[int], object],
        *,
        xlen: int = 64,
        trace: Trace = NO_TRACE,
        translate: Callable[[int], int] = lambda address: address,
        read_char: Callable[[], int] = lambda: -1,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.memory = memory
        self.output = output
        self.on_exit = on_exit
        self.trace = trace
        self.translate = translate
        self.read_char = read_char
        self.now = now
        self._word = xlen // 8
        self._started = now()
        self._errno = 0

    def trap(self, hart: Any, pc: int) -> bool:
        """Do the call of `hart` if the ebreak at `pc` is one."""
        if tuple(hart.fetch(at) for at in (pc - 4, pc, pc + 4)) != INSTRUCTIONS:
            return False
        x = hart.core.x
        x[10] = self.call(x[10], x[11])
        hart.core.pc.value = pc + 4
        return True

    def call(self, operation: int, argument: int) -> int:
        """The result for a0: unsigned, as wide as the hart's registers."""
        try:
            result = self._call(operation, argument)
        except BadAddress as error:
            self._tell(f"{_name(operation)}: {error}")
            result = self._fail(EINVAL)
        return result & (1 << 8 * self._word) - 1

    def _call(self, operation: int, argument: int) -> int:  # noqa: PLR0912  (one branch a call)
        if operation == Sys.WRITEC:
            self.output(self._bytes(argument, 1))
            return 0
        if operation == Sys.WRITE0:
            self.output(self._string(argument, MAX_STRING))
            return 0
        if operation == Sys.WRITE:
            return self._write(*self._block(argument, 3))
        if operation == Sys.READC:
            return self.read_char()
        if operation == Sys.OPEN:
            return self._open(*self._block(argument, 3))
        if operation == Sys.CLOSE:
            return 0 if self._block(argument, 1)[0] in (STDIN, STDOUT, STDERR) else self._fail(EBADF)
        if operation == Sys.ISTTY:
            return 1 if self._block(argument, 1)[0] in (STDIN, STDOUT, STDERR) else self._fail(EBADF)
        if operation == Sys.ISERROR:
            return int(self._block(argument, 1)[0] >> 8 * self._word - 1)
        if operation == Sys.CLOCK:
            return int((self.now() - self._started) * 100)
        if operation == Sys.TIME:
            return int(self.now())
        if operation == Sys.ERRNO:
            return self._errno
        if operation == Sys.EXIT:
            # rv32 passes the reason itself, rv64 a block {reason, subcode}
            reason, code = (argument, 0) if self._word == 4 else self._block(argument, 2)
            return self._exit(reason, code)
        if operation == Sys.EXIT_EXTENDED:
            return self._exit(*self._block(argument, 2))
        self._tell(f"{_name(operation)} refused")
        return self._fail(EACCES)

    def _exit(self, reason: int, code: int) -> int:
        """An application's exit ends with its code, anything else (an abort, a breakpoint) with 1."""
        if reason != APPLICATION_EXIT:
            self._tell(f"stopped for reason {reason:#x}")
        self.on_exit(code & 0xFFFFFFFF if reason == APPLICATION_EXIT else 1)
        return 0

    def _open(self, name: int, mode: int, length: int) -> int:
        path = self._bytes(name, min(length, MAX_STRING))
        if path != CONSOLE:
            self._tell(f"SYS_OPEN of {path.decode('utf-8', 'replace')!r} refused: a guest gets no files")
            return self._fail(EACCES)
        return STDIN if mode < 4 else STDOUT if mode < 8 else STDERR

    def _write(self, handle: int, address: int, length: int) -> int:
        """Returns how many bytes were not written."""
        if handle not in (STDOUT, STDERR):
            self._tell(f"SYS_WRITE to handle {handle} refused")
            return self._fail(EBADF)
        if length > MAX_STRING:
            self._errno = EINVAL
            self._tell(f"SYS_WRITE of {length} bytes cut at {MAX_STRING}")
        done = min(length, MAX_STRING)
        self.output(self._bytes(address, done))
        return length - done

    def _fail(self, errno: int) -> int:
        self._errno = errno
        return FAILED

    def _tell(self, message: str) -> None:
        if self.trace.on:
            self.trace.publish(Notice("semihosting", message))

    def _block(self, address: int, words: int) -> tuple[int, ...]:
        raw = self._bytes(address, words * self._word)
        return tuple(int.from_bytes(raw[i : i + self._word], "little") for i in range(0, len(raw), self._word))

    def _bytes(self, address: int, size: int) -> bytes:
        """`size` bytes at a pointer, page by page: neighbours in virtual memory may lie apart in physical."""
        found = bytearray()
        while len(found) < size:
            step = min(size - len(found), 0x1000 - (address & 0xFFF))
            found += self.memory.read(self.translate(address), step)
            address += step
        return bytes(found)

    def _string(self, address: int, limit: int) -> bytes:
        found = bytearray()
        while len(found) < limit:
            byte = self._bytes(address + len(found), 1)
            if byte == b"\0":
                break
            found += byte
        return bytes(found)


def _name(operation: int) -> str:
    try:
        return f"SYS_{Sys(operation).name}"
    except ValueError:
        return f"operation {operation:#x}"
