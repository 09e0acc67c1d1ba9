"""A small two-pass RISC-V assembler, so that a test shows the program that it runs and needs no cross compiler.

It knows RV32/64 I, M (mul), A (amoadd, lr, sc), Zicsr, the privileged instructions, c.nop and c.ebreak, and the usual
pseudo-instructions. Labels end with a colon; `.word`, `.dword`, `.align` and `.org OFFSET` place data.
"""

from __future__ import annotations

import re

BASE = 0x80000000
NAMES = """
    zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5
    a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6
""".split()  # noqa: SIM905
REGISTERS = {name: i for i, name in enumerate(NAMES)} | {f"x{i}": i for i in range(32)}
CSRS = {
    "sstatus": 0x100, "sie": 0x104, "stvec": 0x105, "scounteren": 0x106, "sscratch": 0x140, "sepc": 0x141,
    "scause": 0x142, "stval": 0x143, "sip": 0x144, "satp": 0x180, "mstatus": 0x300, "misa": 0x301, "medeleg": 0x302,
    "mideleg": 0x303, "mie": 0x304, "mtvec": 0x305, "mcounteren": 0x306, "mscratch": 0x340, "mepc": 0x341,
    "mcause": 0x342, "mtval": 0x343, "mip": 0x344, "time": 0xC01, "timeh": 0xC81, "mhartid": 0xF14,
}  # fmt: skip
R = {"add": (0x33, 0, 0), "sub": (0x33, 0, 32), "xor": (0x33, 4, 0), "or": (0x33, 6, 0), "and": (0x33, 7, 0),
     "mul": (0x33, 0, 1), "sltu": (0x33, 3, 0)}  # fmt: skip
IMMEDIATE = {
    "addi": (0x13, 0), "xori": (0x13, 4), "ori": (0x13, 6), "andi": (0x13, 7), "slli": (0x13, 1), "srli": (0x13, 5),
    "lb": (3, 0), "lh": (3, 1), "lw": (3, 2), "ld": (3, 3), "lbu": (3, 4), "lhu": (3, 5), "jalr": (0x67, 0),
}  # fmt: skip
STORES = {"sb": 0, "sh": 1, "sw": 2, "sd": 3}
BRANCHES = {"beq": 0, "bne": 1, "blt": 4, "bge": 5, "bltu": 6, "bgeu": 7}
CSR_OPS = {"csrrw": 1, "csrrs": 2, "csrrc": 3, "csrrwi": 5, "csrrsi": 6, "csrrci": 7}
FIXED = {"ecall": 0x73, "ebreak": 0x100073, "mret": 0x30200073, "sret": 0x10200073, "wfi": 0x10500073,
         "fence": 0x0FF0000F, "fence.i": 0x100F, "sfence.vma": 0x12000073, "nop": 0x13}  # fmt: skip
HALVES = {"c.nop": 1, "c.ebreak": 0x9002}
AMO = {"amoadd": 0, "amoswap": 1, "lr": 2, "sc": 3}


