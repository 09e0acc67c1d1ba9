"""The museum's catalogue: what each guest of guests/museum must be told, and how it ends.

`python tests/museum.py` prints the table of guests/museum/README.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from emu.machine import End

SOURCES = Path(__file__).parent.parent / "guests" / "museum"
NO_DEVICE, INIT_FAILED, REQUEST_FAILED, MISMATCH = 1, 2, 3, 4
"""What a guest exits with (guests/lib/board.h)."""
INPUT = b"twenty bytes of text\n"
"""What is typed on the console."""
STUCK, TIMEOUT = End.STUCK, End.TIMEOUT


@dataclass(frozen=True)
class Exhibit:
    """One guest.

    `bug` is its number in the list of known driver bugs, "" for one that is not there; `carried`: the same mistake on
    another device or ring than the original's. `rules` are the findings that it must give, and no other. `late`: those
    that need the end of the run, or long patience, to be sure; they may come. `watch`: those that come with `--watch
    rings` on top. `advice`: SHOULD rules among those that come when asked for. `ends`: an exit code, or how it hangs.
    `why`: the broken link of one that hangs. `says`: its last words.
    """

    name: str
    bug: str = ""
    rules: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    ends: int | End = 0
    why: str = ""
    says: str = ""
    carried: bool = False

    @property
    def source(self) -> str:
        return (SOURCES / f"{self.name}.c").read_text(encoding="utf-8")

    @property
    def device(self) -> str:
        """What its driver drives: rng, blk or console."""
        found = re.search(r'#include "drivers/(\w+)\.h"', self.source)
        assert found is not None
        return found[1]

    @property
    def fields(self) -> dict[str, str]:
        """Project, The bug, Rules, Source, Seen: what its head says, each on one line."""
        text = self.source.split("*/", maxsplit=1)[0]
        parts = re.split(r"^   (Project|The bug|Rules|Source|Seen): +", text, flags=re.MULTILINE)
        return {name: " ".join(body.split()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}

    @property
    def title(self) -> str:
        return self.source.partition("/* Museum: ")[2].partition("\n")[0]

    @property
    def every_rule(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.rules + self.late + self.watch + self.advice))


CATALOGUE = (
    # status, features, initialization
    Exhibit("no-version-1", "B01", ("feat.accept-version-1",), ends=INIT_FAILED,
            says="the device refuses the features"),
    Exhibit("status-clears-bits", "B02", ("status.no-clear-bit",), says="museum: and yet the device answers"),
    Exhibit("second-reset", "B05", ("init.ack-before-driver",), says="museum: Status is e, and 16 bytes came"),
    Exhibit("driver-features-read", "B08", ("mmio.no-read-wo", "feat.accept-version-1"), ends=INIT_FAILED,
            says="the device refuses the features"),
    Exhibit("selectors-unwritten", "", ("mmio.devfeat-sel-first", "mmio.drvfeat-sel-first"), says="museum: 16 bytes"),
    Exhibit("features-ok-not-reread", "B10", ("init.reread-features-ok",), says="museum: 16 bytes"),
    Exhibit("receive-kick-before-driver-ok", "B10", ("init.no-notify-before-driver-ok",),
            says="museum: 21 bytes of input"),
    Exhibit("gives-up-silently", "B10", advice=("init.failed-on-giveup",), ends=INIT_FAILED,
            says="museum: no queue 7, Status stays b"),
    Exhibit("no-reset", "B19", ("init.reset-first",), says="museum: 16 bytes"),
    Exhibit("queues-first", "B21", ("init.setup-before-driver-ok",), says="museum: 16 bytes"),
    Exhibit("kick-before-driver-ok", "B29", ("init.no-notify-before-driver-ok",), ends=STUCK, carried=True,
            why="queue 0 was kicked before DRIVER_OK, when the device does not look, and not again since"),
    # registers, configuration, setting queues up
    Exhibit("own-queue-size", "B18", ("mmio.queue-size-le-max", "inv.queue-size-max-read"), ends=INIT_FAILED,
            says="the device refuses a queue of 2048 descriptors"),
    Exhibit("size-max-unread", "B18", ("inv.queue-size-max-read",), says="museum: 16 bytes"),
    Exhibit("queue-size-3", "", ("inv.split-qsize-pow2",), ends=INIT_FAILED, carried=True,
            says="the device refuses a queue of 3 descriptors"),
    Exhibit("queue-never-ready", "", ("inv.split-qsize-pow2", "inv.notify-live-queue"), ends=STUCK, carried=True,
            why="queue 0 was kicked but is not ready: QueueReady stayed 0, its size of 3 was refused"),
    Exhibit("queue-stopped-unread", "", ("mmio.queue-stop-readback",), says="museum: the queue is gone"),
    Exhibit("rings-overlap", "", ("inv.rings-disjoint",), says="avail ring at 128, used ring at 148"),
    Exhibit("ring-not-zeroed", "B24", ("inv.ring-zeroed",), carried=True, says="museum: 16 bytes"),
    Exhibit("used-flags-dirty", "B24", ("split.used-flags-init-zero",), ends=STUCK, carried=True,
            why="the driver did not kick: used.flags says NO_NOTIFY, which the device never set; it was there before"),
    Exhibit("config-bytes", "B28", ("mmio.cfg-width-match",), says="museum: 64 sectors"),
    Exhibit("capacity-torn", "", ("cfg.no-assume-atomic",), says="museum: 64 sectors"),
    # rings: what the device is given
    Exhibit("empty-chain", "B09", ("inv.avail-head-range",), ends=STUCK, says="a chain of 1 buffers came back",
            why="the device needs a reset since the avail ring named chain 65535 of 8"),
    Exhibit("index-as-head", "B12", ("inv.avail-head-range",), ends=REQUEST_FAILED,
            says="no answer in a second, Status 4f"),
    Exhibit("index-as-head-of-two", "B12", ("inv.head-not-outstanding",), ends=MISMATCH,
            says="museum: chain 1 came back with 8 bytes"),
    Exhibit("neighbour-freed", "B13", watch=("ring.no-alter-exposed",), says="the other is still with the device"),
    Exhibit("flush-counted-as-one", "B14", ("inv.head-not-outstanding",), watch=("ring.no-alter-exposed",),
            ends=MISMATCH, says="museum: 4 requests in 8 descriptors, 1 of them lost"),
    Exhibit("flush-not-negotiated", "", ("inv.blk-unsupported-cmd",), says="museum: FLUSH ended with status 0"),
    Exhibit("too-many-buffers", "B20", ("inv.avail-idx-jump",), watch=("ring.no-alter-exposed",), ends=STUCK,
            carried=True, why="the device needs a reset since avail.idx ran 10 ahead in a queue of 8"),
    Exhibit("zero-length-buffer", "", ("inv.buffer-in-ram",), ends=STUCK, carried=True,
            says="museum: 7 bytes written", why="the device needs a reset since a buffer of 0 bytes"),
    Exhibit("buffers-never-returned", "", ends=STUCK, carried=True, says="museum: 16 bytes of input",
            why="no buffer is available in the receive queue: both came back, and none was offered since"),
    Exhibit("chain-cleared-then-walked", "B16", ends=STUCK, carried=True, says="museum: request 3 answered",
            why="nothing is outstanding: every chain came back and was seen; the driver waits for something else"),
    Exhibit("available-index-kept", "", ends=STUCK,
            why="queue 0 was kicked with nothing available: avail.idx is still 0"),
    # kicks and fences
    Exhibit("refill-without-kick", "B06", late=("split.kick-when-required",), watch=("split.kick-when-required",),
            ends=STUCK, carried=True, says="museum: 8 bytes of input",
            why="a chain was made available in the receive queue after its last kick, and the device was not told"),
    Exhibit("kicks-the-receive-queue", "", late=("split.kick-when-required",), watch=("split.kick-when-required",),
            ends=STUCK, carried=True,
            why="a chain is available in the transmit queue, which was never kicked (the receive queue was)"),
    Exhibit("no-fence-before-index", "", watch=("split.barrier-before-idx",), carried=True, says="museum: 16 bytes"),
    Exhibit("kick-without-fence", "B25", watch=("inv.kick-barrier",), says="museum: 16 bytes"),
    Exhibit("fence-after-kick", "B26", watch=("inv.kick-barrier",), says="museum: 16 bytes"),
    Exhibit("suppression-unordered", "B27", watch=("split.barrier-before-suppress-read",), says="museum: 16 bytes"),
    # the way back: used ring and interrupts
    Exhibit("element-before-index", "B04", watch=("inv.used-before-idx",), ends=MISMATCH,
            says="museum: read early: 0 bytes, read in time: 16"),
    Exhibit("index-read-once", "B04", ends=STUCK,
            why="used.idx is 1: the chain came back, and the driver does not look (it waits on an older value)"),
    Exhibit("used-event-stale", "B03", late=("inv.used-event-stale",), ends=STUCK, says="museum: interrupt 1 came",
            why="used_event is 0 and used.idx went from 1 to 2: EVENT_IDX forbids the interrupt the driver waits for"),
    Exhibit("callbacks-left-off", "", ends=STUCK, carried=True,
            why="the chain came back without an interrupt: avail.flags says NO_INTERRUPT"),
    Exhibit("no-ack", "B15", ("mmio.irq-ack-after",), ends=STUCK, carried=True, says="museum: interrupt 1 came",
            why="InterruptStatus was never acknowledged: the line stays up, so the second chain made no edge"),
    Exhibit("echo-then-ack", "B11", watch=("inv.ack-race",), ends=STUCK,
            why="InterruptACK came after the transmit queue's chain was used and took its interrupt away unseen"),
    Exhibit("ack-last", "B16", watch=("inv.ack-race",), ends=STUCK, carried=True,
            why="InterruptACK came after the second chain was used and took its interrupt away unseen"),
    Exhibit("ack-after-responses", "B17", watch=("inv.ack-race",), ends=STUCK,
            why="InterruptACK came after the next chain was used and took its interrupt away unseen"),
    # the way to the hart
    Exhibit("plic-enable-inverted", "", ends=STUCK,
            why="the interrupt is pending at the PLIC, where its source is not enabled"),
    Exhibit("plic-priority-next-door", "", ends=STUCK,
            why="the interrupt is pending and enabled at the PLIC, where its source has priority 0"),
    Exhibit("plic-threshold-left", "", ends=STUCK,
            why="the interrupt is pending and enabled at the PLIC, whose threshold 7 is not below its priority 1"),
    Exhibit("plic-not-completed", "", ends=STUCK, says="museum: interrupt 1 came",
            why="the source is claimed at the PLIC since the first interrupt, which was never completed"),
    Exhibit("mie-clear", "", ends=STUCK, why="the PLIC asks for an interrupt, but mie.MEIE is 0"),
    Exhibit("mstatus-clear", "", ends=TIMEOUT, carried=True,
            why="the PLIC asks for an interrupt and mie.MEIE is 1, but mstatus.MIE is 0: no trap is taken"),
    Exhibit("sleeps-after-the-interrupt", "", ends=STUCK, carried=True, says="museum: interrupts: 1, and now to sleep",
            why="everything arrived: the interrupt was taken and acknowledged before the wfi that waits for it"),
)  # fmt: skip


def row(exhibit: Exhibit) -> str:
    """Its line in the README: name, where the bug comes from, rules, how it ends."""
    fields = exhibit.fields
    project = fields["Project"].split(",")[0].split(";")[0].split(" (")[0].split(":")[0]
    number = f", {exhibit.bug}" if exhibit.bug else ""
    origin = f"{'after ' if exhibit.carried else ''}{project}{number}"
    kinds = {"late": set(exhibit.late) - set(exhibit.watch), "watch": exhibit.watch, "SHOULD": exhibit.advice}
    extra = [f"{name} ({kind})" for kind, names in kinds.items() for name in names]
    rules = ", ".join([*exhibit.rules, *extra]) or "none"
    ends = f"exit {exhibit.ends}" if isinstance(exhibit.ends, int) else f"hangs: {exhibit.why}"
    return f"| `{exhibit.name}` | {origin} | {rules} | {ends} |"


if __name__ == "__main__":
    print("| guest | bug of | rules | ends |", "|---|---|---|---|", *map(row, CATALOGUE), sep="\n")
