"""The links from finding a device to DRIVER_OK (3.1.1, 4.2.3.2), in the order of the steps."""

from __future__ import annotations

from emu.broken import IDLE, STOPPED, UNSTARTED, Broken
from emu.regs import show
from virtio.spec import DeviceStatus, Feature, feature_names
from virtio.status import ACKNOWLEDGE, DRIVER, DRIVER_OK, FAILED, FEATURES_OK, NEEDS_RESET
from virtio.why.view import DeviceView, QueueView

AGAIN = "find what broke the ring, write 0 to Status and initialize the device again"


def healthy(d: DeviceView) -> Broken | None:
    """DEVICE_NEEDS_RESET: nothing else matters."""
    if not d.status & NEEDS_RESET:
        return None
    reason = d.reason or "the reason is not known"
    return Broken(f"the device stopped and needs a reset (DEVICE_NEEDS_RESET): {reason}", "2.1.2", AGAIN)


def driven(d: DeviceView) -> Broken | None:
    """Status is 0: nobody began, or somebody reset the device and left it."""
    if d.status:
        return None
    write = d.wrote("Status")
    if d.driven:
        message = f"the device was reset{d.place(write)} and not initialized again: Status is 0"
        return Broken(message, "2.4", "initialize it again, from ACKNOWLEDGE on", UNSTARTED)
    if write is not None:
        message = f"initialization stopped after step 1 of 3.1.1 (reset{d.place(write)}): ACKNOWLEDGE was never set"
        return Broken(message, "3.1.1", "go on with step 2: write ACKNOWLEDGE (1) to Status", STOPPED)
    if d.last:
        looked = d.last.get(("r", "DeviceID")) or next(reversed(d.last.values()))
        message = f"the driver found the device ({looked.name or 'slot'} read{d.place(looked)}) and never drove it"
        hint = f"is a driver for device type {d.device_id} built in and bound? Status is still 0"
        return Broken(message, "3.1.1", hint, IDLE)
    what = "no register of it was ever touched" if d.heard else "Status is 0"
    return Broken(f"the device was never driven: {what}", "3.1.1", "look for it in every slot of the board", IDLE)


def features_agreed(d: DeviceView) -> Broken | None:
    """Step 6: the device may take FEATURES_OK back."""
    if d.status & (FEATURES_OK | DRIVER_OK) or (d.agreed is not False and not _would_refuse(d)):
        return None
    extra = d.accepted & ~d.offered
    reasons = []
    if extra:
        reasons.append("accepted but not offered: " + ", ".join(feature_names(d.device_id, extra)))
    if not d.accepted >> Feature.VERSION_1 & 1:
        reasons.append("VERSION_1 was not accepted")
    reason = "; ".join(reasons) or "the device cannot live with this subset"
    then = "; the driver then set FAILED" if d.status & FAILED else ""
    message = f"the device refused FEATURES_OK for features {d.accepted:#x}: {reason}{then}"
    return Broken(message, "2.2.2", f"accept a subset of the offered {d.offered:#x}, with VERSION_1 (bit 32) in it")


def _would_refuse(d: DeviceView) -> bool:
    """Nobody heard the answer, but the driver gave up on features that cannot be agreed on."""
    return d.agreed is None and bool(d.status & FAILED) and d.agreeable is False


def got_to_features(d: DeviceView) -> Broken | None:
    """Steps 2 to 5."""
    if d.status & (FEATURES_OK | DRIVER_OK | FAILED):
        return None
    where = d.place(d.wrote("Status"))
    if not d.status & DRIVER:
        step, done, missing = 2, show(DeviceStatus, d.status & ACKNOWLEDGE), "DRIVER"
    elif not d.accepted:
        step, done, missing = 3, "DRIVER", "no feature was accepted and FEATURES_OK"
    else:
        step, done, missing = 4, f"features {d.accepted:#x} accepted", "FEATURES_OK"
    message = f"initialization stopped after step {step} of 3.1.1 ({done}{where}): {missing} was never set"
    return Broken(message, "3.1.1", f"go on with step {step + 1} of the initialization; Status is {d.status:#x}")


def queue_started(d: DeviceView, q: QueueView) -> Broken | None:
    """Step 7: a queue that the driver means to use has to be ready."""
    if q.ready or not (q.laid_out or q.kick):
        return None
    state = f"{q.label} is not ready"
    if q.kick is not None:
        state += f" and was notified{d.place(q.kick.event)}"
    if q.refused:
        hint = "read QueueSizeMax, lay the three areas out for a power of 2 up to it, and read QueueReady back"
        return Broken(f"{state}: {_without_name(q)}", "4.2.3.2", hint)
    message = f"{state}: QueueReady was never set to 1 after its addresses were written"
    if not q.laid_out:
        message = f"{state}: neither its size nor its addresses were written"
    return Broken(message, "4.2.3.2", "write 1 to QueueReady after size and addresses, before DRIVER_OK")


def _without_name(q: QueueView) -> str:
    return q.refused.removeprefix(f"queue {q.index}: ")


def not_given_up(d: DeviceView) -> Broken | None:
    """FAILED: the driver said so itself."""
    if not d.status & FAILED:
        return None
    message = f"the driver gave the device up: it set FAILED{d.place(d.wrote('Status'))}, Status is {d.status:#x}"
    said = f"; the last complaint was: {d.complaints[-1].text}" if d.complaints else ""
    return Broken(message + said, "3.1.1", "see what the driver did before; after FAILED only a reset helps")


def live(d: DeviceView) -> Broken | None:
    """Step 8: before DRIVER_OK the device takes nothing."""
    if d.status & DRIVER_OK:
        return None
    ready = [q for q in d.queues if q.ready]
    hint = "write DRIVER_OK (4, with the bits before it) to Status when the queues are ready; notify after that"
    kicked = next((q for q in ready if q.kick is not None), None)
    if kicked is not None and kicked.kick is not None:
        message = (
            f"{kicked.label} was notified{d.place(kicked.kick.event)}, but DRIVER_OK was never set "
            f"(Status {d.status:#x}): the device takes nothing"
        )
        return Broken(message, "3.1.1", hint)
    if ready:
        names = ", ".join(q.label for q in ready)
        message = f"initialization stopped after step 7 of 3.1.1 ({names} ready): DRIVER_OK was never set"
    else:
        message = "initialization stopped after step 6 of 3.1.1 (FEATURES_OK): no queue was made ready, no DRIVER_OK"
    return Broken(f"{message}, Status is {d.status:#x}", "3.1.1", hint)


def any_queue(d: DeviceView) -> Broken | None:
    """DRIVER_OK without a queue."""
    if not d.queues or any(q.ready for q in d.queues):
        return None
    message = "DRIVER_OK is set, but no queue was made ready: there is nothing the device could serve"
    return Broken(message, "4.2.3.2", "set up the queues (step 7 of 3.1.1) before DRIVER_OK", UNSTARTED)
