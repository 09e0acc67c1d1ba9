"""What an initialization came to, as numbers: so that a host-side driver and one in a guest can be compared.

A guest prints one line on its UART: `@@ERROR code=<decimal> a=<hex> b=<hex> status=<hex>`.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from virtio import errors
from virtio.errors import VirtIOInitializationError

NONE = 0xFFFF_FFFF_FFFF_FFFF
"""The payload word that stands for `accepted` None."""


class Code(IntEnum):
    """A number for each variant of VirtIOInitializationError, named as its class; 0 is success."""

    Success = 0
    NotAVirtIODevice = 1
    InvalidVirtIOVersion = 2
    InvalidTransportVersion = 3
    UnknownDeviceType = 4
    IncompatibleDriverDeviceType = 5
    FeatureNegotiationFailed = 6
    VirtqueueNotAvailable = 7
    DriverPreInitializationError = 8
    DriverInitializationError = 9
    DeviceError = 10

    @property
    def error(self) -> type[VirtIOInitializationError] | None:
        """The exception of this code."""
        cls: type[VirtIOInitializationError] | None = getattr(errors, self.name, None)
        return cls


class Outcome(NamedTuple):
    """`payload` holds what Tock's variant carries, in its order; `status` is the Status register afterwards."""

    code: Code
    payload: tuple[int | None, ...]
    status: int

    def __str__(self) -> str:
        return f"{self.code.name}{payload_text(self.payload)} status {self.status:#04x}"


def payload_text(payload: tuple[int | None, ...]) -> str:
    """`(0x10, None)`; nothing for an empty payload."""
    words = ", ".join("None" if word is None else f"{word:#x}" for word in payload)
    return f"({words})" if payload else ""


def outcome(error: VirtIOInitializationError | None, status: int) -> Outcome:
    """The outcome of an `initialize` that raised `error` (None: it returned)."""
    if error is None:
        return Outcome(Code.Success, (), status)
    payload = tuple(None if word is None else int(word) for word in error.payload)
    return Outcome(Code[type(error).__name__], payload, status)


def line(result: Outcome) -> str:
    """What a guest prints for `result`."""
    words = [NONE if word is None else word for word in result.payload]
    if result.code is Code.DriverInitializationError:
        words.reverse()  # a: cause, b: device type
    a, b = [*words, 0, 0][:2]
    return f"@@ERROR code={result.code:d} a={a:x} b={b:x} status={result.status:x}"


_LINE = re.compile(r"@@ERROR code=(\d+) a=([0-9a-fA-F]+) b=([0-9a-fA-F]+) status=([0-9a-fA-F]+)\s*")


def parse(text: str) -> Outcome:
    """The outcome in a guest's line; raises ValueError that says what is wrong with it."""
    match = _LINE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a line `@@ERROR code=<d> a=<hex> b=<hex> status=<hex>`: {text!r}")
    number, a, b, status = int(match[1]), *(int(word, 16) for word in match.groups()[1:])
    if number not in Code._value2member_map_:
        raise ValueError(f"@@ERROR code={number}: there are codes 0 to {max(Code):d}")
    if status > 0xFF:
        raise ValueError(f"@@ERROR status={status:x}: a device status has 8 bits")
    code = Code(number)
    words: tuple[int | None, ...] = (a,)
    if code is Code.FeatureNegotiationFailed:
        words = (a, None if b == NONE else b)
    elif code is Code.DriverInitializationError:
        words = (b, a)
    elif code not in _ONE_WORD:
        words = ()
    return Outcome(code, words, status)


_ONE_WORD = (
    Code.UnknownDeviceType,
    Code.IncompatibleDriverDeviceType,
    Code.VirtqueueNotAvailable,
    Code.DriverPreInitializationError,
)


def find(console: str) -> Outcome:
    """The outcome in all that a guest printed; raises ValueError where there is no such line."""
    for text in console.splitlines():
        if text.startswith("@@ERROR "):
            return parse(text)
    raise ValueError(f"no line @@ERROR in what the guest printed: {console[-200:]!r}")
