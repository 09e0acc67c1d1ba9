"""Saving and restoring whole guests: they go on as if nothing had been, or one line says why they cannot."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asm import assemble
from checkpoints import Restored, after, changed
from cli import complaint, virtscope
from guest_run import Guest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.errors import InputError
from emu.machine import RAM_BASE, End, Machine, MachineConfig
from tui.checkpoint import restore_into, save
from tui.guests import guest_path
from tui.saving import Saving
from virtio.events import StatusChanged

XLEN = pytest.mark.parametrize("xlen", [32, 64])


class Counted:
    """A guest that is saved on its way: `said` are the lines, `mark` how much it had printed by then."""

    def __init__(self, name: str, folder: Path, when: str, *devices: str) -> None:
        self.path, self.said = folder / "saved", list[str]()
        self.guest = Guest(name, *devices)
        self.mark, self.disk = 0, folder / "disk.img"
        Saving(self.guest.session, when, str(self.path), self._tell)

    def _tell(self, line: str) -> None:
        self.said.append(line)
        self.mark = len(self.guest.output)
        if self.disk.exists():
            shutil.copy(self.disk, self.disk.with_suffix(".then"))


def disk(folder: Path) -> str:
    (folder / "disk.img").write_bytes(b"first sector\n".ljust(64 * 512, b"\0"))
    return f"blk,file={folder / 'disk.img'},serial=QM01"


def shared(folder: Path) -> str:
    """The same, without a lock that keeps the next test from it."""
    return disk(folder) + ",readonly"


def then(device: str) -> str:
    return device.replace("disk.img", "disk.then")


@pytest.mark.usefixtures("pace")
@XLEN
@pytest.mark.parametrize("when", ["1", "2600", "features", "8000", "used", "interrupt"])
def test_a_guest_goes_on_as_if_nothing_had_been(xlen: int, when: str, tmp_path: Path) -> None:
    devices = ("rng", disk(tmp_path))
    saved = Counted(f"demo-rv{xlen}", tmp_path, when, *devices)
    ran = saved.guest.run()
    assert (ran.end, ran.code) == (End.EXIT, 0)
    restored = Restored(saved.path, *map(then, devices))
    machine = restored.session.machine
    seq = machine.trace.snapshot()["seq"]
    assert machine.run(20) is End.EXIT
    assert machine.exit_code == 0
    assert restored.output == saved.guest.output[saved.mark :]
    assert [event.to_json() for event in restored.events] == after(ran.events, seq)
    assert restored.events, "it was saved on its way"
    assert machine.hart.instructions == saved.guest.machine.hart.instructions


@XLEN
@pytest.mark.parametrize(("name", "device"), [("rng", "rng"), ("blk", "disk"), ("console", "console,input={}")])
@pytest.mark.parametrize("when", ["1500", "3000"])
def test_each_driver_goes_on(xlen: int, name: str, device: str, when: str, tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    typed.write_bytes(b"a line\n")
    device = disk(tmp_path) if device == "disk" else device.format(typed)
    saved = Counted(f"{name}-rv{xlen}", tmp_path, when, device)
    ran = saved.guest.run()
    assert ran.code == 0
    restored = Restored(saved.path, then(device).replace(f",input={typed}", ""))
    seq = restored.session.machine.trace.snapshot()["seq"]
    assert restored.session.machine.run(20) is End.EXIT
    assert restored.output == saved.guest.output[saved.mark :]
    assert [event.to_json() for event in restored.events] == after(ran.events, seq)


def test_a_saved_run_is_the_run_without(tmp_path: Path) -> None:
    devices = ("rng", disk(tmp_path))
    plain = Guest("demo-rv64", *devices)
    events = [event.to_json() for event in plain.run().events]
    plain.session.close()
    saved = Counted("demo-rv64", tmp_path, "8000", *devices)
    assert [event.to_json() for event in saved.guest.run().events] == events


def test_a_machine_alone_is_saved_and_a_restored_one_again(tmp_path: Path) -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    machine.ram.write(RAM_BASE, assemble("li s0, 0\nloop: addi s0, s0, 1\nj loop\n"))
    machine.hart.reset(RAM_BASE)
    machine.run(until=lambda: machine.hart.instructions > 0)
    save(machine, str(tmp_path / "one"))
    again = Machine(MachineConfig(64, 1 << 20))
    restore_into(again, str(tmp_path / "one"))
    save(again, str(tmp_path / "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with pytest.raises(ValueError, match="only into a machine that has not run"):
        restore_into(again, str(tmp_path / "one"))
    with pytest.raises(InputError, match="it is of a machine of another shape: "):
        restore_into(Machine(MachineConfig(64, 2 << 20)), str(tmp_path / "one"))


def test_a_machine_whose_slot_has_no_state_is_not_saved(tmp_path: Path) -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    machine.mount(0, "strange", machine.uart)
    with pytest.raises(ValueError, match="strange in slot 0 was mounted without its state"):
        save(machine, str(tmp_path / "x"))


def test_input_that_waits_for_the_guest_is_part_of_it(tmp_path: Path) -> None:
    guest = Guest("console-rv64", "console")
    guest.set_word("wait_for_line", 1)
    assert guest.run().end is End.STUCK
    device: Any = guest.session.transports[0].device
    device.feed(b"good ")
    save(guest.session, str(tmp_path / "saved"))
    restored = Restored(tmp_path / "saved", "console")
    again: Any = restored.session.transports[0].device
    again.feed(b"morning\r")
    assert restored.session.machine.run(20) is End.EXIT
    assert b"You typed: good morning\r\n" in restored.output


def test_the_command_says_where_it_saved_and_goes_on_in_another_process(tmp_path: Path) -> None:
    path, devices = tmp_path / "saved", ("--device", "rng", "--device", disk(tmp_path))
    image = guest_path("demo-rv64")
    one = virtscope("run", image, *devices, "--save-at", "status:DRIVER_OK", path)
    assert one.code == 0
    assert one.err.startswith(f"virtscope: {path}: saved at instruction 3,9") and one.err.count("\n") == 1
    other = virtscope("run", "--restore", path, *devices)
    assert (other.code, other.err) == (0, "")
    assert other.out.startswith("entropy  slot 0: 16 bytes:")
    assert one.out.endswith(other.out)


def test_what_never_came_is_said_at_the_end(tmp_path: Path) -> None:
    done = virtscope("run", guest_path("rng-rv64"), "--device", "rng", "--save-at", "violation", tmp_path / "saved")
    assert done.code == 0
    assert done.err == f"virtscope: --save-at violation: it never came, so {tmp_path / 'saved'} was not saved\n"
    assert not (tmp_path / "saved").exists()


def test_a_disk_that_is_full_is_one_line_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emu.checkpoint._write", full)
    saved = Counted("rng-rv64", tmp_path, "1000", "rng")
    assert saved.guest.run().code == 0
    assert saved.said == [f"{saved.path}: not saved: No space left on device"]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The demo on rv64, saved on its way, with a disk that is still the same."""
    found = Counted("demo-rv64", tmp_path, "8000", "rng", shared(tmp_path))
    found.guest.run()
    found.guest.session.close()
    return found.path


