# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the routes of a load balancer are read."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import read_routes
from ansible_collections.aliyun_community.slb.tests.unit.server_groups import KEYS

pytestmark = pytest.mark.usefixtures("clean_environment")

RULE = {"rule_id": "rule-api", "rule_name": "api", "url": "/api", "vserver_group_id": "rsp-api"}


@pytest.mark.parametrize(("port", "asked"), [(81, ["80", "81"]), (80, ["80"])])
def test_listeners_are_asked_until_all_rules_are_found(open_client: t.Any, port: int, asked: list[str]) -> None:
    from slb_emulator import running

    web = {"listener_protocol": "http", "backend_server_port": 8080}
    listeners: list[dict[str, t.Any]] = [
        {**web, "listener_port": number, "rules": [RULE] if number == port else []} for number in (80, 81, 82)
    ]
    balancer = {
        "load_balancer_id": "lb-web",
        "region_id": "cn-hangzhou",
        "listeners": listeners,
        "vserver_groups": [{"vserver_group_id": "rsp-api", "vserver_group_name": "api", "backend_servers": []}],
    }
    with running({"access_keys": KEYS, "load_balancers": [balancer]}) as slb:
        client = open_client(slb.url)
        routes = read_routes(client, "lb-web", _slb.describe_vserver_groups(client, "lb-web"))
        requests = [request for request in slb.requests if request.action == "DescribeRules"]
    assert [request.parameters["ListenerPort"] for request in requests] == asked
    assert [route.name for route in routes if route.rule] == [f"rule api (rule-api) of listener http:{port}"]
