"""The device side of the MMIO transport, as a driver's accesses see it: who it is, status, features, odd accesses."""

from __future__ import annotations

import pytest
from slots import EVERYTHING, live

from virtio.devices.rng import Rng
from virtio.events import FeaturesNegotiated, QueueConfigured, StatusChanged
from virtio.registers import VirtioMmio as R
from virtio.spec import Feature, mask
from virtio.testing import VERSION_1, negotiate, pair


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
    assert p.events[-3].text == "accepted but not offered: bit 5, RING_PACKED [feat.accept-only-offered, 2.2.1]"
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
