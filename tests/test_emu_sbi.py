"""emu/sbi.py: the calls of an S-mode guest, their errors, and the state that it is entered with."""

from __future__ import annotations

import pytest
from asm import BASE, assemble
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s_mode import HANDLER, TO_HANDLER, call, call_on, s_mode

from emu.machine import End, Machine
from emu.sbi import IMPLEMENTATION_ID
from emu.sbi_spec import Extension, Status
from emu.trace import Event
from emu.traps import Irq, S

XLEN = pytest.mark.parametrize("xlen", [32, 64])
PMU = 0x504D55
BUFFER = BASE + 0x4000
ALL = -1
"""As hart_mask_base: every hart."""


@XLEN
def test_the_base_extension_says_what_this_is(xlen: int) -> None:
    said = [call(xlen, Extension.BASE, function, 0) for function in range(7)]
    assert said == [(0, 2 << 24), (0, IMPLEMENTATION_ID), (0, 1), (0, 1), (0, 0), (0, 0), (0, 0)]


@XLEN
def test_only_what_is_there_is_announced(xlen: int) -> None:
    assert all(call(xlen, Extension.BASE, 3, extension) == (0, 1) for extension in Extension)
    assert call(xlen, Extension.BASE, 3, PMU) == (0, 0)


@XLEN
@pytest.mark.parametrize(
    ("extension", "function", "arguments", "status"),
    [
        (PMU, 0, (), Status.NOT_SUPPORTED),
        (Extension.BASE, 7, (), Status.NOT_SUPPORTED),
        (Extension.TIME, 1, (), Status.NOT_SUPPORTED),
        (Extension.IPI, 0, (1, 0), Status.SUCCESS),
        (Extension.IPI, 0, (0, 0), Status.SUCCESS),
        (Extension.IPI, 0, (0x55, ALL), Status.SUCCESS),
        (Extension.IPI, 0, (3, 0), Status.INVALID_PARAM),
        (Extension.IPI, 0, (1, 1), Status.INVALID_PARAM),
        (Extension.IPI, 0, (1, 1 << 30), Status.INVALID_PARAM),
        (Extension.RFENCE, 0, (1, 0), Status.SUCCESS),
        (Extension.RFENCE, 1, (1, 0, 0, 4096), Status.SUCCESS),
        (Extension.RFENCE, 2, (2, 0, 0, 4096, 1), Status.INVALID_PARAM),
        (Extension.RFENCE, 3, (1, 0), Status.NOT_SUPPORTED),
        (Extension.HSM, 0, (0, BASE, 0), Status.ALREADY_AVAILABLE),
        (Extension.HSM, 0, (1, BASE, 0), Status.INVALID_PARAM),
        (Extension.HSM, 1, (), Status.FAILED),
        (Extension.HSM, 2, (0,), Status.SUCCESS),
        (Extension.HSM, 2, (1,), Status.INVALID_PARAM),
        (Extension.HSM, 3, (0x80000000, BASE, 0), Status.NOT_SUPPORTED),
        (Extension.HSM, 3, (1, BASE, 0), Status.INVALID_PARAM),
        (Extension.SRST, 0, (3, 0), Status.INVALID_PARAM),
        (Extension.SRST, 0, (0, 2), Status.INVALID_PARAM),
        (Extension.SRST, 0, (0xF0000000, 0), Status.INVALID_PARAM),
        (Extension.DBCN, 0, (1, BASE + (1 << 20), 0), Status.INVALID_PARAM),
        (Extension.DBCN, 0, (2, BASE + (1 << 20) - 1, 0), Status.INVALID_PARAM),
        (Extension.DBCN, 0, (1, BASE, 1), Status.INVALID_PARAM),
        (Extension.DBCN, 0, (-1, BASE, 0), Status.INVALID_PARAM),
        (Extension.DBCN, 1, (1, 0x10000000, 0), Status.INVALID_PARAM),
        (Extension.DBCN, 3, (), Status.NOT_SUPPORTED),
    ],
)
def test_a_call_ends_with_the_status_of_the_specification(
    xlen: int, extension: int, function: int, arguments: tuple[int, ...], status: Status
) -> None:
    assert call(xlen, extension, function, *arguments) == (status, 0)


@XLEN
def test_what_is_not_there_is_told_to_the_trace(xlen: int) -> None:
    machine, _ = s_mode("ecall\nwfi", xlen)
    events: list[Event] = []
    machine.trace.subscribe(events.append)
    call_on(machine, PMU, 2)
    call_on(machine, Extension.HSM, 1)
    assert [event.text for event in events] == [
        "no function 0x2 of SBI extension 0x504d55 here",
        "the only hart asks to be stopped: nobody could start it again",
    ]


@XLEN
def test_a_guest_is_entered_as_firmware_would(xlen: int) -> None:
    machine, _ = s_mode("csrr s2, satp\ncsrr s3, sstatus\ncsrr s4, sie\ncsrr s5, time\nwfi", xlen)
    core = machine.hart.core
    assert (core.priv.value, core.x[10], core.x[11]) == (S, 0, 0x1234)
    assert machine.run(5) is End.STUCK
    assert core.x[18] == core.x[20] == 0
    assert core.x[19] & 0x6102 == 0x6000 and core.x[19] >> xlen - 1  # FS and SD; no SPP, no SIE
    assert (core.medeleg.value & 0xB109, core.mideleg.value) == (0xB109, 0x222)


