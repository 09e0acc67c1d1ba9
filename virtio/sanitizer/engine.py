"""Brings events and rules together: a subscriber of a trace, or a reader of a recording. Judges from events alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from emu.trace import Event, RegisterAccess, Site
from virtio.events import SpecViolation, StatusChanged
from virtio.registers import CONFIG, VirtioMmio
from virtio.sanitizer.chapter import ALL, CONFIG_SPACE, About, Answer, Chapter, Earlier, Ended, Key, Said
from virtio.sanitizer.chapters import CHAPTERS
from virtio.sanitizer.drawing import draw
from virtio.sanitizer.findings import Finding, Findings
from virtio.sanitizer.slot import Slot
from virtio.sanitizer.table import ADVICE, DEVICE, find, rule_of

if TYPE_CHECKING:
    from virtio.sanitizer.coverage import Coverage

PREFIX = "virtio"
"""Slots are called `virtio0` (nothing in it) or `virtio0-rng`."""
RESET: Key = ("w", VirtioMmio.Status.name)
"""A reset, if 0 is written; no StatusChanged tells of one when Status is 0 already."""
RINGS = ("split", "packed")
"""Chapters whose findings show the queue, as those of all rules that rings are read for."""


class Asked(NamedTuple):
    """A rule and the method of a chapter that judges it."""

    rule: str
    judge: Callable[[Event], Answer]


class Watch:
    """One device: its state, its chapters, and which of their methods an event concerns.

    `asks`: its rules are asked; not before a reset, where what came before the first event is not known.
    """

    def __init__(self, source: str, board: dict[str, Slot], wanted: Callable[[str], bool], asks: bool) -> None:
        self.asks = asks
        self.slot = Slot(source, board)
        self.chapters: list[Chapter] = [make(self.slot) for make in CHAPTERS]
        self.asked: dict[Key, list[Asked]] = {}
        self.told: dict[Key, list[Callable[[Event], object]]] = {}
        for chapter in self.chapters:
            for name, key, attribute in chapter.rule_methods:
                if wanted(name):
                    self.asked.setdefault(key, []).append(Asked(name, getattr(chapter, attribute)))
            for key, attribute in chapter.follow_methods:
                self.told.setdefault(key, []).append(getattr(chapter, attribute))

    def keys(self, event: Event) -> tuple[Key, ...]:
        """What the event is called in `asked` and `told`. An access that a register does not answer has no name."""
        if not isinstance(event, RegisterAccess):
            return (("", event.kind),)
        if event.offset >= CONFIG:
            return (event.op, CONFIG_SPACE), (event.op, ALL)
        if event.width != 4 or event.offset % 4 or not event.name:
            return ((event.op, ALL),)
        return (event.op, event.name), (event.op, ALL)

    def draw(self, event: Event, about: int) -> tuple[str, ...]:
        """Queue `about`; if that is negative the one that `event`, or the last event before it, is about."""
        about = about if about >= 0 else getattr(event, "queue", -1)
        about = about if about >= 0 else self.slot.last_queue
        return draw(self.slot.queue(about), event) if about >= 0 else ()

    def reset(self) -> None:
        for chapter in self.chapters:
            chapter.reset()


def parts(event: RegisterAccess) -> tuple[RegisterAccess, ...]:
    """What a device makes of an access: itself, or of one of 8 bytes to registers two of 4."""
    if event.width != 8 or event.offset % 8 or event.offset >= CONFIG:
        return (event,)
    low, high = copy(event), copy(event)
    for half, shift in ((low, 0), (high, 32)):
        half.offset, half.width, half.value = event.offset + shift // 8, 4, event.value >> shift & 0xFFFFFFFF
        register = VirtioMmio.containing(half.offset)
        half.name = register.name if register is not None else ""
    return low, high


class Sanitizer:
    """Call it with every event. `findings` holds what was found; `on_finding(finding)` hears of each new one.

    `advice`: report SHOULD rules too. `strict`: report what only a strict profile does. `coverage` is told of each
    event that rules are asked about. `site(event)` is what is known of the instruction at an event's pc, from whoever
    knows the image; a recording has it already.
    `resumed`: the first event is not the machine's first (a checkpoint): what the models judge is reported, the rest
    from a device's next reset on.
    """

    def __init__(
        self,
        on_finding: Callable[[Finding], object] = lambda finding: None,
        *,
        advice: bool = False,
        strict: bool = False,
        coverage: Coverage | None = None,
        site: Callable[[Event], Site] = lambda event: Site(event.where, event.insn, event.file),
    ) -> None:
        self.findings = Findings()
        self.on_finding = on_finding
        self.resumed = False
        self._advice, self._strict = advice, strict
        self._coverage = coverage
        self._site = site
        self._watches: dict[str, Watch] = {}
        self._board: dict[str, Slot] = {}

    def wanted(self, name: str) -> bool:
        """Whether findings of this rule are reported."""
        rule = rule_of(name)
        return (self._advice or rule.severity != ADVICE) and (self._strict or not rule.strict)

    def __call__(self, event: Event) -> None:
        if not event.source.startswith(PREFIX):
            return
        watch = self._watches.get(event.source)
        if watch is None:
            watch = self._watches[event.source] = Watch(event.source, self._board, self.wanted, not self.resumed)
        if isinstance(event, SpecViolation):
            rule = find(event.rule)
            if rule is not None and rule.by == DEVICE and self.wanted(event.rule):
                self._found(watch, event.rule, event.message, event)
            self._ask(watch, watch.keys(event), event)
            return
        for part in parts(event) if isinstance(event, RegisterAccess) else (event,):
            self._judge(watch, part)

    def finish(self) -> None:
        """The run is over: judge what could not be judged before. Call it once."""
        for watch in self._watches.values():
            end = Ended(watch.slot.source)
            self._ask(watch, watch.keys(end), end)

    def _judge(self, watch: Watch, event: Event) -> None:
        if watch.slot.placeholder:  # each access there is judged by the transport, with one rule
            watch.slot.follow(event)
            return
        keys = watch.keys(event)
        self._ask(watch, keys, event)
        for key in keys:
            for method in watch.told.get(key, ()):
                method(event)
        asked_to = keys[0] == RESET and event.value == 0  # type: ignore[attr-defined]
        done = isinstance(event, StatusChanged) and event.new == 0
        watch.asks = watch.asks or asked_to or done
        if done or (asked_to and not watch.slot.status):
            watch.reset()
            watch.slot.reset()
        watch.slot.follow(event)

    def _ask(self, watch: Watch, keys: tuple[Key, ...], event: Event) -> None:
        if not watch.asks:
            return
        if self._coverage is not None:
            self._coverage.see(watch.slot, keys, event)
        for key in keys:
            for asked in watch.asked.get(key, ()):
                answer = asked.judge(event)
                if answer:
                    several: Iterable[Said] = (answer,) if isinstance(answer, str | About | Earlier) else answer
                    for said in several:
                        if isinstance(said, About):
                            self._found(watch, asked.rule, said.message, event, said.queue)
                        elif isinstance(said, Earlier):
                            self._found(watch, asked.rule, said.message, said.event)
                        else:
                            self._found(watch, asked.rule, said, event)

    def _found(self, watch: Watch, name: str, message: str, event: Event, about: int = -1) -> None:
        place = (name, event.source, event.pc)
        if self.findings.again(place):
            return
        rule = rule_of(name)
        finding = Finding(
            rule, event.source, message, event.seq, event.time, event.pc, *self._site(event),
            history=watch.slot.history.lines(event, self._site),
            queue=watch.draw(event, about) if rule.observed == "rings" or rule.chapter in RINGS else (),
        )  # fmt: skip
        if self.findings.add(finding):
            self.on_finding(finding)
