# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A load balancer with server groups of every kind, for tests with an emulator."""

from __future__ import annotations

import typing as t

KEYS = [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret+/="}]

# i-web1 is in every group, in app with two ports; in spare no listener or rule finds it.
LOAD_BALANCER: dict[str, t.Any] = {
    "load_balancer_id": "lb-web",
    "region_id": "cn-hangzhou",
    "backend_servers": [{"server_id": "i-web1", "weight": 100}, {"server_id": "i-web2", "weight": 60}],
    "vserver_groups": [
        {
            "vserver_group_id": "rsp-app",
            "vserver_group_name": "app",
            "backend_servers": [
                {"server_id": "i-web1", "port": 8080, "weight": 100, "description": "web/1"},
                {"server_id": "i-web1", "port": 8081, "weight": 50},
                {"server_id": "i-web2", "port": 8080, "weight": 100, "server_ip": "192.168.0.2"},
                {"server_id": "eni-web3", "port": 8080, "type": "eni", "server_ip": "192.168.0.11", "weight": 10},
                {"server_id": "eni-web3", "port": 8080, "type": "eni", "server_ip": "192.168.0.12", "weight": 10},
            ],
        },
        {
            "vserver_group_id": "rsp-api",
            "vserver_group_name": "api",
            "backend_servers": [
                {"server_id": "i-web1", "port": 9000, "weight": 100},
                {"server_id": "i-web4", "port": 9000, "weight": 100},
            ],
        },
        {
            "vserver_group_id": "rsp-spare",
            "vserver_group_name": "spare",
            "backend_servers": [{"server_id": "i-web1", "port": 80, "weight": 30}],
        },
        {"vserver_group_id": "rsp-empty", "vserver_group_name": "empty"},
        {"vserver_group_id": "rsp-empty2", "vserver_group_name": "empty"},
    ],
    "master_slave_groups": [
        {
            "master_slave_server_group_id": "rsp-ms",
            "master_slave_server_group_name": "pair",
            "backend_servers": [
                {"server_id": "i-web1", "port": 22, "server_type": "Master"},
                {"server_id": "i-web2", "port": 22, "server_type": "Slave"},
            ],
        }
    ],
    "listeners": [
        {
            "listener_port": 80,
            "listener_protocol": "http",
            "backend_server_port": 80,
            "rules": [
                {"rule_id": "rule-api", "rule_name": "api", "url": "/api", "vserver_group_id": "rsp-api"},
            ],
        },
        {"listener_port": 8080, "listener_protocol": "tcp", "vserver_group_id": "rsp-app"},
    ],
}
STATE: dict[str, t.Any] = {
    "access_keys": KEYS,
    "load_balancers": [LOAD_BALANCER, {"load_balancer_id": "lb-other", "region_id": "cn-hangzhou"}],
}


def weights(slb: t.Any) -> dict[str, list[int]]:
    """The weights of each group, by its id without rsp-; the default group is ``default``."""
    groups = ("", "rsp-app", "rsp-api", "rsp-spare")
    return {
        group.replace("rsp-", "") or "default": [member.weight for member in slb.members("lb-web", group)]
        for group in groups
    }