class Assembler:
    def __init__(self, xlen: int) -> None:
        self.xlen = xlen
        self.labels: dict[str, int] = {}
        self.out = bytearray()

    def assemble(self, text: str) -> bytes:
        for _ in range(2):  # the first pass learns the labels
            self.out = bytearray()
            for line in text.splitlines():
                code = line.split("#")[0].strip()
                while match := re.match(r"(\w+):\s*", code):
                    self.labels[match[1]] = BASE + len(self.out)
                    code = code[match.end() :]
                if code:
                    name, _, rest = code.partition(" ")
                    self.emit(name, [part.strip() for part in rest.split(",") if part.strip()])
        return bytes(self.out)

    @property
    def here(self) -> int:
        return BASE + len(self.out)

    def value(self, text: str) -> int:
        if text.lstrip("-")[:1].isdigit():
            return int(text, 0)
        return self.labels.get(text, self.here)

    def word(self, value: int, size: int = 4) -> None:
        self.out += (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def emit(self, op: str, args: list[str]) -> None:
        reg = [REGISTERS.get(a, 0) for a in args]
        if op in FIXED:
            self.word(FIXED[op])
        elif op in HALVES:
            self.word(HALVES[op], 2)
        elif op in R:
            code, f3, f7 = R[op]
            self.word(f7 << 25 | reg[2] << 20 | reg[1] << 15 | f3 << 12 | reg[0] << 7 | code)
        elif op in IMMEDIATE:
            self.emit_i(op, args, reg)
        elif op in STORES:
            offset, base = self.address(args[1])
            split = (offset >> 5 & 127) << 25 | (offset & 31) << 7
            self.word(split | reg[0] << 20 | base << 15 | STORES[op] << 12 | 0x23)
        elif op in BRANCHES:
            d = self.value(args[2]) - self.here
            imm = (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7
            self.word(imm | reg[1] << 20 | reg[0] << 15 | BRANCHES[op] << 12 | 0x63)
        elif op in CSR_OPS:
            csr = CSRS.get(args[1]) or int(args[1], 0)
            source = int(args[2], 0) if op.endswith("i") else reg[2]
            self.word(csr << 20 | source << 15 | CSR_OPS[op] << 12 | reg[0] << 7 | 0x73)
        elif op.partition(".")[0] in AMO:
            kind, _, width = op.partition(".")
            source = 0 if kind == "lr" else reg[1]
            base = REGISTERS[args[-1].strip("()")]
            size = 3 if width == "d" else 2
            self.word(AMO[kind] << 27 | source << 20 | base << 15 | size << 12 | reg[0] << 7 | 0x2F)
        else:
            self.pseudo(op, args, reg)

    def address(self, text: str) -> tuple[int, int]:
        match = re.fullmatch(r"(-?\w*)\((\w+)\)", text)
        assert match, text
        return self.value(match[1]) if match[1] else 0, REGISTERS[match[2]]

    def emit_i(self, op: str, args: list[str], reg: list[int]) -> None:
        code, f3 = IMMEDIATE[op]
        if code == 3:
            offset, base = self.address(args[1])
        else:
            base, offset = reg[1], self.value(args[2])
        assert -2048 <= offset < 2048, (op, args)
        self.word((offset & 0xFFF) << 20 | base << 15 | f3 << 12 | reg[0] << 7 | code)

    def pseudo(self, op: str, args: list[str], reg: list[int]) -> None:  # noqa: PLR0912
        match op:
            case "li":
                self.li(args[0], int(args[1], 0))
            case "la":
                self.li(args[0], self.labels.get(args[1], BASE), pad=True)
            case "mv":
                self.emit("addi", [*args, "0"])
            case "j" | "jal":
                d = self.value(args[-1]) - self.here
                imm = (d >> 20 & 1) << 31 | (d >> 1 & 1023) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 255) << 12
                self.word(imm | (0 if op == "j" else reg[0]) << 7 | 0x6F)
            case "jr":
                self.emit("jalr", ["zero", args[0], "0"])
            case "beqz" | "bnez":
                self.emit({"beqz": "beq", "bnez": "bne"}[op], [args[0], "zero", args[1]])
            case "csrr":
                self.emit("csrrs", [args[0], args[1], "zero"])
            case "csrw" | "csrs" | "csrc":
                self.emit("csrr" + op[3], ["zero", *args])
            case "csrwi" | "csrsi":
                self.emit("csrr" + op[3] + "i", ["zero", *args])
            case "lx" | "sx":
                self.emit({"lx": "l", "sx": "s"}[op] + ("d" if self.xlen == 64 else "w"), args)
            case ".word":
                self.word(self.value(args[0]))
            case ".dword":
                self.word(self.value(args[0]), 8)
            case ".align":
                self.out += bytes(-len(self.out) % (1 << int(args[0])))
            case ".org":
                self.out += bytes(int(args[0], 0) - len(self.out))
            case _:
                raise ValueError(f"unknown instruction {op}")

    def li(self, rd: str, value: int, pad: bool = False) -> None:
        """Any 32-bit constant (unsigned ones stay positive on rv64), or any 64-bit one by shifts."""
        value &= (1 << self.xlen) - 1
        signed = value - (1 << self.xlen) if value >> (self.xlen - 1) else value
        number = REGISTERS[rd]
        if not pad and -2048 <= signed < 2048:
            self.emit("addi", [rd, "zero", str(signed)])
        elif not -(1 << 31) <= signed < 1 << 31:
            self.li(rd, signed + 0x800 >> 12, pad)
            self.emit("slli", [rd, rd, "12"])
            self.emit("addi", [rd, rd, str(((signed & 0xFFF) ^ 0x800) - 0x800)])
        else:
            self.word((signed + 0x800 & 0xFFFFF000) | number << 7 | 0x37)
            self.emit("addi", [rd, rd, str(((signed & 0xFFF) ^ 0x800) - 0x800)])


def assemble(text: str, xlen: int = 64) -> bytes:
    """Machine code for `text`, to be placed at 0x80000000."""
    return Assembler(xlen).assemble(text)
