# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports of frontends: chosen once, and held as long as a state needs them."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from ..core.documents import DocumentError
from ..core.model import LoadBalancer
from .haproxy_config import LOOPBACK, FrontendKey, served_listeners


def bound_socket(port: int, reuse_option: int) -> socket.socket:
    """A socket that is bound and never listens; OSError when the port cannot be had."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, reuse_option, 1)
        holder.bind((LOOPBACK, port))
    except OSError:
        holder.close()
        raise
    return holder


def hold(port: int) -> socket.socket:
    """Hold a port, 0 for a free one, so that nobody else is given it.

    HAProxy binds with SO_REUSEPORT (socket(7)), so it may listen on a port that is held with the same option, and
    only its socket gets connections. That option alone would also let another HAProxy in: hence the first try.
    """
    try:
        bound_socket(port, socket.SO_REUSEADDR).close()
        return bound_socket(port, socket.SO_REUSEPORT)
    except OSError as error:
        raise DocumentError("data_port", f"cannot have {LOOPBACK} port {port}: {error.strerror}") from error


class DataPorts:
    """The ports of the listeners in use, and of the state that may come next."""

    def __init__(self) -> None:
        self._holders: dict[int, socket.socket] = {}
        self._chosen: dict[FrontendKey, int] = {}

    def ports_for(self, balancers: Iterable[LoadBalancer]) -> dict[FrontendKey, int]:
        """A port for each listener with a frontend: its data_port, the one it has already, or a free one."""
        wanted = {
            (one.load_balancer_id, item.listener_port): item.data_port for one, item in served_listeners(balancers)
        }
        ports = {key: port for key, port in wanted.items() if port}
        for port in ports.values():
            if port not in self._holders:
                self._holders[port] = hold(port)
        for key in wanted:
            if key not in ports:
                ports[key] = self._free_port(key, set(ports.values()))
        return ports

    def _free_port(self, key: FrontendKey, taken: set[int]) -> int:
        port = self._chosen.get(key, 0)
        if port == 0 or port in taken:
            holder = hold(0)
            port = holder.getsockname()[1]
            self._holders[port] = holder
        return port

    def keep_only_current(self) -> None:
        """Let go of the ports of a state that does not come."""
        self.keep(self._chosen)

    def keep(self, ports: dict[FrontendKey, int]) -> None:
        """These are in use from now on; let go of all others."""
        self._chosen = dict(ports)
        for port in set(self._holders) - set(ports.values()):
            self._holders.pop(port).close()
