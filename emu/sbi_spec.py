"""Names and numbers of the supervisor binary interface (RISC-V SBI 2.0)."""

from __future__ import annotations

from enum import IntEnum

SPEC_VERSION = 2 << 24
"""Version 2.0, as the base extension says it (4.1)."""


class Status(IntEnum):
    """What a call returns in a0 (chapter 3, table 1)."""

    SUCCESS = 0
    FAILED = -1
    NOT_SUPPORTED = -2
    INVALID_PARAM = -3
    INVALID_ADDRESS = -5
    ALREADY_AVAILABLE = -6


class Extension(IntEnum):
    """Extension ids in a7; the legacy ones (chapter 5) are a function each."""

    SET_TIMER = 0
    PUTCHAR = 1
    GETCHAR = 2
    CLEAR_IPI = 3
    SEND_IPI = 4
    REMOTE_FENCE_I = 5
    REMOTE_SFENCE_VMA = 6
    REMOTE_SFENCE_VMA_ASID = 7
    SHUTDOWN = 8
    BASE = 0x10
    TIME = 0x54494D45
    IPI = 0x735049
    RFENCE = 0x52464E43
    HSM = 0x48534D
    SRST = 0x53525354
    DBCN = 0x4442434E


class Refused(Exception):
    """A call ends with this status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status