@XLEN
@pytest.mark.parametrize(
    ("code", "cause", "value"),
    [("csrr a0, mstatus", 2, 0x30002573), (".word 0", 2, 0), ("lw a0, 0(zero)", 5, 0), ("ebreak", 3, None)],
)
def test_no_exception_is_left_to_m_mode(xlen: int, code: str, cause: int, value: int | None) -> None:
    machine, _ = s_mode(TO_HANDLER + "here:\n" + code + "\nj here\n" + HANDLER, xlen)
    assert machine.run(5) is End.STUCK
    core = machine.hart.core
    at = BASE + len(assemble(TO_HANDLER, xlen))
    assert (core.priv.value, core.x[9], core.x[18]) == (S, cause, at)
    assert core.x[19] == (at if value is None else value)


@XLEN
def test_a_call_from_u_mode_is_its_kernels(xlen: int) -> None:
    drop = "la t0, user\ncsrw sepc, t0\nli t0, 0x100\ncsrc sstatus, t0\nsret\nuser:\nli a7, 8\necall\n"
    machine, _ = s_mode(TO_HANDLER + drop + HANDLER, xlen)
    assert machine.run(5) is End.STUCK
    assert machine.hart.core.x[9] == 8 and machine.exit_code is None


@XLEN
@pytest.mark.parametrize(
    ("extension", "arguments"), [(Extension.IPI, (1, 0)), (Extension.IPI, (0, ALL)), (Extension.SEND_IPI, (0,))]
)
def test_an_interrupt_to_oneself_is_a_software_interrupt(xlen: int, extension: int, arguments: tuple[int]) -> None:
    machine, _ = s_mode("ecall\nwfi", xlen)
    assert call_on(machine, extension, 0, *arguments)[0] == 0
    assert machine.hart.core.mip.value & Irq.SSIP
    assert call_on(machine, Extension.CLEAR_IPI, 0)[0] == 1
    assert not machine.hart.core.mip.value & Irq.SSIP


@XLEN
def test_the_legacy_mask_lies_in_the_guests_memory(xlen: int) -> None:
    for mask, status in ((1, 0), (0, 0), (2, Status.INVALID_PARAM)):
        machine, _ = s_mode("ecall\nwfi", xlen)
        machine.ram.put64(BUFFER, mask)
        assert call_on(machine, Extension.SEND_IPI, 0, BUFFER) == (status, 0x77), "a1 is kept"
        assert bool(machine.hart.core.mip.value & Irq.SSIP) == (mask == 1)
    assert call(xlen, Extension.REMOTE_FENCE_I, 0, 0) == (0, 0x77)
    assert call(xlen, Extension.REMOTE_SFENCE_VMA, 0, 0x1000) == (Status.INVALID_ADDRESS, 0x77)


@pytest.mark.parametrize(
    ("extension", "arguments", "code"),
    [(Extension.SRST, (0, 0), 0), (Extension.SRST, (0, 1), 1), (Extension.SHUTDOWN, (), 0)],
)
def test_a_shutdown_ends_the_run(extension: int, arguments: tuple[int, ...], code: int) -> None:
    machine, _ = s_mode("ecall\nstay: j stay")
    call_on(machine, extension, 0, *arguments)
    assert machine.run(5) is End.EXIT
    assert machine.exit_code == code


@pytest.mark.parametrize("kind", [1, 2])
def test_a_reboot_is_the_boards_reset(kind: int) -> None:
    machine, _ = s_mode("ecall\nstay: j stay")
    resets: list[int] = []

    def reset() -> None:
        resets.append(machine.hart.pc)
        machine.exit(5)

    machine.on_reset(reset)
    call_on(machine, Extension.SRST, 0, kind, 0)
    assert (resets, machine.exit_code) == ([BASE + 4], 5)


@XLEN
def test_the_console_is_the_uarts(xlen: int) -> None:
    machine, printed = s_mode("ecall\nwfi", xlen)
    machine.ram.write(BUFFER, b"hello")
    assert call_on(machine, Extension.DBCN, 0, 5, BUFFER, 0) == (0, 5)
    assert call_on(machine, Extension.DBCN, 2, 0x12C, 0) == (0, 0)
    assert call_on(machine, Extension.PUTCHAR, 0, ord("!")) == (0, 0x77)
    assert printed == b"hello,!"
    assert call_on(machine, Extension.GETCHAR, 0) == (-1, 0x77)
    machine.uart.feed(b"typed on a keyboard")
    assert call_on(machine, Extension.GETCHAR, 0) == (ord("t"), 0x77)
    assert call_on(machine, Extension.DBCN, 1, 3, BUFFER, 0) == (0, 3)
    assert call_on(machine, Extension.DBCN, 1, 100, BUFFER + 3, 0) == (0, 15)
    assert call_on(machine, Extension.DBCN, 1, 100, BUFFER, 0) == (0, 0)
    assert machine.ram.read(BUFFER, 19) == b"yped on a keyboard\0"


def test_a_long_write_is_done_in_part() -> None:
    machine, printed = s_mode("ecall\nwfi")
    assert call_on(machine, Extension.DBCN, 0, 1 << 20, BASE, 0) == (0, 1 << 16)
    assert len(printed) == 1 << 16


words = st.one_of(st.sampled_from([0, 1, 2, BUFFER, BASE + (1 << 20) - 1, -1]), st.integers(-(1 << 63), (1 << 64) - 1))


@pytest.fixture(scope="module")
def machines() -> list[Machine]:
    return [s_mode("ecall\nwfi", xlen)[0] for xlen in (32, 64)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([*Extension, PMU]), st.integers(0, 8), st.tuples(*[words] * 6))
def test_no_call_harms_the_host(machines: list[Machine], extension: int, function: int, arguments: tuple[int]) -> None:
    code = assemble("ecall\nwfi")
    for machine in machines:
        machine.ram.write(BASE, code)
        call_on(machine, extension, function, *arguments)
        machine.exit_code = None
        assert machine.hart.core.priv.value == S
