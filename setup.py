"""Builds the native helper where a C compiler is found; without one the installation succeeds and all still works."""

from setuptools import Extension, setup

NATIVE = "emu/native"
PARTS = ("access", "checks", "count", "inline", "mmu", "trap")

setup(
    ext_modules=[
        Extension(
            f"{NATIVE.replace('/', '.')}._helper",
            [f"{NATIVE}/{part}.c" for part in PARTS],
            depends=[f"{NATIVE}/helper.h"],
            extra_compile_args=["-O2"],
            optional=True,
        )
    ]
)
