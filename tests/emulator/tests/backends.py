# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small servers to stand behind a data plane, and clients to send through it."""

from __future__ import annotations

import collections
import http.client
import http.server
import os
import socket
import socketserver
import threading
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit


class WebServer:
    """Answers each GET with its name; one of /slow once `release` is set, one of /sick with status 500."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.release = threading.Event()
        self.slow_requests = threading.Semaphore(0)
        self.connections = 0
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer leaves in one piece.
            wbufsize = -1

            def setup(self) -> None:
                owner.connections += 1
                super().setup()

            def do_GET(self) -> None:  # noqa: N802
                if self.path == "/slow":
                    owner.slow_requests.release()
                    owner.release.wait(30)
                body = b"" if self.path == "/empty" else owner.name.encode()
                self.send_response(500 if self.path == "/sick" else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: t.Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"


class LineServer:
    """Answers each line of a connection with its name."""

    def __init__(self, name: str) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    for _line in self.rfile:
                        self.wfile.write(f"{name}\n".encode())
                except OSError:
                    return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class LineClient:
    """A connection to a LineServer through a frontend."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = socket.create_connection((parts.hostname, parts.port), timeout=10)
        self._lines = self._connection.makefile("r", encoding="ascii")

    def who(self) -> str:
        """The name of the server at the other end; empty when the connection has ended."""
        self._connection.sendall(b"who\n")
        return self._lines.readline().strip()

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._connection.close()


def web_client(url: str) -> http.client.HTTPConnection:
    """A client that keeps its connection."""
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


def get(client: t.Any, path: str = "/") -> tuple[int, str]:
    """(status, body) of a GET."""
    client.request("GET", path)
    response = client.getresponse()
    return response.status, response.read().decode()


def answers(url: str, requests: t.Any) -> collections.Counter[t.Any]:
    """How many of a number of GETs each server has answered; 503 counts those that no server did."""
    client = web_client(url)
    counts: collections.Counter[t.Any] = collections.Counter()
    for _time in range(requests):
        status, body = get(client)
        counts[body if status == 200 else status] += 1
    client.close()
    return counts


def wait_until(condition: t.Any, seconds: float = 30.0) -> t.Any:
    """Wait for a condition; returns what it gave at last."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.01)


def process_stat(pid: t.Any) -> tuple[str, str, int] | None:
    """(name, state, parent) of a process, or None when there is none."""
    try:
        name, _end, rest = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").partition("(")[2].rpartition(")")
    except OSError:
        return None
    state, parent = rest.split()[:2]
    return name, state, int(parent)


def haproxy_of(parent: t.Any) -> list[int]:
    """Process ids of the HAProxy processes that a process has started."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if (process_stat(pid) or ("", "", 0))[::2] == ("haproxy", parent)]


def is_running(pid: t.Any) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    stat = process_stat(pid)
    return stat is not None and stat[1] != "Z"
