"""Where guests that `virtscope get` fetched are kept. A guest is there as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emu.errors import InputError

VARIABLE = "VIRTSCOPE_CACHE"


def cache_folder() -> Path:
    """`$VIRTSCOPE_CACHE`, or `virtscope` in `$XDG_CACHE_HOME` or `~/.cache`."""
    own = os.environ.get(VARIABLE)
    if own:
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base).absolute() / "virtscope"


def guest_folder(name: str) -> Path:
    """Where the guest `name` is, or would be."""
    return cache_folder() / name


@contextmanager
def new_guest(name: str, needed: int) -> Iterator[tuple[Path, Path]]:
    """A folder to put the guest's files into, and one to work in; the first becomes the guest at the end.

    The guest's name is a link that is exchanged in one step: if anything fails, or the process is killed, the older
    guest is whole. `needed` is how many bytes must be free. Raises InputError if the cache cannot be used.
    """
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache):
            _remove_leftovers(cache, name)
            free = shutil.disk_usage(cache).free
            if free < needed:
                raise InputError(f"{cache}: {free >> 20} MiB are free, {name} needs {needed >> 20} MiB")
            made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
            made.chmod(0o755)
            try:
                with tempfile.TemporaryDirectory(prefix=f".work-{name}-", dir=cache) as work:
                    yield made, Path(work)
                _exchange(cache, name, made)
            finally:
                _remove_leftovers(cache, name)
    except OSError as error:
        reason = "no space left" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise InputError(f"{error.filename or cache}: {reason}; {VARIABLE} can name another cache folder") from None


def _exchange(cache: Path, name: str, made: Path) -> None:
    place, fresh = cache / name, cache / f".link-{name}"
    if place.is_dir() and not place.is_symlink():
        raise InputError(f"{place}: not made by virtscope get; move it away first")
    fresh.symlink_to(made.name)
    for path in made.rglob("*"):
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())  # the files before the name
    os.replace(fresh, place)


def _remove_leftovers(cache: Path, name: str) -> None:
    """What broken or earlier runs left. Only called with the lock held."""
    place = cache / name
    current = os.readlink(place) if place.is_symlink() else ""
    for pattern in (f".{name}-????????", f".work-{name}-????????"):
        for path in cache.glob(pattern):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        (cache / f".link-{name}").unlink()


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    with open(cache / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{cache}: another virtscope get is at work there") from None
        yield
