# make demo    set everything up and run the built-in guest, every access shown
# make test    set everything up and run the tests
# make check   ruff, mypy --strict, import-linter
# make guests  rebuild guests/bin (needs clang, lld and llvm from Debian)
# make mutation  mutate the Python driver and count what the sanitizer names
# make bench   measure; make test-slow: boot real firmware and fuzz for long

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check guests bench mutation test-slow clean

$(VENV)/.run: pyproject.toml setup.py $(wildcard emu/native/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	$(BIN)/virtscope --version
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.run
	$(BIN)/virtscope demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

guests: $(VENV)/.run
	$(MAKE) -C guests PYTHON=$(abspath $(BIN)/python)

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow --timeout 1800

bench: $(VENV)/.dev
	$(BIN)/python -m bench

mutation: $(VENV)/.dev
	$(BIN)/python -m bench.mutation

clean:
	rm -rf $(VENV) guests/build
