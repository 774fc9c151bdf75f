# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What health checks say about members of the default server group. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Health, Listener
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import same_address


def checked_listeners(listeners: t.Iterable[Listener]) -> list[Listener]:
    """The listeners that check the health of the members of the default server group."""
    return [
        listener
        for listener in listeners
        if listener.health_check and listener.uses_default_group and listener.status != "stopped"
    ]


def health_of(server: BackendServer, listener: Listener, rows: t.Iterable[Health]) -> set[str]:
    """What the listener's health check says about a member: ``normal``, ``abnormal``, ``unavailable``, or several.

    Empty if no row is about this member: its health is unknown. Members that share a server id are told apart by their
    addresses, if the rows have them. A row without a protocol is about every protocol of its port.
    """
    found = [
        row
        for row in rows
        if row.server_id == server.server_id
        and row.listener_port == listener.port
        and row.protocol in (None, listener.protocol)
    ]
    if server.type != "ecs" and server.server_ip:
        own = [row for row in found if row.server_ip and same_address(row.server_ip, server.server_ip)]
        found = own or [row for row in found if row.server_ip is None]
    return {row.status for row in found}


def unhealthy(
    servers: t.Iterable[BackendServer], listeners: t.Iterable[Listener], rows: t.Iterable[Health]
) -> list[BackendServer]:
    """The members that some listener which checks them does not call healthy, unknown health included.

    ``listeners``: all of the load balancer. ``rows``: all of DescribeHealthStatus.
    """
    checks, rows = checked_listeners(listeners), list(rows)
    return [server for server in servers if any(health_of(server, listener, rows) != {"normal"} for listener in checks)]
