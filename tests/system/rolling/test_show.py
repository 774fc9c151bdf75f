# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demonstration leaves behind when it is told to end in the middle of a roll."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from slb_rolling.stage import STOP_SECONDS, wait_until, web_environment

FOLDER = Path(__file__).resolve().parent


def commands_with(text: str) -> list[str]:
    """The command lines of processes that have the text in them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
        if text in line:
            found.append(line)
    return found


def test_a_terminated_demonstration_leaves_nothing() -> None:
    # Not a folder of pytest: the path of a socket may have a hundred characters.
    with tempfile.TemporaryDirectory(prefix="slb-") as folder:
        environment = {
            **web_environment(),
            "PYTHONPATH": str(FOLDER),
            "TMPDIR": folder,
        }
        show = subprocess.Popen(
            [sys.executable, "-m", "slb_rolling.show", "--picture", "none.svg"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: any("bare_roll.yml" in line for line in commands_with(folder)), "The first roll")
            show.terminate()
            assert show.wait(STOP_SECONDS * 2) == 128 + signal.SIGTERM
        finally:
            show.kill()
        assert commands_with(folder) == []
        assert os.listdir(folder) == []
