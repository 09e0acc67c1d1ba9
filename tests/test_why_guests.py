"""Guests that hang: a driver in assembly with one thing wrong, and the sentence that is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from why_guests import (
    AVAIL,
    AWAIT,
    BUFFER,
    DESC,
    EVENT_IDX,
    NOTIFY,
    POLL,
    PUBLISH,
    REQUEST,
    STATUS,
    VERSION_1,
    driver,
    explained,
    plic,
    queue,
    register,
    sentence,
    store,
)  # fmt: skip

from tui.why_text import lines

TWICE = (REQUEST + AWAIT) * 2
PUBLISH_ONLY = "jal ra, publish\n"
ENABLE = "li t0, 0x800\ncsrw mie, t0\ncsrsi mstatus, 8\n"
WAIT_FOR_TWO = "li s8, 1\n" + AWAIT
TO_S_MODE = """
    li t0, 0x200
    csrs mideleg, t0
    csrs mie, t0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, below
    csrw mepc, t0
    mret
    below:
"""
HANGS: dict[str, tuple[dict[str, Any], str]] = {
    "no kick after publishing": (
        {"requests": PUBLISH_ONLY + AWAIT},
        "queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0); QueueNotify was never written for it [2.7.13.4]",
    ),
    "no second kick": (
        {"requests": REQUEST + AWAIT + PUBLISH_ONLY + AWAIT},
        "queue 0 (requestq): 1 chain waits (avail.idx 2, taken 1); the last notification at pc {kick} came before it "
        "was made available [2.7.13.4]",
    ),
    "kick before DRIVER_OK": (
        {"queues": queue() + REQUEST, "requests": AWAIT},
        "queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0); it was notified only before DRIVER_OK at pc {kick}, "
        "which the device ignores [3.1.1]",
    ),
    "DRIVER_OK never set": (
        {"driver_ok": ""},
        "queue 0 (requestq) was notified at pc {kick}, but DRIVER_OK was never set (Status 0xb): the device takes "
        "nothing [3.1.1]",
    ),
    "queue never made ready": (
        {"queues": queue(ready=False)},
        "queue 0 (requestq) is not ready and was notified at pc {kick}: QueueReady was never set to 1 after its "
        "addresses were written [4.2.3.2]",
    ),
    "size refused": (
        {"queues": queue(size=512)},
        "queue 0 (requestq) is not ready and was notified at pc {kick}: the driver uses size 512, 1 to 256 is offered "
        "[4.2.3.2]",
    ),
    "descriptors misaligned": (
        {"queues": queue(desc=DESC + 8)},
        "queue 0 (requestq) is not ready and was notified at pc {kick}: descriptor table at 0x80001008 is not aligned "
        "to 16 [4.2.3.2]",
    ),
    "avail.idx never advanced": (
        {"publish": PUBLISH.replace("addi t0, t0, 1\n", "")},
        "queue 0 (requestq) was notified at pc {kick}, but avail.idx is 0: no chain was ever made available "
        "(avail.ring[0] is 0, and descriptor 0 has 16 bytes at 0x80001300) [2.7.13]",
    ),
    "NO_INTERRUPT set": (
        {"requests": store(AVAIL, 1) + REQUEST + AWAIT},
        "queue 0 (requestq): the device returned 1 chain (used.idx 1) without an interrupt: avail.flags has "
        "NO_INTERRUPT set [2.7.7]",
    ),
    "used_event stale": (
        {"accepted": VERSION_1 | EVENT_IDX, "requests": TWICE},
        "queue 0 (requestq): used.idx is 2 and no interrupt was raised for it, because EVENT_IDX is on and used_event "
        "is still 0: only the step of used.idx from 0 to 1 interrupts [2.7.10.1]",
    ),
    "not enabled at the PLIC": (
        {"interrupts": plic(enable=0) + ENABLE},
        "PLIC source 1 is pending, but no context of the hart has it enabled [PLIC, Interrupt Enables]",
    ),
    "another source enabled": (
        {"interrupts": plic(enable=1) + ENABLE},
        "PLIC source 1 is pending, but no context of the hart has it enabled [PLIC, Interrupt Enables]",
    ),
    "enabled for S mode only": (
        {"interrupts": plic(context=1) + ENABLE},
        "mip.SEIP is pending and mie.SEIE is 0 (mie 0x800) [Privileged 3.1.9]",
    ),
    "priority 0": (
        {"interrupts": plic(priority=0) + ENABLE},
        "PLIC source 1 is pending with priority 0, which means never interrupt [PLIC, Interrupt Priorities]",
    ),
    "threshold too high": (
        {"interrupts": plic(threshold=3) + ENABLE},
        "PLIC source 1 is pending with priority 1, and the threshold of context 0 (M mode) is 3: only a higher "
        "priority passes [PLIC, Priority Thresholds]",
    ),
    "claimed and never completed": (
        {"complete": "", "requests": TWICE},
        "PLIC source 1 was claimed and never completed; it is pending again and must wait "
        "[PLIC, Interrupt Completion]",
    ),
    "mie bit off": (
        {"interrupts": plic() + "csrsi mstatus, 8\n"},
        "mip.MEIP is pending and mie.MEIE is 0 (mie 0x0) [Privileged 3.1.9]",
    ),
    "mstatus.MIE off": (
        {"interrupts": plic() + "li t0, 0x800\ncsrw mie, t0\n"},
        "mip.MEIP and mie.MEIE are set, but mstatus.MIE is 0 and the hart is in M mode [Privileged 3.1.6.1]",
    ),
    "SIE off in S mode": (
        {"interrupts": plic(context=1) + TO_S_MODE},
        "mip.SEIP and mie.SEIE are set, but mstatus.SIE is 0 and the hart is in S mode [Privileged 3.1.6.1]",
    ),
    "never acknowledged": (
        {"ack": "", "requests": TWICE},
        "InterruptStatus 0x1 was never acknowledged (no write to InterruptACK): the wire to PLIC source 1 stays up "
        "from an earlier interrupt, and only a rising edge makes it pending [4.2.3.4.1]",
    ),
    "another bit acknowledged": (
        {"ack": "li t5, 2\nsw t5, 0x64(s0)", "requests": TWICE},
        "InterruptStatus 0x1 was not acknowledged (InterruptACK was last 0x2 at pc {ack}): the wire to PLIC source 1 "
        "stays up from an earlier interrupt, and only a rising edge makes it pending [4.2.3.4.1]",
    ),
    "a broken chain": (
        {"publish": PUBLISH.replace(f"li t0, {BUFFER}", "li t0, 0x1000")},
        "the device stopped and needs a reset (DEVICE_NEEDS_RESET): queue 0, chain 0: descriptor 0: 16 bytes at 0x1000 "
        "are not inside RAM [2.1.2]",
    ),
    "wrong queue kicked": (
        {"requests": PUBLISH_ONLY + register(NOTIFY, 1) + AWAIT},
        "queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0); the driver notified queue 1 instead at pc {kick}, "
        "which the device does not have [4.2.3.3]",
    ),
    "polls for a wrong index": (
        {"requests": REQUEST + WAIT_FOR_TWO, "wait": POLL},
        "queue 0 (requestq): the driver reads used.idx (0x80001202, by pc {wait}) again and again, but all is "
        "delivered (used.idx 1, the device has nothing left): the index it compares with is wrong [2.7.14]",
    ),
    "polls a wrong ring": (
        {"requests": REQUEST + WAIT_FOR_TWO, "wait": POLL.replace("2(s3)", "2(s2)")},
        "queue 0 (requestq): the driver waits for avail.idx (0x80001102, by pc {wait}) to change, but the device "
        "announces in used.idx [2.7.8]",
    ),
    "features refused": (
        {"accepted": 1 << 5},
        "the device refused FEATURES_OK for features 0x20: accepted but not offered: bit 5; VERSION_1 was not accepted "
        "[2.2.2]",
    ),
    "FEATURES_OK never set": (
        {"features_ok": "here: j here\n"},
        "initialization stopped after step 4 of 3.1.1 (features 0x100000000 accepted at pc {status}): FEATURES_OK was "
        "never set [3.1.1]",
    ),
    "reset and left": (
        {"requests": REQUEST + AWAIT + register(STATUS, 0) + "here: j here\n"},
        "the device was reset at pc {status} and not initialized again: Status is 0 [2.4]",
    ),
    "given up": (
        {"requests": REQUEST + AWAIT + register(STATUS, 0x8F) + "here: j here\n"},
        "the driver gave the device up: it set FAILED at pc {status}, Status is 0x8f [3.1.1]",
    ),
    "never driven": (
        {"begin": "here: wfi\nj here\n"},
        "the device was never driven: no register of it was ever touched [3.1.1]",
    ),
}
REGISTERS = {"kick": "QueueNotify", "ack": "InterruptACK", "status": "Status"}


@pytest.mark.parametrize(("changes", "expected"), HANGS.values(), ids=HANGS.keys())
def test_a_driver_that_hangs_is_told_why(changes: dict[str, Any], expected: str, tmp_path: Path) -> None:
    found = explained(tmp_path, driver(**changes))
    device = found.devices[0]
    places = {name: f"{event.pc:#x}" for name, r in REGISTERS.items() if (event := device.wrote(r)) is not None}
    said = sentence(found)
    if "{wait}" in expected:
        places["wait"] = said.partition("by pc ")[2].partition(")")[0]
    assert said == expected.format(**places)
    assert max(map(len, lines(found, short=True) + lines(found, short=False))) <= 100


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_driver_that_ends_has_nothing_that_holds_it(xlen: int, tmp_path: Path) -> None:
    found = explained(tmp_path, driver(requests=TWICE), xlen=xlen)
    assert (found.broken, found.verdicts) == (False, [])
    assert lines(found, short=True)[0] == "why: the guest ended by itself with code 0: nothing holds it up"


def test_a_driver_that_waits_for_its_own_mistake_is_told_what_came(tmp_path: Path) -> None:
    found = explained(tmp_path, driver(requests=REQUEST + WAIT_FOR_TWO))
    assert not found.broken
    text = " ".join(" ".join(lines(found, short=True)).split())
    assert text.startswith("why: nothing is outstanding: every chain that was made available came back")
    assert "virtio0-rng: queue 0 (requestq): used.idx 1; last interrupt acknowledged at pc 0x800002" in text
    assert "a driver that still waits compares with an index or a flag of its own that is wrong" in text


def test_a_flag_in_memory_that_the_hart_waits_for_is_shown(tmp_path: Path) -> None:
    flag = f"wait: li t1, {BUFFER + 0x80}\nagain: lw t0, 0(t1)\nbeqz t0, again\njr ra\n"
    found = explained(tmp_path, driver(wait=flag))
    assert not found.broken
    assert found.elsewhere[0].startswith("0x80001380, which is 0x0, by pc 0x8000")


@pytest.mark.parametrize("xlen", [32, 64])
def test_a_guest_that_sleeps_after_its_interrupt_came_is_told_so(xlen: int, tmp_path: Path) -> None:
    found = explained(tmp_path, driver(requests=REQUEST + "j sleep\nsleep: wfi\n"), xlen=xlen)
    assert found.broken
    assert sentence(found).startswith("the hart sleeps in the WFI at pc 0x8000")
    assert sentence(found).endswith(
        "and would go on to write to finisher if it woke, but all is delivered and nothing is left to wake it: the "
        "interrupt came before the WFI [Privileged 3.3.3]"
    )


def test_a_guest_that_gave_up_by_itself_was_not_asleep(tmp_path: Path) -> None:
    give_up = store(0x100000, 0x53333)
    found = explained(tmp_path, driver(requests=store(AVAIL, 1) + REQUEST + give_up))
    assert not found.broken
    text = " ".join(" ".join(lines(found, short=True)).split())
    assert text.startswith("why: nothing is outstanding") and "avail.flags has NO_INTERRUPT set" in text


@pytest.mark.parametrize("xlen", [32, 64])
def test_where_nobody_listens_the_state_still_tells(xlen: int, tmp_path: Path) -> None:
    found = explained(tmp_path, driver(requests=PUBLISH_ONLY + AWAIT), xlen=xlen, heard=False)
    waits = "queue 0 (requestq): 1 chain waits (avail.idx 1, taken 0)"
    assert sentence(found) == f"{waits}; the device was not notified of it [2.7.13.4]"
