"""Kernel modules of an unpacked Linux package: which are needed, and in what order they can be loaded.

`modules.dep` is made by depmod when the package is installed; here each module's own `.modinfo` is read instead.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import NamedTuple

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from emu.elf import read_file
from emu.errors import InputError


class Module(NamedTuple):
    """A module by its name in the kernel (with `_`), and its unpacked ELF file."""

    name: str
    data: bytes


def kernel_name(file_name: str) -> str:
    """`virtio-rng.ko.xz` is `virtio_rng` to the kernel."""
    return file_name.partition(".ko")[0].replace("-", "_")


def unpack_module(data: bytes, path: str) -> bytes:
    """The ELF file in a .ko, .ko.xz or .ko.gz; raises InputError for what is none of them."""
    try:
        if path.endswith(".xz"):
            data = lzma.decompress(data)
        elif path.endswith(".gz"):
            data = gzip.decompress(data)
    except (lzma.LZMAError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: corrupt: {error}") from None
    if not data.startswith(b"\x7fELF"):
        raise InputError(f"{path}: not a module: it holds no ELF file (plain, xz and gzip are known)")
    return data


def information(data: bytes, path: str) -> dict[str, list[str]]:
    """The `key=value` texts of a module's .modinfo; raises InputError if it has none."""
    try:
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".modinfo")
        content: bytes = section.data() if section is not None else b""
    except (ELFError, ValueError, UnicodeError) as error:
        raise InputError(f"{path}: not a module: {error}") from None
    found: dict[str, list[str]] = {}
    for text in content.decode("utf-8", "replace").split("\0"):
        key, equals, value = text.partition("=")
        if equals:
            found.setdefault(key, []).append(value)
    if "depends" not in found:
        raise InputError(f"{path}: not a module: its .modinfo does not say depends=")
    return found


class Modules:
    """The modules below one folder such as `lib/modules/6.12`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {kernel_name(path.name): path for path in sorted(folder.rglob("*.ko*"))}
        builtin = folder / "modules.builtin"
        lines = builtin.read_text().splitlines() if builtin.exists() else []
        self._builtin = {kernel_name(line.rsplit("/", 1)[-1]) for line in lines}

    def in_load_order(self, wanted: list[str]) -> list[Module]:
        """`wanted` and all that they need, each after what it needs; what is built into the kernel is left out.

        Raises InputError for a module that is not there, and for a circle.
        """
        order: dict[str, Module] = {}
        for name in wanted:
            self._add(kernel_name(name), order, ())
        return list(order.values())

    def _add(self, name: str, order: dict[str, Module], above: tuple[str, ...]) -> None:
        if name in order or name in self._builtin:
            return
        if name in above:
            raise InputError(f"{self.folder}: the modules {', '.join(above)} need each other")
        path = self._files.get(name)
        if path is None:
            needs = f", which {above[-1]} needs," if above else ""
            raise InputError(f"{self.folder}: the module {name}{needs} is missing")
        data = unpack_module(read_file(path), str(path))
        for needed in information(data, str(path))["depends"][0].split(","):
            if needed:
                self._add(kernel_name(needed), order, (*above, name))
        order[name] = Module(name, data)
