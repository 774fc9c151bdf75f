# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader of the documents has: the built collection, a load balancer, and a web server on each host."""

from __future__ import annotations

import http.server
import socket
import threading
import typing as t
from pathlib import Path

import emulator_process
import pytest
import workspace
import yaml

STATE = Path(__file__).parent / "files" / "state.yml"


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built artifact installed."""
    workspace.build_artifact()
    folder = tmp_path_factory.mktemp("installed") / "collections"
    workspace.install_artifact(folder)
    return folder


@pytest.fixture(scope="session")
def running_slb() -> t.Iterator[emulator_process.EmulatorProcess]:
    with emulator_process.running(STATE) as slb:
        yield slb


@pytest.fixture
def slb(running_slb: emulator_process.EmulatorProcess) -> emulator_process.EmulatorProcess:
    """The emulator as files/state.yml has it."""
    running_slb.control("PUT", "state", yaml.safe_load(STATE.read_text(encoding="utf-8")))
    running_slb.forget_requests()
    return running_slb


class _Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        """Says nothing: pytest shows what fails."""


@pytest.fixture(scope="session")
def web_port() -> t.Iterator[int]:
    """The port of a web service that is well."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
