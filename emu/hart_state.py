"""The hart's state as named registers, whatever the engine's own layout is.

Most registers are seen in place (`emu.core`). The PMP has no official interface at all: where its entries lie is
found on a second hart, which can be tried without harm, and they are written by instructions, as a guest does.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from emu.core import STATE_SIZE, UnknownUnicorn
from emu.memory import Ram
from emu.snapshot import BadState, Number, Numbers, State, bits, inside, record
from emu.traps import Irq, M, S, U

if TYPE_CHECKING:
    from emu.hart import Hart

IN_PLACE = (
    "mstatus", "mie", "mip", "medeleg", "mideleg", "mtvec", "mepc", "mcause", "mtval", "stvec", "sepc", "scause",
    "stval", "satp", "mcounteren", "scounteren",
)  # fmt: skip
BY_INTERFACE = ("mscratch", "sscratch", "fcsr")
NARROW = {"mie": bits(16), "mip": bits(16), "mideleg": bits(16), "fcsr": bits(8)}
"""Interrupts beyond these do not exist, and the core counts on that."""
FS, SXL_UXL_64 = 3 << 13, 0xA << 32
"""mstatus: the state of the f registers; that S and U mode are 64 bits wide, which is read-only (3.1.6.3)."""
PMP_ENTRIES, PMPCFG, PMPADDR = 16, 0x3A0, 0x3B0
CSRRW, CSRR, WFI = 0x1073, 0x2073, 0x10500073
INSTRUCTIONS = bits(63)
SCRATCH_RAM = 1 << 20
PLACES: dict[int, tuple[int, ...]] = {}
"""Where the entries of the PMP lie in the core's state, by XLEN, once that was found."""


def reset(hart: Hart, pc: int, a0: int, a1: int, a2: int) -> None:
    """Start at `pc` in M mode with these arguments, as after power-on; RAM stays as it is."""
    core = hart.core
    core.priv.value = M
    _set(hart, "mstatus", 0)
    if hart.xlen == 64:
        core.mstatus.value |= SXL_UXL_64  # the core leaves 0 there, which is no width
    _set(hart, "satp", 0)
    for register in (core.mie, core.medeleg, core.mideleg, core.mcause, core.mtvec, core.stvec):
        register.value = 0
    for i in range(1, 32):
        core.x[i] = 0
    core.reservation.value = -1
    core.pc.value = pc
    core.x[10], core.x[11], core.x[12] = a0, a1, a2


def snapshot(hart: Hart) -> State:
    """Every register, and how many instructions were executed. An LR's reservation is left out: SC may always fail."""
    core = hart.core
    csrs = {name: getattr(core, name).value for name in IN_PLACE}
    priv, reservation = core.priv.value, core.reservation.value
    core.priv.value, core.mstatus.value = M, csrs["mstatus"] | FS  # else the interface says 0
    csrs |= {name: _get(hart, name) for name in _by_interface(hart.xlen)}
    floats = [_get(hart, f"f{i}") for i in range(32)]
    core.priv.value, core.mstatus.value, core.reservation.value = priv, csrs["mstatus"], reservation
    pmp = [_entry(hart, at) for at in _pmp_places(hart)]
    return {
        "instructions": hart.instructions, "pc": core.pc.value, "privilege": priv, "x": list(core.x)[1:], "f": floats,
        "csrs": csrs, "pmpcfg": [entry[1] for entry in pmp], "pmpaddr": [entry[0] for entry in pmp],
    }  # fmt: skip


def restore(hart: Hart, state: object) -> int:
    """Set a hart that has not run yet; raises BadState. Returns how many instructions were executed."""
    core, word = hart.core, bits(hart.xlen)
    names = (*IN_PLACE, *_by_interface(hart.xlen))
    fields = record(state, ("instructions", "pc", "privilege", "x", "f", "csrs", "pmpcfg", "pmpaddr"))

    def numbers(name: str, number: Number, count: int) -> list[int]:
        with inside(name):
            return Numbers(number).load(fields[name], range(count))

    def number(where: State, name: str, kind: Number) -> int:
        with inside(name):
            return kind.load(where[name])

    x, floats = numbers("x", word, 31), numbers("f", bits(64), 32)
    with inside("csrs"):
        given = record(fields["csrs"], names)
        csrs = {name: number(given, name, NARROW.get(name, word)) for name in names}
    pc, priv = number(fields, "pc", word), number(fields, "privilege", bits(2))
    if pc & 1:
        raise BadState(f"{pc:#x} is odd", "pc")
    if priv not in (U, S, M):
        raise BadState(f"there is no mode {priv}", "privilege")
    if hart.xlen == 64 and csrs["satp"] >> 60 not in (0, 8, 9, 10):
        raise BadState(f"{csrs['satp']:#x} names no translation mode", "csrs", "satp")
    _set_pmp(hart, numbers("pmpcfg", bits(8), PMP_ENTRIES), numbers("pmpaddr", word, PMP_ENTRIES))
    core.priv.value, core.mstatus.value = M, FS
    for name in _by_interface(hart.xlen):
        _set(hart, name, csrs[name])
    for i, value in enumerate(floats):
        _set(hart, f"f{i}", value)
    for name in IN_PLACE:
        if name != "mip":
            getattr(core, name).value = csrs[name]
    core.mip.value = 0
    for i, value in enumerate(x, 1):
        core.x[i] = value
    core.pc.value, core.priv.value, core.reservation.value = pc, priv, -1
    hart.uc.ctl_flush_tb()
    hart.exceptions.flush_tlb()
    hart.set_mip(Irq(csrs["mip"]), True)
    return number(fields, "instructions", INSTRUCTIONS)


