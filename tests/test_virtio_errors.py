"""Every error variant, forced by a configured device: host-side, both personalities, and the line of a guest."""

import pytest

from tui.guests import initialize_in_guest
from virtio import errors
from virtio.drivers.types import ErrorCode, VirtIODeviceType
from virtio.outcomes import Code, Outcome, find, line, outcome, parse
from virtio.scenarios import OFFERED, SCENARIOS, Scenario, rows, run

by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
both = pytest.mark.parametrize("personality", ["virtscope", "tock"])


@by_name
@both
def test_each_scenario_comes_to_its_error_payload_and_status(scenario: Scenario, personality: str) -> None:
    assert run(scenario, personality) == scenario.expected(personality)


@by_name
@pytest.mark.parametrize("xlen", [32, 64])
def test_a_driver_in_a_guest_comes_to_the_same(scenario: Scenario, xlen: int) -> None:
    assert initialize_in_guest(scenario, xlen) == run(scenario) == scenario.expected()


def test_every_variant_has_a_scenario_and_an_exception() -> None:
    assert {s.code for s in SCENARIOS} == set(Code)
    variants = set(errors.VirtIOInitializationError.__subclasses__())
    assert {code.error for code in Code if code is not Code.Success} == variants


@by_name
def test_failed_is_set_if_and_only_if_initialization_had_begun(scenario: Scenario) -> None:
    status = run(scenario).status
    live = scenario.code in (Code.Success, Code.DriverInitializationError)
    assert bool(status & 0x80) == (bool(status & 1) and not live)


@by_name
def test_a_guests_line_says_the_same_as_the_host(scenario: Scenario) -> None:
    result = run(scenario)
    assert parse(line(result)) == result
    assert find(f"booting\n{line(result)}\nbye\n") == result


def test_the_line_of_a_guest_is_the_agreed_one() -> None:
    by_code = {s.name: line(run(s)) for s in SCENARIOS}
    assert by_code["success"] == "@@ERROR code=0 a=0 b=0 status=f"
    assert by_code["driver-refuses"] == f"@@ERROR code=6 a={OFFERED:x} b=ffffffffffffffff status=83"
    assert by_code["post-hook"] == "@@ERROR code=9 a=2 b=4 status=f"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@@ERROR code=11 a=0 b=0 status=f", "code=11: there are codes 0 to 10"),
        ("@@ERROR code=0 a=0 b=0 status=100", "status=100: a device status has 8 bits"),
        ("@@ERROR code=x a=0 b=0 status=f", "not a line"),
    ],
)
def test_a_line_that_is_none_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_console_without_the_line_is_shown() -> None:
    with pytest.raises(ValueError, match="no line @@ERROR in what the guest printed: 'panic!'"):
        find("panic!")


def test_the_table_for_the_docs_has_every_scenario() -> None:
    table = {row.scenario: row for row in rows()}
    assert len(table) == len(SCENARIOS)
    row = table["no-version-1"]
    assert (row.error, row.status, row.tock_status) == ("InvalidVirtIOVersion", "0x83", "0x03")
    assert table["device-refuses"].error == f"FeatureNegotiationFailed({OFFERED:#x}, 0x100000000)"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.NotAVirtIODevice(0x1234), "MagicValue is 0x00001234, not 0x74726976"),
        (errors.InvalidTransportVersion(1), r"Version is 1 \(legacy\), not 2"),
        (errors.UnknownDeviceType(0), r"DeviceID is 0 \(an empty slot\)"),
        (
            errors.IncompatibleDriverDeviceType(VirtIODeviceType.Console, VirtIODeviceType.GPUDevice),
            r"the device is Console \(3\), the driver is for GPUDevice \(16\)",
        ),
        (errors.InvalidVirtIOVersion(0x30), r"VERSION_1 \(bit 32\) is not among the offered features 0x30"),
        (errors.FeatureNegotiationFailed(0x30, None), "offered 0x30, the driver refuses"),
        (errors.FeatureNegotiationFailed(0x30, 0x10), "accepted 0x10 and the device did not keep FEATURES_OK"),
        (errors.FeatureNegotiationFailed(0x30, 0x41), "accepted 0x41, of which 0x41 was never offered"),
        (errors.VirtqueueNotAvailable(3), "virtqueue 3 is not available"),
        (errors.DriverPreInitializationError(ErrorCode.NOMEM), r"pre_device_initialization failed: NOMEM \(9\)"),
        (
            errors.DriverInitializationError(VirtIODeviceType.Console, ErrorCode.BUSY),
            r"device_initialized failed on a live Console: BUSY \(2\)",
        ),
        (errors.DeviceError("QueueReady of queue 0 is 1"), "device error: QueueReady of queue 0 is 1"),
    ],
)
def test_messages_name_the_condition_and_its_values(error: errors.VirtIOError, message: str) -> None:
    with pytest.raises(type(error), match=message):
        raise error


def test_an_outcome_reads_well() -> None:
    assert str(outcome(errors.FeatureNegotiationFailed(0x10, None), 0x83)) == (
        "FeatureNegotiationFailed(0x10, None) status 0x83"
    )
    assert str(Outcome(Code.Success, (), 15)) == "Success status 0x0f"
