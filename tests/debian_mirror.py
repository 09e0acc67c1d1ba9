"""A Debian mirror in a folder, with small packages under the real names, for apt itself to fetch from."""

from __future__ import annotations

import hashlib
import lzma
import struct
import subprocess
from pathlib import Path

LINUX = "linux-image-6.12.1-riscv64"
KERNEL = b"not a kernel, but the same bytes in the end"
NEEDS = {
    "kernel/drivers/virtio/virtio_mmio": "",
    "kernel/drivers/block/virtio_blk": "",
    "kernel/drivers/char/hw_random/virtio-rng": "",
    "kernel/crypto/crc32c_generic": "",
    "kernel/fs/ext4/ext4": "jbd2,crc16",
    "kernel/fs/jbd2/jbd2": "",
    "kernel/lib/crc16": "",
}
"""Modules without .ko.xz -> what they depend on."""
OPENSBI = "usr/lib/riscv{}-linux-gnu/opensbi/generic/fw_{}.bin"
FIRMWARE = [OPENSBI.format(xlen, kind) for xlen in (64, 32) for kind in ("dynamic", "jump")]
U_BOOT = [f"usr/lib/u-boot/{kind}/u-boot.bin" for kind in ("qemu-riscv64", "qemu-riscv64_smode")]


def module(modinfo: bytes) -> bytes:
    """An ELF64 object with nothing but a .modinfo section."""
    names = b"\0.modinfo\0.shstrtab\0"
    table = 64 + len(modinfo) + len(names)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 1, 243, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 0, 0, 64, len(modinfo), 0, 0, 1, 0)
    sections += struct.pack("<IIQQQQIIQQ", 10, 3, 0, 0, 64 + len(modinfo), len(names), 0, 0, 1, 0)
    return header + modinfo + names + sections


def linux_files() -> dict[str, bytes]:
    """What a package with a kernel has."""
    release = "usr/lib/modules/6.12.1-riscv64/"
    found = {"boot/vmlinux-6.12.1-riscv64": KERNEL, "boot/config-6.12.1-riscv64": b"CONFIG_VIRTIO=y\n"}
    for path, needs in NEEDS.items():
        text = f"license=GPL\0depends={needs}\0name={path.rsplit('/', 1)[1].replace('-', '_')}\0"
        found[f"{release}{path}.ko.xz"] = lzma.compress(module(text.encode()))
    found[release + "modules.builtin"] = b"kernel/drivers/char/virtio_console.ko\n"
    return found


class Mirror:
    """The mirror below `folder`, which apt's sources in `etc` name. `add` packages, then `publish`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "debian"
        self.etc = folder / "etc"
        self.uri = f"file:{self.root}"
        self._packages: list[str] = []
        self._work = folder / "package"
        (self.root / "pool").mkdir(parents=True)
        (self.etc / "sources.list.d").mkdir(parents=True)
        stanza = f"# comment\nTypes: deb\nURIs: {self.uri}\nSuites: bookworm\nComponents: main\nTrusted: yes\n"
        (self.etc / "sources.list.d" / "debian.sources").write_text(stanza)

    def add(self, name: str, version: str, files: dict[str, bytes], depends: str = "") -> None:
        """Make a .deb file, by dpkg-deb."""
        place = self._work / f"{name}-{version}"
        for path, data in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
        fields = f"Package: {name}\nVersion: {version}\nArchitecture: riscv64\nMaintainer: nobody\nDescription: test\n"
        fields += f"Depends: {depends}\n" if depends else ""
        (place / "DEBIAN").mkdir(parents=True)
        (place / "DEBIAN/control").write_text(fields)
        deb = self.root / "pool" / f"{name}_{version}_riscv64.deb"
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(place), str(deb)]
        subprocess.run(command, check=True, capture_output=True)
        data = deb.read_bytes()
        fields += f"Filename: pool/{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        self._packages.append(fields)

    def publish(self, suite: str = "trixie") -> None:
        """Write the lists that apt reads."""
        lists = self.root / "dists" / suite
        packages = lists / "main/binary-riscv64/Packages"
        packages.parent.mkdir(parents=True, exist_ok=True)
        data = "\n".join(self._packages).encode()
        packages.write_bytes(data)
        line = f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-riscv64/Packages\n"
        head = f"Origin: Debian\nSuite: {suite}\nCodename: {suite}\nArchitectures: riscv64\nComponents: main\n"
        (lists / "Release").write_text(f"{head}Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{line}")

    def fill(self) -> None:
        """Everything that `virtscope get` asks for, but the kernel's source."""
        self.add("linux-image-riscv64", "6.12.1-1", {}, f"{LINUX} (= 6.12.1-1)")
        self.add(LINUX, "6.12.1-1", linux_files())
        self.add("busybox-static", "1.37", {"usr/bin/busybox": b"\x7fELF busybox"})
        self.add("opensbi", "1.6-1", {path: path.encode() for path in FIRMWARE})
        self.add("u-boot-qemu", "2025.01-3", {path: path.encode() for path in U_BOOT})
        self.publish()
