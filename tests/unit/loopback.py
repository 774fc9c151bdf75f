# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bare server on loopback, for what no well-behaved server does."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t


class LoopbackServer:
    """Takes connections for the length of a with block, and hands each to ``handle`` in a thread of its own."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def handle(self, connection: socket.socket) -> None:
        """What becomes of a connection; it is closed afterwards."""
        raise NotImplementedError

    # Self of the typing module is newer than the oldest Python of these tests.
    def __enter__(self) -> t.Any:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._handle_and_close, args=(connection,), daemon=True).start()

    def _handle_and_close(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self.handle(connection)
