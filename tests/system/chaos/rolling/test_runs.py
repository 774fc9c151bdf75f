# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a run of a schedule."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from slb_emulator import running

from . import runs
from .schedule import make

# Like Ansible, it ends at the second interrupt at the latest.
LOSES_AN_INTERRUPT = """
import signal, time
signal.signal(signal.SIGINT, lambda number, frame: signal.signal(signal.SIGINT, signal.SIG_DFL))
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


def test_an_interrupt_that_was_lost_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "IMPATIENT", 0.2)
    told = {"number": "INT", "to": "process", "at": {"marks": 1}, "seconds": 0.0}
    schedule = replace(make(1), signal=told, update={"kind": "ok", "hosts": []})
    with running(schedule.state()) as emulator:
        watcher = runs.Watcher(schedule, emulator, tmp_path)
        watcher.prepare(told, [])
        with subprocess.Popen([sys.executable, "-c", LOSES_AN_INTERRUPT], stdout=subprocess.PIPE) as run:
            assert run.stdout
            assert run.stdout.readline()
            watcher.process_group = run.pid
            watcher.on_mark(0, "web1", "begin")
            try:
                assert run.wait(30) == -signal.SIGINT
            finally:
                run.kill()
            watcher.end()
    assert watcher.signalled
