"""The device side of the MMIO transport, as a driver's accesses see it."""

from __future__ import annotations

import io

import pytest

from emu.trace import NO_TRACE, RegisterAccess
from virtio.device import Device
from virtio.devices.blk import Blk
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.events import FeaturesNegotiated, InterruptStatusChanged, QueueConfigured, QueueNotified, StatusChanged
from virtio.mmio import MmioTransport
from virtio.queue.split import Queue
from virtio.registers import VirtioMmio as R
from virtio.spec import DeviceId, Feature, Interrupt, mask
from virtio.testing import VERSION_1, Pair, RawQueue, driver_ok, negotiate, pair

EVERYTHING = Rng().features


def live(p: Pair, accepted: int = VERSION_1) -> RawQueue:
    negotiate(p, accepted)
    queue = RawQueue(p).enable()
    driver_ok(p)
    return queue


class Resizable(Device):
    """Eight bytes of configuration, the last four writable."""

    device_id = DeviceId.CONSOLE
    queue_names = ("a", "b")
    config_writable = (range(4, 8),)

    def __init__(self) -> None:
        super().__init__()
        self.config = bytearray(range(1, 9))
        self.heard: list[tuple[int, bytes]] = []

    def on_config_write(self, offset: int, data: bytes) -> None:
        self.heard.append((offset, data))


def test_the_slot_says_who_it_is() -> None:
    p = pair(Rng())
    assert [p.read(r) for r in (R.MagicValue, R.Version, R.DeviceID, R.VendorID)] == [0x74726976, 2, 4, 0x554D4551]


def test_an_empty_slot_answers_its_identity_and_nothing_else() -> None:
    p = pair(None)
    assert [p.read(r) for r in (R.MagicValue, R.Version, R.DeviceID, R.VendorID)] == [0x74726976, 2, 0, 0x554D4551]
    p.write(R.Status, 1)
    assert p.read(R.Status) == 0
    assert p.port.load(0x100, 1) == 0
    assert p.port.load(0, 8) == 0
    assert p.violations == ["mmio.devid-zero-no-access"] * 4
    assert p.complaints[0] == (
        "write of Status in a slot without a device [mmio.devid-zero-no-access, 4.2.3.1.1]"
    )


def test_feature_words_beyond_the_second_read_0_and_the_selector_may_be_skipped() -> None:
    p = pair(Rng())
    assert p.read(R.DeviceFeatures) == EVERYTHING & 0xFFFFFFFF
    for word, expected in ((1, EVERYTHING >> 32), (0, EVERYTHING & 0xFFFFFFFF), (2, 0), (3, 0), (0xFFFFFFFF, 0)):
        p.write(R.DeviceFeaturesSel, word)
        assert p.read(R.DeviceFeatures) == expected
    assert p.violations == []


def test_a_good_initialization_is_told_and_breaks_no_rule() -> None:
    p = pair(Rng())
    live(p, EVERYTHING)
    assert [(e.old, e.new) for e in p.of(StatusChanged)] == [(0, 1), (1, 3), (3, 11), (11, 15)]
    assert [(e.accepted, e.ok) for e in p.of(FeaturesNegotiated)] == [(EVERYTHING, True)]
    assert [(e.queue, e.ready, e.size) for e in p.of(QueueConfigured)] == [(0, True, 8)]
    assert p.violations == []
    assert p.transport.model.negotiated == EVERYTHING


@pytest.mark.parametrize(
    ("writes", "rule", "says"),
    [
        ((1, 2), "status.no-clear-bit", "Status 0x01 -> 0x02: ACKNOWLEDGE cleared; only a reset clears bits"),
        ((2,), "init.ack-before-driver", "DRIVER without ACKNOWLEDGE"),
        ((1, 9), "status.progress-bits", "FEATURES_OK without DRIVER"),
        ((3, 7), "status.progress-bits", "DRIVER_OK without FEATURES_OK"),
        ((11,), "init.sequence", "ACKNOWLEDGE | DRIVER | FEATURES_OK in one write"),
        ((1, 0x81, 0x83), "status.failed-then-reset", "going on after FAILED without a reset"),
        ((1, 0x21), "inv.status-undefined-bits", "0x20 is not the driver's to set"),
        ((1, 0x41), "inv.status-undefined-bits", "0x40 is not the driver's to set"),
    ],
)
def test_a_step_that_the_status_table_does_not_have_is_named(writes: tuple[int, ...], rule: str, says: str) -> None:
    p = pair(Rng())
    p.write(R.DriverFeaturesSel, 1)
    p.write(R.DriverFeatures, 1)
    for value in writes:
        p.write(R.Status, value)
    assert p.violations == [rule]
    assert says in p.complaints[0]
    assert p.read(R.Status) == writes[-1] & 0x8F  # tolerated, as QEMU does


