"""`Machine.run(until=...)`: a condition, bytes on the UART, a kind of event, a predicate."""

from __future__ import annotations

import pytest
from asm import assemble

from emu.console import KEPT, ConsoleTimeout
from emu.machine import RAM_BASE, End, Machine, MachineConfig
from emu.trace import Notice, RegisterAccess
from emu.until import OnEvent

pytestmark = pytest.mark.usefixtures("pace")

COUNTING = """
    li s0, 0x10000000
    li s2, 0x101000         # a clock, traced
    loop: addi s1, s1, 1
    li t0, 97
    sb t0, 0(s0)
    j on                    # the native helper stops at the beginning of a block
    on: lw t1, 0(s2)
    j there
    there: li t0, 98
    sb t0, 0(s0)
    j further
    further: lw t1, 4(s2)
    j loop
"""


def machine_with(text: str) -> Machine:
    machine = Machine(MachineConfig(64, 1 << 20, trace_board=True))
    machine.ram.write(RAM_BASE, assemble(text))
    machine.hart.reset(RAM_BASE)
    return machine


def test_bytes_on_the_uart_stop_the_machine_and_nothing_is_seen_twice() -> None:
    machine = machine_with(COUNTING)
    for turn in (1, 2, 3):
        assert machine.run(10, until=b"b") is End.UNTIL
        assert machine.hart.core.x[9] == turn
    assert machine.uart.expect(b"aba") == b"aba"
    assert machine.uart.transcript == b"ab" * 4 + b"a"


def test_text_that_was_printed_before_is_found_at_once() -> None:
    machine = machine_with(COUNTING)
    machine.hart.run(100)
    before = machine.hart.instructions
    assert machine.uart.expect(b"bab") == b"abab"
    assert machine.hart.instructions == before


@pytest.mark.parametrize("until", ["access", RegisterAccess])
def test_a_kind_of_event_stops_the_machine(until: str | type[RegisterAccess]) -> None:
    machine = machine_with(COUNTING)
    assert machine.run(10, until=until) is End.UNTIL
    assert machine.uart.transcript in (b"", b"a")
    assert not machine.trace.on, "it listens no longer"


def test_a_predicate_says_which_event_it_was() -> None:
    machine = machine_with(COUNTING)
    wanted = OnEvent(lambda event: isinstance(event, RegisterAccess) and event.offset == 4 and event.source == "rtc")
    for turn in (1, 2):
        assert machine.run(10, until=wanted) is End.UNTIL
        assert isinstance(wanted.event, RegisterAccess) and wanted.event.offset == 4
        assert machine.hart.core.x[9] == turn


def test_an_event_that_never_comes_is_no_end() -> None:
    assert machine_with(COUNTING).run(0.1, until=Notice) is End.TIMEOUT


def test_what_cannot_be_waited_for_is_said() -> None:
    machine = machine_with(COUNTING)
    with pytest.raises(ValueError, match=r"^no event is of kind 'acces'; there are access, "):
        machine.run(1, until="acces")
    with pytest.raises(ValueError, match="an empty pattern is everywhere"):
        machine.run(1, until=b"")


def test_a_guest_that_prints_and_ends_at_once_was_seen_printing() -> None:
    program = "li t0, 0x10000000\nli t1, 0x100000\nli t2, 0x5555\nli t3, 33\nsb t3, 0(t0)\nsw t2, 0(t1)\nl: j l"
    machine = machine_with(program)
    assert machine.uart.expect(b"!") == b"!"
    assert machine.run(1) is End.EXIT
    with pytest.raises(ConsoleTimeout, match=r"b'!' did not come \(exit\); the guest's last words: '!'"):
        machine.uart.expect(b"!", 1)


def test_input_beyond_all_room_is_refused() -> None:
    machine = machine_with("l: j l")
    machine.uart.send(b"x" * 65536)
    with pytest.raises(BufferError, match=r"no room for 1\d\d bytes"):
        machine.uart.send(b"x" * 120)


def test_the_transcript_keeps_the_last_mebibyte() -> None:
    machine = machine_with("l: j l")
    for i in range(300):
        machine.uart.emit(b"%03d" % i + b"." * 9996 + b"\n")
    kept = machine.uart.transcript
    assert KEPT <= len(kept) <= 2 * KEPT
    assert kept.endswith(b"299" + b"." * 9996 + b"\n")
    assert machine.uart.unseen == kept
