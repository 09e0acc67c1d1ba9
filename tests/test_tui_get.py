"""`virtscope get`: real apt-get and dpkg-deb on a small mirror in a folder; wrong input is one line, exit code 2."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from cli import complaint
from debian_mirror import FIRMWARE, KERNEL, Mirror, linux_files

from emu.errors import InputError
from tui import cache, debian
from tui.cache import cache_folder, guest_folder, new_guest
from tui.cli import main
from tui.debian import find_mirror
from tui.linux import initramfs

needs_apt = pytest.mark.skipif(bool(debian.missing_tools()), reason="apt-get and dpkg-deb are not here")


@pytest.fixture(autouse=True)
def cache_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("VIRTSCOPE_CACHE", str(folder))
    return folder


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    made = Mirror(tmp_path / "mirror")
    made.fill()
    monkeypatch.setattr("tui.get.find_mirror", lambda: find_mirror(made.etc))
    return made


def leftovers(folder: Path) -> list[str]:
    """What is in the cache beside the guests and what their names point to."""
    kept = {os.readlink(path) for path in folder.iterdir() if path.is_symlink()}
    return [path.name for path in folder.iterdir() if path.name not in (".lock", *kept) and not path.is_symlink()]


@needs_apt
def test_get_linux_leaves_kernel_and_initramfs_and_says_what_they_are(
    mirror: Mirror, cache_of_the_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "linux"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{cache_of_the_test}/linux\n"
    assert "virtscope: linux: downloading linux-image-6.12.1-riscv64 (" in err
    assert "virtscope: linux: busybox-static 1.37\n" in err
    place = guest_folder("linux")
    assert (place / "Image").read_bytes() == KERNEL
    assert (place / "made-from.txt").read_text() == "linux-image-6.12.1-riscv64 6.12.1-1\nbusybox-static 1.37\n"
    content = gzip.decompress((place / "initramfs.cpio.gz").read_bytes())
    order = b"virtio_mmio\nvirtio_blk\nvirtio_rng\ncrc32c_generic\njbd2\ncrc16\next4\n"
    assert order in content  # virtio_console is built into this kernel
    assert b"bin/busybox\0" in content and b"#!/bin/sh\n# /init of the guest" in content
    assert leftovers(cache_of_the_test) == []


@needs_apt
def test_get_again_does_nothing_and_refresh_fetches_what_is_new(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "u-boot", "opensbi"]) == 0
    capsys.readouterr()
    assert main(["get", "opensbi"]) == 0
    assert capsys.readouterr().err == ""
    mirror.add("opensbi", "1.7-1", {path: b"newer" for path in FIRMWARE})
    mirror.publish()
    assert main(["get", "opensbi", "--refresh"]) == 0
    assert "virtscope: opensbi: opensbi 1.7-1\n" in capsys.readouterr().err
    assert (guest_folder("opensbi") / "fw_dynamic-rv32.bin").read_bytes() == b"newer"
    assert (guest_folder("u-boot") / "u-boot-smode.bin").read_bytes().endswith(b"_smode/u-boot.bin")
    assert leftovers(cache_folder()) == []


@needs_apt
def test_a_broken_download_leaves_the_older_guest_whole(
    mirror: Mirror, cache_of_the_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "opensbi"]) == 0
    before = (guest_folder("opensbi") / "fw_jump-rv64.bin").read_bytes()
    deb = next((mirror.root / "pool").glob("opensbi_*"))
    deb.write_bytes(deb.read_bytes()[:-100])
    capsys.readouterr()
    assert main(["get", "opensbi", "--refresh"]) == 2
    (last,) = [line for line in capsys.readouterr().err.splitlines() if "apt-get" in line]
    assert last.startswith("virtscope: apt-get: ")
    assert (guest_folder("opensbi") / "fw_jump-rv64.bin").read_bytes() == before
    assert leftovers(cache_of_the_test) == []


@needs_apt
def test_a_mirror_without_the_release_is_named(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(mirror.root / "dists")
    assert main(["get", "linux"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"virtscope: apt-get: Failed to fetch {mirror.uri}/dists/trixie/")
    assert not guest_folder("linux").exists()


@needs_apt
def test_a_mirror_out_of_step_asks_for_patience_and_changes_nothing(
    mirror: Mirror, cache_of_the_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "u-boot"]) == 0
    lists = mirror.root / "dists/trixie/main/binary-riscv64/Packages"
    lists.write_bytes(lists.read_bytes() + b"\nPackage: newer\n")  # the signed list says another size
    capsys.readouterr()
    assert main(["get", "u-boot", "--refresh"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "virtscope: get u-boot: the Debian mirror is being updated, its lists do not fit each other now; nothing was "
        "changed: try again in some hours, or put u-boot.bin and u-boot-smode.bin "
        f"into {cache_of_the_test}/u-boot yourself"
    )
    assert (guest_folder("u-boot") / "u-boot-smode.bin").read_bytes().endswith(b"_smode/u-boot.bin")
    assert leftovers(cache_of_the_test) == []


@needs_apt
def test_a_package_with_another_layout_is_named(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.add("opensbi", "2", {"usr/lib/elsewhere": b""})
    mirror.publish()
    assert main(["get", "opensbi"]) == 2
    wanted = "virtscope: usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin: not in the Debian package"
    assert capsys.readouterr().err.splitlines()[-1] == wanted


def test_unknown_names_and_wrong_options_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    names = "linux, u-boot, opensbi, small-linux"
    assert complaint(capsys, "get", "freebsd") == f"get freebsd: no such guest; there are {names}"
    assert complaint(capsys, "get", "linux", "nt") == f"get nt: no such guest; there are {names}"
    assert complaint(capsys, "get", "linux", "--build") == "get linux --build: it is downloaded, not built"
    text = complaint(capsys, "get", "small-linux")
    assert text == "get small-linux: it is built, not downloaded: virtscope get small-linux --build"
    assert complaint(capsys, "get").startswith("the following arguments are required: NAME")


def test_elsewhere_than_debian_the_line_says_what_to_put_where(
    cache_of_the_test: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = complaint(capsys, "get", "linux")
    assert text == (
        "get linux: there is no apt-get here (Debian and Ubuntu have it); "
        f"put Image and initramfs.cpio.gz into {cache_of_the_test}/linux yourself"
    )


@needs_apt
def test_files_that_a_person_put_there_are_used_and_never_replaced(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    place = guest_folder("linux")
    place.mkdir(parents=True)
    for name in ("Image", "initramfs.cpio.gz"):
        (place / name).write_bytes(b"mine")
    assert main(["get", "linux"]) == 0
    capsys.readouterr()
    assert main(["get", "linux", "--refresh"]) == 2
    wanted = f"virtscope: {place}: not made by virtscope get; move it away first"
    assert capsys.readouterr().err.splitlines()[-1] == wanted
    assert (place / "Image").read_bytes() == b"mine"


@needs_apt
def test_a_cache_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("VIRTSCOPE_CACHE", str(tmp_path / "file"))
    other = "VIRTSCOPE_CACHE can name another cache folder"
    assert complaint(capsys, "get", "linux") == f"{tmp_path}/file: File exists; {other}"
    monkeypatch.setenv("VIRTSCOPE_CACHE", "/proc/virtscope")
    assert complaint(capsys, "get", "linux") == f"/proc/virtscope: No such file or directory; {other}"


@needs_apt
def test_too_little_space_is_said_before_the_download(
    cache_of_the_test: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage(1 << 30, 1 << 30, 7 << 20))
    assert complaint(capsys, "get", "linux") == f"{cache_of_the_test}: 7 MiB are free, linux needs 500 MiB"


@needs_apt
def test_two_at_once_do_not_meet(cache_of_the_test: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache_of_the_test.mkdir()
    with open(cache_of_the_test / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = complaint(capsys, "get", "linux")
    assert text == f"{cache_of_the_test}: another virtscope get is at work there"


@needs_apt
def test_a_machine_without_a_debian_mirror_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tui.get.find_mirror", lambda: None)
    assert complaint(capsys, "get", "linux") == "no Debian mirror in the apt sources in /etc/apt"


def test_what_a_killed_run_left_is_removed_by_the_next(cache_of_the_test: Path) -> None:
    for name in (".linux-12345678", ".work-linux-12345678", ".small-linux-12345678"):
        (cache_of_the_test / name).mkdir(parents=True)
    (cache_of_the_test / ".link-linux").symlink_to("gone")
    with new_guest("linux", 0) as (made, work):
        (made / "Image").write_bytes(b"new")
        assert work.is_dir() and not guest_folder("linux").exists()
    assert (guest_folder("linux") / "Image").read_bytes() == b"new"
    assert stat.S_IMODE(guest_folder("linux").stat().st_mode) == 0o755
    assert leftovers(cache_of_the_test) == [".small-linux-12345678"]


def test_a_package_without_kernel_busybox_or_modules_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no usr/lib/modules/\*/kernel there"):
        initramfs(tmp_path)
    for path, data in linux_files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    with pytest.raises(InputError, match="no usr/bin/busybox there"):
        initramfs(tmp_path)


@needs_apt
def test_ctrl_c_during_a_download_ends_quietly_and_leaves_nothing(
    mirror: Mirror, cache_of_the_test: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr("tui.debian.Apt.download", interrupted)
    assert main(["get", "linux"]) == 130
    assert leftovers(cache_of_the_test) == [] and not guest_folder("linux").exists()
