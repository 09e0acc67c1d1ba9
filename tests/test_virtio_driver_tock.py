"""The tock personality against golden traces: the accesses of Tock's own transport, in its order."""

import pytest

from virtio.device import Device
from virtio.devices.console import Console
from virtio.devices.rng import Rng
from virtio.drivers.arena import Arena
from virtio.drivers.console import ConsoleDriver
from virtio.drivers.port import RecordingPort
from virtio.drivers.rng import RngDriver
from virtio.drivers.tock import TockTransport
from virtio.drivers.types import VirtIODeviceType
from virtio.errors import FeatureNegotiationFailed, TockPanic, UnknownDeviceType, VirtIOInitializationError
from virtio.scenarios import SCENARIOS, FaultySlot, Scenario, ScenarioDriver, slot
from virtio.testing import Pair, pair

TRACE = """
R000 R004 R008 W070=0 R070 W070=1 R070 W070=3 W014=0 R010 W014=1 R010
W024=0 W020=0 W024=1 W020=1 R070 W070=b R070 W030=0 R044 R034 W038=1 W080 W084 W090 W094 W0a0 W0a4 W044=1 R070 W070=f
"""
GOLDEN = TRACE.split()
HEAD, QUEUE, TAIL = GOLDEN[:19], GOLDEN[19:30], GOLDEN[30:]


def arena(p: Pair) -> Arena:
    return Arena(p.memory.base, p.memory.size)


def started(device: Device) -> tuple[RecordingPort, RngDriver, Pair]:
    p = pair(device)
    port = RecordingPort(p.port)
    driver = RngDriver(TockTransport(port), p.memory, arena(p), 1)
    driver.start()
    return port, driver, p


def test_the_golden_trace_of_an_entropy_device_with_one_queue() -> None:
    port, driver, _ = started(Rng())
    assert port.accesses == GOLDEN
    assert (sum(a[0] == "R" for a in GOLDEN), sum(a[0] == "W" for a in GOLDEN)) == (12, 20)
    driver.request(64)
    assert port.accesses[32:] == ["W050=0"]


def test_a_second_queue_adds_two_loads_and_nine_stores() -> None:
    class TwoQueues(Rng):
        queue_names = ("requestq", "another")

    class Driver(RngDriver):
        queue_count = 2

    p = pair(TwoQueues())
    port = RecordingPort(p.port)
    Driver(TockTransport(port), p.memory, arena(p), 1).start()
    second = ["W030=1", *QUEUE[1:]]
    assert port.accesses == HEAD + QUEUE + second + TAIL
    assert len(port.accesses) == 43


FAILURES = {
    "wrong-magic": ["R000"],
    "legacy-slot": ["R000", "R004"],
    "future-slot": ["R000", "R004"],
    "empty-slot": ["R000", "R004", "R008"],
    "unknown-type": ["R000", "R004", "R008"],
    "other-type": ["R000", "R004", "R008"],
    "no-version-1": HEAD[:12],
    "driver-refuses": [*HEAD[:12], "R070", "W070=83"],
    "device-refuses": [*HEAD, "R070", "W070=83"],
    "queue-in-use": [*HEAD, "W030=0", "R044", "R070", "W070=8b"],
    "no-queue": [*HEAD, "W030=0", "R044", "R034", "R070", "W070=8b"],
    "pre-hook": [*HEAD, *QUEUE],
    "post-hook": GOLDEN,
}

