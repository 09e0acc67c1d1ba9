"""Input reaches the guest whole, however much there is and however slow the guest."""

from __future__ import annotations

import threading

from asm import assemble

from emu.machine import RAM_BASE, End, Machine, MachineConfig
from tui.typist import ENOUGH, Typist

SUM = """
    li s0, 0x10000000
    li s2, 300000
    loop: lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, loop
    lbu t1, 0(s0)
    add s1, s1, t1
    addi s2, s2, -1
    bnez s2, loop
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stay: j stay
"""


def test_more_input_than_any_buffer_holds_arrives_whole() -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    machine.ram.write(RAM_BASE, assemble(SUM))
    machine.hart.reset(RAM_BASE)
    typist = Typist(machine)
    data = bytes(range(250)) * 1200
    reader = threading.Thread(target=lambda: [typist.type(data[i : i + 4096]) for i in range(0, len(data), 4096)])
    reader.start()

    def push() -> bool:
        typist.push()
        return False

    end = machine.run(20, until=push)
    typist.close()
    reader.join()
    assert end is End.EXIT
    assert machine.hart.core.x[9] == sum(data)


def test_a_reader_is_let_go_when_the_guest_takes_nothing() -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    typist = Typist(machine)
    reader = threading.Thread(target=lambda: typist.type(bytes(3 * ENOUGH)))
    reader.start()
    reader.join(0.2)
    assert reader.is_alive(), "it waits for room"
    typist.close()
    reader.join(5)
    assert not reader.is_alive()


def test_typed_keys_never_block_so_that_the_way_out_is_heard() -> None:
    typist = Typist(Machine(MachineConfig(64, 1 << 20)), keys=True)
    for _ in range(100):
        typist.type(bytes(4096))


def test_the_end_of_input_is_told_after_the_last_byte() -> None:
    machine = Machine(MachineConfig(64, 1 << 20))
    machine.waits_for_input = True
    typist = Typist(machine)
    typist.type(b"x")
    typist.end()
    typist.push()
    assert machine.waits_for_input
    typist.push()
    assert not machine.waits_for_input
