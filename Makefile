# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Short names for sessions of noxfile.py, which `.venv/bin/nox -l` lists.
# PYTHON=/path/to/python picks the interpreter of .venv; by default it is the newest that runs, which a shim of pyenv may not.

PYENV_VERSIONS := $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions
PYTHON ?= $(shell for python in \
	$(foreach version,3.13 3.12 3.11,python$(version) $(wildcard $(PYENV_VERSIONS)/$(version).*/bin/python)) python3; \
	do "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
NOX := .venv/bin/python -m nox
UV := .venv/bin/python -m uv pip install --quiet --python .venv

export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_COMPILE_BYTECODE := 1
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test matrix docs chaos mutants bench clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

.venv/nox: pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 with its venv module was found; PYTHON=/path/to/python names one."; exit 1; }
	"$(PYTHON)" -m venv .venv
	.venv/bin/python -m pip install -qq --no-input --disable-pip-version-check --cache-dir .cache/pip uv
	$(UV) --group nox
	@touch $@

.venv/dev: .venv/nox tests/emulator/pyproject.toml
	$(UV) --group dev --editable './tests/emulator[haproxy]'
	@touch $@

setup: .venv/dev ## make .venv with all that the tests need

demo: .venv/nox ## show what the collection does, on an emulator on this machine; SAVE=1 keeps the picture for the README
	@$(NOX) -s demo

test: .venv/dev ## run what must hold before a change lands; SESSIONS="unit typing" picks some
	@$(NOX) -s gate -- $(SESSIONS)

matrix: .venv/dev ## run sanity, units and integration under each ansible-core; SESSIONS=ansible-test-units-2.20 picks some
	@$(NOX) $(if $(SESSIONS),-s $(SESSIONS),-t matrix)

docs: .venv/dev ## build the site of guides and reference in .cache/docs/html
	@$(NOX) -s docs

chaos: .venv/dev ## look for lies under faults; N=20000 tasks or ROLLING=2000 plays, SEED=7 the first, SCHEDULE=file one alone
	@$(NOX) -s $(if $(ROLLING),chaos-rolling,chaos) -- $(addprefix -n ,$(or $(ROLLING),$(N))) $(addprefix --seed ,$(SEED)) \
		$(addprefix --schedule ,$(SCHEDULE))

mutants: .venv/nox ## whether the unit tests notice wrong code; hours; FILES="_plan _client" picks some
	@$(NOX) -s mutants -- $(FILES)

bench: .venv/nox ## measure what a task costs; SAVE=1 also writes docs/benchmarks.md
	@$(NOX) -s bench

clean: ## remove .venv, .nox and .cache
	rm -rf .venv .nox .cache
