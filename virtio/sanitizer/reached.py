"""What would put a rule to the test, as a sentence made of its trigger."""

from __future__ import annotations

from virtio.sanitizer.chapter import Key
from virtio.sanitizer.table import ADVICE, Rule
from virtio.sanitizer.triggers import PROBE, triggers
from virtio.spec import DeviceId, Feature

WORDS = {
    ("r", ""): "a load from the slot", ("w", ""): "a store to the slot",
    ("r", "config"): "a load from the configuration", ("w", "config"): "a store to the configuration",
    ("w", "Status=0"): "a reset", ("w", "QueueReady=0"): "a queue that is stopped by QueueReady = 0",
    ("w", "Status+FAILED"): "a driver that gives up and sets FAILED",
    ("w", "Status+SUSPEND"): "a driver that sets SUSPEND",
    ("r", "Status+DEVICE_NEEDS_RESET"): "DEVICE_NEEDS_RESET in Status, as with --probe needs-reset",
    ("", "features+refused"): "FEATURES_OK that the device refuses, as with --probe refuse-features",
    ("", "features"): "FEATURES_OK", ("", "pop"): "a chain that the device takes", ("", "notify"): "a kick",
    ("", "pop+NEXT"): "a chain of several descriptors that the device takes",
    ("", "pop+INDIRECT"): "a chain with an indirect table that the device takes",
    ("", "pop+sectors"): "a request that reads or writes sectors", ("", "pop+FLUSH"): "a FLUSH request",
    ("", "pop+GET_ID"): "a GET_ID request", ("", "pop+ranges"): "a DISCARD, WRITE_ZEROES or SECURE_ERASE request",
    ("", "pop@0"): "input for which the device takes a buffer of queue 0",
    ("", "pop@1"): "output that the device takes from queue 1", ("", "violation"): "a broken rule",
    ("", "used"): "a chain that the device returns", ("", "queue"): "a queue that becomes ready",
    ("", "status"): "a change of Status", ("", "ended"): "the end of the run",
    ("", "config"): "a change of the configuration, as with --probe config-interrupt",
    ("", "interrupt"): "an interrupt",
}  # fmt: skip
BESIDE = {("", "ended"), ("", "violation")}
"""What a rule is asked about beside what it is about."""
WATCHED_WORDS = {"memory": "a load or store in a ring", "fence": "a fence", "available": "a chain made available",
                 "waits": "a driver that waits"}  # fmt: skip


def reached_by(rule: Rule) -> str:
    """What puts `rule` to the test, to go on with after a colon. Of a rule that nobody judges, why not."""
    if not rule.implemented:
        return rule.why
    trigger = triggers()[rule.id]
    keys = [key for key in trigger.keys if key not in BESIDE] or list(trigger.keys)
    parts = [_words(key) for key in keys]
    if len(parts) > 4:
        parts = [*parts[:3], f"{len(parts) - 3} more"]
    text = " or ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0]
    if trigger.devices:
        text += f", on {_device(trigger.devices)}"
    for feature, how in ((trigger.feature, "with {} negotiated"), (trigger.lacking, "with {} not negotiated")):
        text += "" if feature is None else f", {how.format(Feature(feature).name)}"
    options = [
        option for option, needed in (("--advice", rule.severity == ADVICE), ("--pedantic", rule.strict)) if needed
    ]
    if any(not op and name in WATCHED_WORDS for op, name in trigger.keys):
        options.append("--watch rings")
    return text + (f"; needs {' and '.join(options)}" if options else "") + "."


def _words(key: Key) -> str:
    op, name = key
    if key in WORDS:
        return WORDS[key]
    if op == PROBE:
        return f"--probe {name}"
    if op == "offered":
        return f"a device that offers {name}"
    if op:
        return f"{'a load from' if op == 'r' else 'a store to'} {name}"
    return WATCHED_WORDS.get(name, f"an event of the kind {name}")


def _device(devices: tuple[DeviceId, ...]) -> str:
    if devices == (DeviceId.NONE,):
        return "a slot without a device"
    names = [f"{'an' if d.name[0] in 'AEIO' else 'a'} {d.name.lower().replace('_', ' ')} device" for d in devices]
    return " or ".join(names)
