# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator as a child process, and what it knows."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import project

EXAMPLE_STATE = project.ROOT / "tests" / "emulator" / "src" / "slb_emulator" / "example_state.yml"
LOAD_BALANCER = "lb-example"
START_TIMEOUT = 20.0


class EmulatorProcessError(Exception):
    """The emulator could not be started."""


@dataclass(frozen=True)
class EmulatorProcess:
    """A running emulator."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self) -> dict[str, str]:
        """The environment that leads the modules to it."""
        return {
            "ALICLOUD_ACCESS_KEY": "rehearsal",
            "ALICLOUD_SECRET_KEY": "rehearsal-secret",
            "ALICLOUD_REGION": "cn-hangzhou",
            "ALICLOUD_SLB_ENDPOINT": self.endpoint,
        }

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control API, past any proxy; returns the decoded JSON, if any."""
        request = urllib.request.Request(
            f"{self.endpoint}/_rehearsal/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            text = response.read()
        return json.loads(text) if text else None

    def weights(self, load_balancer_id: str = LOAD_BALANCER) -> dict[str, int]:
        """The weight of each member now, by server id."""
        state = self.control("GET", "state")
        members = load_balancers(state)[load_balancer_id]["backend_servers"]
        return {member["server_id"]: member["weight"] for member in members}

    def actions(self) -> list[str]:
        """The API actions that were requested, in order."""
        return [request["action"] for request in self.control("GET", "requests")["requests"]]

    def forget_requests(self) -> None:
        self.control("DELETE", "requests")


def load_balancers(state: dict[str, Any]) -> dict[str, Any]:
    """The load balancers of a state document by their id."""
    entries = state["load_balancers"]
    if isinstance(entries, dict):
        return entries
    return {entry["load_balancer_id"]: entry for entry in entries}


@contextmanager
def running(state: Path = EXAMPLE_STATE, *options: str) -> Iterator[EmulatorProcess]:
    """Start the emulator on a free port of the loopback and stop it in the end."""
    with tempfile.TemporaryDirectory(prefix="slb-emulator-") as folder:
        port_file, log_file = Path(folder, "port"), Path(folder, "log")
        command: list[str | Path] = [
            project.PYTHON,
            "-m",
            "slb_emulator",
            "--state",
            state,
            "--port-file",
            port_file,
            *options,
        ]
        with log_file.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command,
                env=project.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield EmulatorProcess(wait_for_port(process, port_file, log_file))
        finally:
            process.terminate()
            process.wait(timeout=10)


def wait_for_port(process: subprocess.Popen[bytes], port_file: Path, log_file: Path) -> int:
    """The port that the emulator wrote once it listens."""
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        text = port_file.read_text(encoding="utf-8").strip() if port_file.exists() else ""
        if text:
            return int(text)
        time.sleep(0.02)
    outcome = "does not listen" if process.poll() is None else f"ended with exit code {process.returncode}"
    log = log_file.read_text(encoding="utf-8")
    raise EmulatorProcessError(f"The emulator {outcome}. Its output:\n{log}")
