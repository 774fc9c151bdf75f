# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that stay open."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connection_to(address: str) -> Iterator[int]:
    """An established connection to a service on all addresses; gives its port."""
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as service,
        socket.create_connection((address, service.getsockname()[1])),
        service.accept()[0],
    ):
        yield service.getsockname()[1]


@contextmanager
def connection_to_ipv4(address: str) -> Iterator[int]:
    with (
        socket.create_server(("0.0.0.0", 0)) as service,
        socket.create_connection((address, service.getsockname()[1])),
        service.accept()[0],
    ):
        yield service.getsockname()[1]
