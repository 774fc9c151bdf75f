#!/bin/sh
# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# run.sh LAYER [SCRIPT ARGUMENT...]
# Finds a Python that runs and lets it make .venv with LAYER (see bootstrap.py),
# which then runs SCRIPT of this folder. PYTHON in the environment picks the Python.
set -eu

tools=$(dirname "$0")

# A Python counts when it starts (a pyenv shim may not) and can make a venv.
works() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

candidates() {
    echo "$tools/../../.venv/bin/python"
    for version in 3.13 3.12 3.11; do
        command -v "python$version" || true
        ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/python 2>/dev/null || true
        ls -d "/usr/bin/python$version" "/usr/local/bin/python$version" 2>/dev/null || true
    done
    command -v python3 || true
    echo /usr/bin/python3
}

find_python() {
    candidates | while IFS= read -r candidate; do
        if works "$candidate"; then
            echo "$candidate"
            break
        fi
    done
}

python=${PYTHON:-}
if [ -z "$python" ]; then
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "No usable Python 3.11, 3.12 or 3.13 (with its venv module) was found." >&2
    echo "On Debian and Ubuntu this installs one: apt-get install python3-venv" >&2
    echo "Or name one: make PYTHON=/path/to/python3 ..." >&2
    exit 1
fi
if ! works "$python"; then
    echo "$python does not run, is older than Python 3.11, or lacks its venv module" >&2
    echo "(on Debian and Ubuntu: apt-get install python3-venv)." >&2
    exit 1
fi
exec "$python" "$tools/bootstrap.py" "$@"