def _by_interface(xlen: int) -> tuple[str, ...]:
    return (*BY_INTERFACE, "mstatush") if xlen == 32 else BY_INTERFACE


def _get(hart: Hart, name: str) -> int:
    return int(hart.uc.reg_read(getattr(hart.constants, f"UC_RISCV_REG_{name.upper()}")))


def _set(hart: Hart, name: str, value: int) -> None:
    hart.uc.reg_write(getattr(hart.constants, f"UC_RISCV_REG_{name.upper()}"), value)


def _run(hart: Hart, words: list[int], x: list[int]) -> list[int]:
    """Execute instructions at the start of RAM in M mode on a new hart with x1... set; returns x1 to x31."""
    base = hart.ram.base
    code = b"".join(word.to_bytes(4, "little") for word in (*words, WFI))
    hart.ram.write(base, code)
    hart.reset(base)
    for i, value in enumerate(x, 1):
        hart.core.x[i] = value
    hart.run(len(words) + 1)
    hart.ram.write(base, bytes(len(code)))
    return list(hart.core.x)[1:]


def _write(csr: int, source: int) -> int:
    return csr << 20 | source << 15 | CSRRW


def _read(csr: int, target: int) -> int:
    return csr << 20 | target << 7 | CSRR


def _set_pmp(hart: Hart, configuration: list[int], addresses: list[int]) -> None:
    """Write the PMP, and see that the core kept it; the addresses first, for a locked entry keeps its own."""
    step = hart.xlen // 8  # entries of a pmpcfg register; rv64 has only those of even numbers
    values = dict(zip(range(PMPADDR, PMPADDR + PMP_ENTRIES), addresses, strict=True))
    for first in range(0, PMP_ENTRIES, step):
        values[PMPCFG + first // 4] = int.from_bytes(bytes(configuration[first : first + step]), "little")
    writes = [_write(csr, x) for x, csr in enumerate(values, 1)]
    # nothing was executed elsewhere, so the core's translation of this page outlives a PMP that forbids it
    kept = _run(hart, writes + [_read(csr, x) for x, csr in enumerate(values, 1)], list(values.values()))
    for (csr, value), found in zip(values.items(), kept, strict=False):
        if found != value:
            name = "pmpaddr" if csr >= PMPADDR else "pmpcfg"
            raise BadState(f"the core makes {found:#x} of {value:#x} in CSR {csr:#x}", name)


def _entry(hart: Hart, offset: int) -> tuple[int, int]:
    """A PMP entry of the live core: address register, configuration."""
    at, size = ctypes.addressof(hart.core.x) + offset, hart.xlen // 8
    raw = ctypes.string_at(at, size + 1)
    return int.from_bytes(raw[:size], "little"), raw[size]


def _pmp_places(hart: Hart) -> tuple[int, ...]:
    """The offsets of the PMP entries in the core's state; raises UnknownUnicorn."""
    if hart.xlen not in PLACES:
        PLACES[hart.xlen] = _find_pmp(type(hart)(Ram(hart.ram.base, SCRATCH_RAM), hart.xlen))
    return PLACES[hart.xlen]


def _find_pmp(scratch: Hart) -> tuple[int, ...]:
    marks = [0x5A000101 + 0x010203 * i for i in range(PMP_ENTRIES)]
    _run(scratch, [_write(PMPADDR + i, i + 1) for i in range(PMP_ENTRIES)], marks)
    state = ctypes.string_at(ctypes.addressof(scratch.core.x), STATE_SIZE)
    size = scratch.xlen // 8
    places = tuple(state.find(mark.to_bytes(size, "little"), 32 * size) for mark in marks)  # not in x
    _run(scratch, [_write(PMPCFG, 1)], [0x07050301])  # permissions only: no entry is on
    if min(places) < 0 or [_entry(scratch, at)[1] for at in places[:4]] != [1, 3, 5, 7]:
        raise UnknownUnicorn("the PMP")
    return places
