# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A threaded HTTP/1.1 server on loopback, with keep-alive, TLS and a stop that does not wait for clients."""

from __future__ import annotations

import io
import ipaddress
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ..api.service import Service
from ..core.data_plane import DataPlane
from .app import create_app

# How long, in seconds, the accept loop may take to notice that it should end.
POLL_SECONDS = 0.05
# A client that sends nothing for this long, in seconds, loses its connection.
IDLE_SECONDS = 300.0


class RequestHandler(WSGIRequestHandler):
    """Keeps connections open between requests and sends an answer in one piece.

    Werkzeug's own handler closes after each request, because it does not read what an application left of a body.
    Here the body is read first.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.close_connection = True
            self.send_whole("411 Length Required", [("Content-Type", "text/plain")], b"Send a Content-Length.\n")
            return
        environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(length)))
        if isinstance(self.server, LoopbackServer):
            environ["slb_emulator.sni"] = self.server.sni_of_this_thread()
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started[:] = [status, headers]

        try:
            body = b"".join(self.server.app(environ, start_response))
            self.send_whole(started[0], started[1], body)
        except OSError:
            self.close_connection = True

    def send_whole(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send status, headers and body at once."""
        names = {name.lower() for name, _value in headers}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        if "content-length" not in names:
            lines.append(f"Content-Length: {len(body)}")
        if self.close_connection:
            lines.append("Connection: close")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the service reports its requests itself, without signatures."""


class LoopbackServer(ThreadedWSGIServer):
    """Serves a service; one thread for each connection."""

    def __init__(self, host: str, port: int, service: Service, tls: ssl.SSLContext | None) -> None:
        with listening_socket(host, port) as listening:
            # The server keeps a duplicate. Bound by Werkzeug itself, a port in use would end the process.
            super().__init__(host, port, create_app(service), RequestHandler, fd=listening.fileno())
        # Werkzeug reads this one for the scheme. The listening socket stays plain: handshakes run in their own threads.
        self.ssl_context = tls
        self._tls = tls
        self._service = service
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._of_thread = threading.local()
        if tls is not None:
            tls.sni_callback = self._remember_sni

    def _remember_sni(self, _connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
        self._of_thread.sni = name or ""

    def sni_of_this_thread(self) -> str:
        """The name the client of this thread's connection asked for in its TLS handshake."""
        return str(getattr(self._of_thread, "sni", ""))

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle a connection until it ends."""
        self._add(request)
        connection = request
        try:
            if self._tls is not None:
                request.settimeout(IDLE_SECONDS)
                connection = self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                # Known before the handshake, so that the end does not wait for a client that is silent in it.
                self._add(connection)
                connection.do_handshake()
            super().finish_request(connection, client_address)
        except OSError:
            # A failed handshake or a client that went away.
            return
        finally:
            self._discard(request)
            self._discard(connection)
            if connection is not request:
                connection.close()

    def _add(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)
        if self._service.stopping.is_set():
            close_abruptly(connection)

    def _discard(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    @property
    def url(self) -> str:
        """Where the API is."""
        scheme = "http" if self.ssl_context is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def data_plane(self) -> DataPlane:
        """What moves the traffic."""
        return self._service.data_plane

    def run(self) -> None:
        """Serve until stop() is called from another thread."""
        self.serve_forever(poll_interval=POLL_SECONDS)

    def stop(self) -> None:
        """End all waits and connections, then the server."""
        self._service.stopping.set()
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            close_abruptly(connection)
        self._service.data_plane.stop()


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def close_abruptly(connection: socket.socket) -> None:
    """End a connection another thread is using; that thread then ends too."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended already.
        return


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's TLS context from PEM files; OSError (ssl.SSLError too) when they cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(certificate), str(key))
    return context
