"""The tools that time real operating systems: markers, ratios, memory, goals; the guests themselves are the bench's."""

from __future__ import annotations

import gzip
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench import goals, guests, linux, memory, profile, qemu, timed
from bench.goals import GOALS
from bench.measure import Section
from bench.timed import Moment, Run
from tui.initramfs import archive, packed, plain_file
from tui.linux import real_file

CHILD = [sys.executable, "-u", "-c"]
MARKERS = [marker for span in linux.PARTS.values() for marker in span if marker]


def script(*seconds: float) -> Run:
    """A run whose parts took that long, in the order of `linux.PARTS`."""
    done = Run()
    for (_, end), part in zip(linux.PARTS.values(), seconds, strict=True):
        done.taken = Moment(done.taken.wall + part, done.taken.cpu + part / 2)
        if end:
            done.lines.append((done.taken, f"{end} up=1.0"))
    return done


def test_lines_are_timed_when_they_arrive_and_a_span_lies_between_two_of_them() -> None:
    code = "import time; print('@@one'); time.sleep(0.3); print('two @@two', end=''); print(); time.sleep(0.2)"
    seen: list[str] = []
    done = timed.run([*CHILD, code], watch=lambda pid, line: seen.append(line))
    assert seen == ["@@one", "two @@two"]
    assert 0.25 < done.span("@@one", "@@two").wall < 3.0
    assert 0.15 < done.span("@@two", "").wall < 3.0
    assert done.span("", "") == done.taken


def test_processor_time_is_what_all_threads_had_and_sleep_is_none() -> None:
    spin = "import time; end = time.thread_time() + 0.3\nwhile time.thread_time() < end: pass"
    code = f"import threading, time; print('@@one'); threads = [threading.Thread(target=exec, args=({spin!r},))]"
    code += "\nfor t in threads: t.start(); time.sleep(0.6); print('@@two')\ntime.sleep(0.2)"
    done = timed.run([*CHILD, code])
    assert 0.25 < done.span("@@one", "").cpu < done.span("@@one", "").wall
    assert done.span("@@two", "").cpu < 0.2 < done.span("@@two", "").wall + 0.05


def test_a_run_ends_at_the_line_that_is_waited_for() -> None:
    done = timed.run([*CHILD, "print('@@user space'); input(); import time; time.sleep(60)"], until="@@user")
    assert done.lines[-1][1] == "@@user space" and done.taken.wall < 30


def test_a_run_that_fails_says_its_last_words() -> None:
    with pytest.raises(RuntimeError, match=r"exit code 3 of .*; last words: 'Kernel panic'"):
        timed.run([*CHILD, "print('Kernel panic'); raise SystemExit(3)"])
    with pytest.raises(RuntimeError, match=r"exit code 0 of .*; last words: 'bye'"):
        timed.run([*CHILD, "print('bye')"], until="@@user")
    with pytest.raises(RuntimeError, match="no line with '@@disk vda pattern ok'; last words: 'bye'"):
        guests.checked(timed.run([*CHILD, "print('bye')"]))


def test_a_run_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "PATIENCE", 0.5)
    with pytest.raises(RuntimeError, match=r"it did not end in 0\.5 s"):
        timed.run([*CHILD, "import time; time.sleep(60)"])


def test_guest_ram_is_the_one_mapping_of_its_size() -> None:
    text = "".join(
        f"7f00{i}000-7f00{i}fff rw-s 00 00:01 7  /dev/zero (deleted)\nSize: {size:8d} kB\nRss: {size // 2:8d} kB\n"
        for i, size in enumerate((4, 262144, 1048576))
    )
    assert memory.resident_of(text, 256 << 20) == 131072
    with pytest.raises(RuntimeError, match="0 mappings of 128 MiB in smaps"):
        memory.resident_of(text, 128 << 20)


def test_memory_beyond_guest_ram_leaves_out_what_the_guest_touched() -> None:
    touch = "import mmap; ram = mmap.mmap(-1, 48 << 20); ram[: 40 << 20] = b'x' * (40 << 20)"
    code = f"{touch}; print('@@bench end'); import time; time.sleep(60)"
    figures: list[float] = []
    timed.run([*CHILD, code], until="@@bench", watch=lambda pid, line: figures.append(memory.beyond_ram(pid, 48 << 20)))
    assert 40 < figures[0] < 70  # what was copied was there at the peak, and the interpreter


def test_goals_are_judged_by_the_median_of_the_ratios() -> None:
    ours, theirs = [2.0, 9.0, 4.0], [2.0, 4.0, 4.0]
    fixed = (1.0,) * (len(linux.PARTS) - 1)
    runs = {linux.OURS: [script(one, *fixed) for one in ours], linux.THEIRS: [script(one, *fixed) for one in theirs]}
    section = Section("Linux")
    linux.goal_rows(section, runs, {goals.READ: [400.0], goals.WRITE: [600.0]}, [100.0, 121.0])
    rows = {row.name: (row.figure, *row.ratios) for row in section.rows}
    assert rows[goals.USER_SPACE] == ("4.00 s", "QEMU 4.00 s", "1.00x", "1.00x", "1.0x", "met")
    assert rows[goals.READ] == ("0.40 µs", "", "", "", "0.5 µs", "met")
    assert rows[goals.WRITE] == ("0.60 µs", "", "", "", "0.5 µs", "MISSED")
    assert rows[goals.MEMORY] == ("121 MiB", "", "", "", "120 MiB", "MISSED")
    assert goals.PURE not in rows and goals.SMALL not in rows  # not measured
    assert [note.split(":")[0] for note in section.notes] == list(rows)


