"""Debian packages: the mirror as apt's sources have it, and programs that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import InputError
from tui import debian
from tui.debian import Mirror, call, find_mirror, missing_tools, version_of

KEY = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"


def sources(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


def test_a_mirror_is_found_in_a_deb822_file(tmp_path: Path) -> None:
    text = """# Debian
Types: deb deb-src
# an older one
URIs: http://mirror.test/debian/
Suites: bookworm
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/debian-security
"""
    assert find_mirror(sources(tmp_path, "sources.list.d/debian.sources", text)) == Mirror(
        "http://mirror.test/debian/", KEY
    )


def test_a_mirror_is_found_in_a_list_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "none")
    text = "# deb http://old.test/debian x main\ndeb-src http://a.test/debian x main\n"
    sources(tmp_path, "sources.list", text + "deb [arch=amd64 signed-by=/k.gpg] http://b.test/debian x main\n")
    assert find_mirror(tmp_path) == Mirror("http://b.test/debian", "signed-by=/k.gpg")
    sources(tmp_path, "sources.list", "deb http://c.test/debian x main\n")
    assert find_mirror(tmp_path) == Mirror("http://c.test/debian", "")


def test_a_source_that_is_off_or_of_another_system_is_none(tmp_path: Path) -> None:
    text = "Types: deb\nEnabled: no\nURIs: http://mirror.test/debian\n"
    sources(tmp_path, "sources.list.d/debian.sources", text)
    sources(tmp_path, "sources.list", "deb http://mirror.test/ubuntu noble main\n")
    assert find_mirror(tmp_path) is None
    assert find_mirror(tmp_path / "nowhere") is None


def test_the_version_of_a_package_is_in_its_files_name() -> None:
    assert version_of(Path("busybox-static_1%3a1.37.0-6+b9_riscv64.deb")) == "1:1.37.0-6+b9"


def test_a_program_that_fails_is_quoted_by_its_first_error(tmp_path: Path) -> None:
    script = "echo Get:1 >&2; echo 'W: slow' >&2; echo 'E: no network' >&2; echo 'E: gave up' >&2; exit 100"
    with pytest.raises(InputError, match=r"^sh: no network$"):
        call(["sh", "-c", script], tmp_path)
    script = "echo a.c: missing >&2; echo 'make[2]: *** [x] Error 1' >&2; echo 'make: *** [x] Error 2' >&2; exit 2"
    with pytest.raises(InputError, match=r"^sh: a\.c: missing$"):
        call(["sh", "-c", script], tmp_path)
    with pytest.raises(InputError, match=r"^false: exit code 1$"):
        call(["false"], tmp_path)
    with pytest.raises(InputError, match=r"^no-such-program: No such file or directory$"):
        call(["no-such-program"], tmp_path)


def test_missing_tools_are_named() -> None:
    assert missing_tools(("sh", "no-such-program")) == ["no-such-program"]