def test_options_that_do_not_agree_are_named(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = ("--device", "rng", "--device", shared(tmp_path))
    other, small = tmp_path / "other.img", tmp_path / "small.img"
    other.write_bytes(b"x" * 64 * 512)
    small.write_bytes(bytes(512))

    def says(*arguments: str | Path) -> str:
        return complaint(capsys, "run", "--restore", saved, *arguments)

    blk = "--device", f"blk,file={other},serial=QM01,readonly"
    for arguments, message in [
        ((*good, "--xlen", "32"), f"--xlen 32: {saved} is of an rv64 machine"),
        ((*good, "--ram", "64M"), f"--ram 64M: the machine of {saved} has 4096K"),
        ((*good, "--semihosting"), f"--semihosting: the machine of {saved} was without it"),
        ((*good, "--dump-dtb", tmp_path / "x"), "--dump-dtb: a restored guest has its device tree already"),
        ((), f"{saved}: slot0: ENTROPY was in this slot, now it is no device"),
        (("--device", "console"), f"{saved}: slot0: ENTROPY was in this slot, now it is CONSOLE"),
        (("--device", "rng", *blk, "--device", "rng"), f"{saved}: slot1.model.disk: its content is not what it was"),
        ((*good[:3], f"blk,file={small},serial=QM01,readonly"), "slot1.model.disk: it has 1 sectors, the saved one"),
        ((*good[:3], f"blk,file={tmp_path / 'disk.img'},readonly"), "slot1.model.serial: '' now, it was 'QM01'"),
        ((*good[:3], good[3][:-9]), "slot1.features: RO, DISCARD, WRITE_ZEROES: offered by"),
        ((*good, guest_path("demo-rv32")), "an rv32 program on an rv64 machine"),
        ((*good, guest_path("rng-rv64")), f"rng-rv64.elf: not what {saved} was saved with (demo-rv64.elf)"),
        ((*good, "--trace=" + str(saved)), f"{saved}: --trace would overwrite {saved}, which this run reads"),
    ]:  # fmt: skip
        said = says(*arguments)
        assert message in said, said
        assert saved.exists()


def test_a_bad_when_and_a_bad_file_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = guest_path("rng-rv64")
    assert "--save-at soon: not a time" in complaint(capsys, "run", image, "--save-at", "soon", tmp_path / "x")
    assert "not a regular file" in complaint(capsys, "run", image, "--save-at", "1s", tmp_path)
    copy = tmp_path / "copy.elf"
    shutil.copy(image, copy)
    assert "--save-at would overwrite" in complaint(capsys, "run", copy, "--save-at", "1s", copy)
    assert complaint(capsys, "run", "--restore", image) == f"{image}: not a checkpoint of virtscope"


def test_a_reset_needs_the_image_again(tmp_path: Path) -> None:
    flat = tmp_path / "reset.bin"
    flat.write_bytes(assemble("li s0, 1000\nloop: addi s0, s0, -1\nbnez s0, loop\nli t0, 0x100000\nli t1, 0x7777\n"
                              "sw t1, 0(t0)\nstay: j stay\n"))  # fmt: skip
    done = virtscope("run", flat, "--save-at", "500", tmp_path / "saved", "--timeout", "1")
    assert done.code == 124, "it resets for ever"
    done = virtscope("run", "--restore", tmp_path / "saved")
    assert done.code == 0
    assert done.err.startswith("virtscope: the guest resets: the images it started from were not named with --restore")
    done = virtscope("run", flat, "--restore", tmp_path / "saved", "--timeout", "1")
    assert done.code == 124


def put(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(header: Any) -> None:
        for key in path[:-1]:
            header = header[key]
        header[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("machine", "xlen", value=48), "machine: there is no machine of 48 bits"),
        (put("machine", "ram_size", value=1 << 50), "machine.ram_size: 1125899906842624 is not a number"),
        (put("clock", value="sun"), "clock: neither virtual nor wall"),
        (put("files", value=5), "files: not a list of names and digests"),
        (put("state", "uart", value=None), "uart: not an object"),
        (put("state", "slot0", "queues", 0, "device_area", value=16), "slot0.queue 0.ready: queue 0: used ring"),
        (put("state", "slot0", "queues", 0, "size", value=3), "slot0.queue 0.ready: queue 0: size 3 is not a power"),
        (put("state", "slot1", "negotiated", value=1 << 63), "slot1.negotiated: 0x8000000000000000 is not what"),
        (put("state", "slot1", "registers", "status", value=0x20), "slot1.registers.status: 0x20 has bits"),
        (put("state", "slot1", "config", value=""), "slot1.config: 0 bytes instead of 96"),
        (put("state", "csrs", "environment", "menvcfg", value=2), "csrs.environment.menvcfg: 0x2 is more than"),
        (put("state", "more", value={}), "'more': unknown"),
    ],
)
def test_a_hostile_state_is_refused_by_the_name_of_its_field(
    change: Callable[[Any], None], message: str, saved: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        Restored(changed(saved, change), "rng", shared(tmp_path))
    assert str(caught.value).startswith(f"{saved.with_suffix('.changed')}: {message}")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_state_harms_the_host(saved: Path, tmp_path: Path, data: st.DataObject) -> None:
    values = st.one_of(
        st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, 3, 0x80, -1, 1 << 63, None, True, "AAAA", [], {}, 1.5])
    )

    def change(header: Any) -> None:
        for _ in range(data.draw(st.integers(1, 3))):
            holder: Any = header
            key, at = "state", header["state"]
            while isinstance(at, dict | list) and at:
                keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
                key = data.draw(st.sampled_from(keys))
                holder, at = at, at[key]
            holder[key] = data.draw(values)

    try:
        restored = Restored(changed(saved, change), "rng", shared(tmp_path))
    except InputError as error:
        assert "\n" not in str(error)
        return
    restored.session.machine.run(0.1)


def test_a_status_event_after_the_way_back_says_what_changed(saved: Path, tmp_path: Path) -> None:
    restored = Restored(saved, "rng", shared(tmp_path))
    restored.session.machine.run(20)
    (change,) = [event for event in restored.events if isinstance(event, StatusChanged) and event.new == 15]
    assert (change.old, change.source) == (11, "virtio1-blk")
