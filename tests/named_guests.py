"""Guests of the cache for tests: got if they are not there, and the machine that `virtscope run NAME` would run."""

from __future__ import annotations

import contextlib
import io
from functools import cache

import pytest

from tui.cli import build_parser, main
from tui.get import RECIPES, is_here
from tui.named import fill_in
from tui.run import session_config
from tui.session import Session, open_session


@cache
def why_not(name: str) -> str:
    """Get or build the guest, once; an empty string, or why it cannot be had."""
    if is_here(name):
        return ""
    said = io.StringIO()
    build = ["--build"] if RECIPES[name].built else []
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["get", name, *build])
    return said.getvalue().splitlines()[-1] if code else ""


def guest(name: str, *options: str) -> Session:
    """The machine that `virtscope run` would run, with virtual time; skips the test where the guest cannot be had."""
    for part in name.split("+"):
        reason = why_not(part)
        if reason:
            pytest.skip(reason)
    args = build_parser().parse_args(["run", name, *options])
    fill_in(args)
    return open_session(session_config(args, interactive=False))
