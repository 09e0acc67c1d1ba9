"""Debian packages through the machine's own mirror: found as apt is configured, fetched by apt-get, no root needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from emu.errors import InputError

SUITE = "trixie"
"""The release that has riscv64."""
APT_FOLDER = Path("/etc/apt")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TOOLS = ("apt-get", "apt-cache", "dpkg-deb")
OUT_OF_STEP = re.compile(r"Mirror sync in progress|Hash Sum mismatch", re.IGNORECASE)
ONE_LINE = re.compile(r"^deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s")


class MirrorOutOfStep(InputError):
    """The mirror is being brought up to date: what it has does not fit the lists that it signed. Only time helps."""


class Mirror(NamedTuple):
    """Where packages come from, and apt's options in brackets that say whom to trust."""

    uri: str
    options: str


def find_mirror(folder: Path = APT_FOLDER) -> Mirror | None:
    """The first Debian archive in this machine's apt sources, or None."""
    sources = sorted((folder / "sources.list.d").glob("*.sources"))
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    found = [mirror for path in sources for mirror in _stanzas(path)]
    found += [mirror for path in lists if path.exists() for mirror in _lines(path)]
    return next((mirror for mirror in found if mirror.uri.rstrip("/").endswith("/debian")), None)


def _stanzas(path: Path) -> list[Mirror]:
    mirrors = []
    for stanza in re.split(r"\n[ \t]*\n", _text(path)):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        mirrors += [Mirror(uri, _options(fields)) for uri in fields.get("uris", "").split()]
    return mirrors


def _lines(path: Path) -> list[Mirror]:
    mirrors = []
    for line in _text(path).splitlines():
        found = ONE_LINE.match(line)
        if found is not None:
            words = (word.partition("=") for word in (found[1] or "").split())
            mirrors.append(Mirror(found[2], _options({key.lower(): value for key, _, value in words})))
    return mirrors


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _options(fields: dict[str, str]) -> str:
    """Whom the machine trusts for this source; Debian's own keyring where it does not say."""
    if fields.get("trusted", "").lower() == "yes":
        return "trusted=yes"
    key = fields.get("signed-by", "")
    if key.startswith("/"):
        return f"signed-by={key.replace(' ', ',')}"
    return f"signed-by={KEYRING}" if KEYRING.exists() else ""


class Apt:
    """apt for riscv64 with all of its state below `folder`. Raises InputError for whatever apt complains of."""

    def __init__(self, folder: Path, mirror: Mirror) -> None:
        self.folder = folder
        for part in ("lists/partial", "cache/archives/partial", "deb"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        brackets = " ".join(("arch=riscv64", mirror.options)).strip()
        (folder / "sources.list").write_text(f"deb [{brackets}] {mirror.uri} {SUITE} main\n")
        settings = {
            "APT::Architecture": "riscv64",
            "APT::Architectures": "riscv64",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Dir::State::Lists": str(folder / "lists"),
            "Dir::State::status": str(folder / "status"),
            "Dir::Cache": str(folder / "cache"),
            "Dir::Etc::sourcelist": str(folder / "sources.list"),
            "Dir::Etc::sourceparts": "/dev/null",
        }
        self._options = [f"-o{key}={value}" for key, value in settings.items()]

    def update(self) -> None:
        """Fetch the lists of packages; raises MirrorOutOfStep if they do not fit each other today."""
        try:
            self._run("apt-get", "update")
        except InputError as error:
            if OUT_OF_STEP.search(str(error)):
                raise MirrorOutOfStep(str(error)) from None
            raise

    def newest_image(self, metapackage: str) -> str:
        """The kernel package that `metapackage` stands for."""
        text = self._run("apt-cache", "depends", metapackage)
        found = re.search(r"^ *Depends: (linux-image-\S+)$", text, re.MULTILINE)
        if found is None:
            raise InputError(f"{metapackage}: it depends on no linux-image")
        return found[1]

    def size(self, package: str) -> int:
        """How many bytes a download of `package` has."""
        text = self._run("apt-get", "download", "--print-uris", package)
        found = re.search(r"^'[^']*' \S+ (\d+)", text, re.MULTILINE)
        return int(found[1]) if found is not None else 0

    def download(self, package: str) -> Path:
        """Fetch `package` and check it; returns the .deb file."""
        self._run("apt-get", "download", package)
        debs = sorted((self.folder / "deb").glob(f"{package}_*.deb"))
        if not debs:
            raise InputError(f"{package}: apt-get download left no .deb file")
        return debs[0]

    def _run(self, program: str, *arguments: str) -> str:
        return call([program, *self._options, "-q", *arguments], self.folder / "deb")


def version_of(deb: Path) -> str:
    """The version in the name of a .deb file."""
    return unquote(deb.name.split("_")[1])


def unpack(deb: Path, target: Path) -> None:
    """Put the files of a package below `target`."""
    call(["dpkg-deb", "-x", str(deb), str(target)], deb.parent)


def call(command: list[str], folder: Path) -> str:
    """What a program prints; raises InputError with its own reason if it fails or is not there."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", check=False,
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        lines = [line for line in lines if not re.match(r"make(\[\d+])?: ", line)] or lines  # make repeats it
        errors = [line for line in lines if re.search(r"^E:|\berror\b", line, re.IGNORECASE)] or lines[-1:]
        reason = errors[0].removeprefix("E:").strip() if errors else f"exit code {done.returncode}"
        raise InputError(f"{command[0]}: {reason}")
    return done.stdout


def missing_tools(tools: tuple[str, ...] = TOOLS) -> list[str]:
    """Which of these programs this machine does not have."""
    return [tool for tool in tools if shutil.which(tool) is None]
