# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A web server to update: ``python -m slb_rolling.web_server --port 8081 --name web1 --version-file FILE``.

``/`` and ``/healthz`` answer at once, ``/slow?seconds=S`` sends its answer over so many seconds, in any folder. Each answer
is ``{"server": ..., "version": ...}``. The version is read once, at the start, which takes a moment as that of real
services does. SIGTERM ends the process at once, and every request under way with it.
"""

from __future__ import annotations

import argparse
import json
import os
import socketserver
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

# A server of this version runs, and answers everything with 503.
BROKEN = "broken"
START_SECONDS = 0.5
PIECE_SECONDS = 0.1


class Handler(BaseHTTPRequestHandler):
    """Answers GET, and POST without a body."""

    protocol_version = "HTTP/1.1"
    # Buffered: an answer leaves in one piece.
    wbufsize = -1
    server: WebServer

    def do_GET(self) -> None:  # noqa: N802
        url = urlsplit(self.path)
        if self.server.version == BROKEN:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        page = url.path.rpartition("/")[2]
        if page in ("", "healthz"):
            self.answer(HTTPStatus.OK)
        elif page == "slow":
            self.answer(HTTPStatus.OK, float(parse_qs(url.query)["seconds"][0]))
        else:
            self.answer(HTTPStatus.NOT_FOUND)

    do_POST = do_GET  # noqa: N815

    def answer(self, status: HTTPStatus, seconds: float = 0.0) -> None:
        """Send the JSON, after a space at a time for so many seconds. Cut short, the body is no JSON."""
        body = json.dumps({"server": self.server.name, "version": self.server.version}).encode()
        pieces = round(seconds / PIECE_SECONDS)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(pieces + len(body)))
        self.end_headers()
        for _piece in range(pieces):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(PIECE_SECONDS)
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: logging would take longer than the response."""


class WebServer(socketserver.ThreadingTCPServer):
    """Listens from the moment it is made."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, name: str, version: str) -> None:
        self.name = name
        self.version = version
        super().__init__(("0.0.0.0", port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that disconnects is not an error of the server."""


def end_with(lifeline: Path) -> None:
    """End this process when no process has the named pipe open for writing, in a thread of its own."""
    # Without O_NONBLOCK this would wait for ever for a writer that has gone already.
    descriptor = os.open(lifeline, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)

    def wait() -> None:
        os.read(descriptor, 1)
        os._exit(0)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description="A web server to update.")
    parser.add_argument(
        "--port", type=int, action="append", required=True, help="on all addresses; several may be given"
    )
    parser.add_argument("--name", required=True, help="what the answers call it")
    parser.add_argument("--version-file", type=Path, required=True, help=f"its text is the version; {BROKEN!r} is one")
    parser.add_argument("--pid-file", type=Path, required=True, help="takes the process id")
    parser.add_argument("--lifeline", type=Path, help="a named pipe: ends when its writer has gone")
    options = parser.parse_args()
    if options.lifeline:
        end_with(options.lifeline)
    options.pid_file.write_text(str(os.getpid()), encoding="ascii")
    version = options.version_file.read_text(encoding="utf-8").strip()
    time.sleep(START_SECONDS)
    first, *others = (WebServer(port, options.name, version) for port in options.port)
    for server in others:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    first.serve_forever()


if __name__ == "__main__":
    main()
