"""What puts a rule to the test: the events that it is asked about, by name, and with which features and devices.

For a rule of a chapter that is in its code. Here stand the rules that the models judge, and those of chapters that are
asked more often than they have something to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from emu.trace import Event, RegisterAccess
from virtio.devices.blk import ID_SIZE
from virtio.devices.disk import SECTOR
from virtio.events import ChainPopped, FeaturesNegotiated, Probed
from virtio.queue.chain import WRITE
from virtio.registers import VirtioMmio
from virtio.sanitizer.chapter import ALL, CONFIG_SPACE, Key
from virtio.sanitizer.chapters import CHAPTERS
from virtio.sanitizer.table import Rule, rules
from virtio.spec import BlkFeature, DeviceId, Feature

LOAD, STORE = ("r", ALL), ("w", ALL)
STATUS, READY, NOTIFY, ACK = (
    ("w", r.name) for r in (VirtioMmio.Status, VirtioMmio.QueueReady, VirtioMmio.QueueNotify, VirtioMmio.InterruptACK)
)
FEATURES, CHAIN, KICK, USED, QUEUE = ((("", kind)) for kind in ("features", "pop", "notify", "used", "queue"))
CONFIG_LOAD, CONFIG_STORE = ("r", CONFIG_SPACE), ("w", CONFIG_SPACE)
RESET, STOPPED, QUEUE_RESET = ("w", "Status=0"), ("w", "QueueReady=0"), ("w", VirtioMmio.QueueReset.name)
FAILED, SUSPENDED = ("w", "Status+FAILED"), ("w", "Status+SUSPEND")
NEEDS_RESET = ("r", "Status+DEVICE_NEEDS_RESET")
LONG_CHAIN, TABLE, EMPTY = ("", "pop+NEXT"), ("", "pop+INDIRECT"), ("r", VirtioMmio.DeviceID.name)
SECTORS, FLUSH, GET_ID, RANGES = ("", "pop+sectors"), ("", "pop+FLUSH"), ("", "pop+GET_ID"), ("", "pop+ranges")
"""Requests to a disk, told by how much there is to read and to write: an event does not have their contents."""
PROBE = "probe"
"""What a device does on purpose under `--probe`; the name of a key is the probe's."""
REFUSED = ("", "features+refused")
RECEIVED, SENT = ("", "pop@0"), ("", "pop@1")
STATUS_BITS = {"FAILED": 128, "SUSPEND": 16, "DEVICE_NEEDS_RESET": 64}
OFFERED = (Feature.ACCESS_PLATFORM, Feature.ORDER_PLATFORM, Feature.SR_IOV, BlkFeature.RO)
"""Features whose mere offer puts a rule to the test."""
WATCHED = {("", kind) for kind in ("memory", "fence", "available", "waits")}
"""Events that there are only with `--watch rings`."""


@dataclass(frozen=True)
class Trigger:
    """Any of `keys`, with `feature` negotiated and `lacking` not, on one of `devices` (none: on any)."""

    keys: tuple[Key, ...]
    feature: Feature | None = None
    lacking: Feature | None = None
    devices: tuple[DeviceId, ...] = ()


def on(
    *keys: Key, feature: Feature | None = None, lacking: Feature | None = None, of: tuple[DeviceId, ...] = ()
) -> Trigger:
    """A trigger in short."""
    return Trigger(keys, feature, lacking, of)


