# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that read listeners and their forwarding rules."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from ...core.listeners import Listener, Rule
from ...core.model import LoadBalancer
from ..errors import invalid_parameter
from .call import Answer, Call
from .load_balancers import MAX_LOAD_BALANCERS_PER_CALL


def describe_load_balancer_listeners(call: Call) -> Answer:
    """Listeners as a flat list, by token; of the load balancers named, or of all in the region."""
    size = call.integer("MaxResults", 20, 1, 100)
    start = parse_next_token(call.parameters.get("NextToken", ""))
    found = [
        (balancer, listener)
        for balancer in named_load_balancers(call)
        for listener in balancer.listeners
        if is_listener_asked_for(listener, call.parameters)
    ]
    answer: Answer = {
        "TotalCount": len(found),
        "MaxResults": size,
        "Listeners": [listener_row(*pair) for pair in found[start : start + size]],
    }
    if start + size < len(found):
        answer["NextToken"] = next_token(start + size)
    return answer


def is_listener_asked_for(listener: Listener, parameters: Mapping[str, str]) -> bool:
    """Whether a listener passes the filters of DescribeLoadBalancerListeners."""
    filters = {
        "ListenerProtocol": listener.listener_protocol,
        "ListenerPort": str(listener.listener_port),
        "Description": listener.description,
    }
    return all(parameters.get(name) in (None, "", value) for name, value in filters.items())


def named_load_balancers(call: Call) -> list[LoadBalancer]:
    """The load balancers of LoadBalancerId.1 and so on, or all of the region."""
    ids = [value for name, value in call.parameters.items() if name.startswith("LoadBalancerId.")]
    if len(ids) > MAX_LOAD_BALANCERS_PER_CALL:
        raise invalid_parameter("LoadBalancerId")
    if ids:
        return [call.find_load_balancer(load_balancer_id) for load_balancer_id in ids]
    region = call.parameters["RegionId"]
    return [balancer for balancer in call.state.load_balancers.values() if balancer.region_id == region]


def next_token(offset: int) -> str:
    """An opaque token for the rest of a list."""
    return base64.urlsafe_b64encode(f"listeners:{offset}".encode()).decode("ascii")


def parse_next_token(token: str) -> int:
    """Where a list goes on; InvalidParameter for a token that was never given out."""
    if not token:
        return 0
    try:
        kind, _colon, offset = base64.urlsafe_b64decode(token.encode()).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_parameter("NextToken") from None
    if kind != "listeners" or not offset.isdigit():
        raise invalid_parameter("NextToken")
    return int(offset)


def listener_row(balancer: LoadBalancer, listener: Listener) -> Answer:
    """A listener as DescribeLoadBalancerListeners shows it, with the settings of its protocol in a sub-object."""
    protocol = listener.listener_protocol
    config: Answer = {"HealthCheck": listener.health_check, "HealthCheckInterval": 5, "UnhealthyThreshold": 3}
    if protocol in ("http", "https"):
        config["HealthCheckURI"] = listener.health_check_uri
    if protocol == "http":
        config["ListenerForward"] = listener.listener_forward
    if listener.forward_port is not None:
        config["ForwardPort"] = listener.forward_port
    if protocol in ("tcp", "udp"):
        config["ConnectionDrain"] = listener.connection_drain
        if listener.connection_drain_timeout is not None:
            config["ConnectionDrainTimeout"] = listener.connection_drain_timeout
        if listener.master_slave_server_group_id:
            config["MasterSlaveServerGroupId"] = listener.master_slave_server_group_id
    row: Answer = {
        "LoadBalancerId": balancer.load_balancer_id,
        "ListenerPort": listener.listener_port,
        "ListenerProtocol": protocol,
        "Scheduler": listener.scheduler,
        "Status": listener.status,
        "Bandwidth": -1,
        "AclStatus": "off",
        "Tags": [],
        f"{protocol.upper()}ListenerConfig": config,
    }
    if listener.backend_server_port is not None:
        row["BackendServerPort"] = listener.backend_server_port
    if listener.vserver_group_id:
        row["VServerGroupId"] = listener.vserver_group_id
    if listener.description:
        row["Description"] = listener.description
    return row


def describe_rules(call: Call) -> Answer:
    """The forwarding rules of one listener of http or https; one of tcp or udp cannot have any."""
    listener = call.named_listeners(call.load_balancer())[0]
    if listener.listener_protocol not in ("http", "https"):
        raise invalid_parameter("ListenerProtocol")
    return {"Rules": {"Rule": [rule_row(rule) for rule in listener.rules]}}


def rule_identification(rule: Rule) -> Answer:
    """What all answers say about a rule; its domain and its path only when it has them."""
    row: Answer = {"RuleId": rule.rule_id, "RuleName": rule.rule_name}
    if rule.domain:
        row["Domain"] = rule.domain
    if rule.url:
        row["Url"] = rule.url
    return row


def rule_row(rule: Rule) -> Answer:
    """A rule as DescribeRules shows it; scheduler and health check only when they are its own."""
    row = {
        **rule_identification(rule),
        "VServerGroupId": rule.vserver_group_id,
        "ListenerSync": rule.listener_sync,
    }
    if rule.listener_sync == "off":
        row["Scheduler"] = rule.scheduler
        row["StickySession"] = "off"
        row["HealthCheck"] = rule.health_check
        if rule.health_check == "on":
            row["HealthCheckURI"] = rule.health_check_uri
    return row
