# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that read load balancers."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.listeners import Listener
from ...core.model import BackendServer, LoadBalancer
from ..errors import invalid_parameter, missing_parameter
from .call import Answer, Call, has_tags, milliseconds, tag_rows
from .default_group import server_row

# Ids or names in one list call.
MAX_LOAD_BALANCERS_PER_CALL = 10


def describe_load_balancer_attribute(call: Call) -> Answer:
    """A load balancer with all its members."""
    balancer = call.load_balancer()
    rows = [described_row(member) for member in call.members_of(balancer)]
    ports = [listener_port_row(listener) for listener in balancer.listeners]
    return {
        **load_balancer_row(balancer),
        "BackendServers": {"BackendServer": rows},
        "ListenerPorts": {"ListenerPort": [listener.listener_port for listener in balancer.listeners]},
        "ListenerPortsAndProtocol": {"ListenerPortAndProtocol": ports},
        # The real answer has this misspelt twin.
        "ListenerPortsAndProtocal": {
            "ListenerPortAndProtocal": [
                {"ListenerPort": row["ListenerPort"], "ListenerProtocal": row["ListenerProtocol"]} for row in ports
            ]
        },
        "Bandwidth": balancer.bandwidth,
        "CreateTimeStamp": milliseconds(balancer.create_time),
        "EndTime": "2999-09-08T16:00:00Z",
        "EndTimeStamp": 32493801600000,
        "HasReservedInfo": "false",
        "LoadBalancerSpec": balancer.load_balancer_spec,
        "DeleteProtection": "off",
        "ModificationProtectionStatus": "NonProtection",
    }


def described_row(member: BackendServer) -> Answer:
    """A member as DescribeLoadBalancerAttribute shows it: with its ServerIp when set."""
    row = server_row(member, member.weight)
    if member.server_ip:
        row["ServerIp"] = member.server_ip
    return row


def load_balancer_row(balancer: LoadBalancer) -> Answer:
    """The fields of a load balancer that single answers and lists share."""
    return {
        "LoadBalancerId": balancer.load_balancer_id,
        "LoadBalancerName": balancer.load_balancer_name,
        "LoadBalancerStatus": balancer.load_balancer_status,
        "RegionId": balancer.region_id,
        "RegionIdAlias": balancer.region_id,
        "Address": balancer.address,
        "AddressType": balancer.address_type,
        "AddressIPVersion": balancer.address_ip_version,
        "NetworkType": balancer.network_type,
        "VpcId": balancer.vpc_id,
        "VSwitchId": balancer.vswitch_id,
        "MasterZoneId": balancer.master_zone_id,
        "SlaveZoneId": balancer.slave_zone_id,
        "InternetChargeType": balancer.internet_charge_type,
        "PayType": balancer.pay_type,
        "ResourceGroupId": balancer.resource_group_id,
        "CreateTime": balancer.create_time,
        "Tags": tag_rows(balancer.tags),
    }


def listener_port_row(listener: Listener) -> Answer:
    """A listener as DescribeLoadBalancerAttribute shows it."""
    row: Answer = {"ListenerPort": listener.listener_port, "ListenerProtocol": listener.listener_protocol}
    if listener.description:
        row["Description"] = listener.description
    if listener.listener_protocol == "http":
        row["ListenerForward"] = listener.listener_forward
    if listener.forward_port is not None:
        row["ForwardPort"] = listener.forward_port
    return row


def describe_load_balancers(call: Call) -> Answer:
    """Load balancers of a region, by page; members are not part of it."""
    size = call.integer("PageSize", 50, 1, 100)
    number = call.integer("PageNumber", 1, 1, 2**31 - 1)
    if call.parameters.get("PageSize") and not call.parameters.get("PageNumber"):
        raise missing_parameter("PageNumber")
    for name in ("LoadBalancerId", "LoadBalancerName"):
        if call.parameters.get(name, "").count(",") >= MAX_LOAD_BALANCERS_PER_CALL:
            raise invalid_parameter(name)
    tags = call.tags()
    found = [
        balancer
        for balancer in call.state.load_balancers.values()
        if is_asked_for(balancer, call.parameters) and has_tags(balancer.tags, tags)
    ]
    page = found[(number - 1) * size : number * size]
    rows = [
        {
            **load_balancer_row(balancer),
            # Lists have short times and numbers for the charge type.
            "CreateTime": f"{balancer.create_time[:16]}Z",
            "InternetChargeType": "4" if balancer.internet_charge_type == "paybytraffic" else "3",
            "InternetChargeTypeAlias": balancer.internet_charge_type,
        }
        for balancer in page
    ]
    return {
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": len(found),
        "LoadBalancers": {"LoadBalancer": rows},
    }


def is_asked_for(balancer: LoadBalancer, parameters: Mapping[str, str]) -> bool:
    """Whether a load balancer passes the filters of DescribeLoadBalancers, but for its tags."""
    members = [member for group in balancer.members_by_group().values() for member in group]
    filters = {
        "RegionId": (balancer.region_id,),
        "Address": (balancer.address,),
        "AddressType": (balancer.address_type,),
        "AddressIPVersion": (balancer.address_ip_version,),
        "NetworkType": (balancer.network_type,),
        "VpcId": (balancer.vpc_id,),
        "VSwitchId": (balancer.vswitch_id,),
        "LoadBalancerStatus": (balancer.load_balancer_status,),
        "MasterZoneId": (balancer.master_zone_id,),
        "SlaveZoneId": (balancer.slave_zone_id,),
        "PayType": (balancer.pay_type,),
        "ResourceGroupId": (balancer.resource_group_id,),
        # Whether members of vServer groups count is not documented.
        "ServerId": tuple(member.server_id for member in members),
        "ServerIntranetAddress": tuple(member.server_ip for member in members),
    }
    if any(parameters.get(name) and parameters[name] not in values for name, values in filters.items()):
        return False
    ids, names = parameters.get("LoadBalancerId"), parameters.get("LoadBalancerName")
    return (not ids or balancer.load_balancer_id in ids.split(",")) and (
        not names or balancer.load_balancer_name in names.split(",")
    )
