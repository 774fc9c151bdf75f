# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make chaos``: the campaigns of tests/system/chaos, in the copy of the checkout.

N is the number of schedules for the module, ROLLING that of rolling updates, SEED the number of the first one. SCHEDULE is
the file of a single one, and for rolling updates also its number.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import project
import workspace

FOLDER = workspace.COPY / "tests" / "system" / "chaos"
SUPPORT = workspace.COPY / "tests" / "system" / "support"


def command(*options: str) -> list[str | Path]:
    return [project.PYTHON, FOLDER / "campaign.py", "--keep", project.CACHE / "chaos", *options]


def rolling_command(*options: str) -> list[str | Path]:
    module = ("-m", "rolling.campaign", "--collections", workspace.COLLECTIONS)
    return [project.PYTHON, *module, "--keep", project.CACHE / "chaos", *options]


def python_path() -> str:
    """For both campaigns."""
    return os.pathsep.join(map(str, (workspace.COLLECTIONS, FOLDER, SUPPORT)))


def main() -> int:
    workspace.refresh()
    is_rolling = bool(os.environ.get("ROLLING"))
    names = {"ROLLING" if is_rolling else "N": "-n", "SEED": "--seed", "SCHEDULE": "--schedule"}
    options = [word for name, option in names.items() if os.environ.get(name) for word in (option, os.environ[name])]
    words = rolling_command(*options) if is_rolling else command(*options)
    environment = project.environment(PYTHONPATH=python_path())
    return subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