def test_acknowledge_and_driver_in_one_write_are_common_and_fine() -> None:
    p = pair(Rng())
    p.write(R.Status, 3)
    assert p.violations == []
    assert p.read(R.Status) == 3


def test_features_that_were_not_offered_leave_features_ok_clear() -> None:
    p = pair(Rng())
    negotiate(p, VERSION_1 | mask(5, Feature.RING_PACKED))
    assert p.read(R.Status) == 3
    assert p.complaints == ["accepted but not offered: bit 5, RING_PACKED [feat.accept-only-offered, 2.2.1]"]
    assert p.of(FeaturesNegotiated)[0].text.endswith("refused by the device")
    assert p.events[-2].text == "accepted but not offered: bit 5, RING_PACKED [feat.accept-only-offered, 2.2.1]"
    negotiate(p, VERSION_1)  # the same device agrees with a subset (2.2.2)
    assert p.read(R.Status) == 11


def test_features_beyond_bit_63_are_refused_too() -> None:
    p = pair(Rng())
    p.write(R.Status, 3)
    for word, value in ((1, 1), (2, 4), (0xFFFFFFFF, 1)):
        p.write(R.DriverFeaturesSel, word)
        p.write(R.DriverFeatures, value)
    assert p.complaints == ["DriverFeatures word 4294967295: 0x1; ignored [feat.accept-only-offered, 2.2.1]"]
    p.write(R.Status, 11)
    assert p.read(R.Status) == 3
    assert "accepted but not offered: bit 66" in p.complaints[1]


def test_a_driver_that_forgets_version_1_is_named_and_refused() -> None:
    p = pair(Rng())
    negotiate(p, 0)
    assert p.read(R.Status) == 3
    assert p.violations == ["feat.accept-version-1"]


def test_features_ok_and_driver_ok_at_once_do_not_go_around_a_refusal() -> None:
    p = pair(Rng())
    p.write(R.Status, 3)
    p.write(R.Status, 15)
    assert p.read(R.Status) == 3
    assert p.violations == ["init.sequence", "feat.accept-version-1"]


def test_features_cannot_change_after_features_ok() -> None:
    p = pair(Rng())
    negotiate(p)
    p.write(R.DriverFeaturesSel, 0)
    p.write(R.DriverFeatures, 0xFFFFFFFF)
    assert p.violations == ["init.no-new-features-after-ok"]
    assert p.transport.accepted == VERSION_1


@pytest.mark.parametrize("offset", [0x018, 0x028, 0x03C, 0x048, 0x054, 0x068, 0x074, 0x088, 0x098, 0x0A8, 0x0C4, 0x0F8])
def test_holes_read_0_and_are_told(offset: int) -> None:
    p = pair(Rng())
    assert p.port.load(offset, 4) == 0
    p.port.store(offset, 4, 0xFFFFFFFF)
    assert p.violations == ["mmio.no-undefined-access"] * 2
    assert f"4-byte read at {offset:#05x}, where no register is" in p.complaints[0]


@pytest.mark.parametrize("register", [r for r in R.registers if not r.access.readable], ids=lambda r: r.name)
def test_write_only_registers_read_0(register) -> None:
    p = pair(Rng())
    assert p.read(register) == 0
    assert p.complaints == [f"read of {register.name}, which is write-only [mmio.no-read-wo, 4.2.2.2]"]


@pytest.mark.parametrize("register", [r for r in R.registers if not r.access.writable], ids=lambda r: r.name)
def test_read_only_registers_do_not_change(register) -> None:
    p = pair(Rng())
    before = p.read(register)
    p.write(register, 0x12345678)
    assert p.read(register) == before
    assert p.complaints == [f"write of {register.name}, which is read-only [mmio.no-write-ro, 4.2.2.2]"]


