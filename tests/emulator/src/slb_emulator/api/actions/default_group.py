# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that change the members of the default server group."""

from __future__ import annotations

from typing import Any

from ...core.model import BackendServer, LoadBalancer, by_key
from .call import Answer, Call
from .server_list import additions, parse_servers, with_weights_set, without


def server_row(member: BackendServer, weight: Any) -> Answer:
    """A member as answers to writes show it: Description only when set, and no ServerIp."""
    row: Answer = {"ServerId": member.server_id, "Weight": weight, "Type": member.type}
    if member.description:
        row["Description"] = member.description
    return row


def server_list(balancer: LoadBalancer, rows: list[Answer]) -> Answer:
    """The answer of the three calls that change members."""
    return {"LoadBalancerId": balancer.load_balancer_id, "BackendServers": {"BackendServer": rows}}


def weight_as_answered(call: Call, weight: int) -> Any:
    """The weight as answers to Set and Add show it."""
    return weight if call.settings.set_weight_as == "int" else str(weight)


def set_backend_servers(call: Call) -> Answer:
    """Set weight and description of members; all of them or, on an error, none. Answers with those it set."""
    balancer = call.writable_load_balancer()
    members = by_key(balancer.backend_servers)
    updated = with_weights_set(members, parse_servers(call), call.settings.set_non_members == "ignore")
    call.change(balancer, balancer, list({**members, **updated}.values()))
    rows = [server_row(member, weight_as_answered(call, member.weight)) for member in updated.values()]
    return server_list(balancer, rows)


def add_backend_servers(call: Call) -> Answer:
    """Add members and answer with them."""
    balancer = call.writable_load_balancer()
    added = additions(call.state, by_key(balancer.backend_servers), parse_servers(call))
    call.change(balancer, balancer, [*balancer.backend_servers, *added.values()])
    rows = [server_row(member, weight_as_answered(call, member.weight)) for member in added.values()]
    return server_list(balancer, rows)


def remove_backend_servers(call: Call) -> Answer:
    """Remove members. Answers with the members that stay."""
    balancer = call.writable_load_balancer()
    members = without(by_key(balancer.backend_servers), parse_servers(call))
    call.change(balancer, balancer, list(members.values()))
    return server_list(balancer, [server_row(member, member.weight) for member in members.values()])
