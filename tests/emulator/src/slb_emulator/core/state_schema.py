# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys the state document has, and what each may hold."""

from __future__ import annotations

from .documents import Check, Key, boolean, integer, list_of, mapping, one_of, switch, text
from .model import HEALTH_STATES, SERVER_TYPES
from .state_values import check_interval, check_uri, description, domain, loopback_address, rule_url, tags, utc_time

PROTOCOLS = ("http", "https", "tcp", "udp")
SCHEDULERS = ("wrr", "wlc", "rr", "sch", "tch", "qch")
# Those of listeners of http and https (vendor's reference of DescribeRules).
RULE_SCHEDULERS = ("wrr", "wlc", "rr")
PORT = integer(1, 65535)


ACCESS_KEY: Check = mapping(
    {
        "access_key_id": Key(text, required=True),
        "access_key_secret": Key(text, required=True),
        "security_token": Key(text),
        "status": Key(one_of(("active", "inactive"))),
        "token_expired": Key(boolean),
    }
)
SERVER: dict[str, Key] = {
    "server_id": Key(text, required=True),
    "weight": Key(integer(0, 100)),
    "type": Key(one_of(SERVER_TYPES)),
    "server_ip": Key(text),
    "description": Key(description),
}
MEMBER: dict[str, Key] = {**SERVER, "health": Key(one_of(HEALTH_STATES)), "address": Key(loopback_address)}
BACKEND_SERVER: Check = mapping(MEMBER)
GROUP_MEMBER: Check = mapping({**MEMBER, "port": Key(PORT, required=True)})
MASTER_SLAVE_SERVER: Check = mapping(
    {**SERVER, "port": Key(PORT, required=True), "server_type": Key(one_of(("Master", "Slave")), required=True)}
)
VSERVER_GROUP: Check = mapping(
    {
        "vserver_group_id": Key(text, required=True),
        "vserver_group_name": Key(text),
        "create_time": Key(utc_time),
        "tags": Key(tags),
        "backend_servers": Key(list_of(GROUP_MEMBER)),
    }
)
MASTER_SLAVE_GROUP: Check = mapping(
    {
        "master_slave_server_group_id": Key(text, required=True),
        "master_slave_server_group_name": Key(text),
        "create_time": Key(utc_time),
        "tags": Key(tags),
        "backend_servers": Key(list_of(MASTER_SLAVE_SERVER)),
    }
)
RULE: Check = mapping(
    {
        "rule_id": Key(text, required=True),
        "vserver_group_id": Key(text, required=True),
        "rule_name": Key(text),
        "domain": Key(domain),
        "url": Key(rule_url),
        "listener_sync": Key(switch),
        "scheduler": Key(one_of(RULE_SCHEDULERS)),
        "health_check": Key(switch),
        "health_check_uri": Key(check_uri),
    }
)
LISTENER: Check = mapping(
    {
        "listener_port": Key(PORT, required=True),
        "listener_protocol": Key(one_of(PROTOCOLS), required=True),
        "backend_server_port": Key(PORT),
        "scheduler": Key(one_of(SCHEDULERS)),
        "status": Key(one_of(("running", "stopped", "starting", "configuring", "stopping"))),
        "vserver_group_id": Key(text),
        "master_slave_server_group_id": Key(text),
        "listener_forward": Key(switch),
        "forward_port": Key(PORT),
        "health_check": Key(switch),
        "connection_drain": Key(switch),
        "connection_drain_timeout": Key(integer(10, 900)),
        "description": Key(text),
        "rules": Key(list_of(RULE)),
        "data_port": Key(integer(0, 65535)),
        "health_check_uri": Key(check_uri),
        "health_check_interval": Key(check_interval),
        "healthy_threshold": Key(integer(1, 10)),
        "unhealthy_threshold": Key(integer(1, 10)),
    }
)
LOAD_BALANCER: Check = mapping(
    {
        "load_balancer_id": Key(text, required=True),
        "region_id": Key(text, required=True),
        "load_balancer_name": Key(text),
        "load_balancer_status": Key(one_of(("active", "inactive", "locked"))),
        "address": Key(text),
        "address_type": Key(one_of(("internet", "intranet"))),
        "address_ip_version": Key(one_of(("ipv4", "ipv6"))),
        "network_type": Key(one_of(("vpc", "classic"))),
        "vpc_id": Key(text),
        "vswitch_id": Key(text),
        "master_zone_id": Key(text),
        "slave_zone_id": Key(text),
        "load_balancer_spec": Key(text),
        "internet_charge_type": Key(one_of(("paybytraffic", "paybybandwidth"))),
        "pay_type": Key(one_of(("PayOnDemand", "PrePay"))),
        "resource_group_id": Key(text),
        "bandwidth": Key(integer(-1, 1_000_000)),
        "create_time": Key(utc_time),
        "tags": Key(tags),
        "backend_servers": Key(list_of(BACKEND_SERVER)),
        "vserver_groups": Key(list_of(VSERVER_GROUP)),
        "master_slave_groups": Key(list_of(MASTER_SLAVE_GROUP)),
        "listeners": Key(list_of(LISTENER)),
    }
)
STATE: Check = mapping(
    {
        "access_keys": Key(list_of(ACCESS_KEY)),
        "load_balancers": Key(list_of(LOAD_BALANCER), required=True),
        "known_servers": Key(list_of(text)),
    }
)