BLOCK = (DeviceId.BLOCK,)
OF_DEVICES = {
    "blk": BLOCK, "console": (DeviceId.CONSOLE,), "entropy": (DeviceId.ENTROPY,), "net": (DeviceId.NETWORK,),
    "balloon": (DeviceId.BALLOON,), "gpu": (DeviceId.GPU,), "input": (DeviceId.INPUT,), "crypto": (DeviceId.CRYPTO,),
    "vsock": (DeviceId.SOCKET,), "fs": (DeviceId.FILE_SYSTEM,), "sound": (DeviceId.SOUND,), "rtc": (DeviceId.RTC,),
}  # fmt: skip
"""Chapters of one kind of device."""
EVENT_IDX = Feature.EVENT_IDX
BY_MODELS: dict[str, Trigger] = {
    "status.progress-bits": on(STATUS), "status.no-clear-bit": on(STATUS), "status.failed-then-reset": on(FAILED),
    "status.no-rely-after-needs-reset": on(NEEDS_RESET), "inv.status-undefined-bits": on(STATUS),
    "feat.accept-only-offered": on(FEATURES), "feat.accept-version-1": on(FEATURES),
    "init.sequence": on(STATUS), "init.ack-before-driver": on(STATUS),
    "init.no-new-features-after-ok": on(("w", VirtioMmio.DriverFeatures.name)),
    "init.no-notify-before-driver-ok": on(NOTIFY), "inv.notify-live-queue": on(NOTIFY),
    "mmio.no-undefined-access": on(LOAD, STORE), "mmio.no-write-ro": on(STORE), "mmio.no-read-wo": on(LOAD),
    "mmio.ctrl-32bit-aligned": on(LOAD, STORE),
    "inv.config-read-beyond-layout": on(CONFIG_LOAD, CONFIG_STORE),
    "mmio.queue-size-le-max": on(("w", VirtioMmio.QueueSize.name)), "inv.split-qsize-pow2": on(READY),
    "mmio.no-queue-reg-when-ready": on(QUEUE), "split.part-alignment": on(READY),
    "mmio.irq-ack-no-undef": on(ACK), "mmio.devid-zero-no-access": on(EMPTY, of=(DeviceId.NONE,)),
    "split.readable-before-writable": on(CHAIN), "split.chain-total-le-4g": on(CHAIN),
    "split.chain-no-loop": on(LONG_CHAIN), "split.chain-le-queue-size": on(CHAIN),
    "split.avail-idx-no-decrement": on(KICK), "inv.avail-head-range": on(CHAIN), "inv.avail-idx-jump": on(KICK),
    "inv.desc-next-range": on(LONG_CHAIN), "inv.desc-undefined-flags": on(CHAIN), "inv.buffer-in-ram": on(CHAIN),
    "inv.indirect-len": on(TABLE), "indirect.no-nesting": on(TABLE), "indirect.no-indirect-and-next": on(TABLE),
    "indirect.flag-needs-feature": on(CHAIN, lacking=Feature.INDIRECT_DESC),
    "inv.reqhdr-layout": on(CHAIN, of=BLOCK), "inv.blk-unsupported-cmd": on(CHAIN, of=BLOCK),
    "blk.no-io-beyond-capacity": on(SECTORS), "blk.rw-data-multiple-512": on(SECTORS), "blk.getid-len-20": on(GET_ID),
    "blk.flush-sector-zero": on(FLUSH), "blk.flush-no-data": on(FLUSH), "blk.dwz-data-multiple-seg": on(RANGES),
    "blk.discard-seg-max": on(RANGES), "blk.write-zeroes-seg-max": on(RANGES), "blk.discard-unmap-zero": on(RANGES),
    "console.rx-no-readable": on(RECEIVED), "console.tx-no-writable": on(SENT), "rng.no-readable": on(CHAIN),
}  # fmt: skip
"""Rules that transport, queues and devices judge."""
IN_CHAPTERS: dict[str, Trigger] = {
    "feat.accept-deps": on(FEATURES, of=(DeviceId.NETWORK, DeviceId.GPU, DeviceId.CRYPTO)),
    "feat.accept-access-platform": on(("offered", "ACCESS_PLATFORM")), "blk.accept-ro": on(("offered", "RO")),
    "feat.accept-order-platform": on(("offered", "ORDER_PLATFORM")), "reset.poll-status-zero": on(RESET),
    "feat.sriov-pci-only": on(("offered", "SR_IOV")),
    "cfg.no-assume-atomic": on(CONFIG_LOAD), "cfg.generation-loop": on(CONFIG_LOAD),
    "vqreset.verify-done": on(QUEUE_RESET), "vqreset.reenable-full-config": on(QUEUE_RESET),
    "mmio.vqreset-poll-zero": on(QUEUE_RESET), "mmio.queue-stop-write0": on(STOPPED),
    "mmio.queue-stop-readback": on(STOPPED), "suspend.only-when-live": on(SUSPENDED),
    "split.kick-when-required": on(CHAIN, lacking=EVENT_IDX), "split.avail-flags-0-or-1": on(KICK, lacking=EVENT_IDX),
    "split.no-kick-when-no-notify": on(KICK, lacking=EVENT_IDX), "evidx.kick-on-crossing": on(CHAIN, feature=EVENT_IDX),
    "evidx.avail-flags-zero": on(KICK, feature=EVENT_IDX), "evidx.no-kick-otherwise": on(KICK, feature=EVENT_IDX),
    "inv.used-event-stale": on(USED, feature=EVENT_IDX), "init.failed-on-giveup": on(FAILED),
    "mmio.magic-version-first": on(("r", VirtioMmio.MagicValue.name)),
    "mmio.devid-read-next": on(("r", VirtioMmio.Version.name)),
    "mmio.irq-ack-after": on(("r", VirtioMmio.InterruptStatus.name)),
    "blk.writeback-read-after-features-ok": on(CONFIG_LOAD), "blk.capacity-recheck": on(("", "config")),
    "inv.kick-barrier": on(("", "available")), "feat.no-fail-on-unknown": on((PROBE, "unknown-feature")),
    "feat.unusable-sets-failed": on((PROBE, "minimal-features")), "init.no-continue-after-failure": on(REFUSED),
    "split.handle-spurious-irq": on((PROBE, "spurious-interrupt")),
    "mmio.ignore-bad-magic": on((PROBE, "bad-magic")),
    "mmio.ignore-bad-version": on((PROBE, "bad-version")), "evidx.ignore-used-flags-bit0": on((PROBE, "used-flags")),
    "split.ignore-avail-event-no-evidx": on((PROBE, "avail-event")),
    "mmio.irqstatus-ignore-undef": on((PROBE, "undefined-interrupt")),
}  # fmt: skip
"""Rules of chapters that are asked at other times too."""


