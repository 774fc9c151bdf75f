# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What health checks say about members of server groups. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Health, Listener
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import same_address
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route

_HEALTHY = "normal"  # DescribeHealthStatus


def health_of(server: BackendServer, listener: Listener, rows: t.Iterable[Health], port: int | None = None) -> set[str]:
    """What the listener's health check says about a member: ``normal``, ``abnormal``, ``unavailable``, or several.

    Empty if no row is about this member: its health is unknown. Members that share a server id are told apart by their
    ports and, if the rows have them, by their addresses. A row without a protocol or a port is about every one.
    ``port``: that of a member of the default group, if rows may be about other ports of the same server.
    """
    port = port if server.port is None else server.port
    found = [
        row
        for row in rows
        if row.server_id == server.server_id
        and row.listener_port == listener.port
        and row.protocol in (None, listener.protocol)
        and (port is None or row.port in (None, port))
    ]
    if server.type != "ecs" and server.server_ip:
        own = [row for row in found if row.server_ip and same_address(row.server_ip, server.server_ip)]
        found = own or [row for row in found if row.server_ip is None]
    return {row.status for row in found}


def checks_of(server: BackendServer, routes: t.Iterable[Route]) -> list[Route]:
    """The routes on which the health of a member is checked."""
    return [
        route
        for route in routes
        if route.vserver_group_id == server.vserver_group_id and route.health_check and not route.is_stopped
    ]


def states(server: BackendServer, routes: t.Iterable[Route], rows: t.Sequence[Health]) -> list[tuple[str, str]]:
    """Each route that checks a member, such as ``listener http:80``, with what its health check says.

    ``routes``: all of the load balancer. ``rows``: all of DescribeHealthStatus. Several states are joined with slashes;
    ``unknown``: no row is about the member.
    """
    # The rows of a rule's group have the port of its listener, too.
    with_rules = {route.listener.name for route in routes if route.rule}
    found = []
    for route in checks_of(server, routes):
        port = route.listener.backend_server_port if route.listener.name in with_rules else None
        said = health_of(server, route.listener, rows, port)
        found.append((route.name, "/".join(sorted(said)) or "unknown"))
    return found


def findings(server: BackendServer, routes: t.Iterable[Route], rows: t.Sequence[Health]) -> list[str]:
    """What keeps a member from being healthy, such as ``abnormal on listener http:80``; empty if nothing does.

    ``routes`` and ``rows``: as in ``states``. A member without a row is ``unknown`` and never healthy. A member that
    nothing checks has no findings.
    """
    return [f"{state} on {name}" for name, state in states(server, routes, rows) if state != _HEALTHY]


def unhealthy(
    servers: t.Iterable[BackendServer], routes: t.Sequence[Route], rows: t.Iterable[Health]
) -> list[BackendServer]:
    """The members that some route which checks them does not call healthy, unknown health included."""
    rows = list(rows)
    return [server for server in servers if findings(server, routes, rows)]
