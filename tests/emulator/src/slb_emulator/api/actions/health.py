# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action that reads the health of members."""

from __future__ import annotations

from typing import Optional

from ...core.listeners import Route
from ...core.model import DEFAULT_GROUP, BackendServer, Identity, LoadBalancer
from .call import Answer, Call

# Protocol and port of a listener, a server, and its port.
RowKey = tuple[str, int, Identity, Optional[int]]


def describe_health_status(call: Call) -> Answer:
    """Health of the members behind each listener, or behind one.

    Whether listeners with a group of their own and forwarding rules have rows is not confirmed: hence the setting.
    """
    balancer = call.load_balancer()
    listeners = call.named_listeners(balancer)
    rows: dict[RowKey, Answer] = {}
    for route in balancer.routes():
        if route.listener not in listeners:
            continue
        if route.vserver_group_id != DEFAULT_GROUP and not call.settings.health_of_groups:
            continue
        group = balancer.group(route.vserver_group_id)
        for member in call.members_of(group) if group else ():
            # One row for a listener, a server and a port, however many rules lead there.
            port = route.listener.backend_server_port if member.port is None else member.port
            key = (route.listener.listener_protocol, route.listener.listener_port, member.identity, port)
            rows.setdefault(key, health_row(call, balancer, route, member, port))
    return {"BackendServers": {"BackendServer": list(rows.values())}}


def health_row(call: Call, balancer: LoadBalancer, route: Route, member: BackendServer, port: int | None) -> Answer:
    """One member at the end of a route. Without a running check its health is unavailable."""
    is_checked = route.health_check == "on" and route.listener.status != "stopped"
    health: str | None = call.data_plane.health_of(balancer, route, member) if is_checked else None
    row: Answer = {
        "ListenerPort": route.listener.listener_port,
        "Protocol": route.listener.listener_protocol,
        "ServerId": member.server_id,
        "Port": port,
        "Type": member.type,
        "ServerHealthStatus": health or "unavailable",
    }
    if member.server_ip:
        row["ServerIp"] = member.server_ip
    return row