def test_without_qemu_our_own_times_are_there_and_no_goal_is_judged_by_them() -> None:
    section = Section("Linux")
    done = script(*(1.0,) * len(linux.PARTS))
    runs = {linux.OURS: [done], linux.TRACED: [done], linux.CHECKED: [done]}
    linux.goal_rows(section, runs, {goals.READ: [400.0], goals.WRITE: [400.0]}, [])
    linux.part_rows(section, runs)
    rows = {row.name: (row.figure, *row.ratios) for row in section.rows}
    assert rows[goals.USER_SPACE] == ("1.00 s", "", "", "", "1.0x", "")
    assert rows[goals.TRACED] == ("2.00 s", "untraced 2.00 s", "1.00x", "1.00x", "1.3x", "met")
    assert rows[goals.CHECKED] == ("2.00 s", "unchecked 2.00 s", "1.00x", "1.00x", "1.3x", "met")
    assert rows["  script: power-off"] == ("1.00 s", "", "", "")


def test_a_profile_tells_engine_helper_python_and_translated_code_apart() -> None:
    text = """
    10.250000:     7f3d41b1c0a0 vs_block (/x/emu/native/_helper.cpython-311-x86_64-linux-gnu.so)
    10.500000:     7f3d41b1c0a0 _PyEval_EvalFrameDefault (/usr/lib/libpython3.11.so.1.0)
    11.000000:     7f3d41b1c0a0 [unknown] (/tmp/perf-123.map)
    11.000000:     7f3d41b1c0a0 tb_lookup_cmp (/x/unicorn/lib/libunicorn.so.2)
    """
    samples = profile.parse(text, 10.0)
    assert [at for at, _, _ in samples] == [0.25, 0.5, 1.0, 1.0]
    assert [kind for _, kind, _ in samples] == ["native helper", "Python", "translated code", "engine"]
    assert samples[0][2] == "vs_block"
    kinds = Counter(("native helper", "Python", "native helper"))
    assert profile.shares(kinds, 2) == "native helper 67 %, Python 33 %"


def test_every_goal_has_a_sentence_and_a_row() -> None:
    assert {what for what, *_ in linux.ROWS} | {*linux.ACCESS, goals.MEMORY} == set(GOALS)
    assert all(goal.why.endswith(".") for goal in GOALS.values())


def test_the_script_prints_every_marker_that_is_timed() -> None:
    source = real_file("linux-init.sh").decode()
    assert 'begin() { echo "@@bench $1"; }' in source and linux.USER_SPACE in source
    for name in (marker.removeprefix("@@bench ") for marker in MARKERS if marker.startswith("@@bench")):
        assert f"  begin {name}\n" in source or f"  read_blocks {name} " in source


def test_the_bench_runs_todays_init_on_a_cached_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTSCOPE_CACHE", str(tmp_path / "cache"))
    assert guests.linux(tmp_path) is None
    place = tmp_path / "cache" / "linux"
    place.mkdir(parents=True)
    cached = packed([plain_file("init", b"older")])
    for name, data in (("Image", b"kernel"), ("initramfs.cpio.gz", cached)):
        (place / name).write_bytes(data)
    guest = guests.linux(tmp_path)
    assert guest is not None and guest.disk.stat().st_size == 64 << 20
    own = archive([plain_file("init", real_file("linux-init.sh"), executable=True)])
    assert guest.initrd.read_bytes().startswith(cached)
    assert gzip.decompress(guest.initrd.read_bytes()).endswith(own)
    ours, theirs = guest.virtscope(), guest.qemu()
    for word in (str(place / "Image"), str(guest.initrd), "console=ttyS0 virtscope=bench,off"):
        assert word in ours and word in theirs


def test_the_small_kernel_is_unpacked_for_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIRTSCOPE_GUESTS", "")
    assert guests.small_linux(tmp_path) is None
    (tmp_path / "Image-6.12-small-rv64.gz").write_bytes(gzip.compress(b"kernel"))
    (tmp_path / "ninit64.cpio").write_bytes(b"init")
    monkeypatch.setenv("VIRTSCOPE_GUESTS", str(tmp_path))
    guest = guests.small_linux(tmp_path)
    assert guest is not None and guest.kernel.read_bytes() == b"kernel"


def test_where_qemu_cannot_be_installed_a_word_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = "qemu-system-riscv64 is not installed, and installing it takes root and apt-get"
    assert qemu.install() == wanted
    apt = tmp_path / "apt-get"
    apt.write_text('#!/bin/sh\ncase "$*" in *install*) echo "E: Unable to locate package" >&2; exit 100 ;; esac\n')
    apt.chmod(0o755)
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert qemu.install() == wanted
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert qemu.install() == "qemu-system-riscv64 could not be installed: apt-get: Unable to locate package"