def test_registers_take_only_aligned_accesses_of_four_bytes() -> None:
    p = pair(Rng())
    for offset, width in ((0, 1), (0, 2), (2, 2), (1, 4), (0x70, 1), (4, 8), (0xFE, 4)):
        assert p.port.load(offset, width) == 0
    p.port.store(0x70, 1, 1)
    assert p.read(R.Status) == 0
    assert p.violations == ["mmio.ctrl-32bit-aligned"] * 8


def test_eight_bytes_of_registers_are_two_accesses_as_on_qemu() -> None:
    p = pair(Rng())
    assert p.port.load(0, 8) == 2 << 32 | 0x74726976
    p.port.store(0x80, 8, 0x1_8000_0040)
    assert p.transport.queues[0].descriptor_area == 0x1_8000_0040
    assert p.violations == ["mmio.ctrl-32bit-aligned"] * 2


def test_shared_memory_reads_all_ones_because_there_is_none() -> None:
    p = pair(Rng())
    p.write(R.SHMSel, 3)
    assert [p.read(r) for r in (R.SHMLenLow, R.SHMLenHigh, R.SHMBaseLow, R.SHMBaseHigh)] == [0xFFFFFFFF] * 4
    assert p.violations == []


def test_a_queue_that_is_not_there_has_size_0_and_takes_nothing() -> None:
    p = pair(Rng())
    p.write(R.QueueSel, 1)
    assert p.read(R.QueueSizeMax) == 0
    for register in (R.QueueSize, R.QueueReady, R.QueueDescLow):
        p.write(register, 1)
    assert p.read(R.QueueReady) == 0
    assert p.complaints[0] == (
        "QueueSize: there is no queue 1, its QueueSizeMax is 0 [inv.queue-size-max-read, 4.2.3.2]"
    )
    assert p.violations == ["inv.queue-size-max-read"] * 3
    p.write(R.QueueSel, 0xFFFFFFFF)
    assert p.read(R.QueueSizeMax) == 0


@pytest.mark.parametrize(
    ("size", "at", "rule", "says"),
    [
        (3, 0x80000000, "inv.split-qsize-pow2", "queue 0: size 3 is not a power of 2 in 1..256; QueueReady stays 0"),
        (8, 0x80000008, "split.part-alignment", "descriptor table at 0x80000008 is not aligned to 16"),
        (8, 0x800FFFF0, "inv.addresses-complete", "descriptor table (128 bytes) at 0x800ffff0 is not inside RAM"),
        (8, 0, "inv.addresses-complete", "descriptor table (128 bytes) at 0x0 is not inside RAM"),
        (8, 0xFFFFFFFFFFFFFFF0 - 0x200, "inv.addresses-complete", "at 0xfffffffffffffdf0 is not inside RAM"),
        (512, 0x80000000, "mmio.queue-size-le-max", "the driver uses size 512, 1 to 256 is offered"),
        (0, 0x80000000, "inv.split-qsize-pow2", "the driver uses size 0, 1 to 256 is offered"),
    ],
)
def test_a_queue_that_cannot_work_stays_not_ready_and_says_why(size: int, at: int, rule: str, says: str) -> None:
    p = pair(Rng())
    negotiate(p)
    queue = RawQueue(p, size=size, at=at)
    queue.enable()
    assert p.read(R.QueueReady) == 0
    assert set(p.violations) - {"mmio.queue-size-le-max"} <= {rule}
    assert rule in p.violations
    assert any(says in text for text in p.complaints)


@pytest.mark.parametrize(("register", "name", "align"), [
    (R.QueueDriverLow, "avail ring", 2), (R.QueueDeviceLow, "used ring", 4),
])  # fmt: skip
def test_rings_are_aligned(register, name: str, align: int) -> None:
    p = pair(Rng())
    queue = RawQueue(p).enable()
    p.write(R.QueueReady, 0)
    p.write(register, queue.desc + 0x101 if align == 2 else queue.desc + 0x202)
    p.write(R.QueueReady, 1)
    assert p.read(R.QueueReady) == 0
    assert f"{name} at 0x800" in p.complaints[0]
    assert f"is not aligned to {align}" in p.complaints[0]


def test_a_size_out_of_range_keeps_the_old_one_until_a_good_one_is_written() -> None:
    p = pair(Rng())
    queue = p.transport.queues[0]
    assert queue.size == 256
    p.write(R.QueueSize, 1000)
    assert (queue.size, p.violations) == (256, ["mmio.queue-size-le-max"])
    RawQueue(p, size=16).enable()
    assert queue.size == 16
    assert queue.ready


