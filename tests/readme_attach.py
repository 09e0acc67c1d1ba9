"""A driver in x86-64 code reads entropy from a device on a Unicorn instance of our own."""

from unicorn import UC_ARCH_X86, UC_MODE_64, Uc

import virtio
from virtio.devices.rng import Rng

SLOT, RINGS, BUFFER = 0x10001000, 0x4000, 0x8000
WRITES = (  # what the driver does, as (address, value): initialize, make one buffer of 16 bytes available, notify
    (SLOT + 0x70, 0), (SLOT + 0x70, 1), (SLOT + 0x70, 3), (SLOT + 0x24, 1), (SLOT + 0x20, 1), (SLOT + 0x70, 11),
    (SLOT + 0x30, 0), (SLOT + 0x38, 8), (SLOT + 0x80, RINGS), (SLOT + 0x90, RINGS + 0x100),
    (SLOT + 0xA0, RINGS + 0x200), (SLOT + 0x44, 1), (SLOT + 0x70, 15),
    (RINGS, BUFFER), (RINGS + 8, 16), (RINGS + 12, 2), (RINGS + 0x100, 0x10000), (SLOT + 0x50, 0),
)  # fmt: skip
CODE = bytes.fromhex(f"be00200000 b9{len(WRITES):02x}000000 ad 97 a5 e2fb")
# mov esi, 0x2000; mov ecx, LEN; again: lodsd; xchg eax, edi; movsd; loop again

uc = Uc(UC_ARCH_X86, UC_MODE_64)
uc.mem_map(0, 0x10000)
uc.mem_write(0x1000, CODE)
uc.mem_write(0x2000, b"".join(n.to_bytes(4, "little") for write in WRITES for n in write))
virtio.attach(uc, Rng(), base=SLOT, irq=lambda level: print("interrupt", "raised" if level else "dropped"))
uc.emu_start(0x1000, 0x1000 + len(CODE))
print("the guest got", uc.mem_read(BUFFER, 16).hex())
