# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything is done by the Python files in tests/tools; this file only names the commands.
# PYTHON=/path/to/python picks the interpreter that .venv is made with.

export PYTHON
export CHECKS
export ONLY
export SAVE
export SESSIONS
export N
export ROLLING
export SEED
export SCHEDULE
export VERSION
export FILES
export PYTHONDONTWRITEBYTECODE := 1

RUN := @sh tests/tools/run.sh

.DEFAULT_GOAL := help
.PHONY: help setup demo test matrix docs chaos mutants bench release clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

setup: ## make .venv with all that the demo and the tests need
	$(RUN) tests

demo: ## show what the collection does, on an emulator on this machine; SAVE=1 keeps the picture for the README
	$(RUN) base demo.py

test: ## run the checks; CHECKS="lint units" picks some, CHECKS=list names all; ONLY picks tests of one
	$(RUN) tests checks.py

matrix: ## run sanity, units and integration under each ansible-core; SESSIONS=2.20-py3.12 picks one
	$(RUN) tests matrix.py

docs: ## build the site of guides and reference in .cache/docs/html
	$(RUN) tests docsite.py

chaos: ## look for lies under faults; N=20000 tasks or ROLLING=2000 plays, SEED=7 the first, SCHEDULE=file one alone
	$(RUN) tests chaos.py

mutants: ## whether the unit tests notice wrong code; half an hour and more; FILES="_weights _client" picks some
	$(RUN) mutants mutants.py

bench: ## measure what a task costs; SAVE=1 also writes docs/benchmarks.md
	$(RUN) base bench.py

release: ## prepare VERSION=x.y.z: version, changelog, artifact, checksums; see CONTRIBUTING.md
	$(RUN) tests release.py

clean: ## remove .venv and .cache
	rm -rf .venv .cache
