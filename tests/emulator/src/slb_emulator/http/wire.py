# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that do not travel whole, written to the socket by hand. Every one ends its connection."""

from __future__ import annotations

import socket
import threading
from http import HTTPStatus

from ..api.service import Reply


def head(reply: Reply, content_length: int) -> bytes:
    """Status line and headers of an answer."""
    phrase = HTTPStatus(reply.http_status).phrase
    lines = (
        f"HTTP/1.1 {reply.http_status} {phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {content_length}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def first_half(body: bytes) -> bytes:
    """What a truncated or stalled answer sends: never a document of its own, as some clients ignore the length."""
    return body[: len(body) // 2]


def deliver(reply: Reply, connection: socket.socket, stopping: threading.Event) -> None:
    """Send as much of a reply as its delivery lets through, then close. Waits end when stopping is set."""
    try:
        if reply.delivery == "truncate":
            connection.sendall(head(reply, len(reply.body)) + first_half(reply.body))
        elif reply.delivery == "stall":
            connection.sendall(head(reply, len(reply.body)) + first_half(reply.body))
            stopping.wait(reply.seconds)
        elif reply.delivery == "drip":
            drip(reply, connection, stopping)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client has gone first, which is its right.
        return


def drip(reply: Reply, connection: socket.socket, stopping: threading.Event) -> None:
    """Send the body one byte at a time, reply.seconds apart."""
    connection.sendall(head(reply, len(reply.body)))
    for index in range(len(reply.body)):
        if stopping.wait(reply.seconds):
            return
        connection.sendall(reply.body[index : index + 1])
