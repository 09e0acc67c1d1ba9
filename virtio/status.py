"""The device status as a table of allowed transitions (2.1, 3.1.1), and what a driver did that is not in it."""

from __future__ import annotations

from emu.regs import show
from virtio.spec import DeviceStatus

# plain numbers: arithmetic on flags costs a microsecond, and every notification looks at these
ACKNOWLEDGE, DRIVER = int(DeviceStatus.ACKNOWLEDGE), int(DeviceStatus.DRIVER)
FEATURES_OK, DRIVER_OK = int(DeviceStatus.FEATURES_OK), int(DeviceStatus.DRIVER_OK)
FAILED, NEEDS_RESET = int(DeviceStatus.FAILED), int(DeviceStatus.DEVICE_NEEDS_RESET)

PROGRESS = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK
DRIVER_BITS = PROGRESS | FAILED
"""What a driver may set; DEVICE_NEEDS_RESET is the device's own and only passes through a read-modify-write."""

FOUND, DRIVEN, AGREED = ACKNOWLEDGE, ACKNOWLEDGE | DRIVER, ACKNOWLEDGE | DRIVER | FEATURES_OK
TRANSITIONS: dict[int, tuple[int, ...]] = {
    0: (FOUND, DRIVEN),  # many drivers say both at once, which loses nothing
    FOUND: (DRIVEN,),
    DRIVEN: (AGREED,),
    AGREED: (PROGRESS,),
    PROGRESS: (),
}
"""Where each state may go without a reset; any state may stay, and add FAILED."""

Finding = tuple[str, str, str]
"""A rule, its section, and a sentence."""


def _implied(status: int) -> int:
    """The progress bits up to the furthest step in `status`: that step and all before it."""
    for state, last in ((PROGRESS, DRIVER_OK), (AGREED, FEATURES_OK), (DRIVEN, DRIVER), (FOUND, ACKNOWLEDGE)):
        if status & last:
            return state
    return 0


def judge(old: int, new: int) -> list[Finding]:
    """What is wrong with the driver's write of `new` (not 0) to Status when it was `old`; empty if nothing is."""
    found: list[Finding] = []
    step = f"Status {old:#04x} -> {new:#04x}"
    undefined = new & ~(DRIVER_BITS | (NEEDS_RESET if old & NEEDS_RESET else 0))
    if undefined:
        found.append(("inv.status-undefined-bits", "2.1", f"{step}: {undefined:#x} is not the driver's to set"))
    cleared = old & ~new & DRIVER_BITS
    if cleared:
        names = show(DeviceStatus, cleared)
        found.append(("status.no-clear-bit", "2.1.1", f"{step}: {names} cleared; only a reset clears bits"))
    gained = new & ~old & PROGRESS
    if not gained:
        return found
    if old & FAILED:
        found.append(("status.failed-then-reset", "2.1.1", f"{step}: going on after FAILED without a reset"))
    skipped = _implied(old) & ~old  # told when it was skipped; the steps after it are judged on their own
    if cleared or (new | skipped) & PROGRESS in TRANSITIONS.get((old | skipped) & PROGRESS, ()):
        return found
    new |= skipped
    if gained & DRIVER and not new & ACKNOWLEDGE:
        found.append(("init.ack-before-driver", "3.1.1", f"{step}: DRIVER without ACKNOWLEDGE"))
    elif gained & FEATURES_OK and not new & DRIVER:
        found.append(("status.progress-bits", "2.1.1", f"{step}: FEATURES_OK without DRIVER"))
    elif gained & DRIVER_OK and not new & FEATURES_OK:
        found.append(("status.progress-bits", "2.1.1", f"{step}: DRIVER_OK without FEATURES_OK"))
    else:
        found.append(("init.sequence", "3.1.1", f"{step}: {show(DeviceStatus, gained)} in one write"))
    return found