def test_registers_of_a_ready_queue_are_left_alone() -> None:
    p = pair(Rng())
    raw = RawQueue(p).enable()
    for register in (R.QueueSize, R.QueueDescLow, R.QueueDeviceHigh):
        p.write(register, 4)
    queue = p.transport.queues[0]
    assert (queue.size, queue.descriptor_area, queue.device_area) == (8, raw.desc, raw.used_ring)
    assert p.violations == ["mmio.no-queue-reg-when-ready"] * 3
    assert p.complaints[0].startswith("QueueSize written while queue 0 is ready; ignored")


def test_a_queue_stops_and_starts_again_from_0() -> None:
    p = pair(Rng(lambda n: b"r" * n))
    queue = live(p)
    queue.add(4)
    queue.notify()
    p.write(R.QueueReady, 0)
    assert p.read(R.QueueReady) == 0
    queue.add(4)
    queue.notify()
    assert queue.used() == [(0, 4)]
    assert p.violations == ["inv.notify-live-queue"]
    p.memory.write(RawQueue(p).desc, bytes(0x300))
    again = RawQueue(p).enable()
    again.add(2)
    again.notify()
    assert again.used() == [(0, 2)]


def test_queue_reset_brings_one_queue_back_to_its_defaults() -> None:
    p = pair(Rng(lambda n: b"r" * n))
    live(p, EVERYTHING)
    p.write(R.QueueReset, 1)
    queue = p.transport.queues[0]
    assert p.read(R.QueueReset) == 0
    assert p.read(R.QueueReady) == 0
    assert (queue.size, queue.descriptor_area) == (256, 0)
    p.memory.write(RawQueue(p).desc, bytes(0x300))
    again = RawQueue(p).enable()
    again.add(3)
    again.notify()
    assert again.used() == [(0, 3)]
    assert p.violations == []


def test_queue_reset_needs_the_feature() -> None:
    p = pair(Rng())
    live(p)
    p.write(R.QueueReset, 1)
    assert p.read(R.QueueReady) == 1
    assert p.complaints == ["QueueReset written without RING_RESET [mmio.no-undefined-access, 4.2.2.2]"]


@pytest.mark.parametrize(
    ("prepare", "queue", "says"),
    [
        ("", 0, "queue 0 notified before DRIVER_OK [init.no-notify-before-driver-ok, 3.1.1]"),
        ("live", 1, "queue 1 notified, the device has 1 [inv.notify-live-queue, 4.2.3.3]"),
        ("live", 0x10000, "queue 65536 notified, the device has 1 [inv.notify-live-queue, 4.2.3.3]"),
        ("not ready", 0, "queue 0 notified while QueueReady is 0 [inv.notify-live-queue, 4.2.3.3]"),
        ("broken", 0, "queue 0 notified, a reset is needed [status.no-rely-after-needs-reset, 2.1.1]"),
    ],
)
def test_a_kick_that_cannot_be_served_does_nothing(prepare: str, queue: int, says: str) -> None:
    p = pair(Rng())
    negotiate(p)
    raw = RawQueue(p)
    if prepare != "not ready":
        raw.enable()
    raw.add(8)
    if prepare:
        driver_ok(p)
    if prepare == "broken":
        p.transport.needs_reset("a test wants it")
    p.write(R.QueueNotify, queue)
    assert p.complaints == [says]
    assert raw.used() == []


def test_a_kick_of_an_empty_queue_is_fine() -> None:
    p = pair(Rng())
    live(p).notify()
    assert p.violations == []
    assert [e.text for e in p.of(QueueNotified)] == ["queue 0: 0 chains available"]
    assert not p.irq.level


def test_the_interrupt_stays_until_it_is_acknowledged() -> None:
    p = pair(Rng())
    queue = live(p)
    queue.add(8)
    queue.notify()
    assert p.irq.level
    assert [p.read(R.InterruptStatus) for _ in range(3)] == [1, 1, 1]  # reading is no acknowledgement (4.2.2.1)
    p.write(R.InterruptACK, 2)
    assert p.irq.level
    p.write(R.InterruptACK, 1)
    assert not p.irq.level
    assert p.read(R.InterruptStatus) == 0
    assert [e.status for e in p.of(InterruptStatusChanged)] == [1, 0]
    assert p.violations == []


