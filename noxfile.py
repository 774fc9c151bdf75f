# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The support matrix: a session for each line of ansible-core on each Python of this machine that runs it.

`make matrix` runs them all and counts (tests/tools/matrix.py); `nox -s 2.20-py3.12` runs one.
antsibull-nox is not used: its sessions with ansible-test want containers, and what its
others look at, `make test` does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

TOOLS = Path(__file__).parent / "tests" / "tools"
sys.path.insert(0, str(TOOLS))

import matrix  # noqa: E402
import project  # noqa: E402

nox.options.envdir = str(matrix.FOLDER / "venvs")
nox.options.reuse_venv = "yes"


def add(planned: matrix.Session) -> None:
    """Let nox know a session."""

    @nox.session(name=planned.name, python=str(project.target_pythons()[planned.python]), tags=[planned.line.name])
    def checks(session: nox.Session) -> None:
        session.install("--upgrade", planned.line.requirement, env={"PIP_CACHE_DIR": str(project.PIP_CACHE)})
        session.run("python", TOOLS / "checks.py", env=planned.environment())


for each in matrix.sessions():
    add(each)
