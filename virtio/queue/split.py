"""The device side of a split virtqueue (2.7). Iterating pops chains, `push` returns them to the driver.

A ring that cannot be trusted is a violation, once, and told to the owner: it sets DEVICE_NEEDS_RESET and takes the
queue out of life until the next reset. Nothing that lies in guest memory can raise or loop here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol

from emu.memory import BadAddress, Memory
from emu.snapshot import BadState, Flag, Maybe, Saved, bits
from emu.trace import NO_TRACE, Trace
from virtio.events import UNREAD, ChainPopped, ChainUsed, RingWords, SpecViolation
from virtio.queue.chain import Chain
from virtio.queue.sample import ring_words
from virtio.queue.walk import RingError, Walk
from virtio.spec import MAX_SPLIT_QUEUE_SIZE, AvailFlag, UsedFlag

NO_INTERRUPT = int(AvailFlag.NO_INTERRUPT)  # arithmetic on flags costs a microsecond


def size_rule(size: int) -> tuple[str, str]:
    """The rule that a size out of range breaks, and its section: too large, or 0 and so no power of 2."""
    return ("mmio.queue-size-le-max", "4.2.2.2") if size else ("inv.split-qsize-pow2", "2.7")


class Owner(Protocol):
    """What a queue needs of its transport."""

    def needs_reset(self, reason: str) -> None:
        """Set DEVICE_NEEDS_RESET (2.1.2) and stop every queue."""

    def chain_used(self, queue: Queue) -> None:
        """A chain was pushed: see about an interrupt, now or at the end of a batch."""


class Queue(Saved):
    """Queue `index` of a device: its three areas are guest-physical, its sizes in elements.

    `ready` follows QueueReady; `live` is set by the transport between DRIVER_OK and a reset or NEEDS_RESET. Only a
    queue that is both is looked at (2.1.2, 4.2.2.1). `size_refused` is a QueueSize out of range that the driver wrote
    last, or None: a driver lays its rings out for that size, so the queue does not start. `refused` is why it did not
    start when the driver last set QueueReady.
    """

    saved: ClassVar = {
        "size": bits(16), "size_refused": Maybe(bits(32)), "ready": Flag(), "descriptor_area": bits(64),
        "driver_area": bits(64), "device_area": bits(64), "last_avail": bits(16), "used_idx": bits(16),
        "_signalled": bits(16),
    }  # fmt: skip

    def __init__(
        self,
        index: int,
        memory: Memory,
        owner: Owner,
        *,
        name: str = "",
        size_max: int = 256,
        trace: Trace = NO_TRACE,
        source: str = "virtio",
    ) -> None:
        self.index = index
        self.memory = memory
        self.owner = owner
        self.name = name or f"queue {index}"
        self.size_max = min(size_max, MAX_SPLIT_QUEUE_SIZE)
        self.trace = trace
        self.source = source
        self.live = False
        self.indirect = False
        self.event_idx = False
        self.epoch = 0
        self.size_refused: int | None = None
        self.refused = ""
        self._walk: Walk | None = None
        self.reset()

    def reset(self) -> None:
        """Back to how the queue was at power on (2.6.1.1.1, 4.2.2.1): chains that are out come to nothing."""
        self.size = self.size_max
        self.size_refused = None
        self.descriptor_area = self.driver_area = self.device_area = 0
        self.stop()

    def start(self) -> None:
        """The driver made the queue ready: both rings count from 0. Raises `RingError` if it cannot be used."""
        self._check_areas()
        self.stop()
        self.ready = True

    def stop(self) -> None:
        """Leave the rings alone and forget every position in them."""
        self.ready = False
        self.refused = ""
        self.last_avail = self.used_idx = self._signalled = self._seen = 0
        self.epoch += 1

    def restored(self) -> None:
        """A ready queue has to pass what it passed when it was started."""
        if not 0 < self.size <= self.size_max:
            raise BadState(f"{self.size} is not in 1..{self.size_max}", "size")
        if self.ready:
            try:
                self._check_areas()
            except RingError as error:
                raise BadState(error.message, "ready") from None

    @property
    def usable(self) -> bool:
        """Whether the device may look at the rings."""
        return self.ready and self.live

    @property
    def available(self) -> int:
        """Chains that wait in the avail ring, as the driver counts them: a broken ring can say up to 65535."""
        if not self.ready:
            return 0
        try:
            return (self.memory.get16(self.driver_area + 2) - self.last_avail) & 0xFFFF
        except BadAddress:
            return 0

    @property
    def words(self) -> RingWords:
        """What both sides have written into the rings, as it lies in memory now."""
        return ring_words(self.memory, self.driver_area, self.device_area, self.size) if self.ready else UNREAD

    def look(self) -> None:
        """The driver kicked: see whether it brought avail.idx to where it can be; if not, the queue's life ends."""
        if self.usable:
            try:
                self._waiting()
            except RingError as error:
                self._give_up(error)
            except BadAddress as error:
                self._give_up(RingError("inv.buffer-in-ram", "2.7", f"queue {self.index}: {error}"))

    def __iter__(self) -> Iterator[Chain]:
        """Pop until the ring is empty, but no more chains than a driver can have out at once."""
        for _ in range(self.size):
            chain = self.pop()
            if chain is None:
                return
            yield chain
        try:
            self._expect_kick()
        except BadAddress as error:
            self._give_up(RingError("inv.buffer-in-ram", "2.7", f"queue {self.index}: {error}"))

    def pop(self) -> Chain | None:
        """The next available chain, or None: the ring is empty, not usable, or just turned out broken."""
        if not self.usable:
            return None
        try:
            return self._pop()
        except RingError as error:
            self._give_up(error)
        except BadAddress as error:
            self._give_up(RingError("inv.buffer-in-ram", "2.7", f"queue {self.index}: {error}"))
        return None

    def push(self, chain: Chain) -> None:
        """Return `chain` to the driver with the number of bytes written to it (2.7.8.2)."""
        if not self.usable or chain.epoch != self.epoch:
            return  # the driver reset the device or the queue in between and does not wait for it (2.6.1.1.1)
        element = self.device_area + 4 + 8 * (self.used_idx % self.size)
        try:
            self.memory.put32(element, chain.head)
            self.memory.put32(element + 4, min(chain.written, 0xFFFFFFFF))
            self.used_idx = (self.used_idx + 1) & 0xFFFF
            self.memory.put16(self.device_area + 2, self.used_idx)  # after the element (2.7.8.2)
        except BadAddress as error:
            self._give_up(RingError("inv.buffer-in-ram", "2.7", f"queue {self.index}: {error}"))
            return
        if self.trace.on:
            event = ChainUsed(self.source, self.index, self.used_idx, chain.head, chain.written, self.words)
            self.trace.publish(event)
        self.owner.chain_used(self)

    def interrupt_wanted(self) -> bool:
        """Whether the chains pushed since the last call ask for an interrupt (2.7.7.2); resets that count."""
        old, self._signalled = self._signalled, self.used_idx
        if old == self.used_idx or not self.ready:
            return False
        try:
            if self.event_idx:
                used_event = self.memory.get16(self.driver_area + 4 + 2 * self.size)
                return (self.used_idx - used_event - 1) & 0xFFFF < (self.used_idx - old) & 0xFFFF
            return not self.memory.get16(self.driver_area) & NO_INTERRUPT
        except BadAddress:
            return False  # the next pop says what is wrong

    def ask_for_notifications(self, wanted: bool) -> None:
        """Tell the driver whether to kick (2.7.10): for a device that looks at the queue by itself.

        With EVENT_IDX used.flags stays 0 (2.7.10.2); the event index is set whenever the ring was found empty.
        """
        if not self.usable or self.event_idx:
            return
        try:
            self.memory.put16(self.device_area, 0 if wanted else UsedFlag.NO_NOTIFY)
        except BadAddress as error:
            self._give_up(RingError("inv.buffer-in-ram", "2.7", f"queue {self.index}: {error}"))

    def _pop(self) -> Chain | None:
        memory = self.memory
        if not self._waiting():
            self._expect_kick()
            return None
        head = memory.get16(self.driver_area + 4 + 2 * (self.last_avail % self.size))
        if head >= self.size:
            raise RingError(
                "inv.avail-head-range",
                "2.7.6",
                f"queue {self.index}: chain {head} made available, the queue has {self.size} descriptors",
            )
        walk = self._walk = Walk(memory, self.descriptor_area, self.size, indirect=self.indirect, report=self._report)
        descriptors = walk.chain(head)
        if self.trace.on:
            plain = tuple((d.address, d.length, d.flags, d.next) for d in descriptors)
            event = ChainPopped(
                self.source, self.index, self.last_avail, head, plain, tuple(walk.indices), walk.through_table
            )
            self.trace.publish(event)
        self.last_avail = (self.last_avail + 1) & 0xFFFF
        return Chain(memory, head, descriptors, self.epoch)

    def _waiting(self) -> int:
        """Chains that wait in the avail ring; avail.idx only goes forward, by no more than there are descriptors."""
        self._walk = None
        idx = self.memory.get16(self.driver_area + 2)
        waiting = (idx - self.last_avail) & 0xFFFF
        back = (self._seen - idx) & 0xFFFF
        gone_back = 0 < back <= min(self.size, 0x7FFF)
        if gone_back:
            rule, section = "split.avail-idx-no-decrement", "2.7.6.1"
            message = f"queue {self.index}: avail.idx went back from {self._seen} to {idx}"
            if waiting > self.size:
                raise RingError(rule, section, message)
            self._blame(rule, section, message)
        elif waiting > self.size:
            message = f"queue {self.index}: avail.idx is {waiting} ahead, the queue has {self.size} descriptors"
            raise RingError("inv.avail-idx-jump", "2.7.13", message)
        self._seen = idx
        return waiting

    def _expect_kick(self) -> None:
        """Ask to be told of the very next chain: avail_event is the place of it (2.7.10.2)."""
        if self.event_idx and self.usable:
            self.memory.put16(self.device_area + 4 + 8 * self.size, self.last_avail)

    def _report(self, rule: str, section: str, message: str) -> None:
        self._blame(rule, section, f"queue {self.index}, {message}")

    def _blame(self, rule: str, section: str, message: str) -> None:
        """Publish a violation with the chain that is being followed, if one is."""
        if self.trace.on:
            event = SpecViolation(self.source, rule, section, message, self.index)
            walk = self._walk
            if walk is not None and walk.indices:
                event.head, event.indices = walk.indices[0], tuple(walk.indices)
                event.descriptors = tuple((d.address, d.length, d.flags, d.next) for d in walk.visited)
            self.trace.publish(event)

    def _give_up(self, error: RingError) -> None:
        message = error.message if error.message.startswith("queue") else f"queue {self.index}, {error.message}"
        self._blame(error.rule, error.section, message)
        self.owner.needs_reset(message)

    def _check_areas(self) -> None:
        """Size, alignment (2.7.1) and place of the three areas; raises `RingError`."""
        if self.size_refused is not None:
            reason = f"the driver uses size {self.size_refused}, 1 to {self.size_max} is offered"
            raise RingError(*size_rule(self.size_refused), f"queue {self.index}: {reason}")
        size = self.size
        if size == 0 or size > self.size_max or size & (size - 1):
            reason = f"size {size} is not a power of 2 in 1..{self.size_max}"
            raise RingError("inv.split-qsize-pow2", "2.7", f"queue {self.index}: {reason}")
        for area, address, length, align in (
            ("descriptor table", self.descriptor_area, 16 * size, 16),
            ("avail ring", self.driver_area, 6 + 2 * size, 2),
            ("used ring", self.device_area, 6 + 8 * size, 4),
        ):
            if address % align:
                reason = f"{area} at {address:#x} is not aligned to {align}"
                raise RingError("split.part-alignment", "2.7.1", f"queue {self.index}: {reason}")
            if not self.memory.contains(address, length):
                reason = f"{area} ({length} bytes) at {address:#x} is not inside RAM"
                raise RingError("inv.addresses-complete", "4.2.3.2", f"queue {self.index}: {reason}")
