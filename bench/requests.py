"""Requests a second: the Python driver against a device without an emulator, and a guest against the machine."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable

from bench.measure import Section, assemble, interleaved, median, ratio
from emu.config import Stop
from emu.machine import Machine, MachineConfig, slot_base
from emu.recording import Header, Recorder
from emu.trace import Trace
from tui.session import mount
from virtio.devices.blk import Blk
from virtio.devices.rng import Rng
from virtio.drivers.arena import Arena
from virtio.drivers.blk import BlkDriver
from virtio.drivers.port import MachinePort
from virtio.drivers.rng import RngDriver
from virtio.drivers.transport import VirtIOTransport
from virtio.testing import pair

SECTORS = 8
"""4 KiB, as a file system reads."""
READS, REQUESTS = 800, 4000
DISK = bytes(range(256)) * 4096
ARENA_OFFSET, ARENA_SIZE = 0x10_0000, 0x4_0000
GUEST = """
    li s0, {slot}
    li s1, {avail}
    li s2, {used}
    li s3, {requests}
    lhu t1, 2(s1)
loop:
    addi t1, t1, 1
    slli t1, t1, 48
    srli t1, t1, 48
    sh t1, 2(s1)         # avail.idx: descriptor chain 0 once more
    fence
    sw zero, 0x50(s0)    # QueueNotify
wait:
    lhu t2, 2(s2)        # used.idx
    bne t2, t1, wait
    lw t3, 0x60(s0)      # InterruptStatus
    sw t3, 0x64(s0)      # InterruptACK
    addi s3, s3, -1
    bnez s3, loop
    wfi
"""
"""What a polling driver does for one request: three register accesses and the rings."""


def record(trace: Trace) -> None:
    """As --trace=FILE does, into nothing."""
    stream = open(os.devnull, "w", encoding="utf-8", buffering=1 << 20)  # noqa: SIM115  (as long as the process)
    trace.subscribe(Recorder(stream, Header("machine", 1, 64, "bench")))


def blk_case(recorded: bool) -> Callable[[], float]:
    """4 KiB reads by the driver of `virtio.drivers`."""
    disk = pair(Blk(io.BytesIO(DISK)))
    disk.trace.unsubscribe(disk.events.append)
    if recorded:
        record(disk.trace)
    driver = BlkDriver(VirtIOTransport(disk.port), disk.memory, Arena(disk.memory.base, ARENA_SIZE))
    driver.start()

    def case() -> float:
        start = time.process_time()
        for i in range(READS):
            driver.read(i % 128 * SECTORS, SECTORS)
        return READS / (time.process_time() - start)

    return case


def rng_case(recorded: bool) -> Callable[[], float]:
    """16 bytes of entropy a request, asked for by a guest; the host's driver has set the device up before."""
    machine = Machine(MachineConfig(ram_size=4 << 20))
    mount(machine, 0, Rng())
    ram = machine.ram
    arena = Arena(ram.base + ARENA_OFFSET, ARENA_SIZE)
    driver = RngDriver(VirtIOTransport(MachinePort(machine, slot_base(0))), ram, arena, event_idx=False)
    driver.start()
    queue = driver.queues[0]
    driver.read(16)  # leaves a chain in descriptor 0, ring entry 0
    avail, used = queue.physical_addresses()[1:3]
    for entry in range(queue.size):
        ram.put16(avail + 4 + 2 * entry, ram.get16(avail + 4))
    ram.write(ram.base, assemble(GUEST.format(slot=slot_base(0), avail=avail, used=used, requests=REQUESTS)))
    if recorded:
        record(machine.trace)

    def case() -> float:
        machine.hart.reset(ram.base)
        start = time.process_time()
        if machine.hart.run(100 * REQUESTS) is not Stop.WAITING:
            raise RuntimeError("the device did not serve the guest's requests")
        return REQUESTS / (time.process_time() - start)

    return case


def measure() -> Section:
    section = Section("Requests a second", ("/ tracing off",))
    samples = interleaved({
        "blk 4 KiB reads, Python driver": blk_case(False), "blk 4 KiB reads, Python driver, recorded": blk_case(True),
        "rng requests by a guest": rng_case(False), "rng requests by a guest, recorded": rng_case(True),
    })  # fmt: skip
    for name in samples:
        off = name.removesuffix(", recorded")
        section.add(name, f"{median(samples, name):,.0f} /s", ratio(samples, name, off))
    section.notes.append(
        "blk: driver and device in Python, indirect descriptors, EVENT_IDX. rng: 16 bytes, three register accesses a "
        "request, seven more events in a recording. Processor time."
    )
    return section
