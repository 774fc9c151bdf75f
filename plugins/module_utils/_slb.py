# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The actions of the Slb API 2014-05-15 that this collection calls: one function each, request and response.

Field names and types are those of the vendor's SDKs of 2024 to 2026. Responses are read tolerantly: numbers may be
text (the vendor's samples of vServer groups have them so), unknown fields are ignored, and a missing Type means ecs
(older regions send none).
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _fields
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, Json
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import OutcomeUnknown, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    Health,
    ListedLoadBalancer,
    ListedRule,
    Listener,
    LoadBalancer,
    Rule,
    ServerGroup,
)

MAX_SERVERS_PER_CALL = 20  # vendor page SetBackendServers
_LISTENERS_PER_PAGE = "100"  # the maximum of DescribeLoadBalancerListeners; its default is 20
_LOAD_BALANCERS_PER_PAGE = 100  # the maximum of DescribeLoadBalancers
_MAX_PAGES = 100  # protects against an endpoint that never stops paging


def describe_load_balancer(client: Client, load_balancer_id: str) -> LoadBalancer:
    """DescribeLoadBalancerAttribute: one call returns all members of the default group; Weight is an integer."""
    action = "DescribeLoadBalancerAttribute"
    response = client.read(action, {"LoadBalancerId": load_balancer_id})
    with _fields.parsing(action):
        if response.get("LoadBalancerId", load_balancer_id) != load_balancer_id:
            raise ValueError("LoadBalancerId of another load balancer")
        return LoadBalancer(
            load_balancer_id=load_balancer_id,
            name=_fields.text(response, "LoadBalancerName"),
            status=_fields.text(response, "LoadBalancerStatus"),
            address=_fields.text(response, "Address"),
            backend_servers=tuple(
                _backend_server(row) for row in _fields.rows(response["BackendServers"], "BackendServer")
            ),
        )


def describe_load_balancers(client: Client, filters: t.Mapping[str, str]) -> list[ListedLoadBalancer]:
    """DescribeLoadBalancers: all load balancers of the region that pass the filters, one call per 100.

    ``filters``: parameters of the API, such as LoadBalancerName (up to 10, with commas), Tag.1.Key or ServerId.
    """
    action = "DescribeLoadBalancers"
    found: list[ListedLoadBalancer] = []
    for page in range(1, _MAX_PAGES + 1):
        # The API refuses a PageSize without PageNumber.
        paging = {"PageNumber": str(page), "PageSize": str(_LOAD_BALANCERS_PER_PAGE)}
        response = client.read(action, {**filters, **paging})
        with _fields.parsing(action):
            rows = _fields.rows(response["LoadBalancers"], "LoadBalancer")
            found += [_listed_load_balancer(row) for row in rows]
        if len(rows) < _LOAD_BALANCERS_PER_PAGE:
            return found
    raise _endless(action)


def set_backend_servers(client: Client, load_balancer_id: str, servers: t.Sequence[BackendServer]) -> None:
    """SetBackendServers: set the weights of these members of the default group, at most 20.

    The response is not used: it is undocumented whether it lists these servers or the whole group, and it has no
    ServerIp.
    """
    client.write("SetBackendServers", {"LoadBalancerId": load_balancer_id, "BackendServers": _entries(servers)})


def describe_vserver_groups(client: Client, load_balancer_id: str) -> list[ServerGroup]:
    """DescribeVServerGroups: all vServer groups with the listeners and rules that use them, but without their members.

    One call, without paging. It lists listeners and rules only if asked to.
    """
    action = "DescribeVServerGroups"
    # The SDK would send a Python bool as "True".
    parameters = {"LoadBalancerId": load_balancer_id, "IncludeListener": "true", "IncludeRule": "true"}
    response = client.read(action, parameters)
    with _fields.parsing(action):
        return [_vserver_group(row) for row in _fields.rows(response["VServerGroups"], "VServerGroup")]


def describe_vserver_group(client: Client, load_balancer_id: str, group: ServerGroup) -> ServerGroup:
    """DescribeVServerGroupAttribute: the group with all its members, in one call."""
    action = "DescribeVServerGroupAttribute"
    group_id = group.vserver_group_id or ""
    with _advice_if_gone(group):
        response = client.read(action, {"VServerGroupId": group_id})
    with _fields.parsing(action):
        if response.get("LoadBalancerId", load_balancer_id) != load_balancer_id:
            raise ValueError("LoadBalancerId of another load balancer")
        if response.get("VServerGroupId", group_id) != group_id:
            raise ValueError("VServerGroupId of another group")
        servers = [_member_of_group(row, group) for row in _fields.rows(response["BackendServers"], "BackendServer")]
    return group._replace(backend_servers=tuple(servers))