@cache
def triggers() -> dict[str, Trigger]:
    """What puts each rule to the test that anybody judges."""
    asked: dict[str, dict[Key, None]] = {}
    for chapter in CHAPTERS:
        for name, key, _ in chapter.rule_methods:
            asked.setdefault(name, {})[key] = None
    return {rule.id: _trigger(rule, tuple(asked.get(rule.id, ()))) for rule in rules().values() if rule.implemented}


def _trigger(rule: Rule, asked: tuple[Key, ...]) -> Trigger:
    found = IN_CHAPTERS.get(rule.id) if asked else BY_MODELS.get(rule.id)
    if found is None:
        found = Trigger(tuple(key for key in asked if key in WATCHED) or asked)
    return found if found.devices else replace(found, devices=OF_DEVICES.get(rule.chapter, ()))


def details(device: DeviceId, event: Event) -> Iterator[Key]:
    """Names for `event` that say more than those that chapters are asked by: `Status=0`, `pop+INDIRECT`."""
    if isinstance(event, RegisterAccess):
        if event.op == "w" and event.value == 0:
            yield "w", f"{event.name}=0"
        if event.name == VirtioMmio.Status.name:
            yield from ((event.op, f"Status+{name}") for name, bit in STATUS_BITS.items() if event.value & bit)
    elif isinstance(event, ChainPopped):
        yield from _of_chain(device, event)
    elif isinstance(event, FeaturesNegotiated):
        yield from (("offered", bit.name) for bit in OFFERED if event.offered >> bit & 1)
        if not event.ok:
            yield REFUSED
    elif isinstance(event, Probed):
        yield PROBE, event.name


def _of_chain(device: DeviceId, chain: ChainPopped) -> Iterator[Key]:
    if len(chain.descriptors) > 1:
        yield LONG_CHAIN
    if chain.indirect:
        yield TABLE
    if device == DeviceId.BLOCK:
        yield _request(chain)
    elif device == DeviceId.CONSOLE and chain.queue < 2:
        yield "", f"pop@{chain.queue}"


def _request(chain: ChainPopped) -> Key:
    """What a chain asks a disk for, by its sizes without header (16 bytes) and status (1 byte)."""
    room = sum(length for _, length, flags, _ in chain.descriptors if flags & WRITE) - 1
    data = sum(length for _, length, flags, _ in chain.descriptors if not flags & WRITE) - 16
    if data <= 0:
        return {0: FLUSH, ID_SIZE: GET_ID}.get(room, SECTORS)
    return SECTORS if data % SECTOR == 0 else RANGES