def test_undefined_bits_of_an_acknowledgement_are_told() -> None:
    p = pair(Rng())
    p.write(R.InterruptACK, 0xFFFFFFFF)
    assert p.complaints == ["InterruptACK: undefined bits 0xfffffffc [mmio.irq-ack-no-undef, 4.2.2.2]"]


def test_a_reset_takes_everything_back() -> None:
    p = pair(Rng())
    queue = live(p, EVERYTHING)
    queue.add(8)
    queue.notify()
    p.write(R.Status, 0)
    assert (p.read(R.Status), p.read(R.InterruptStatus), p.read(R.QueueReady), p.irq.level) == (0, 0, 0, False)
    assert p.transport.model.negotiated == 0
    queue.add(8)
    queue.notify()
    assert len(queue.used()) == 1  # from before
    assert p.violations == ["init.no-notify-before-driver-ok"]
    negotiate(p, EVERYTHING)  # the same features are fine again (2.2.2)
    assert p.read(R.Status) == 11


def test_needs_reset_raises_the_configuration_interrupt_and_passes_through_a_read_modify_write() -> None:
    p = pair(Rng())
    live(p)
    p.transport.needs_reset("a test wants it")
    assert p.read(R.Status) == 0x4F
    assert p.read(R.InterruptStatus) == Interrupt.CONFIG_CHANGE
    p.write(R.Status, p.read(R.Status) | 0x80)
    assert p.read(R.Status) == 0xCF
    p.write(R.Status, 0x8F)  # the bit is the device's: it stays, and that is no violation
    assert p.read(R.Status) == 0xCF
    assert p.violations == []
    p.write(R.Status, 0)
    assert p.read(R.Status) == 0
    assert not p.irq.level


def test_needs_reset_before_driver_ok_interrupts_nobody() -> None:
    p = pair(Rng())
    negotiate(p)
    p.transport.needs_reset("a test wants it")
    assert not p.irq.level
    driver_ok(p)
    assert p.read(R.Status) == 0x4F
    assert not p.transport.queues[0].usable


def test_the_configuration_is_bytes_of_any_width() -> None:
    p = pair(Resizable())
    assert [p.port.load(0x100 + at, width) for at, width in ((0, 1), (1, 1), (2, 2), (4, 4))] == [
        1, 2, 0x0403, 0x08070605,
    ]  # fmt: skip
    assert p.violations == []
    assert p.port.load(0x100, 8) == 0x0807060504030201
    assert p.port.load(0x101, 2) == 0x0302
    assert p.violations == ["mmio.cfg-width-match"] * 2


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


def test_a_device_that_offers_what_mmio_does_not_have_is_refused() -> None:
    class Packed(Rng):
        def __init__(self) -> None:
            super().__init__()
            self.features |= mask(Feature.RING_PACKED, Feature.SR_IOV)

    with pytest.raises(ValueError, match="packed offers RING_PACKED, SR_IOV, which the MMIO transport does not have"):
        pair(Packed())


def test_values_wider_than_the_access_are_cut_by_the_width() -> None:
    p = pair(Rng())
    p.transport.store(0x70, 4, 0xFFFFFFFF_00000001)
    assert p.read(R.Status) == 1


class Slow(Device):
    """Keeps its chains until the test says so."""

    device_id = DeviceId.ENTROPY
    queue_names = ("q",)

    def on_notify(self, queue: Queue, name: str) -> None:
        self.kept = list(queue)


def test_a_chain_from_before_a_reset_goes_nowhere() -> None:
    device = Slow()
    p = pair(device)
    queue = live(p)
    queue.add(8)
    queue.notify()
    kept = device.kept
    live(p)
    kept[0].write(b"late")
    p.transport.queues[0].push(kept[0])
    assert queue.used() == []
    assert not p.irq.level


def test_a_device_may_return_chains_at_any_time() -> None:
    device = Slow()
    p = pair(device)
    queue = live(p)
    queue.add(8)
    queue.notify()
    assert not p.irq.level
    device.kept[0].write(b"later")
    p.transport.queues[0].push(device.kept[0])
    assert queue.used() == [(0, 5)]
    assert p.irq.level


