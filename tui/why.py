"""Why is it stuck? Puts the links of the devices (`virtio.why`) and of the machine (`emu.delivery`) together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from emu import delivery
from emu.broken import IDLE, UNHEARD, Broken
from emu.delivery import Delivery
from emu.machine import End
from emu.polls import MOST_BLOCKS, Loop, Poll, sleeps
from emu.polls import look as look_around
from tui.session import Session
from virtio.why.judge import Verdict, judge_all
from virtio.why.look import look, ring_word
from virtio.why.view import DeviceView
from virtio.why.witness import Witness


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is broken, the most telling first (none: nothing is outstanding), and what was looked at.

    `deliveries` are by device (empty for a recording), `elsewhere` the addresses outside of rings that the hart reads
    in a loop, `unknown` what could not be looked at, `ended`: the guest ended by itself and was content.
    """

    verdicts: Sequence[Verdict]
    devices: Sequence[DeviceView]
    deliveries: dict[str, Delivery]
    elsewhere: Sequence[str] = ()
    unknown: str = ""
    ended: bool = False

    @property
    def broken(self) -> bool:
        """Whether a link is broken that somebody waits for."""
        return not self.ended and any(v.broken.weight != IDLE for v in self.verdicts)


class Explainer:
    """Explains a session at any time between two instructions; without a `witness` of its events by its state alone."""

    def __init__(self, session: Session, witness: Witness | None = None) -> None:
        self.session = session
        self.witness = witness

    def explain(self, end: End | None = None) -> Explanation:
        """Look at everything. The guest runs on for some hundred instructions, so that its loop is seen.

        `end` is how the run ended: then no store of these instructions reaches a device, and nothing is published.
        While it goes on (None), a hart that sleeps is not woken for that.
        """
        machine = self.session.machine
        devices: list[DeviceView] = []
        deliveries: dict[str, Delivery] = {}
        for slot, transport in enumerate(self.session.transports):
            view = look(transport, self.witness)
            if view is not None:
                devices.append(view)
                deliveries[view.name] = delivery.look(machine.plic, machine.hart.core, 1 + slot)
        if not devices:
            return Explanation((), (), {})
        code = machine.exit_code
        place, loop = machine.hart.pc, self._loop(end)
        elsewhere = [self._place(poll) for poll in loop.polls if not self._in_a_ring(poll, devices)]
        verdicts = judge_all(devices, lambda view: behind_the_wire(view, deliveries[view.name]), ended=code is not None)
        if end is End.STUCK and not loop.back and all(v.broken.weight == IDLE for v in verdicts):
            verdicts = [*self._overslept(devices, place, loop), *verdicts]
        return Explanation(verdicts, devices, deliveries, elsewhere[:2], ended=code == 0)

    def _loop(self, end: End | None) -> Loop:
        machine = self.session.machine
        hart, trace, output = machine.hart, machine.trace, machine.config.output
        if machine.exit_code is not None or (end is None and sleeps(hart)):
            return Loop([], True)
        if end is None:
            return look_around(hart)
        on, trace.on, machine.config.output = trace.on, False, lambda data: None
        try:
            with machine.bus.withhold_stores():
                return look_around(hart, most=MOST_BLOCKS if end is End.STUCK else 0)
        finally:
            trace.on, machine.config.output = on, output

    def _overslept(self, devices: Sequence[DeviceView], place: int, loop: Loop) -> list[Verdict]:
        """The hart would go on if it woke: what it waits for came before the WFI."""
        device = max(devices, key=lambda d: d.when)
        if not any(queue.returned for queue in device.queues):
            return []
        where = self.session.boot.where(place - 4)
        at = f"{place - 4:#x}" + (f" ({where})" if where else "")
        goes = f" to write to {loop.store}" if loop.store else ""
        message = (
            f"the hart sleeps in the WFI at pc {at} and would go on{goes} if it woke, but all is delivered and nothing "
            "is left to wake it: the interrupt came before the WFI"
        )
        hint = "clear mstatus.MIE (or SIE), look whether there is still something to wait for, and only then WFI"
        return [Verdict(device, None, "awake", Broken(message, "Privileged 3.3.3", hint, UNHEARD))]

    def tell(self, stream: TextIO, end: End | None = None, *, short: bool = True) -> int:
        """Explain on `stream`; returns 1 if a link is broken that somebody waits for, else 0."""
        from tui.why_text import lines  # noqa: PLC0415  (only where something went wrong)

        found = self.explain(end)
        for line in lines(found, short=short):
            print(line, file=stream)
        stream.flush()
        return int(found.broken)

    def _in_a_ring(self, poll: Poll, devices: list[DeviceView]) -> bool:
        for device in devices:
            for queue in device.queues:
                word = ring_word(queue, poll.address, poll.width)
                if word:
                    where = self.session.boot.where(poll.pc)
                    queue.read_now.setdefault(word, f" ({poll.address:#x}, by pc {poll.pc:#x}{where and ' ' + where})")
                    return True
        return False

    def _place(self, poll: Poll) -> str:
        boot, ram = self.session.boot, self.session.machine.ram
        value = int.from_bytes(ram.read(poll.address, poll.width), "little")
        images = boot.images
        name = next((n for n in (image.symbols.object_at(poll.address) for image in images) if n), "")
        where = boot.where(poll.pc)
        at = f"{poll.address:#x}" + (f" ({name})" if name else "")
        return f"{at}, which is {value:#x}, by pc {poll.pc:#x}" + (f" ({where})" if where else "")


def behind_the_wire(view: DeviceView, d: Delivery) -> tuple[str, Broken] | None:
    """The first broken link between the device's wire and the hart's trap."""
    answer = delivery.first_broken(d)
    if answer is None:
        return None
    link, broken = answer
    if link == delivery.pending.__name__:
        return link, replace(broken, message=f"{view.unacknowledged}: {broken.message}", section="4.2.3.4.1")
    if link != delivery.enabled.__name__:
        return answer
    if any(queue.reused or queue.read_now for queue in view.queues):
        return None  # it finds its chains without interrupts
    return answer if view.heard else (link, replace(broken, weight=IDLE))
