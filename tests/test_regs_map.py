"""Register maps: declared once, checked at class creation, and the VirtIO map against the specification's table."""

from __future__ import annotations

import pytest

from emu.regs import RO, RW, WO, Reg, RegisterHandlers, RegisterMap, addr32, reads, show, u8, u16, u32, writes
from virtio.registers import VirtioMmio
from virtio.spec import DeviceId, DeviceStatus

# VirtIO 4.2.2: offset, name, access
TABLE = """
000 MagicValue R|004 Version R|008 DeviceID R|00c VendorID R|010 DeviceFeatures R|014 DeviceFeaturesSel W
020 DriverFeatures W|024 DriverFeaturesSel W|030 QueueSel W|034 QueueSizeMax R|038 QueueSize W|044 QueueReady RW
050 QueueNotify W|060 InterruptStatus R|064 InterruptACK W|070 Status RW|080 QueueDescLow W|084 QueueDescHigh W
090 QueueDriverLow W|094 QueueDriverHigh W|0a0 QueueDeviceLow W|0a4 QueueDeviceHigh W|0ac SHMSel W|0b0 SHMLenLow R
0b4 SHMLenHigh R|0b8 SHMBaseLow R|0bc SHMBaseHigh R|0c0 QueueReset RW|0fc ConfigGeneration R
"""


def test_the_virtio_map_is_the_specifications_table() -> None:
    ours = [
        (r.offset, r.name, ("R" if r.access.readable else "") + ("W" if r.access.writable else ""))
        for r in VirtioMmio.registers
    ]
    rows = [row.split() for line in TABLE.strip().splitlines() for row in line.split("|")]
    assert ours == [(int(offset, 16), name, access) for offset, name, access in rows]
    assert all(r.width == 4 for r in VirtioMmio.registers)


def test_overlapping_registers_fail_at_class_creation() -> None:
    with pytest.raises(TypeError, match=r"Overlapping\.B at 0x2 overlaps A"):

        class Overlapping(RegisterMap):
            A = Reg(0x0, RO, u32)
            B = Reg(0x2, RO, u16)


def test_misaligned_registers_fail_at_class_creation() -> None:
    with pytest.raises(TypeError, match=r"Crooked\.A at 0x2 is not aligned to 4"):

        class Crooked(RegisterMap):
            A = Reg(0x2, RO, u32)


class Small(RegisterMap):
    Data = Reg(0x0, RW, u8)
    Count = Reg(0x2, RO, u16)
    Control = Reg(0x4, WO, DeviceStatus)


def test_registers_are_found_by_offset() -> None:
    assert Small.at(2) is Small.Count
    assert Small.at(3) is None
    assert Small.containing(3) is Small.Count
    assert Small.containing(1) is None
    assert Small.containing(7) is Small.Control
    assert repr(Small.Control) == "<Control 0x004 W>"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (DeviceStatus, 0x0B, "ACKNOWLEDGE | DRIVER | FEATURES_OK"),
        (DeviceStatus, 0, "0"),
        (DeviceStatus, 0x21, "ACKNOWLEDGE | 0x20?"),
        (DeviceId, 2, "BLOCK"),
        (DeviceId, 999, "999?"),
        (addr32, 16, "0x10"),
        (u32, 16, "16"),
        (u32, 0x10000, "0x10000"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(kind: type[int], value: int, text: str) -> None:
    assert show(kind, value) == text


class SmallDevice(RegisterHandlers):
    def __init__(self) -> None:
        self.data = 7
        self.loads, self.stores = self.bound_readers(), self.bound_writers()

    def load(self, offset: int, width: int) -> int:
        return self.loads[offset]()

    def store(self, offset: int, width: int, value: int) -> None:
        self.stores[offset](value)

    @reads(Small.Data, Small.Count)
    def get(self) -> int:
        return self.data

    @writes(Small.Data)
    def put(self, value: int) -> None:
        self.data = value


def test_handlers_are_bound_by_register_and_a_map_to_a_port() -> None:
    registers = Small.bind(SmallDevice())
    registers.write(Small.Data, 200)
    assert registers.read(Small.Count) == 200


@pytest.mark.parametrize("value", [256, -1])
def test_a_value_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r"Data: .* does not fit into 1 bytes"):
        Small.bind(SmallDevice()).write(Small.Data, value)


def test_a_subclass_adds_handlers_and_keeps_its_parents() -> None:
    class Derived(SmallDevice):
        @reads(Small.Count)
        def count(self) -> int:
            return 1

    registers = Small.bind(Derived())
    assert (registers.read(Small.Count), registers.read(Small.Data)) == (1, 7)
    assert Small.bind(SmallDevice()).read(Small.Count) == 7
