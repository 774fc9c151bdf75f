# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that read master/slave server groups. The API has none that changes their weights."""

from __future__ import annotations

from ...core.model import LoadBalancer, MasterSlaveGroup, MasterSlaveServer
from ..errors import group_not_found
from .call import Answer, Call, has_tags, tag_rows


def describe_master_slave_server_groups(call: Call) -> Answer:
    """The master/slave groups of a load balancer; on demand with the listeners that use them."""
    balancer = call.load_balancer()
    name, tags, with_listeners = call.parameters.get("Description", ""), call.tags(), call.flag("IncludeListener")
    rows = [
        {
            **identification(group),
            "AssociatedObjects": {"Listeners": {"Listener": listener_rows(balancer, group) if with_listeners else []}},
        }
        for group in balancer.master_slave_groups
        if name in ("", group.master_slave_server_group_name) and has_tags(group.tags, tags)
    ]
    return {"MasterSlaveServerGroups": {"MasterSlaveServerGroup": rows}}


def identification(group: MasterSlaveGroup) -> Answer:
    """What both actions say about a group."""
    return {
        "MasterSlaveServerGroupId": group.master_slave_server_group_id,
        "MasterSlaveServerGroupName": group.master_slave_server_group_name,
        "CreateTime": group.create_time,
        "Tags": tag_rows(group.tags),
    }


def listener_rows(balancer: LoadBalancer, group: MasterSlaveGroup) -> list[Answer]:
    """The listeners that use a group."""
    return [
        {"Protocol": listener.listener_protocol, "Port": listener.listener_port}
        for listener in balancer.listeners
        if listener.master_slave_server_group_id == group.master_slave_server_group_id
    ]


def describe_master_slave_server_group_attribute(call: Call) -> Answer:
    """A master/slave group with its servers."""
    group_id = call.parameters["MasterSlaveServerGroupId"]
    for balancer in filter(call.is_in_region, call.state.load_balancers.values()):
        for group in balancer.master_slave_groups:
            if group.master_slave_server_group_id == group_id:
                rows = [server_row(server) for server in group.backend_servers]
                return {
                    **identification(group),
                    "LoadBalancerId": balancer.load_balancer_id,
                    "MasterSlaveBackendServers": {"MasterSlaveBackendServer": rows},
                }
    raise group_not_found("MasterSlaveServerGroupId")


def server_row(server: MasterSlaveServer) -> Answer:
    """One of the two servers."""
    row: Answer = {
        "ServerId": server.server_id,
        "Port": server.port,
        "Weight": server.weight,
        "Type": server.type,
        "ServerType": server.server_type,
    }
    if server.description:
        row["Description"] = server.description
    return row
