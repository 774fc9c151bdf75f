# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both campaigns, always with the same schedules: a failure is of the change at hand. New ones are what make chaos is for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COLLECTIONS = HERE.parents[5]


def run_campaign(*command: str) -> str:
    """Its last line."""
    paths = (COLLECTIONS, HERE.parent / "support", *os.environ.get("PYTHONPATH", "").split(os.pathsep))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    print(done.stdout)  # pytest shows it if the test fails
    assert done.returncode == 0
    return done.stdout.splitlines()[-1]


def test_the_module_says_the_truth() -> None:
    assert run_campaign("campaign.py", "-n", "600", "--seed", "1").startswith("600 passed, 0 failed")


@pytest.mark.parametrize("kept", sorted((HERE / "kept").iterdir()), ids=lambda path: path.stem)
def test_schedules_that_were_findings(kept: Path) -> None:
    assert run_campaign("campaign.py", "--schedule", str(kept)).endswith(", no finding")


def test_rolling_updates_keep_their_promises() -> None:
    options = ("--collections", str(COLLECTIONS), "-n", "60", "--seed", "1", "--shrink", "0")
    assert run_campaign("-m", "rolling.campaign", *options).startswith("60 passed, 0 failed")
