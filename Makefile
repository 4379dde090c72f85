# Everything a developer or CI runs. `make setup` once, then any target; each stage prints its
# seconds, so that a slow one is seen when it becomes slow.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# A recipe that fails half-way must not leave a stamp that says it succeeded.
.DELETE_ON_ERROR:
# Where Python keeps no byte code, pytest rewrites itself and its plugins' asserts at each start: ten
# seconds for every worker.
unexport PYTHONDONTWRITEBYTECODE

# The interpreter that makes the environment; 3.11 or newer.
PYTHON ?= python3
# Another folder holds another interpreter's environment:
#     make test PYTHON=python3.13 VENV=.venv-3.13
VENV ?= .venv
# Tests run in this many processes. Two, since the machines that run CI have two cores.
WORKERS ?= 2
# The seed of the demonstration; the reports say it too.
SEED ?= 1
# 1: the demonstration ends by itself when the daemon has routed a contact.
ONCE ?=
# Only `make lock` needs uv, so it is not among the locked tools.
UV ?= uv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
CONFIGS = $(wildcard configs/*.toml)
BENCHMARKS = $(patsubst benchmarks/%.py,benchmarks.%,$(sort $(wildcard benchmarks/bench_*.py)))

# $(call timed,NAME,COMMAND) runs COMMAND and prints how many seconds NAME took, also if it failed.
timed = @SECONDS=0; trap 'echo "-- $(1): $$SECONDS s"' EXIT; $(2)

.PHONY: help
help:
	@echo "make setup        the environment in $(VENV), from the hashes in requirements/dev.txt"
	@echo "make demo         simulated days with reports in build/, then the daemon with a page to look at;"
	@echo "                  make demo ONCE=1 ends when the daemon has routed a contact"
	@echo "make check        lint, format, types, layers, configurations"
	@echo "make test         all tests but the long and the system tests, with branch coverage of the core"
	@echo "make long         worlds in lockstep, steady states, what the pages of docs/ show: two minutes"
	@echo "make system       the long tests, and those that start programs as an operator would"
	@echo "make asterisk     a real Asterisk for them, unpacked into a folder (root; a minute, 0.5 GB)"
	@echo "make bench        the canonical benchmarks; make bench-smoke runs them small,"
	@echo "                  make bench-compiled with the core compiled by mypyc (needs gcc)"
	@echo "                  make bench-asterisk beside app_queue on a real Asterisk"
	@echo "make build        the wheel, in dist/"
	@echo "make lock         requirements/dev.txt anew from pyproject.toml (needs uv)"
	@echo "make clean        what the commands wrote; make distclean also removes $(VENV)"

# --- Environment ---------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY)

# Redone only when the lock changes. Not emptied first: other shells may be using it.
$(LOCKED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    f"$(PYTHON) is {sys.version.split()[0]}; wanted Python 3.11 or newer")'
	$(call timed,environment,$(PYTHON) -m venv $(VENV))
	$(call timed,packages,$(PIP) install --quiet --require-hashes --no-deps -r requirements/dev.txt)
	@touch $@

# Our own entry points are written when we are installed, so a change of pyproject.toml counts.
$(READY): $(LOCKED) pyproject.toml
	$(call timed,acd-engine,$(PIP) install --quiet --no-deps --no-build-isolation -e .)
	@touch $@

# One set of versions for all Pythons (`fewest`), so that a seed's digest does not hang on which.
.PHONY: lock
lock:
	$(call timed,lock,$(UV) pip compile --quiet --universal --python-version 3.11 \
	    --fork-strategy fewest --generate-hashes --no-header --all-extras \
	    pyproject.toml requirements/dev.in -o requirements/dev.txt)
	@! grep -n '://' requirements/dev.txt

# --- What users see ------------------------------------------------------------------------------

.PHONY: demo
demo: $(READY)
	@mkdir -p build
	$(call timed,bank_weekday,$(BIN)/acd sim run configs/bank_weekday.toml \
	    --seed $(SEED) --report build/bank_weekday.html)
	$(call timed,toy_store_christmas,$(BIN)/acd sim run configs/toy_store_christmas.toml \
	    --seed $(SEED) --report build/toy_store_christmas.html)
	@echo "== the same router in real time: open the page, end with Ctrl-C"
	$(call timed,serve,$(BIN)/acd serve --demo $(if $(ONCE),--once))

.PHONY: build
build: $(READY)
	$(call timed,wheel,$(BIN)/hatchling build -t wheel)

# --- Checks --------------------------------------------------------------------------------------

.PHONY: check lint format-check types layers configs
check: lint format-check types layers configs

lint: $(READY)
	$(call timed,ruff check,$(BIN)/ruff check)

format-check: $(READY)
	$(call timed,ruff format,$(BIN)/ruff format --check)

types: $(READY)
	$(call timed,mypy,$(BIN)/mypy)

layers: $(READY)
	$(call timed,lint-imports,$(BIN)/lint-imports --no-logo)

configs: $(READY)
	$(call timed,acd check,for file in $(CONFIGS); do $(BIN)/acd check "$$file"; done)

.PHONY: format
format: $(READY)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# --- Tests ---------------------------------------------------------------------------------------

# Two runs: what is traced for coverage, and what would only be slowed by it (tracing makes a million
# contacts five times as slow, also where a marker asks for none). Of the core all must be seen by
# these tests; those of the drivers above it run untraced.
DRIVER_TESTS = $(wildcard $(addsuffix *.py,$(addprefix tests/unit/test_,ari cli history http journal_file \
    owner switch)))
CORE_TESTS = $(filter-out $(DRIVER_TESTS),$(wildcard tests/unit/test_*.py))
.PHONY: test test-covered test-worlds
test: test-covered test-worlds
test-covered: $(READY)
	$(call timed,test-covered,$(BIN)/pytest -n $(WORKERS) --dist worksteal $(CORE_TESTS) \
	    tests/golden acd sim --cov --cov-report=term)
test-worlds: $(READY)
	$(call timed,test-worlds,$(BIN)/pytest -n $(WORKERS) --dist worksteal $(DRIVER_TESTS) \
	    tests/properties tests/simulation --durations=10)

# A real Asterisk, unpacked into a folder of the user's cache (or ACD_ASTERISK), once.
.PHONY: asterisk
asterisk: $(READY)
	$(call timed,asterisk,$(BIN)/python tests/system/pbx_kit/folder.py)

# What takes minutes by its nature: CI runs it before the system tests.
.PHONY: long
long: $(READY)
	$(call timed,long,$(BIN)/pytest -n $(WORKERS) --dist worksteal tests/long --durations=5)

.PHONY: system
system: $(READY) asterisk long
	$(call timed,system,$(BIN)/pytest -n $(WORKERS) --dist loadfile tests/system --durations=10)

# --- Benchmarks ----------------------------------------------------------------------------------

.PHONY: bench bench-smoke
bench: $(READY)
	$(call timed,bench,for name in $(BENCHMARKS); do \
	    echo "== $$name"; $(BIN)/python -m "$$name"; done)

bench-smoke: $(READY)
	$(call timed,bench-smoke,for name in $(BENCHMARKS); do \
	    echo "== $$name"; $(BIN)/python -m "$$name" --smoke; done)

# Beside Asterisk's own queue, on a real Asterisk.
.PHONY: bench-asterisk
bench-asterisk: $(READY) asterisk
	$(call timed,bench-asterisk,$(BIN)/python -m benchmarks.asterisk_gap)

# The wheel's content is unpacked beside the benchmarks, since Python looks in the current folder
# first: what is measured there is the compiled core.
COMPILED := build/compiled
.PHONY: bench-compiled
bench-compiled: $(READY)
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)
	$(call timed,compile,ACD_COMPILE=1 $(BIN)/python -m hatchling build -t wheel -d $(COMPILED))
	@$(BIN)/python -m zipfile -e $(COMPILED)/*.whl $(COMPILED) && cp -r benchmarks $(COMPILED)
	$(call timed,bench-compiled,cd $(COMPILED) && for name in $(BENCHMARKS); do \
	    echo "== $$name"; $(abspath $(BIN))/python -m "$$name"; done)

# --- Cleaning ------------------------------------------------------------------------------------

.PHONY: clean distclean
clean:
	rm -rf build dist htmlcov .benchmarks .coverage .coverage.* .hypothesis .import_linter_cache \
	    .mypy_cache .pytest_cache .ruff_cache
	find acd sim tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
