"""The console device."""

from __future__ import annotations

import pytest

from emu.trace import Notice
from virtio.devices.console import MOST_INPUT, Console
from virtio.events import ConfigChanged
from virtio.registers import VirtioMmio as R
from virtio.spec import ConsoleFeature, mask
from virtio.testing import RAM_BASE, Pair, RawQueue, driver_ok, negotiate, pair


class Bench:
    """A live console; `output` is what it sent to the outside."""

    def __init__(self, *, live: bool = True, size: tuple[int, int] | None = (100, 30)) -> None:
        self.output = bytearray()
        self.device = Console(self.output.extend, size)
        self.p: Pair = pair(self.device)
        self.rx = RawQueue(self.p, 0)
        self.tx = RawQueue(self.p, 1, at=RAM_BASE + 0x40000)
        if live:
            self.start()

    def start(self) -> None:
        negotiate(self.p, self.device.features)
        self.rx.enable()
        self.tx.enable()
        driver_ok(self.p)

    def received(self, address: int) -> bytes:
        ((_, length),) = self.rx.used()
        return self.p.memory.read(address, length)


def test_what_is_sent_comes_out_in_order() -> None:
    bench = Bench()
    bench.tx.add(b"hel", b"lo ")
    bench.tx.add(b"world")
    bench.tx.notify()
    assert bench.output == b"hello world"
    assert bench.tx.used() == [(0, 0), (2, 0)]
    assert bench.p.violations == []


def test_much_output_comes_out_whole() -> None:
    bench = Bench()
    data = bytes(i % 256 for i in range(200_000))
    bench.tx.add(data)
    bench.tx.notify()
    assert bench.output == data


def test_input_goes_into_waiting_buffers_and_interrupts() -> None:
    bench = Bench()
    (address,) = bench.rx.add(16)
    bench.rx.notify()
    assert bench.rx.used() == []
    assert not bench.p.irq.level
    assert bench.device.feed(b"key") == 3
    assert bench.p.irq.level
    assert bench.received(address) == b"key"


def test_input_waits_for_buffers() -> None:
    bench = Bench()
    bench.device.feed(b"early bird")
    (first,), (second,) = bench.rx.add(6), bench.rx.add(16)
    bench.rx.notify()
    assert bench.rx.used() == [(0, 6), (1, 4)]
    assert bench.p.memory.read(first, 6) + bench.p.memory.read(second, 4) == b"early bird"


def test_input_waits_for_the_driver() -> None:
    bench = Bench(live=False)
    bench.device.feed(b"typed while booting")
    negotiate(bench.p)
    bench.rx.enable()
    (address,) = bench.rx.add(64)
    bench.device.feed(b"!")
    assert bench.rx.used() == []  # nothing before DRIVER_OK (2.1.2)
    driver_ok(bench.p)
    assert bench.received(address) == b"typed while booting!"


def test_a_console_that_is_in_no_slot_takes_input_too() -> None:
    device = Console(print)
    assert device.feed(b"abc") == 3


def test_input_that_does_not_fit_is_the_callers() -> None:
    bench = Bench()
    assert bench.device.feed(bytes(MOST_INPUT - 1)) == MOST_INPUT - 1
    assert bench.device.feed(b"ab") == 1
    assert bench.device.feed(b"ab") == 0


def test_buffers_that_cannot_be_used_are_named_and_returned() -> None:
    bench = Bench()
    bench.rx.add(b"readable")
    (good,) = bench.rx.add(4)
    bench.device.feed(b"in")
    assert bench.rx.used() == [(0, 0), (1, 2)]
    assert bench.p.memory.read(good, 2) == b"in"
    bench.tx.add(b"out", 4)
    bench.tx.notify()
    assert bench.output == b"out"
    assert bench.p.complaints == [
        "console: chain 0 has a readable buffer [console.rx-no-readable, 5.3.6.1]",
        "console: chain 0 has a writable buffer [console.tx-no-writable, 5.3.6.1]",
    ]


def test_the_size_is_in_the_configuration_and_can_change() -> None:
    bench = Bench()
    assert bench.p.transport.model.features & mask(ConsoleFeature.SIZE)
    assert (bench.p.port.load(0x100, 2), bench.p.port.load(0x102, 2)) == (100, 30)
    generation = bench.p.read(R.ConfigGeneration)
    bench.device.resize(120, 40)
    assert (bench.p.port.load(0x100, 2), bench.p.port.load(0x102, 2)) == (120, 40)
    assert bench.p.read(R.ConfigGeneration) != generation
    assert bench.p.read(R.InterruptStatus) == 2
    assert [e.text for e in bench.p.of(ConfigChanged)] == ["configuration changed, generation 1"]
    assert bench.p.violations == []


@pytest.mark.parametrize("size", [(-1, 25), (80, 70000)])
def test_a_size_that_no_configuration_can_hold_is_refused(size: tuple[int, int]) -> None:
    says = rf"console size {size[0]}x{size[1]}: each is 0 to 65535"
    with pytest.raises(ValueError, match=says):
        Console(print, size)
    with pytest.raises(ValueError, match=says):
        Bench().device.resize(*size)


def test_without_a_size_the_feature_is_not_offered() -> None:
    bench = Bench(size=None)
    assert not bench.device.features & mask(ConsoleFeature.SIZE)
    assert (bench.p.port.load(0x100, 2), bench.p.port.load(0x102, 2)) == (80, 25)  # sane all the same
    with pytest.raises(ValueError, match="this console was made without a size"):
        bench.device.resize(1, 1)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_an_emergency_write_needs_no_initialization(width: int) -> None:
    bench = Bench(live=False)
    for character in b"panic":
        bench.p.port.store(0x108, width, character)
    assert bench.output == b"panic"
    assert bench.p.violations == []
    bench.p.port.store(0x109, 1, 65)
    assert bench.output == b"panic"


def test_output_that_the_host_cannot_take_is_told_and_dropped() -> None:
    def broken(data: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    bench = Bench(live=False)
    bench.device.output = broken
    bench.start()
    bench.tx.add(b"lost")
    bench.tx.notify()
    assert bench.tx.used() == [(0, 0)]
    assert [e.text for e in bench.p.of(Notice)] == ["console: 4 bytes of output lost: [Errno 32] Broken pipe"]


def test_a_reset_keeps_what_was_typed() -> None:
    bench = Bench()
    bench.device.feed(b"kept")
    bench.p.write(R.Status, 0)
    bench.p.memory.write(bench.rx.desc, bytes(0x300))
    bench.p.memory.write(bench.tx.desc, bytes(0x300))
    bench.rx, bench.tx = RawQueue(bench.p, 0), RawQueue(bench.p, 1, at=RAM_BASE + 0x40000)
    bench.start()
    (address,) = bench.rx.add(8)
    bench.rx.notify()
    assert bench.received(address) == b"kept"
