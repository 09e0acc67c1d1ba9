"""The driver's end of the transport: order, FAILED, interrupts, configuration, and the ports under it."""

import io

import pytest

from emu.machine import Machine, MachineConfig, slot_base
from emu.memory import Ram
from emu.trace import RegisterAccess
from virtio.devices.blk import Blk
from virtio.devices.rng import Rng
from virtio.drivers.arena import Arena
from virtio.drivers.port import BusPort, FunctionPort, MachinePort, RecordingPort, ReplayPort
from virtio.drivers.rng import RngDriver
from virtio.drivers.transport import VirtIOTransport
from virtio.drivers.types import VirtIODeviceType
from virtio.errors import (
    ConfigUnstable,
    DeviceError,
    DriverInitializationError,
    DriverMisuse,
    FeatureNegotiationFailed,
    InvalidTransportVersion,
    NotAVirtIODevice,
    TraceMismatch,
    UnknownDeviceType,
)
from virtio.mmio import MmioTransport
from virtio.scenarios import FaultySlot, Mode, ScenarioDriver
from virtio.spec import DeviceStatus, Interrupt
from virtio.testing import Pair, pair


class Script:
    """A port on a real slot where loads of some offsets are answered by a function, and all is counted."""

    def __init__(self, p: Pair, **answers: object) -> None:
        self.port = p.port
        self.answers = {int(k.removeprefix("r"), 16): v for k, v in answers.items()}
        self.loads = 0

    def load(self, offset: int, width: int) -> int:
        self.loads += 1
        answer = self.answers.get(offset)
        value = self.port.load(offset, width)
        return value if answer is None else answer(value) if callable(answer) else answer

    def store(self, offset: int, width: int, value: int) -> None:
        self.port.store(offset, width, value)


def rng(p: Pair, port: object = None, **options: object) -> RngDriver:
    return RngDriver(VirtIOTransport(port or p.port), p.memory, Arena(p.memory.base, p.memory.size), 4, **options)


def disk() -> io.BytesIO:
    return io.BytesIO(bytes(8 * 512))


def test_initialization_does_the_steps_of_3_1_1_in_order() -> None:
    p = pair(Rng())
    port = RecordingPort(p.port)
    driver = rng(p, port, indirect=False, event_idx=False)
    driver.start()
    golden = """
        R000 R004 R008 W070=0 R070 R070 W070=1 R070 W070=3 W014=0 R010 W014=1 R010 W024=0 W020=0 W024=1 W020=1
        R070 W070=b R070 W030=0 R044 R034 W038=4 W080 W084 W090 W094 W0a0 W0a4 W044=1 R070 W070=f
    """
    assert port.accesses == golden.split()
    assert driver.transport.device_type is VirtIODeviceType.EntropySource
    assert p.transport.status == DeviceStatus(0x0F)
    assert p.violations == []


def test_queue_features_are_negotiated_for_queues_that_can_use_them() -> None:
    cases = ((True, True, 0x1_3000_0000), (False, True, 0x1_2000_0000), (False, False, 0x1_0000_0000))
    for indirect, event_idx, word in cases:
        p = pair(Rng())
        driver = rng(p, indirect=indirect, event_idx=event_idx)
        driver.start()
        assert driver.transport.negotiated == word


def test_the_reset_is_waited_for() -> None:
    p = pair(Rng())
    busy = iter([0x0F, 0x0F, 0])
    driver = rng(p, Script(p, r070=lambda value: next(busy, value)))
    driver.start()
    assert p.transport.status == DeviceStatus(0x0F)


def test_a_reset_that_never_ends_is_the_devices_error_and_sets_nothing() -> None:
    p = pair(Rng())
    port = RecordingPort(Script(p, r070=0x0F))
    with pytest.raises(DeviceError, match="Status reads 0xf after a reset, 1000 times"):
        rng(p, port).start()
    assert [a for a in port.accesses if a[0] == "W"] == ["W070=0"]


