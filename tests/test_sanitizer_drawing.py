"""The drawing of a queue: owners, arrows, both sides' indices, and never more than a screen."""

from __future__ import annotations

from judged import Judged
from rings import BUFFER, NEXT, WRITE

from virtio.events import UNREAD, ChainPopped, QueueConfigured, QueueNotified, RingWords, SpecViolation
from virtio.sanitizer.drawing import ROWS, WIDTH, draw
from virtio.sanitizer.slot import Slot
from virtio.spec import DescFlag, Feature, mask


def slot_with(size: int) -> Slot:
    slot = Slot("virtio0-rng")
    slot.follow(QueueConfigured("virtio0-rng", 0, True, size, 0x80000000, 0x80001000, 0x80002000))
    return slot


def test_a_finding_in_a_chain_shows_who_owns_what() -> None:
    j = Judged().start()
    j.queue.add(b"x", 4)
    j.queue.notify()
    j.queue.descriptor(3, BUFFER, 4, NEXT, 5)
    j.queue.descriptor(5, BUFFER + 0x1000, 512, NEXT | WRITE, 99)
    j.queue.offer(3)
    j.queue.notify()
    (finding,) = j.findings
    assert finding.queue == (
        "queue 0: 8 descriptors at 0x80000000",
        "avail ring at 0x80000100: the driver's idx is 2, the device is at 1; flags 0, used_event 0",
        "used ring at 0x80000200: idx is 1, the device's own 1; flags 0, avail_event 0",
        "waiting in the avail ring: [1] 3",
        ">     3  device (waits)       0x80008000, 4 bytes readable -> 5",
        ">     5  device (waits)       0x80009000, 512 bytes writable -> 99 (there is none)",
        "      0  driver               0x80001000, 1 byte readable -> 1",
        "      1  driver               0x80001010, 4 bytes writable",
        "  free: 2, 4, 6 to 7",
    )


def test_a_loop_and_a_table_are_seen() -> None:
    j = Judged(accepted=mask(Feature.INDIRECT_DESC)).start()
    j.queue.add(b"x", 4, indirect=True)
    j.queue.notify()
    for i in (1, 2):
        j.queue.descriptor(i, BUFFER, 4, NEXT, 3 - i)
    j.queue.offer(1)
    j.queue.notify()
    (finding,) = j.findings
    assert finding.rule.id == "split.chain-no-loop"
    assert finding.queue[4:7] == (
        ">     1  device (waits)       0x80008000, 4 bytes readable -> 2",
        ">     2  device (waits)       0x80008000, 4 bytes readable -> 1 (again)",
        "      0  driver               -> a table of 2: 1 byte readable, 4 writable",
    )


def test_a_descriptor_in_two_chains_shows_whose_it_is() -> None:
    slot = slot_with(8)
    slot.follow(ChainPopped("v", 0, 0, 0, ((BUFFER, 4, 1, 1), (BUFFER, 8, 2, 0)), (0, 1)))
    second = ChainPopped("v", 0, 1, 1, ((BUFFER, 8, 2, 0),), (1,))
    lines = draw(slot.queue(0), second)
    assert lines[3] == ">     1  device (chain 0)     0x80008000, 8 bytes writable"
    assert lines[4] == "      0  device (chain 0)     0x80008000, 4 bytes readable -> 1"


def test_a_big_queue_takes_no_more_than_a_screen() -> None:
    slot = slot_with(32768)
    for head in range(0, 32768, 2):
        slot.follow(ChainPopped("v", 0, head, head, (((1 << 64) - 1, 0xFFFFFFFF, DescFlag.WRITE, 0),), (head,)))
    kick = QueueNotified("v", 0, 16, tuple(range(1, 33, 2)), RingWords(65535, 65535, 65535, 65535, 65535, 65535))
    lines = draw(slot.queue(0), kick)
    assert len(lines) == 4 + ROWS + 2 <= 20
    assert max(map(len, lines)) <= WIDTH
    assert lines[3].endswith(" ...")
    assert f"... and {16384 + 16 - ROWS} more in chains" in lines[-2]
    assert lines[-1].startswith("  free: 33, 35, 37,")
    assert lines[-1].endswith(" ...")


def test_what_was_not_read_is_a_question_mark_and_an_old_recording_is_drawn() -> None:
    slot = slot_with(4)
    slot.follow(ChainPopped("v", 0, 0, 2, ((BUFFER, 4, 0, 0),)))
    assert slot.queue(0).words == UNREAD
    lines = draw(slot.queue(0), SpecViolation("v", "r", "2.7", "m"))
    assert "the driver's idx is ?, the device is at 1; flags ?, used_event ?" in lines[1]
    assert lines[3] == "      2  device (chain 2)     0x80008000, 4 bytes readable"


def test_a_queue_that_is_set_up_is_drawn_with_what_lies_there() -> None:
    j = Judged()
    j.queue.memory.put16(j.queue.used_ring, 1)
    j.start()
    (finding,) = j.findings
    assert finding.queue[0] == "queue 0: 8 descriptors at 0x80000000"
    assert "flags 1, avail_event 0" in finding.queue[2]
    assert finding.queue[-1] == "  free: 0 to 7"
