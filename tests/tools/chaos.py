# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make chaos``: the fault campaign of tests/chaos, in the copy of the checkout.

N is the number of schedules, SEED the number of the first one, SCHEDULE the file of a single one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import project
import workspace

FOLDER = workspace.COPY / "tests" / "chaos"


def command(*options: str) -> list[str | Path]:
    return [project.PYTHON, FOLDER / "campaign.py", "--keep", project.CACHE / "chaos", *options]


def main() -> int:
    workspace.refresh()
    names = {"N": "-n", "SEED": "--seed", "SCHEDULE": "--schedule"}
    options = [word for name, option in names.items() if os.environ.get(name) for word in (option, os.environ[name])]
    environment = project.environment(PYTHONPATH=workspace.python_path())
    return subprocess.run(command(*options), env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
