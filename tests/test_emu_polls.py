"""What a spinning hart reads again and again, found by running it some blocks further."""

from __future__ import annotations

import pytest
from asm import BASE
from bare import Guest

from emu.hart import Hart
from emu.polls import Poll, loads, look, sleeps

pytestmark = pytest.mark.usefixtures("pace")
XLEN = pytest.mark.parametrize("xlen", [32, 64])


def polls(hart: Hart, blocks: int = 400) -> list[Poll]:
    return look(hart, blocks).polls


@XLEN
def test_a_loop_that_waits_for_a_word_is_a_poll_of_it(xlen: int) -> None:
    guest = Guest(f"li s0, {BASE + 0x1000}\nloop: lhu t0, 2(s0)\nbeqz t0, loop\nwfi", xlen)
    found = polls(guest.hart)
    assert [(poll.address, poll.width) for poll in found] == [(BASE + 0x1002, 2)]
    assert found[0].times > 100
    assert guest.hart.fetch(found[0].pc) & 0x7F == 3


@XLEN
def test_a_loop_that_sleeps_between_its_looks_is_one_too(xlen: int) -> None:
    guest = Guest(f"li s0, {BASE + 0x1000}\nloop: wfi\nlw t0, 0(s0)\nbeqz t0, loop\nwfi", xlen)
    assert [(poll.address, poll.width) for poll in polls(guest.hart)] == [(BASE + 0x1000, 4)]


def test_reading_through_a_buffer_is_no_poll() -> None:
    guest = Guest(f"li s0, {BASE + 0x1000}\nloop: lw t0, 0(s0)\naddi s0, s0, 4\nj loop", 64)
    assert polls(guest.hart) == []


def test_a_load_whose_base_the_block_has_changed_is_not_guessed() -> None:
    guest = Guest(f"li s0, {BASE + 0x1000}\nlw a0, 0(s0)\nlw a1, 8(a0)\nlw a2, 4(s0)\nloop: j loop", 64)
    guest.hart.run(2)
    guest.hart.core.pc.value = BASE
    guest.hart.core.x[8] = BASE + 0x1000
    assert [address for _, address, _ in loads(guest.hart)] == []  # s0 is written by the block itself


@XLEN
def test_a_word_behind_a_pointer_in_memory_is_found(xlen: int) -> None:
    code = f"""
        li s0, {BASE + 0x1000}
        addi t0, s0, 64
        sx t0, 8(s0)
        loop: lx t1, 8(s0)
        lhu t1, 2(t1)
        beqz t1, loop
    """
    found = {(poll.address - BASE, poll.width) for poll in polls(Guest(code, xlen).hart)}
    assert found == {(0x1008, xlen // 8), (0x1042, 2)}


def test_the_stack_is_left_out() -> None:
    guest = Guest(f"li sp, {BASE + 0x1000}\nloop: ld ra, 8(sp)\nlw a0, 0(sp)\nj loop", 64)
    assert polls(guest.hart) == []


def test_devices_and_holes_are_not_read() -> None:
    guest = Guest("li s0, 0x10000000\nloop: lw t0, 0(s0)\nj loop", 64)
    seen: list[int] = []
    guest.device(lambda offset, width: seen.append(offset) or 0, lambda offset, width, value: None)
    assert polls(guest.hart, blocks=50) == []
    guest = Guest("li s0, 0x10000000\nla t1, loop\ncsrw mtvec, t1\n.align 2\nloop: lw t0, 0(s0)\nj loop", 64)
    assert polls(guest.hart, blocks=50) == []


@XLEN
def test_a_sleeper_that_looks_again_comes_back_and_one_that_does_not_goes_on(xlen: int) -> None:
    code = f"li s0, {BASE + 0x1000}\nagain: lw t0, 0(s0)\nwfi\nbeqz t0, again\nli t1, 0x10000000\nsw t0, 0(t1)\nl: j l"
    looks, goes = Guest(code, xlen), Guest(code.replace("beqz t0, again\n", ""), xlen)
    for guest in (looks, goes):
        guest.device(lambda offset, width: 0, lambda offset, width, value: pytest.fail("a store had an effect"))
        guest.run()
        assert sleeps(guest.hart)
    with looks.bus.withhold_stores(), goes.bus.withhold_stores():
        assert look(looks.hart)[1:] == (True, "")
        assert look(goes.hart, most=5000)[1:] == (False, "probe")
    with pytest.raises(pytest.fail.Exception, match="a store had an effect"):
        goes.bus.store(0x10000000, 4, 0)
    assert not sleeps(Guest("nop", xlen).hart)