STATUS = {
    "wrong-magic": (0x00, 0x00), "legacy-slot": (0x00, 0x00), "future-slot": (0x00, 0x00), "empty-slot": (0x00, 0x00),
    "unknown-type": (0x00, 0x00), "other-type": (0x00, 0x00), "no-version-1": (0x83, 0x03),
    "driver-refuses": (0x83, 0x83), "device-refuses": (0x83, 0x83), "queue-in-use": (0x8B, 0x8B),
    "no-queue": (0x8B, 0x8B), "pre-hook": (0x8B, 0x0B), "post-hook": (0x0F, 0x0F), "success": (0x0F, 0x0F),
}  # fmt: skip
"""Status afterwards: as the trait's documentation promises, and as Tock's MMIO transport leaves it."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_the_table_says_what_tocks_own_pages_say(scenario: Scenario) -> None:
    assert (scenario.status, scenario.tock_status) == STATUS[scenario.name]


@pytest.mark.parametrize("name", FAILURES)
def test_the_golden_trace_of_each_failure(name: str) -> None:
    scenario = next(s for s in SCENARIOS if s.name == name)
    p = pair(Rng())
    device = slot(scenario, p.memory, p.irq)
    port = RecordingPort(device)
    driver = ScenarioDriver(TockTransport(port), p.memory, arena(p), 1)
    driver.mode = scenario.mode
    with pytest.raises(VirtIOInitializationError):
        driver.start()
    assert port.accesses == FAILURES[name]
    assert device.load(0x70, 4) == STATUS[name][1]


def test_every_failure_has_a_golden_trace() -> None:
    assert set(FAILURES) == {s.name for s in SCENARIOS} - {"success"}


def test_feature_bits_are_cut_as_tock_cuts_them() -> None:
    class Greedy(RngDriver):
        def negotiate_features(self, offered: int) -> int | None:
            self.saw = offered
            return offered | 0x30_0000_F000

    p = pair(Rng())
    p.device.features |= 0x0000_FFFF
    port = RecordingPort(p.port)
    driver = Greedy(TockTransport(port), p.memory, arena(p), 1)
    driver.start()
    assert driver.saw == 0xFFF
    assert [a for a in port.accesses if a.startswith("W020")] == ["W020=fff", "W020=1"]
    assert driver.transport.negotiated == 0x1_0000_0FFF


def test_the_accepted_word_in_the_error_is_the_full_one() -> None:
    class Picky(Rng):
        def accepts(self, features: int) -> bool:
            return False

    with pytest.raises(FeatureNegotiationFailed) as caught:
        started(Picky())
    assert caught.value.payload == (Rng().features, 1 << 32)


def faulty(**answers: int) -> TockTransport:
    p = pair(Rng())
    device = FaultySlot(Rng(), p.memory, p.irq)
    device.answers = {int(offset.removeprefix("r"), 16): value for offset, value in answers.items()}
    return TockTransport(device)


def test_query_panics_where_tock_does_and_returns_where_it_does() -> None:
    with pytest.raises(TockPanic, match="Not a VirtIO MMIO device"):
        faulty(r000=5).query()
    with pytest.raises(TockPanic, match="Unknown VirtIO MMIO device version: 1"):
        faulty(r004=1).query()
    with pytest.raises(UnknownDeviceType, match="DeviceID is 25"):
        faulty(r008=25).query()
    assert faulty().query() is VirtIODeviceType.EntropySource


def test_an_interrupt_or_a_notification_before_the_queues_is_a_panic() -> None:
    transport = faulty()
    with pytest.raises(TockPanic, match="without registered queues"):
        transport.handle_interrupt()
    with pytest.raises(TockPanic, match=r"queue_notify\(0\) with 0 registered queues"):
        transport.queue_notify(0)


def test_an_interrupt_is_acknowledged_before_the_queues_are_looked_at() -> None:
    port, driver, p = started(Rng())
    driver.on_bytes = lambda data: port.accesses.append(f"{len(data)} bytes")
    driver.request(16)
    assert p.irq.level
    del port.accesses[:]
    driver.transport.handle_interrupt()
    assert port.accesses == ["R060", "W064=1", "16 bytes"]


def test_a_console_lives_with_the_tock_transport() -> None:
    sent = bytearray()
    p = pair(Console(sent.extend))
    driver = ConsoleDriver(TockTransport(p.port), p.memory, arena(p), 4)
    driver.start()
    driver.write(b"tock$ ")
    assert sent == b"tock$ "
