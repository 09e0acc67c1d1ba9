"""Zba, Zbb and Zbs once more, on lists of bits, and their machine code as LLVM's assembler writes it."""

from __future__ import annotations

COMMON = {
    "sh1add": 0x20C5A533, "sh2add": 0x20C5C533, "sh3add": 0x20C5E533, "andn": 0x40C5F533, "orn": 0x40C5E533,
    "xnor": 0x40C5C533, "min": 0x0AC5C533, "minu": 0x0AC5D533, "max": 0x0AC5E533, "maxu": 0x0AC5F533,
    "rol": 0x60C59533, "ror": 0x60C5D533, "bclr": 0x48C59533, "bext": 0x48C5D533, "binv": 0x68C59533,
    "bset": 0x28C59533, "clz": 0x60059513, "ctz": 0x60159513, "cpop": 0x60259513, "sext.b": 0x60459513,
    "sext.h": 0x60559513, "orc.b": 0x2875D513, "rori": 0x6005D513, "bclri": 0x48059513, "bexti": 0x4805D513,
    "binvi": 0x68059513, "bseti": 0x28059513,
}  # fmt: skip
WORDS = {
    32: COMMON | {"rev8": 0x6985D513, "zext.h": 0x0805C533},
    64: COMMON | {
        "rev8": 0x6B85D513, "zext.h": 0x0805C53B, "add.uw": 0x08C5853B, "sh1add.uw": 0x20C5A53B,
        "sh2add.uw": 0x20C5C53B, "sh3add.uw": 0x20C5E53B, "rolw": 0x60C5953B, "rorw": 0x60C5D53B, "clzw": 0x6005951B,
        "ctzw": 0x6015951B, "cpopw": 0x6025951B, "roriw": 0x6005D51B, "slli.uw": 0x0805951B,
    },
}  # fmt: skip
"""Each with a0 as rd, a1 as rs1, a2 as rs2 or a shift amount of 0."""
IMMEDIATES = ("rori", "bclri", "bexti", "binvi", "bseti", "roriw", "slli.uw")

Bits = list[int]
"""The lowest first."""


def bits(value: int, width: int) -> Bits:
    return [int(c) for c in reversed(f"{value:0{width}b}")]


def number(of: Bits) -> int:
    return int("".join(map(str, reversed(of))), 2)


def spread(of: Bits, width: int) -> Bits:
    """Sign extension."""
    return of + of[-1:] * (width - len(of))


def above(a: Bits, b: Bits, with_sign: bool) -> bool:
    """a > b, by the first bit from the top that differs."""
    for i, (x, y) in enumerate(zip(reversed(a), reversed(b), strict=True)):
        if x != y:
            return (x > y) != (with_sign and i == 0)
    return False


def leading(of: Bits) -> int:
    count = 0
    while count < len(of) and not of[len(of) - 1 - count]:
        count += 1
    return count


def model(name: str, a: int, b: int, xlen: int) -> int:  # noqa: PLR0912
    """What `name` leaves in rd; `b` is rs2 or the shift amount."""
    word = name in ("rolw", "rorw", "roriw", "clzw", "ctzw", "cpopw")
    width = 32 if word else xlen
    x, y = bits(a, xlen)[:width], bits(b, xlen)[:width]
    by = number(y[:5] if width == 32 else y[:6])
    match name.removesuffix("w") if word else name:
        case "andn" | "orn" | "xnor":
            gate = {"andn": lambda p, q: p & q, "orn": lambda p, q: p | q, "xnor": lambda p, q: p ^ q}[name]
            out = [gate(p, 1 - q) for p, q in zip(x, y, strict=True)]
        case "min" | "minu":
            out = y if above(x, y, name == "min") else x
        case "max" | "maxu":
            out = x if above(x, y, name == "max") else y
        case "rol":
            out = x[width - by :] + x[: width - by]
        case "ror" | "rori":
            out = x[by:] + x[:by]
        case "bclr" | "bclri" | "bset" | "bseti":
            out = [*x[:by], int("bset" in name), *x[by + 1 :]]
        case "binv" | "binvi":
            out = [*x[:by], 1 - x[by], *x[by + 1 :]]
        case "bext" | "bexti":
            return x[by]
        case "clz":
            return leading(x)
        case "ctz":
            return leading(x[::-1])
        case "cpop":
            return x.count(1)
        case "sext.b" | "sext.h":
            out = spread(x[: 8 if name == "sext.b" else 16], width)
        case "zext.h":
            return number(x[:16])
        case "orc.b":
            out = [max(x[i - i % 8 : i - i % 8 + 8]) for i in range(width)]
        case "rev8":
            out = [x[width - 8 - (i - i % 8) + i % 8] for i in range(width)]
        case "slli.uw":
            out = ([0] * by + x[:32] + [0] * 32)[:64]
        case _:  # the additions
            base = number(x[:32] if name.endswith(".uw") else x)
            times = {"add": 1, "sh1": 2, "sh2": 4, "sh3": 8}[name[:3]]
            return (base * times + b) % 2**xlen
    return number(spread(out, xlen) if word else out)