def test_a_device_that_needs_reset_amid_initialization_is_given_up() -> None:
    p = pair(Rng())
    port = RecordingPort(Script(p, r070=lambda value: value | 0x40 if value == 3 else value))
    with pytest.raises(DeviceError, match="DEVICE_NEEDS_RESET during initialization: Status is 0x43"):
        rng(p, port).start()
    assert port.accesses[-1] == "W070=c3"


def test_a_feature_that_was_never_offered_does_not_reach_the_device() -> None:
    class Greedy(RngDriver):
        def negotiate_features(self, offered: int) -> int | None:
            return offered | 1 << 5

    p = pair(Rng())
    port = RecordingPort(p.port)
    driver = Greedy(VirtIOTransport(port), p.memory, Arena(p.memory.base, p.memory.size))
    with pytest.raises(FeatureNegotiationFailed, match="of which 0x20 was never offered"):
        driver.start()
    assert p.violations == []
    assert not any(a.startswith("W02") for a in port.accesses)
    assert port.accesses[-1] == "W070=83"


def test_the_driver_sees_the_bits_of_its_device_type_only() -> None:
    class Curious(RngDriver):
        def negotiate_features(self, offered: int) -> int | None:
            self.saw = offered
            return 0

    p = pair(Rng())
    p.device.features |= 1 << 63 | 1 << 50 | 1 << 23
    driver = Curious(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size))
    driver.start()
    assert driver.saw == 1 << 63 | 1 << 50 | 1 << 23


def test_an_unforeseen_exception_in_a_hook_sets_failed_and_comes_through() -> None:
    class Broken(RngDriver):
        def pre_device_initialization(self) -> None:
            raise ZeroDivisionError("a bug")

    p = pair(Rng())
    with pytest.raises(ZeroDivisionError):
        Broken(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size)).start()
    assert p.transport.status == DeviceStatus(0x8B)


def test_after_a_failing_post_hook_the_device_is_live() -> None:
    p = pair(Rng())
    driver = ScenarioDriver(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size))
    driver.mode = Mode.POST_HOOK_FAILS
    with pytest.raises(DriverInitializationError) as caught:
        driver.start()
    assert caught.value.device_type is VirtIODeviceType.EntropySource
    assert len(driver.read(100)) == 100


def test_a_failed_device_can_be_initialized_again() -> None:
    p = pair(Rng())
    driver = ScenarioDriver(VirtIOTransport(p.port), p.memory, Arena(p.memory.base, p.memory.size))
    driver.mode = Mode.PRE_HOOK_FAILS
    for _ in range(3):
        with pytest.raises(Exception, match="NOMEM"):
            driver.start()
    driver.mode = Mode.NORMAL
    driver.start()
    assert len(driver.read(10)) == 10


def test_a_second_start_leaks_nothing() -> None:
    p = pair(Rng())
    arena = Arena(p.memory.base, p.memory.size)
    driver = RngDriver(VirtIOTransport(p.port), p.memory, arena, 8)
    driver.start()
    used = arena.used
    for _ in range(5):
        driver.request(16)
        driver.start()
    assert arena.used == used


def test_query_names_what_is_wrong() -> None:
    p = pair(Rng())
    for answers, error in (({0: 1}, NotAVirtIODevice), ({4: 1}, InvalidTransportVersion), ({8: 0}, UnknownDeviceType)):
        slot = FaultySlot(Rng(), p.memory, p.irq)
        slot.answers = answers
        with pytest.raises(error):
            VirtIOTransport(slot).query()


def test_a_notification_too_early_or_of_no_queue_is_misuse() -> None:
    p = pair(Rng())
    driver = rng(p)
    with pytest.raises(DriverMisuse, match="queue 0 notified before the device was initialized"):
        driver.transport.queue_notify(0)
    driver.start()
    with pytest.raises(DriverMisuse, match="queue 1 notified, the device was initialized with 1 queues"):
        driver.transport.queue_notify(1)


