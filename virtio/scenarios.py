"""Every way that initialization can end, each forced by a device configured for it: one table.

Run host-side with `run`, by a guest driver on `slot` with the scenario's `mode`, and printed for the docs by `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from emu.bus import Bus, BusDevice
from emu.irq import Line
from emu.memory import Memory, Ram
from emu.trace import NO_TRACE, Trace
from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.drivers.arena import Arena
from virtio.drivers.port import BusPort
from virtio.drivers.rng import RngDriver
from virtio.drivers.tock import TockTransport
from virtio.drivers.transport import VirtIOTransport
from virtio.drivers.types import ErrorCode, VirtIODeviceType
from virtio.errors import DriverFailure, VirtIOInitializationError
from virtio.mmio import MmioTransport
from virtio.outcomes import Code, Outcome, outcome, payload_text
from virtio.registers import SLOT_SIZE, VirtioMmio
from virtio.spec import DeviceId, DeviceStatus, Feature, mask

PERSONALITIES: dict[str, type[VirtIOTransport]] = {"virtscope": VirtIOTransport, "tock": TockTransport}
PRE_HOOK_CAUSE = ErrorCode.NOMEM
POST_HOOK_CAUSE = ErrorCode.BUSY
BASE, RAM_BASE, RAM_SIZE = 0x1000_1000, 0x8000_0000, 0x1_0000
VERSION_1 = mask(Feature.VERSION_1)


class Mode(IntEnum):
    """What the driver does. It is for an entropy source, has one queue, and accepts VERSION_1 alone."""

    NORMAL = 0
    REFUSES_FEATURES = 1
    PRE_HOOK_FAILS = 2
    POST_HOOK_FAILS = 3
    WANTS_OTHER_TYPE = 4


class ScenarioDriver(RngDriver):
    """The entropy driver, going wrong as `mode` says."""

    mode: Mode = Mode.NORMAL

    def device_type(self) -> VirtIODeviceType:
        return VirtIODeviceType.BlockDevice if self.mode is Mode.WANTS_OTHER_TYPE else self.TYPE

    def negotiate_features(self, offered: int) -> int | None:
        return None if self.mode is Mode.REFUSES_FEATURES else super().negotiate_features(offered)

    def pre_device_initialization(self) -> None:
        super().pre_device_initialization()
        if self.mode is Mode.PRE_HOOK_FAILS:
            raise DriverFailure(PRE_HOOK_CAUSE, "as the scenario wants")

    def device_initialized(self) -> None:
        if self.mode is Mode.POST_HOOK_FAILS:
            raise DriverFailure(POST_HOOK_CAUSE, "as the scenario wants")


class FaultySlot(MmioTransport):
    """A slot in which some registers read as in `answers` (offset: value), whatever the device says."""

    answers: Mapping[int, int] = {}

    def load(self, offset: int, width: int) -> int:
        value = super().load(offset, width)
        return self.answers.get(offset, value)


class WithoutVersion1(Rng):
    """An entropy device from before VirtIO 1.0."""

    def __init__(self) -> None:
        super().__init__()
        self.features &= ~VERSION_1


class Unwilling(Rng):
    """An entropy device that can live with no subset of its features (2.2.2)."""

    def accepts(self, features: int) -> bool:
        return False


class WithoutQueues(Device):
    """An entropy device that has no queue."""

    device_id = DeviceId.ENTROPY


class Sound(Device):
    """A sound card, which no driver here knows."""

    device_id = DeviceId.SOUND


OFFERED = Rng().features


@dataclass(frozen=True)
class Scenario:
    """`configured` says how the slot is set up; `status` and `tock_status` are Status afterwards, by personality."""

    name: str
    configured: str
    device: Callable[[], Device | None]
    code: Code
    payload: tuple[int | None, ...]
    status: int
    tock_status: int
    mode: Mode = Mode.NORMAL
    answers: tuple[tuple[int, int], ...] = ()

    def expected(self, personality: str = "virtscope") -> Outcome:
        """What `run` must come to."""
        return Outcome(self.code, self.payload, self.tock_status if personality == "tock" else self.status)


OK, NEGOTIATED, DRIVER, FAILED = 0x0F, 0x0B, 0x03, int(DeviceStatus.FAILED)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("success", "an entropy device", Rng, Code.Success, (), OK, OK),
    Scenario("wrong-magic", "MagicValue reads 0x11111111", Rng, Code.NotAVirtIODevice, (), 0, 0,
             answers=((VirtioMmio.MagicValue.offset, 0x1111_1111),)),
    Scenario("legacy-slot", "Version reads 1", Rng, Code.InvalidTransportVersion, (), 0, 0,
             answers=((VirtioMmio.Version.offset, 1),)),
    Scenario("future-slot", "Version reads 3", Rng, Code.InvalidTransportVersion, (), 0, 0,
             answers=((VirtioMmio.Version.offset, 3),)),
    Scenario("empty-slot", "no device: DeviceID reads 0", lambda: None, Code.UnknownDeviceType, (0,), 0, 0),
    Scenario("unknown-type", "a sound card", Sound, Code.UnknownDeviceType, (DeviceId.SOUND,), 0, 0),
    Scenario("other-type", "an entropy device, a driver of block devices", Rng, Code.IncompatibleDriverDeviceType,
             (VirtIODeviceType.EntropySource,), 0, 0, Mode.WANTS_OTHER_TYPE),
    Scenario("no-version-1", "a device that does not offer VERSION_1", WithoutVersion1, Code.InvalidVirtIOVersion, (),
             FAILED | DRIVER, DRIVER),
    Scenario("driver-refuses", "a driver that refuses the offered features", Rng, Code.FeatureNegotiationFailed,
             (OFFERED, None), FAILED | DRIVER, FAILED | DRIVER, Mode.REFUSES_FEATURES),
    Scenario("device-refuses", "a device that clears FEATURES_OK", Unwilling, Code.FeatureNegotiationFailed,
             (OFFERED, VERSION_1), FAILED | DRIVER, FAILED | DRIVER),
    Scenario("queue-in-use", "QueueReady reads 1 after the reset", Rng, Code.DeviceError, (),
             FAILED | NEGOTIATED, FAILED | NEGOTIATED, answers=((VirtioMmio.QueueReady.offset, 1),)),
    Scenario("no-queue", "a device without queue 0: QueueSizeMax reads 0", WithoutQueues, Code.VirtqueueNotAvailable,
             (0,), FAILED | NEGOTIATED, FAILED | NEGOTIATED),
    Scenario("pre-hook", "a driver whose pre_device_initialization fails", Rng, Code.DriverPreInitializationError,
             (PRE_HOOK_CAUSE,), FAILED | NEGOTIATED, NEGOTIATED, Mode.PRE_HOOK_FAILS),
    Scenario("post-hook", "a driver whose device_initialized fails", Rng, Code.DriverInitializationError,
             (VirtIODeviceType.EntropySource, POST_HOOK_CAUSE), OK, OK, Mode.POST_HOOK_FAILS),
)  # fmt: skip


def slot(scenario: Scenario, memory: Memory, irq: Line, trace: Trace = NO_TRACE, name: str = "virtio0") -> BusDevice:
    """The slot of a scenario, to be mounted on a bus."""
    transport = FaultySlot(scenario.device(), memory, irq, trace, name)
    transport.answers = dict(scenario.answers)
    return transport


def run(scenario: Scenario, personality: str = "virtscope", trace: Trace = NO_TRACE) -> Outcome:
    """Initialize a scenario's device by the host-side driver; `personality` is a key of `PERSONALITIES`."""
    memory = Ram(RAM_BASE, RAM_SIZE)
    device = slot(scenario, memory, Line(), trace)
    bus = Bus(trace)
    bus.add("virtio0", BASE, SLOT_SIZE, device, traced=True)
    transport = PERSONALITIES[personality](BusPort(bus, BASE))
    driver = ScenarioDriver(transport, memory, Arena(RAM_BASE, RAM_SIZE), 1, indirect=False, event_idx=False)
    driver.mode = scenario.mode
    error = None
    try:
        driver.start()
    except VirtIOInitializationError as raised:
        error = raised
    return outcome(error, device.load(VirtioMmio.Status.offset, 4))


@dataclass(frozen=True)
class Row:
    """A line of the table in the docs, as text."""

    scenario: str
    configured: str
    error: str
    status: str
    tock_status: str


def rows() -> list[Row]:
    """The table as run now: the errors with payload, and Status afterwards with both personalities."""
    table = []
    for scenario in SCENARIOS:
        ours, tock = run(scenario), run(scenario, "tock")
        error = ours.code.name + payload_text(ours.payload)
        table.append(Row(scenario.name, scenario.configured, error, f"{ours.status:#04x}", f"{tock.status:#04x}"))
    return table
