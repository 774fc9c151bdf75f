# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that read vServer groups and change their members."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core.model import BackendServer, LoadBalancer, VServerGroup, by_key
from .call import Answer, Call, has_tags, tag_rows
from .listeners import rule_identification
from .server_list import additions, parse_servers, with_weights_set, without


def describe_vserver_groups(call: Call) -> Answer:
    """The vServer groups of a load balancer; on demand with the listeners and rules that use them. No paging."""
    balancer = call.load_balancer()
    name, tags = call.parameters.get("Description", ""), call.tags()
    with_listeners, with_rules = call.flag("IncludeListener"), call.flag("IncludeRule")
    rows = [
        {
            "VServerGroupId": group.vserver_group_id,
            "VServerGroupName": group.vserver_group_name,
            "CreateTime": group.create_time,
            "ServerCount": len(call.members_of(group)),
            "Tags": tag_rows(group.tags),
            "AssociatedObjects": {
                "Listeners": {"Listener": listener_rows(balancer, group) if with_listeners else []},
                "Rules": {"Rule": rule_rows(balancer, group) if with_rules else []},
            },
        }
        for group in balancer.vserver_groups
        if name in ("", group.vserver_group_name) and has_tags(group.tags, tags)
    ]
    return {"VServerGroups": {"VServerGroup": rows}}


def listener_rows(balancer: LoadBalancer, group: VServerGroup) -> list[Answer]:
    """The listeners whose own group this is."""
    return [
        {"Protocol": listener.listener_protocol, "Port": listener.listener_port}
        for listener in balancer.listeners
        if listener.vserver_group_id == group.vserver_group_id
    ]


def rule_rows(balancer: LoadBalancer, group: VServerGroup) -> list[Answer]:
    """The rules that lead to a group. The API does not say here which listener a rule belongs to."""
    return [
        rule_identification(rule)
        for listener in balancer.listeners
        for rule in listener.rules
        if rule.vserver_group_id == group.vserver_group_id
    ]


def describe_vserver_group_attribute(call: Call) -> Answer:
    """A vServer group with all its members."""
    balancer, group = call.vserver_group()
    return {
        "LoadBalancerId": balancer.load_balancer_id,
        "VServerGroupName": group.vserver_group_name,
        "CreateTime": group.create_time,
        "Tags": tag_rows(group.tags),
        **group_answer(call, group, call.members_of(group), with_addresses=True),
    }


def set_vserver_group_attribute(call: Call) -> Answer:
    """Set the name of a group, and weight and description of the members listed; the others keep theirs.

    All of it or, on an error, nothing. Answers with the members it set.
    """
    balancer, group = call.writable_vserver_group()
    name = call.parameters.get("VServerGroupName")
    members = by_key(group.backend_servers)
    if name and not call.parameters.get("BackendServers"):
        updated = {}
    else:
        elements = parse_servers(call, has_port=True)
        updated = with_weights_set(members, elements, call.settings.set_non_members == "ignore")
    group.vserver_group_name = name or group.vserver_group_name
    call.change(balancer, group, list({**members, **updated}.values()))
    return {"VServerGroupName": group.vserver_group_name, **group_answer(call, group, updated.values())}


def add_vserver_group_backend_servers(call: Call) -> Answer:
    """Add members to a group. Answers with all members."""
    balancer, group = call.writable_vserver_group()
    added = additions(call.state, by_key(group.backend_servers), parse_servers(call, has_port=True))
    call.change(balancer, group, [*group.backend_servers, *added.values()])
    return group_answer(call, group, group.backend_servers)


def remove_vserver_group_backend_servers(call: Call) -> Answer:
    """Remove members from a group. Answers with the members that stay."""
    balancer, group = call.writable_vserver_group()
    stay = without(by_key(group.backend_servers), parse_servers(call, has_port=True))
    call.change(balancer, group, list(stay.values()))
    return group_answer(call, group, group.backend_servers)


def modify_vserver_group_backend_servers(call: Call) -> Answer:
    """Remove members from a group and add others, in one step. Answers with all members."""
    balancer, group = call.writable_vserver_group()
    old = parse_servers(call, "OldBackendServers", has_port=True)
    new = parse_servers(call, "NewBackendServers", has_port=True)
    stay = without(by_key(group.backend_servers), old)
    call.change(balancer, group, [*stay.values(), *additions(call.state, stay, new).values()])
    return group_answer(call, group, group.backend_servers)


def group_answer(
    call: Call, group: VServerGroup, members: Iterable[BackendServer], with_addresses: bool = False
) -> Answer:
    """A group with some of its members. Only DescribeVServerGroupAttribute shows their addresses."""
    rows = [member_row(call, member, with_addresses) for member in members]
    return {"VServerGroupId": group.vserver_group_id, "BackendServers": {"BackendServer": rows}}


def member_row(call: Call, member: BackendServer, with_address: bool) -> Answer:
    """A member of a vServer group."""
    as_number: Any = int if call.settings.group_numbers_as == "int" else str
    row: Answer = {
        "ServerId": member.server_id,
        "Port": as_number(member.port),
        "Weight": as_number(member.weight),
        "Type": member.type,
    }
    if member.description:
        row["Description"] = member.description
    if with_address and member.server_ip:
        row["ServerIp"] = member.server_ip
    return row
