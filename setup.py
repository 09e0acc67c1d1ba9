"""Builds the native helper where a C compiler is found; without one the installation succeeds and all still works."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("emu.native._helper", ["emu/native/helper.c"], extra_compile_args=["-O2"], optional=True)])