def set_vserver_group_attribute(client: Client, group: ServerGroup, servers: t.Sequence[BackendServer]) -> None:
    """SetVServerGroupAttribute: set the weights of these members of a vServer group, at most 20.

    Members that are not listed keep their weights, and the group keeps its name if none is sent: the vendor's own
    automation (OOS ElegantRunCommandInSLBVServerGroup) and its Kubernetes controller rely on both.
    """
    parameters = {"VServerGroupId": group.vserver_group_id or "", "BackendServers": _entries(servers)}
    with _advice_if_gone(group):
        client.write("SetVServerGroupAttribute", parameters)


def set_weights(client: Client, load_balancer_id: str, group: ServerGroup, servers: t.Sequence[BackendServer]) -> None:
    """Set the weights of these members of a server group, at most MAX_SERVERS_PER_CALL, by the action for its kind."""
    if group.vserver_group_id is None:
        set_backend_servers(client, load_balancer_id, servers)
    else:
        set_vserver_group_attribute(client, group, servers)


def is_missing_group(exc: SlbError) -> bool:
    """Whether a vServer group does not exist. There is no code of its own (vendor page "Common error codes")."""
    return exc.code == "InvalidParameter" and "VServerGroupId does not exist" in exc.message


def describe_master_slave_server_group(client: Client, group_id: str) -> list[BackendServer]:
    """DescribeMasterSlaveServerGroupAttribute: the two servers of a master/slave group."""
    action = "DescribeMasterSlaveServerGroupAttribute"
    response = client.read(action, {"MasterSlaveServerGroupId": group_id})
    with _fields.parsing(action):
        rows = _fields.rows(response["MasterSlaveBackendServers"], "MasterSlaveBackendServer")
        return [_backend_server(row) for row in rows]


@contextlib.contextmanager
def _advice_if_gone(group: ServerGroup) -> t.Iterator[None]:
    try:
        yield
    except SlbError as exc:
        if is_missing_group(exc):
            exc.advice = (
                f"Someone deleted {group.name} during this task: check what is left of it, then rerun the task."
            )
        raise


def describe_rules(client: Client, load_balancer_id: str, listener: Listener) -> list[Rule]:
    """DescribeRules: the forwarding rules of one HTTP or HTTPS listener."""
    action = "DescribeRules"
    parameters = {
        "LoadBalancerId": load_balancer_id,
        "ListenerPort": str(listener.port),
        "ListenerProtocol": listener.protocol,
    }
    response = client.read(action, parameters)
    with _fields.parsing(action):
        return [_rule(row) for row in _fields.rows(response["Rules"], "Rule")]


def describe_master_slave_server_groups(client: Client, load_balancer_id: str) -> list[str]:
    """DescribeMasterSlaveServerGroups: the ids and names of the groups whose weights cannot be set, in one list."""
    action = "DescribeMasterSlaveServerGroups"
    response = client.read(action, {"LoadBalancerId": load_balancer_id})
    with _fields.parsing(action):
        rows = _fields.rows(response["MasterSlaveServerGroups"], "MasterSlaveServerGroup")
        names = [_fields.text(row, f"MasterSlaveServerGroup{part}") for row in rows for part in ("Id", "Name")]
    return [name for name in names if name is not None]


def describe_listeners(client: Client, load_balancer_id: str) -> list[Listener]:
    """DescribeLoadBalancerListeners: all listeners, one call per 100. Its list is flat, unlike the others."""
    action = "DescribeLoadBalancerListeners"
    parameters = {"LoadBalancerId.1": load_balancer_id, "MaxResults": _LISTENERS_PER_PAGE}
    listeners: list[Listener] = []
    for _page in range(_MAX_PAGES):
        response = client.read(action, parameters)
        with _fields.parsing(action):
            listeners.extend(_listener(row) for row in _fields.objects(response.get("Listeners")))
            token = _fields.text(response, "NextToken")
        if not token:
            return listeners
        parameters = {**parameters, "NextToken": token}
    raise _endless(action)


def describe_health_status(client: Client, load_balancer_id: str) -> list[Health]:
    """DescribeHealthStatus: one row for each member, listener and port on the server."""
    action = "DescribeHealthStatus"
    response = client.read(action, {"LoadBalancerId": load_balancer_id})
    with _fields.parsing(action):
        return [_health(row) for row in _fields.rows(response["BackendServers"], "BackendServer")]


def _endless(action: str) -> OutcomeUnknown:
    message = f"{action} did not end after {_MAX_PAGES} pages"
    return OutcomeUnknown("UnusableAnswer", message, advice=_fields.OTHER_API_ADVICE)


def _listed_load_balancer(row: Json) -> ListedLoadBalancer:
    names = ("LoadBalancerName", "LoadBalancerStatus", "Address", "ResourceGroupId")
    return ListedLoadBalancer(str(row["LoadBalancerId"]), *(_fields.text(row, name) for name in names))