@pytest.mark.parametrize(
    ("device", "op", "offset", "width", "value", "name", "phrase"),
    [
        (Rng(), "r", 0x00, 4, 0x74726976, "MagicValue", '"virt"'),
        (Rng(), "r", 0x08, 4, 2, "DeviceID", "BLOCK"),
        (None, "r", 0x08, 4, 0, "DeviceID", "0: nothing in this slot"),
        (Rng(), "r", 0x10, 4, 1 << 28 | 1 << 29, "DeviceFeatures", "word 0: INDIRECT_DESC, EVENT_IDX"),
        (Rng(), "w", 0x20, 4, 0, "DriverFeatures", "word 0: none"),
        (Rng(), "w", 0x24, 4, 1, "DriverFeaturesSel", "feature bits 32 to 63"),
        (Rng(), "w", 0x30, 4, 0, "QueueSel", "queue 0 (requestq)"),
        (Rng(), "w", 0x30, 4, 7, "QueueSel", "queue 7 (not there)"),
        (Rng(), "r", 0x34, 4, 256, "QueueSizeMax", "queue 0: at most 256 descriptors"),
        (Rng(), "w", 0x50, 4, 0, "QueueNotify", "queue 0: not ready"),
        (Rng(), "w", 0x50, 4, 9, "QueueNotify", "queue 9 (not there)"),
        (Rng(), "w", 0x70, 4, 0, "Status", "0: reset"),
        (Rng(), "w", 0x70, 4, 3, "Status", "ACKNOWLEDGE | DRIVER: ACKNOWLEDGE | DRIVER set"),
        (Rng(), "w", 0x70, 4, 11, "Status", "ACKNOWLEDGE | DRIVER | FEATURES_OK: "
                                             "ACKNOWLEDGE | DRIVER set, FEATURES_OK refused"),
        (Rng(), "w", 0x84, 4, 1, "QueueDescHigh", "queue 0: descriptor table's address, high half"),
        (Rng(), "w", 0x64, 4, 1, "InterruptACK", "USED_BUFFER: acknowledged"),
        (Rng(), "r", 0x60, 4, 0, "InterruptStatus", "nothing pending"),
        (Rng(), "r", 0x18, 4, 0, "", "no register here"),
        (Rng(), "r", 0x70, 1, 0, "Status", "1-byte access; registers take aligned 4-byte accesses"),
        (Rng(), "r", 0x50, 4, 0, "QueueNotify", "write-only, reads 0"),
        (Rng(), "w", 0x04, 4, 1, "Version", "read-only, 0x1 is ignored"),
        (Rng(), "r", 0x100, 4, 1, "config+0x0", "past the configuration's 0 bytes"),
        (Console(print), "r", 0x100, 2, 80, "config+0x0", "cols: 80"),
        (Console(print), "r", 0x102, 1, 25, "config+0x2", "rows, bytes 0 to 0: 25"),
    ],
)  # fmt: skip
def test_every_access_has_a_phrase(device, op, offset, width, value, name: str, phrase: str) -> None:
    assert pair(device).transport.describe(op, offset, width, value) == (name, phrase)


def test_the_phrases_of_a_session_tell_its_story() -> None:
    p = pair(Blk(io.BytesIO(bytes(0x100000))))
    queue = live(p)
    p.port.load(0x100, 4)
    p.port.load(0x114, 4)
    queue.add(bytes(16), 513)
    queue.add(bytes(16), 513)
    queue.notify()
    p.port.load(0x70, 4)
    accesses = [(e.op, e.name, e.detail) for e in p.of(RegisterAccess)]
    assert ("w", "Status", "ACKNOWLEDGE | DRIVER | FEATURES_OK: FEATURES_OK set") in accesses
    assert ("w", "DriverFeatures", "word 1: VERSION_1") in accesses
    assert ("w", "QueueReady", "queue 0 is to be used") in accesses
    assert ("w", "QueueNotify", "queue 0: 2 chains available") in accesses
    assert ("r", "config+0x0", "capacity, bytes 0 to 3: 2048") in accesses
    assert ("r", "config+0x14", "blk_size: 512") in accesses
    assert accesses[-1] == ("r", "Status", "ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK")


def test_without_listeners_no_event_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    p = pair(Rng())
    quiet = MmioTransport(Rng(), p.memory, p.irq)
    monkeypatch.setattr(NO_TRACE, "publish", lambda event: pytest.fail(f"published {event}"))
    for offset in range(0, 0x104):
        for width in (1, 2, 4, 8):
            quiet.load(offset, width)
            quiet.store(offset, width, 0xFFFFFFFF)
