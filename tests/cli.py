"""Runs the `virtscope` command for a test, in a process of its own or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tui.cli import main

COMMAND = [sys.executable, "-m", "tui.cli"]
ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "120"}


@dataclass
class Done:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


def virtscope(*arguments: str | Path, stdin: bytes = b"", seconds: float = 30.0) -> Done:
    """The command in a process of its own, as a person runs it."""
    command = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds, check=False, env=ENVIRONMENT)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What the command says of wrong input: one line on standard error, exit code 2, nothing else."""
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("virtscope: ") and err.endswith("\n") and err.count("\n") == 1
    return err.removeprefix("virtscope: ").rstrip("\n")
