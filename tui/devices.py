"""`--device NAME[,key=value...]`: what a person may put into a slot."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from emu.errors import InputError
from virtio.device import Device

SECTOR = 512


class Host(NamedTuple):
    """What a device may have of the host: where a console writes, where an entropy device gets its bytes.

    `files` closes what is open for it.
    """

    output: Callable[[bytes], object]
    entropy: Callable[[int], bytes]
    files: contextlib.ExitStack


class Options:
    """The keys of one `--device`. Whatever is not taken in the end is an error that names it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.name, *pairs = text.split(",")
        self._values: dict[str, str] = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            if not key or key in self._values:
                raise InputError(f"--device {text}: {'empty' if not key else 'repeated'} key {key!r}")
            self._values[key] = value

    def text_of(self, key: str, default: str = "") -> str:
        return self._values.pop(key, default)

    def flag(self, key: str) -> bool:
        value = self._values.pop(key, None)
        if value not in (None, "", "on", "off"):
            raise InputError(f"--device {self.text}: {key} is on or off, not {value!r}")
        return value in ("", "on")

    def number(self, key: str, low: int, high: int) -> int | None:
        value = self._values.pop(key, None)
        if value is None:
            return None
        try:
            number = int(value, 0)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise InputError(f"--device {self.text}: {key} is a number from {low} to {high}, not {value!r}")
        return number

    def finish(self, known: str) -> None:
        if self._values:
            raise InputError(f"--device {self.text}: unknown key {next(iter(self._values))!r}; {self.name} has {known}")


def open_file(path: str, mode: str, buffering: int = -1) -> BinaryIO:
    """Open a file of the person's, or raise InputError that names it."""
    try:
        return open(path, mode, buffering)  # type: ignore[return-value]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def open_disk(path: str, readonly: bool) -> BinaryIO:
    """A raw disk image: a regular file or block device of whole sectors."""
    disk = open_file(path, "rb" if readonly else "r+b")
    try:
        size = disk.seek(0, os.SEEK_END)
    except OSError:
        raise InputError(f"{path}: not a disk image, it has no size") from None
    if size % SECTOR or not size:
        raise InputError(f"{path}: size {size} is not a positive multiple of {SECTOR} bytes")
    with contextlib.suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(disk, (fcntl.LOCK_SH if readonly else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{path}: in use as a disk already, by this machine or another") from None
    return disk


def _rng(options: Options, host: Host) -> Device:
    from virtio.devices.rng import Rng  # noqa: PLC0415  (a device's module is loaded when it is asked for)

    options.finish("slot=N")
    return Rng(host.entropy)


def _blk(options: Options, host: Host) -> Device:
    from virtio.devices.blk import Blk  # noqa: PLC0415

    path, readonly = options.text_of("file"), options.flag("readonly")
    serial = options.text_of("serial")
    options.finish("file=PATH, readonly, serial=TEXT, slot=N")
    if not path:
        raise InputError(f"--device {options.text}: blk needs file=PATH")
    if len(serial.encode()) > 20:
        raise InputError(f"--device {options.text}: serial is at most 20 bytes, not {len(serial.encode())}")
    if not serial.isascii():
        raise InputError(f"--device {options.text}: serial is ASCII only, not {serial!r}")
    disk = host.files.enter_context(open_disk(path, readonly))
    return Blk(disk, readonly=readonly, serial=serial)


def _console(options: Options, host: Host) -> Device:
    from virtio.devices.console import Console  # noqa: PLC0415

    cols, rows = options.number("cols", 1, 0xFFFF), options.number("rows", 1, 0xFFFF)
    source, target = options.text_of("input"), options.text_of("output")
    options.finish("cols=N, rows=N, input=PATH, output=PATH, slot=N")
    if (cols is None) != (rows is None):
        raise InputError(f"--device {options.text}: cols and rows go together")
    data = b""
    if source:
        with open_file(source, "rb") as stream:
            data = stream.read(1 << 20)
    sink = host.files.enter_context(open_file(target, "wb", buffering=0)).write if target else host.output
    console = Console(sink, size=None if cols is None or rows is None else (cols, rows))
    console.feed(data)
    return console


MAKERS: dict[str, Callable[[Options, Host], Device]] = {
    "rng": _rng,
    "blk": _blk,
    "console": _console,
}


def make_devices(
    texts: list[str],
    slots: int,
    output: Callable[[bytes], object],
    entropy: Callable[[str], Callable[[int], bytes]] = lambda label: os.urandom,
    files: contextlib.ExitStack | None = None,
) -> dict[int, Device]:
    """Slot -> device, in the order given; `slot=N` picks another. `output` is where a console without one writes.

    `entropy("slot 0")` is where an entropy device in slot 0 gets its bytes; `files` closes what the devices have open.
    """
    devices: dict[int, Device] = {}
    files = files or contextlib.ExitStack()
    for text in texts:
        options = Options(text)
        maker = MAKERS.get(options.name)
        if maker is None:
            raise InputError(f"--device {text}: unknown device {options.name!r}; there are {', '.join(MAKERS)}")
        free = next((i for i in range(slots) if i not in devices), None)
        if free is None:
            raise InputError(f"--device {text}: all {slots} slots are taken")
        slot = options.number("slot", 0, slots - 1)
        if slot is None:
            slot = free
        if slot in devices:
            raise InputError(f"--device {text}: slot {slot} is taken")
        devices[slot] = maker(options, Host(output, entropy(f"slot {slot}"), files))
    return devices
