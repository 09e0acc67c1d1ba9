"""The configuration space of a slot: any width, what may be written, generations."""

from __future__ import annotations

from slots import Resizable

from virtio.registers import VirtioMmio as R
from virtio.testing import driver_ok, negotiate, pair


def test_the_configuration_is_bytes_of_any_width() -> None:
    p = pair(Resizable())
    assert [p.port.load(0x100 + at, width) for at, width in ((0, 1), (1, 1), (2, 2), (4, 4))] == [
        1, 2, 0x0403, 0x08070605,
    ]  # fmt: skip
    assert p.port.load(0x100, 8) == 0x0807060504030201
    assert p.port.load(0x101, 2) == 0x0302
    assert p.violations == []


def test_reading_past_the_configuration_gives_all_ones() -> None:
    p = pair(Resizable())
    assert p.port.load(0x106, 4) == 0xFFFFFFFF
    assert p.port.load(0xFFC, 1) == 0xFF
    p.port.store(0x108, 4, 0)
    assert p.violations == ["inv.config-read-beyond-layout"] * 3
    assert "4-byte read at config+0x6, the configuration has 8 bytes" in p.complaints[0]


def test_only_writable_configuration_can_be_written() -> None:
    device = Resizable()
    p = pair(device)
    p.port.store(0x104, 2, 0xBBAA)
    assert device.heard == [(4, b"\xaa\xbb")]
    p.port.store(0x100, 4, 0)
    p.port.store(0x102, 4, 0)
    assert device.config == bytes([1, 2, 3, 4, 0xAA, 0xBB, 7, 8])
    assert "config+0x0 is read-only [mmio.no-write-ro, 4.2.2.2]" in p.complaints


def test_a_changed_configuration_has_a_new_generation_and_interrupts_a_live_driver() -> None:
    p = pair(Resizable())
    p.transport.config_changed()
    assert (p.read(R.ConfigGeneration), p.irq.level) == (1, False)
    negotiate(p)
    driver_ok(p)
    p.transport.config_changed()
    assert (p.read(R.ConfigGeneration), p.read(R.InterruptStatus)) == (2, 2)
