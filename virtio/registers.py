"""The registers of a VirtIO MMIO slot, Version 2 (4.2.2). One map for device, driver, trace and guests."""

from __future__ import annotations

from emu.regs import RO, RW, W1C, WO, Reg, RegisterMap, addr32, u32
from virtio.spec import DeviceId, DeviceStatus, Interrupt

SLOT_SIZE = 0x1000
CONFIG = 0x100
"""Where the device configuration space begins in a slot."""


class VirtioMmio(RegisterMap):
    """MMIO device register layout (4.2.2)."""

    MagicValue = Reg(0x000, RO, addr32, "0x74726976, \"virt\"")
    Version = Reg(0x004, RO, u32, "2: modern")
    DeviceID = Reg(0x008, RO, DeviceId, "device type; 0: nothing in this slot")
    VendorID = Reg(0x00C, RO, addr32, "subsystem vendor")
    DeviceFeatures = Reg(0x010, RO, addr32, "offered features, word DeviceFeaturesSel")
    DeviceFeaturesSel = Reg(0x014, WO, u32, "picks the word read at DeviceFeatures")
    DriverFeatures = Reg(0x020, WO, addr32, "accepted features, word DriverFeaturesSel")
    DriverFeaturesSel = Reg(0x024, WO, u32, "picks the word written at DriverFeatures")
    QueueSel = Reg(0x030, WO, u32, "picks the queue of the Queue registers")
    QueueSizeMax = Reg(0x034, RO, u32, "largest size of the selected queue; 0: not available")
    QueueSize = Reg(0x038, WO, u32, "size that the driver uses")
    QueueReady = Reg(0x044, RW, u32, "1: the device may use the queue")
    QueueNotify = Reg(0x050, WO, u32, "the driver's kick: queue index")
    InterruptStatus = Reg(0x060, RO, Interrupt, "why the interrupt is raised")
    InterruptACK = Reg(0x064, W1C, Interrupt, "events that were handled")
    Status = Reg(0x070, RW, DeviceStatus, "device status; writing 0 resets")
    QueueDescLow = Reg(0x080, WO, addr32, "descriptor area")
    QueueDescHigh = Reg(0x084, WO, addr32, "descriptor area")
    QueueDriverLow = Reg(0x090, WO, addr32, "driver area (avail ring)")
    QueueDriverHigh = Reg(0x094, WO, addr32, "driver area (avail ring)")
    QueueDeviceLow = Reg(0x0A0, WO, addr32, "device area (used ring)")
    QueueDeviceHigh = Reg(0x0A4, WO, addr32, "device area (used ring)")
    SHMSel = Reg(0x0AC, WO, u32, "picks the shared memory region")
    SHMLenLow = Reg(0x0B0, RO, addr32, "length of the region; all ones: none")
    SHMLenHigh = Reg(0x0B4, RO, addr32, "length of the region")
    SHMBaseLow = Reg(0x0B8, RO, addr32, "guest-physical base of the region; all ones: none")
    SHMBaseHigh = Reg(0x0BC, RO, addr32, "guest-physical base of the region")
    QueueReset = Reg(0x0C0, RW, u32, "RING_RESET: 1 resets the selected queue")
    ConfigGeneration = Reg(0x0FC, RO, u32, "changes whenever the configuration may have changed")
