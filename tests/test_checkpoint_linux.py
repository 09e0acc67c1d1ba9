"""Linux saved on its way and restored: the same trace to the last byte, and a shell that answers in another process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cli import COMMAND, ENVIRONMENT
from named_guests import why_not
from test_guests_linux import APPEND, CONTENT, guest

from emu.boot import BootConfig
from emu.machine import End
from emu.recording import Recorder
from tui.saving import Saving
from tui.session import Session, SessionConfig, open_session


def recorded(session: Session, path: Path) -> list[str]:
    """Run to power-off; the lines of the trace."""
    recorder = Recorder(path.open("w"))
    session.machine.trace.subscribe(recorder)
    assert session.machine.run(100) is End.EXIT
    assert session.machine.exit_code == 0
    recorder.close()
    return path.read_text().splitlines()


def goes_on(xlen: int, when: str, folder: Path) -> None:
    """Save a small Linux at `when`, restore it, and compare everything after that with the run that went on."""
    kernel, initrd = guest(f"Image-6.12-small-rv{xlen}.gz"), guest(f"ninit{xlen}.cpio")
    disk, copy, path = folder / "disk.img", folder / "copy.img", folder / "saved"
    disk.write_bytes(CONTENT)
    output, again, marks = bytearray(), bytearray(), list[int]()

    def session(disk: Path, hvc: str, config: SessionConfig) -> Session:
        config.devices = [f"blk,file={disk}", "rng", f"console,output={folder / hvc}"]
        return open_session(config)

    def saved(line: str) -> None:
        assert line.startswith(f"{path}: saved at instruction ")
        marks.append(len(output))
        shutil.copy(disk, copy)

    boot = BootConfig(kernel=str(kernel), initrd=str(initrd), append=APPEND)
    first = session(disk, "hvc", SessionConfig(boot, output=output.extend))
    Saving(first, when, str(path), saved)
    trace = recorded(first, folder / "first.jsonl")
    second = session(copy, "hvc-again", SessionConfig(BootConfig(), output=again.extend, restore=str(path)))
    rest = recorded(second, folder / "second.jsonl")
    assert output[marks[0] :] == again
    assert rest == trace[json.loads(rest[0])["seq"] :]
    assert disk.read_bytes() == copy.read_bytes()
    assert (folder / "hvc").read_bytes().endswith((folder / "hvc-again").read_bytes())
    assert second.machine.hart.instructions == first.machine.hart.instructions
    assert len(rest) > 1000


def test_linux_saved_in_its_boot_leaves_the_same_trace(tmp_path: Path) -> None:
    goes_on(64, "30000000", tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("pace")
@pytest.mark.parametrize("xlen", [32, 64])
@pytest.mark.parametrize("when", ["20000000", "250ms", "uart:@@BLK-SEQ", "status:DRIVER_OK", "used"])
def test_linux_goes_on_wherever_it_was_saved(xlen: int, when: str, tmp_path: Path) -> None:
    goes_on(xlen, when, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_debians_linux_answers_at_its_prompt_in_a_new_process(tmp_path: Path) -> None:
    if reason := why_not("linux"):
        pytest.skip(reason)
    disk, path = tmp_path / "disk.img", tmp_path / "saved"
    disk.write_bytes(bytes(1 << 20))
    devices = ["--device", "rng", "--device", f"blk,file={disk}"]

    def run(arguments: list[str], dialogue: list[tuple[bytes, bytes]]) -> tuple[bytes, str]:
        """Wait for each text and type the answer; returns all output, and what was said on standard error."""
        command = [*COMMAND, "run", *arguments, *devices]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT) as process:
            assert process.stdin is not None and process.stdout is not None
            output = b""
            for text, answer in dialogue:
                while text not in output:
                    data = os.read(process.stdout.fileno(), 4096)
                    assert data, output[-500:]
                    output += data
                process.stdin.write(answer)
                process.stdin.flush()
            rest, said = process.communicate(timeout=300)
            assert process.returncode == 0, said
            return output + rest, said.decode()

    _, said = run(["linux", "--save-at", "uart:/ # ", str(path)], [(b"/ # ", b"exit\n")])
    assert said.startswith(f"virtscope: {path}: saved at instruction ")
    dialogue = [(b"", b"echo $((6 * 7)) from $(uname -m)\n"), (b"\n42 from riscv64\r\n/ # ", b"exit\n")]
    output, said = run(["--restore", str(path)], dialogue)
    assert said == ""
    assert b"Linux version" not in output and b"reboot: Power down" in output
