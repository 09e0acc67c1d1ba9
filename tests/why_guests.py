"""Small drivers of the entropy device in assembly that hang, each for one reason, and what is said of them.

`driver` writes one; a keyword takes away or changes the part that is wrong. The rings lie behind the program.
"""

from __future__ import annotations

from pathlib import Path

from asm import assemble
from guest_run import Guest

from tui.explain import listen
from tui.why import Explainer, Explanation

SLOT, PLIC = 0x10001000, 0x0C000000
DESC, AVAIL, USED, BUFFER = (0x80001000 + 0x100 * i for i in range(4))
STATUS, NOTIFY, QUEUE_SIZE, QUEUE_READY, ACK = 0x70, 0x50, 0x38, 0x44, 0x64
VERSION_1, EVENT_IDX = 1 << 32, 1 << 29
PUBLISH = f"""
    publish:                      # one buffer of 16 bytes, always descriptor 0
    li t0, {BUFFER}
    sw t0, 0(s1)
    li t0, 16
    sw t0, 8(s1)
    li t0, 2
    sw t0, 12(s1)
    lhu t0, 2(s2)
    addi t0, t0, 1
    sh t0, 2(s2)
    jr ra
"""
SLEEP = """
    wait:                         # until the handler has seen s8 chains
    beq s4, s8, done
    wfi
    j wait
    done: jr ra
"""
POLL = """
    wait:
    lhu t0, 2(s3)
    bne t0, s8, wait
    jr ra
"""
HANDLER = f"""
    .align 2
    handler:
    li t3, {PLIC + 0x200004:#x}
    lw t4, 0(t3)
    lw t5, 0x60(s0)
    {{ack}}
    lhu s4, 2(s3)
    {{complete}}
    mret
"""
END = "li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\nl: j l\n"


def store(address: int, value: int) -> str:
    return f"li t0, {address:#x}\nli t1, {value:#x}\nsw t1, 0(t0)\n"


def register(offset: int, value: int) -> str:
    return store(SLOT + offset, value)


def features(accepted: int) -> str:
    return "".join(
        register(0x24, word) + register(0x20, accepted >> 32 * word & 0xFFFFFFFF) for word in (0, 1)
    )


def queue(size: int = 8, desc: int = DESC, ready: bool = True) -> str:
    text = register(0x30, 0) + register(QUEUE_SIZE, size)
    text += register(0x80, desc) + register(0x90, AVAIL) + register(0xA0, USED)
    return text + (register(QUEUE_READY, 1) if ready else "")


def plic(priority: int = 1, enable: int = 1 << 1, threshold: int = 0, context: int = 0) -> str:
    return (
        store(PLIC + 4, priority)
        + store(PLIC + 0x2000 + 0x80 * context, enable)
        + store(PLIC + 0x200000 + 0x1000 * context, threshold)
    )


REQUEST = "jal ra, publish\n" + register(NOTIFY, 0)
AWAIT = "addi s8, s8, 1\njal ra, wait\n"


def driver(
    *,
    begin: str = register(STATUS, 0) + register(STATUS, 1) + register(STATUS, 3),
    accepted: int = VERSION_1,
    features_ok: str = register(STATUS, 11),
    queues: str = queue(),
    driver_ok: str = register(STATUS, 15),
    interrupts: str = plic() + "li t0, 0x800\ncsrw mie, t0\ncsrsi mstatus, 8\n",
    requests: str = REQUEST + AWAIT,
    publish: str = PUBLISH,
    wait: str = SLEEP,
    ack: str = "sw t5, 0x64(s0)",
    complete: str = "sw t4, 0(t3)",
) -> str:
    """A program in M mode that initializes slot 0, makes requests and ends with code 0 when all is well."""
    bases = "".join(f"li s{i}, {at:#x}\n" for i, at in enumerate((SLOT, DESC, AVAIL, USED)))
    setup = begin + features(accepted) + features_ok + queues + interrupts + driver_ok
    code = bases + "la t0, handler\ncsrw mtvec, t0\n" + setup + requests + END
    return code + publish + wait + HANDLER.format(ack=ack, complete=complete)


def explained(folder: Path, text: str, *, xlen: int = 64, heard: bool = True, seconds: float = 0.15) -> Explanation:
    """What is said of the program when it hangs."""
    path = folder / "driver.bin"
    path.write_bytes(assemble(text, xlen))
    guest = Guest(path, "rng", xlen=xlen)
    guest.machine.trace.unsubscribe(guest.events.append)
    witness = listen(guest.session) if heard else None
    end = guest.machine.run(seconds)
    return Explainer(guest.session, witness).explain(end)


def sentence(found: Explanation) -> str:
    """The first sentence and its section, without the device's name."""
    verdict = found.verdicts[0]
    assert verdict.sentence.startswith("virtio0-rng: ")
    return f"{verdict.broken.message} [{verdict.broken.section}]"