def test_a_spurious_interrupt_acknowledges_nothing() -> None:
    p = pair(Rng())
    port = RecordingPort(p.port)
    driver = rng(p, port)
    assert driver.transport.handle_interrupt() == Interrupt(0)
    driver.start()
    del port.accesses[:]
    assert driver.transport.handle_interrupt() == Interrupt(0)
    assert port.accesses == ["R060"]


def test_undefined_interrupt_bits_are_not_acknowledged() -> None:
    p = pair(Rng())
    port = RecordingPort(Script(p, r060=0xF1))
    driver = rng(p, port)
    driver.start()
    driver.transport.handle_interrupt()
    assert port.accesses[-1] == "W064=1"


def test_configuration_is_read_again_when_it_changed_meanwhile() -> None:
    p = pair(Blk(disk()))
    generations = iter([1, 2, 2, 2])
    transport = VirtIOTransport(Script(p, r0fc=lambda _: next(generations)))
    assert transport.read_config((0, 8)) == (8,)
    assert next(generations, None) is None


def test_configuration_that_never_settles_is_named() -> None:
    p = pair(Blk(disk()))
    count = iter(range(10**6))
    transport = VirtIOTransport(Script(p, r0fc=lambda _: next(count)), patience=7)
    with pytest.raises(ConfigUnstable, match="during each of 7 reads"):
        transport.read_config((0, 8))


def test_a_driver_replays_its_own_recording() -> None:
    p = pair(Rng())
    rng(p).start()
    recording = [e for e in p.events if isinstance(e, RegisterAccess)]
    port = ReplayPort(p.events, recording[0].source)
    again = rng(p, port)
    again.start()
    port.finish()
    assert port.remaining == 0
    assert again.transport.device_type is VirtIODeviceType.EntropySource


def test_a_replay_that_leaves_the_path_names_event_and_access() -> None:
    p = pair(Rng())
    rng(p).start()
    recording = [e for e in p.events if isinstance(e, RegisterAccess)]
    size = next(e for e in recording if e.op == "w" and e.offset == 0x38)
    port = ReplayPort(p.events, recording[0].source)
    driver = RngDriver(VirtIOTransport(port), p.memory, Arena(p.memory.base, p.memory.size), 2)
    with pytest.raises(TraceMismatch, match=f"event {size.seq} of the recording is W038=4, the driver did W038=2") as e:
        driver.start()
    assert (e.value.seq, e.value.expected, e.value.got) == (size.seq, "W038=4", "W038=2")
    with pytest.raises(TraceMismatch, match="W038=2"):  # and stays there
        port.load(0, 4)


def test_a_replay_ends_with_the_recording() -> None:
    port = ReplayPort([], "virtio0")
    with pytest.raises(TraceMismatch, match="event 0 of the recording is the end, the driver did R000"):
        port.load(0, 4)
    event = RegisterAccess("virtio0", "r", 0, 4, 7, "MagicValue")
    with pytest.raises(TraceMismatch, match="is R000, the driver did nothing more"):
        ReplayPort([event], "virtio0").finish()


def test_the_slot_of_a_guest_machine_is_a_port() -> None:
    machine = Machine(MachineConfig(64, 2 << 20, lambda data: None))
    name = "virtio0"
    slot = MmioTransport(Rng(), machine.ram, machine.slot_line(0, name), machine.trace, name)
    machine.mount(0, name, slot)
    base = slot_base(0)
    ports = (
        MachinePort(machine, base),
        BusPort(machine.bus, base),
        FunctionPort(machine.bus.load, machine.bus.store, base),
    )
    for port in ports:
        assert len(started(port, machine.ram).read(32)) == 32


def started(port: object, memory: Ram) -> RngDriver:
    driver = RngDriver(VirtIOTransport(port), memory, Arena(memory.base, memory.size))
    driver.start()
    return driver
