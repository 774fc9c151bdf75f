# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The actions of the Slb API 2014-05-15 that this collection calls: one function each, request and response.

Field names and types are those of the vendor's SDKs of 2024 to 2026. Responses are read tolerantly: numbers may be
text, unknown fields are ignored, and a missing Type means ecs (older regions send none).
"""

from __future__ import annotations

import contextlib
import json
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, Json
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import OutcomeUnknown
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    Health,
    Listener,
    LoadBalancer,
)

MAX_SERVERS_PER_CALL = 20  # vendor page SetBackendServers
_LISTENERS_PER_PAGE = "100"  # the maximum of DescribeLoadBalancerListeners; its default is 20
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_MAX_PAGES = 100  # protects against an endpoint that never stops paging
_OTHER_API_ADVICE = "Check that endpoint leads to the Slb API."


def describe_load_balancer(client: Client, load_balancer_id: str) -> LoadBalancer:
    """DescribeLoadBalancerAttribute: one call returns all members of the default group; Weight is an integer."""
    action = "DescribeLoadBalancerAttribute"
    response = client.read(action, {"LoadBalancerId": load_balancer_id})
    with _parsing(action):
        if response.get("LoadBalancerId", load_balancer_id) != load_balancer_id:
            raise ValueError("LoadBalancerId of another load balancer")
        return LoadBalancer(
            load_balancer_id=load_balancer_id,
            name=_text(response, "LoadBalancerName"),
            status=_text(response, "LoadBalancerStatus"),
            address=_text(response, "Address"),
            backend_servers=tuple(_backend_server(row) for row in _rows(response["BackendServers"], "BackendServer")),
        )


def set_backend_servers(client: Client, load_balancer_id: str, servers: t.Sequence[BackendServer]) -> None:
    """SetBackendServers: set the weights of these members of the default group, at most 20.

    The response is not used: it is undocumented whether it lists these servers or the whole group, and it has no
    ServerIp.
    """
    entries = [_entry(server) for server in servers]
    # The SDK would send a list as Python's repr. Weights are sent as text, as in the vendor's examples.
    value = json.dumps(entries, separators=(",", ":"), ensure_ascii=False)
    client.write("SetBackendServers", {"LoadBalancerId": load_balancer_id, "BackendServers": value})


def describe_listeners(client: Client, load_balancer_id: str) -> list[Listener]:
    """DescribeLoadBalancerListeners: all listeners, one call per 100. Its list is flat, unlike the others."""
    action = "DescribeLoadBalancerListeners"
    parameters = {"LoadBalancerId.1": load_balancer_id, "MaxResults": _LISTENERS_PER_PAGE}
    listeners: list[Listener] = []
    for _page in range(_MAX_PAGES):
        response = client.read(action, parameters)
        with _parsing(action):
            listeners.extend(_listener(row) for row in _objects(response.get("Listeners")))
            token = _text(response, "NextToken")
        if not token:
            return listeners
        parameters = {**parameters, "NextToken": token}
    raise OutcomeUnknown("UnusableAnswer", f"{action} did not end after {_MAX_PAGES} pages", advice=_OTHER_API_ADVICE)


def describe_health_status(client: Client, load_balancer_id: str) -> list[Health]:
    """DescribeHealthStatus: one row for each member, listener and port on the server."""
    action = "DescribeHealthStatus"
    response = client.read(action, {"LoadBalancerId": load_balancer_id})
    with _parsing(action):
        return [_health(row) for row in _rows(response["BackendServers"], "BackendServer")]


@contextlib.contextmanager
def _parsing(action: str) -> t.Iterator[None]:
    """Turns what parsing an unexpected response raises into one sentence."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as exc:
        raise OutcomeUnknown(
            "UnusableAnswer",
            f"the response to {action} does not have the documented form ({exc})",
            advice=_OTHER_API_ADVICE,
        ) from exc


def _entry(server: BackendServer) -> dict[str, str]:
    """One element of BackendServers.

    Weight is always sent: the API assumes 100 without it. Type, ServerIp and Description are sent as they were read:
    it is undocumented whether the API keeps them otherwise.
    """
    entry = {"ServerId": server.server_id, "Weight": str(server.weight), "Type": server.type}
    if server.server_ip:
        entry["ServerIp"] = server.server_ip
    if server.description:
        entry["Description"] = server.description
    return entry


def _backend_server(row: Json) -> BackendServer:
    weight = _integer(row["Weight"])
    if not 0 <= weight <= 100:
        raise ValueError(f"Weight {weight}")
    server_id = _text(row, "ServerId")
    if server_id is None:
        raise ValueError("a server without ServerId")
    return BackendServer(
        server_id, weight, _text(row, "Type") or "ecs", _text(row, "ServerIp"), _text(row, "Description")
    )


def _listener(row: Json) -> Listener:
    protocol = str(row["ListenerProtocol"]).lower()
    own = row.get(f"{protocol.upper()}ListenerConfig")
    config: Json = own if isinstance(own, dict) else {}
    master_slave = _text(row, "MasterSlaveServerGroupId") or _text(config, "MasterSlaveServerGroupId")
    drains = _switch(config.get("ConnectionDrain"))
    return Listener(
        port=_integer(row["ListenerPort"]),
        protocol=protocol,
        backend_server_port=_optional_integer(row.get("BackendServerPort")),
        scheduler=_text(row, "Scheduler"),
        status=_text(row, "Status"),
        vserver_group_id=_text(row, "VServerGroupId"),
        master_slave_server_group_id=master_slave,
        health_check=_switch(config.get("HealthCheck")),
        forward=bool(_switch(config.get("ListenerForward"))),
        connection_drain_timeout=_optional_integer(config.get("ConnectionDrainTimeout")) if drains else None,
    )


def _health(row: Json) -> Health:
    return Health(
        server_id=str(row["ServerId"]),
        server_ip=_text(row, "ServerIp"),
        type=_text(row, "Type"),
        listener_port=_optional_integer(row.get("ListenerPort")),
        protocol=(_text(row, "Protocol") or "").lower() or None,
        port=_optional_integer(row.get("Port")),
        status=str(row["ServerHealthStatus"]),
    )


def _rows(holder: t.Any, name: str) -> list[Json]:
    """The API's lists are objects that contain an array; an empty list may lack the array."""
    if not isinstance(holder, dict):
        raise TypeError(f"no list of {name}")
    return _objects(holder.get(name))


def _objects(rows: t.Any) -> list[Json]:
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("no list of objects")
    return rows


def _text(row: Json, name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, (str, int)):
        raise TypeError(f"{name} is not text")
    return str(value)


def _integer(value: t.Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError("expected a number")
    if not _WHOLE_NUMBER.fullmatch(str(value)):
        raise ValueError("unexpected number format")
    return int(value)


def _optional_integer(value: t.Any) -> int | None:
    return None if value in (None, "") else _integer(value)


def _switch(value: t.Any) -> bool | None:
    return None if value is None else str(value).lower() in ("on", "true")
