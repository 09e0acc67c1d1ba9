"""Mutants that the specification allows, with the reason, and what is known of those that it does not and nobody sees.

The first pattern that a mutant's words begin with decides; `cases` narrows it to some devices and features.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """Mutants whose words match `pattern` (in cases that match `cases`), and the `reason`."""

    pattern: str
    reason: str
    cases: str = ""

    def fits(self, case: str, text: str) -> bool:
        return re.match(self.pattern, text) is not None and re.match(self.cases, case) is not None


WHOLE = "the chain that results is whole, of buffers that the driver owns: another request, as far as anybody can see"
AGAIN = "the interrupt stays asserted and is served, and acknowledged, once more"
GIVES_UP = "the driver finds that something is wrong and gives up, as it may"
LATER = "what was not published or kicked is with the next chain: batching is the driver's business"
SUBSET = "the driver sees or accepts fewer features than are offered, which it may"
OFFERED = "the field exists as soon as its feature is offered (2.5.1)"
POLLS = "when it is interrupted is the driver's choice: it asks for none, later or more, and looks at the ring itself"
ALLOWED = [
    Known("duplicate: ", "the same store again changes nothing: no register counts its writes"),
    Known("drop: R Config", "nobody has to read the configuration"),
    Known("drop: R (Status|DeviceFeatures|QueueSizeMax)", "the value is known: from a load just before or after, or an "
          "earlier life of the device (QueueSizeMax), or it is not used"),
    Known("drop: W Config|swap: W Config", "an emergency write may be left out, and come at any time (5.3.4)"),
    Known("drop: W DriverFeatures = 0x0|change: W DriverFeaturesSel = 0x0|swap: W DriverFeatures = ", "the features "
          "as they are when FEATURES_OK is set are a subset of those offered"),
    Known(r"(drop|change|swap): [RW] (DeviceFeatures|DriverFeatures|DeviceFeaturesSel) = ", SUBSET),
    Known("swap: R (Status|ConfigGeneration)", "a load whose value is not looked at may come later"),
    Known("(drop|change): W QueueSel = 0x1|change: W QueueSel = 0x0", GIVES_UP + ": the queue it sees is ready "
          "already, or there is none"),
    Known("swap: W QueueSel = 0x1, ", GIVES_UP + ": QueueReady of the queue before reads 1"),
    Known(r"(drop|change): W Status = 0xb|swap: W Status = 0xb, then R", GIVES_UP + ": FEATURES_OK reads 0"),
    Known("change: W Status = 0x0 -> 0x1", "it finds no reset, gives up, and resets before any other step"),
    Known("swap: W Status = 0x0, then R Status", "Status is read again before the first step"),
    Known("swap: W Status = 0x3, then W DeviceFeaturesSel", "a selector is no feature bit: none is read before DRIVER"),
    Known("(drop|change): W InterruptACK", AGAIN),
    Known("swap: W InterruptACK", "acknowledging a little later loses nothing here: the ring is looked at after it"),
    Known(r"swap: W Queue(Desc|Driver|Device|Size)", "the settings of a queue may come in any order (4.2.3.2)"),
    Known(r"swap: W QueueReady = 0x1, then R", "a load that has nothing to do with the queue"),
    Known(r"(drop|change): (W QueueNotify|R used.flags|R avail_event)", LATER),
    Known(r"drop: W avail\.idx|change: W avail\.idx = (0x1 -> 0x0|0x4 -> 0x3)", LATER),
    Known(r"(drop|change): W avail\.flags", POLLS),
    Known(r"(drop|change): W used_event", POLLS, "blk"),
    Known(r"(drop|change): W used_event", "another store follows before the device returns anything", "rng|console"),
    Known(r"(drop|change): W (avail\.ring|desc\.next|table\.next)", WHOLE, "rng|blk"),
    Known(r"change: W desc\.flags = 0x2 -> 0x3", WHOLE, "rng"),
    Known(r"change: W desc\.flags = 0x4 -> 0x6", "devices ignore WRITE beside INDIRECT (2.7.5.3.2)"),
    Known(r"change: W desc\.len", "a buffer may have any length", "rng|console"),
    Known("drop: W ring", "only the used ring has to be zero: descriptors and avail ring may be prepared"),
    Known("edit: INDIRECT and WRITE", "devices ignore WRITE beside INDIRECT (2.7.5.3.2)"),
    Known("edit: (EMERG_WRITE|SIZE|SIZE_MAX and SEG_MAX) (is|are)", OFFERED),
    Known("edit: NO_INTERRUPT with EVENT_IDX", POLLS),
    Known("edit: (QueueSel is|the used index)", GIVES_UP),
    Known("edit: QueueSize is half", "one chain at a time, with the same head: both sizes of the ring are the same"),
    Known("edit: accepts all that is offered", "it may accept what it does not use"),
    Known("edit: avail.idx stays", "it publishes nothing and kicks nothing"),
    Known("edit: config changes are not heard", "nobody has to read the configuration again"),
    Known("edit: descriptors from 1 to size", "the last one is never reached"),
    Known("edit: does not wait for the reset", "Status is read before the first step"),
    Known("edit: no notification of refilled buffers", "the device did not ask for one", "console.+event_idx"),
    Known("edit: notifies although nothing was added", "a kick too many does no harm"),
    Known("edit: queues change places", "the queue is full of receive buffers: nothing is added"),
    Known("edit: the avail event index of the wrong ring", "both are the same where one chain is out at a time"),
    Known("edit: the (capacity's low half|device's blk capacity)", "nobody has to read the configuration"),
    Known("edit: the first queue only", "a driver need not use all queues"),
    Known("edit: the head one place further", WHOLE),
    Known("edit: used_event one ahead", POLLS),
]  # fmt: skip
MISSED = [
    Known(r"change: W QueueReady|edit: QueueReady with 3", "QueueReady with a value other than 0 and 1 (4.2.2 defines "
          "these two): no rule of the table says so; an invariant could"),
    Known(r"(drop|swap): W QueueSel = 0x0", "QueueSel was not written since the reset, which leaves it unspecified: "
          "as mmio.devfeat-sel-first for DeviceFeaturesSel; no rule of the table says so"),
    Known("edit: positions are kept over a reset", "inv.avail-idx-starts-0 could look at the rings at the reset, "
          "and at stores to avail.idx with --watch rings: the first one is not 1"),
    Known("edit: (a reserved flag in a segment|reserved is not 0)", "reserved bits of a block request (5.2.6): "
          "inv.reqhdr-layout could see them"),
    Known("edit: the configuration before DRIVER", "3.1.1 reads the configuration in step 4, after DRIVER: "
          "init.sequence could see it"),
    Known("edit: the avail ring without modulo", "an entry of the avail ring is published that was never stored: "
          "--watch rings could tell"),
]  # fmt: skip


def known(case: str, text: str, table: list[Known]) -> Known | None:
    """The first entry that fits."""
    return next((entry for entry in table if entry.fits(case, text)), None)