def _entries(servers: t.Sequence[BackendServer]) -> str:
    """The parameter BackendServers, as text: the SDK would send a list as Python's repr."""
    return json.dumps([_entry(server) for server in servers], separators=(",", ":"), ensure_ascii=False)


def _entry(server: BackendServer) -> dict[str, str]:
    """One element of BackendServers. Numbers are sent as text, as in the vendor's examples.

    Weight is always sent: the API assumes 100 without it. Type, ServerIp and Description are sent as they were read:
    it is undocumented whether the API keeps them otherwise.
    """
    entry = {"ServerId": server.server_id, "Weight": str(server.weight), "Type": server.type}
    if server.port is not None:
        entry["Port"] = str(server.port)
    if server.server_ip:
        entry["ServerIp"] = server.server_ip
    if server.description:
        entry["Description"] = server.description
    return entry


def _vserver_group(row: Json) -> ServerGroup:
    group_id = _fields.text(row, "VServerGroupId")
    if group_id is None:
        raise ValueError("a group without VServerGroupId")
    used_by = row.get("AssociatedObjects") or {}
    listeners, rules = ((used_by.get(name) or {}) for name in ("Listeners", "Rules"))
    return ServerGroup(
        vserver_group_id=group_id,
        vserver_group_name=_fields.text(row, "VServerGroupName"),
        backend_servers=(),
        listeners=tuple(
            f"{str(each['Protocol']).lower()}:{_fields.integer(each['Port'])}"
            for each in _fields.rows(listeners, "Listener")
        ),
        rules=tuple(_listed_rule(each) for each in _fields.rows(rules, "Rule")),
    )


def _listed_rule(row: Json) -> ListedRule:
    names = (_fields.text(row, name) for name in ("RuleName", "Domain", "Url"))
    return ListedRule(str(row["RuleId"]), *names)


def _rule(row: Json) -> Rule:
    synced = _fields.switch(row.get("ListenerSync"))
    return Rule(
        rule_id=str(row["RuleId"]),
        name=_fields.text(row, "RuleName"),
        domain=_fields.text(row, "Domain"),
        url=_fields.text(row, "Url"),
        vserver_group_id=_fields.text(row, "VServerGroupId"),
        listener_sync=synced is not False,
        scheduler=_fields.text(row, "Scheduler"),
        health_check=_fields.switch(row.get("HealthCheck")),
    )


def _member_of_group(row: Json, group: ServerGroup) -> BackendServer:
    return _backend_server(row)._replace(
        port=_fields.integer(row["Port"]),
        vserver_group_id=group.vserver_group_id,
        vserver_group_name=group.vserver_group_name,
    )


def _backend_server(row: Json) -> BackendServer:
    weight = _fields.integer(row["Weight"])
    if not 0 <= weight <= 100:
        raise ValueError(f"Weight {weight}")
    server_id = _fields.text(row, "ServerId")
    if server_id is None:
        raise ValueError("a server without ServerId")
    return BackendServer(
        server_id,
        weight,
        _fields.text(row, "Type") or "ecs",
        _fields.text(row, "ServerIp"),
        _fields.text(row, "Description"),
    )


def _listener(row: Json) -> Listener:
    protocol = str(row["ListenerProtocol"]).lower()
    own = row.get(f"{protocol.upper()}ListenerConfig")
    config: Json = own if isinstance(own, dict) else {}
    master_slave = _fields.text(row, "MasterSlaveServerGroupId") or _fields.text(config, "MasterSlaveServerGroupId")
    drains = _fields.switch(config.get("ConnectionDrain"))
    return Listener(
        port=_fields.integer(row["ListenerPort"]),
        protocol=protocol,
        backend_server_port=_fields.optional_integer(row.get("BackendServerPort")),
        scheduler=_fields.text(row, "Scheduler"),
        status=_fields.text(row, "Status"),
        vserver_group_id=_fields.text(row, "VServerGroupId"),
        master_slave_server_group_id=master_slave,
        health_check=_fields.switch(config.get("HealthCheck")),
        forward=bool(_fields.switch(config.get("ListenerForward"))),
        connection_drain_timeout=_fields.optional_integer(config.get("ConnectionDrainTimeout")) if drains else None,
    )


def _health(row: Json) -> Health:
    return Health(
        server_id=str(row["ServerId"]),
        server_ip=_fields.text(row, "ServerIp"),
        type=_fields.text(row, "Type"),
        listener_port=_fields.optional_integer(row.get("ListenerPort")),
        protocol=(_fields.text(row, "Protocol") or "").lower() or None,
        port=_fields.optional_integer(row.get("Port")),
        status=str(row["ServerHealthStatus"]),
    )
