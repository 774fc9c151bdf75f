# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server groups, forwarding rules and what finds load balancers, read through the vendor's SDK: exact shapes."""

from __future__ import annotations

import typing as t

import pytest
from rpc_request import common_parameters, refusal, send, signed
from sdk_client import SdkClient

from slb_emulator import Emulator, running

REGION = "cn-hangzhou"
NO_OBJECTS: dict[str, dict[str, list[t.Any]]] = {"Listeners": {"Listener": []}, "Rules": {"Rule": []}}
RULES = [
    {"RuleId": "rule-1", "RuleName": "shop", "Domain": "a.example.com"},
    {"RuleId": "rule-2", "RuleName": "rule-2", "Url": "/api"},
    {"RuleId": "rule-3", "RuleName": "rule-3", "Domain": "*.example.com", "Url": "/v2"},
]


def vserver_groups(sdk: SdkClient, load_balancer_id: str = "lb-groups", **parameters: t.Any) -> t.Any:
    answer = sdk.call("DescribeVServerGroups", LoadBalancerId=load_balancer_id, **parameters)
    return answer["VServerGroups"]["VServerGroup"]


def health(sdk: SdkClient, **parameters: t.Any) -> list[tuple[int, str, str, int, str]]:
    """(listener port, protocol, server, port, health) of each row."""
    rows = sdk.call("DescribeHealthStatus", LoadBalancerId="lb-groups", **parameters)["BackendServers"]["BackendServer"]
    keys = ("ListenerPort", "Protocol", "ServerId", "Port", "ServerHealthStatus")
    return [t.cast("t.Any", tuple(row[key] for key in keys)) for row in rows]


def test_groups(groups: SdkClient) -> None:
    found = vserver_groups(groups)
    assert found[0] == {
        "VServerGroupId": "rsp-app",
        "VServerGroupName": "app",
        "CreateTime": "2026-02-03T04:05:06Z",
        "ServerCount": 5,
        "Tags": {"Tag": [{"TagKey": "team", "TagValue": "shop"}]},
        "AssociatedObjects": NO_OBJECTS,
    }
    assert [(group["VServerGroupId"], group["ServerCount"]) for group in found[1:]] == [
        ("rsp-api", 1),
        ("rsp-spare", 0),
    ]
    assert vserver_groups(groups, "lb-other") == []


def test_groups_with_what_uses_them(groups: SdkClient) -> None:
    """The vendor's first SDK sends True as the text True."""
    app, api, spare = vserver_groups(groups, IncludeListener=True, IncludeRule="true")
    assert app["AssociatedObjects"] == {
        "Listeners": {"Listener": [{"Protocol": "http", "Port": 81}]},
        "Rules": {"Rule": RULES[:1]},
    }
    assert api["AssociatedObjects"] == {
        "Listeners": {"Listener": [{"Protocol": "tcp", "Port": 53}, {"Protocol": "udp", "Port": 53}]},
        "Rules": {"Rule": RULES[1:]},
    }
    assert spare["AssociatedObjects"] == NO_OBJECTS
    (app, *_rest) = vserver_groups(groups, IncludeRule="true", IncludeListener="false")
    assert app["AssociatedObjects"] == {"Listeners": {"Listener": []}, "Rules": {"Rule": RULES[:1]}}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"Description": "app"}, ["rsp-app"]),
        ({"Description": "api"}, ["rsp-api", "rsp-spare"]),
        ({"Description": "ap"}, []),
        ({"Tag.1.Key": "team", "Tag.1.Value": "shop"}, ["rsp-app"]),
        ({"Tag.1.Key": "team"}, ["rsp-app"]),
        ({"Tag.1.Key": "team", "Tag.1.Value": "other"}, []),
    ],
)
def test_group_selection(groups: SdkClient, asked: dict[str, t.Any], found: list[str]) -> None:
    assert [group["VServerGroupId"] for group in vserver_groups(groups, **asked)] == found


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ({"RegionId": None}, (400, "MissingParameter")),
        ({"LoadBalancerId": None}, (400, "MissingParameter")),
        ({"LoadBalancerId": "lb-none"}, (404, "InvalidLoadBalancerId.NotFound")),
        ({"LoadBalancerId": "lb-far"}, (404, "InvalidLoadBalancerId.NotFound")),
        ({"IncludeRule": "yes"}, (400, "InvalidParameter")),
        ({"Tag.1.Value": "shop"}, (400, "InvalidParameter")),
        ({f"Tag.{number}.Key": f"key{number}" for number in range(1, 22)}, (400, "InvalidParameter")),
    ],
)
@pytest.mark.parametrize("action", ["DescribeVServerGroups", "DescribeMasterSlaveServerGroups"])
def test_refused_lists_of_groups(grouped: Emulator, action: str, asked: dict[str, t.Any], outcome: t.Any) -> None:
    if "IncludeRule" in asked and action == "DescribeMasterSlaveServerGroups":
        asked = {"IncludeListener": asked["IncludeRule"]}
    parameters = {"RegionId": REGION, "LoadBalancerId": "lb-groups", **asked}
    assert refusal(grouped.url, action, **parameters) == outcome


def test_group_attribute(groups: SdkClient) -> None:
    answer = groups.call("DescribeVServerGroupAttribute", VServerGroupId="rsp-app")
    assert answer.pop("RequestId")
    assert answer == {
        "LoadBalancerId": "lb-groups",
        "VServerGroupId": "rsp-app",
        "VServerGroupName": "app",
        "CreateTime": "2026-02-03T04:05:06Z",
        "Tags": {"Tag": [{"TagKey": "team", "TagValue": "shop"}]},
        "BackendServers": {
            "BackendServer": [
                {"ServerId": "i-web1", "Port": 8080, "Weight": 100, "Type": "ecs", "Description": "web/1"},
                {"ServerId": "i-web1", "Port": 8081, "Weight": 50, "Type": "ecs"},
                {"ServerId": "i-web2", "Port": 8080, "Weight": 0, "Type": "ecs", "ServerIp": "10.0.0.2"},
                {"ServerId": "eni-1", "Port": 8080, "Weight": 10, "Type": "eni", "ServerIp": "10.0.1.1"},
                {"ServerId": "eni-1", "Port": 8080, "Weight": 20, "Type": "eni", "ServerIp": "10.0.1.2"},
            ]
        },
    }


def test_numbers_of_groups_can_be_text(grouped: Emulator, groups: SdkClient) -> None:
    grouped.change_settings({"group_numbers_as": "str"})
    answer = groups.call("DescribeVServerGroupAttribute", VServerGroupId="rsp-api")
    (row,) = answer["BackendServers"]["BackendServer"]
    assert (row["Port"], row["Weight"]) == ("9000", "100")


@pytest.mark.parametrize(
    ("action", "name", "unknown"),
    [
        ("DescribeVServerGroupAttribute", "VServerGroupId", "rsp-none"),
        ("DescribeVServerGroupAttribute", "VServerGroupId", "rsp-far"),
        ("DescribeVServerGroupAttribute", "VServerGroupId", "rsp-pair"),
        ("SetVServerGroupAttribute", "VServerGroupId", "rsp-none"),
        ("SetVServerGroupAttribute", "VServerGroupId", "rsp-far"),
        ("AddVServerGroupBackendServers", "VServerGroupId", "rsp-none"),
        ("RemoveVServerGroupBackendServers", "VServerGroupId", "rsp-none"),
        ("ModifyVServerGroupBackendServers", "VServerGroupId", "rsp-none"),
        ("DescribeMasterSlaveServerGroupAttribute", "MasterSlaveServerGroupId", "rsp-app"),
        ("DescribeMasterSlaveServerGroupAttribute", "MasterSlaveServerGroupId", "rsp-far-pair"),
    ],
)
def test_no_such_group(grouped: Emulator, action: str, name: str, unknown: str) -> None:
    """There is no code of its own for it: clients have to look at the text."""
    status, answer = send(grouped.url, signed(common_parameters(action, **{"RegionId": REGION, name: unknown})))
    assert (status, answer["Code"]) == (404, "InvalidParameter")
    assert answer["Message"] == f"The specified {name} does not exist."
    assert refusal(grouped.url, action, RegionId=REGION) == (400, "MissingParameter")
    assert refusal(grouped.url, action, **{name: unknown}) == (400, "MissingParameter")


def test_rules(groups: SdkClient) -> None:
    answer = groups.call("DescribeRules", LoadBalancerId="lb-groups", ListenerPort=80)
    assert answer["Rules"]["Rule"] == [
        {**RULES[0], "VServerGroupId": "rsp-app", "ListenerSync": "on"},
        {
            **RULES[1],
            "VServerGroupId": "rsp-api",
            "ListenerSync": "off",
            "Scheduler": "rr",
            "StickySession": "off",
            "HealthCheck": "off",
        },
        {**RULES[2], "VServerGroupId": "rsp-api", "ListenerSync": "on"},
    ]
    answer = groups.call("DescribeRules", LoadBalancerId="lb-groups", ListenerPort=81, ListenerProtocol="http")
    assert answer["Rules"] == {"Rule": []}


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ({"ListenerPort": None}, (400, "MissingParameter")),
        ({"RegionId": None}, (400, "MissingParameter")),
        ({"LoadBalancerId": "lb-none"}, (404, "InvalidLoadBalancerId.NotFound")),
        ({"ListenerPort": "82"}, (400, "InvalidParameter")),
        ({"ListenerPort": "x"}, (400, "InvalidParameter")),
        ({"ListenerProtocol": "https"}, (400, "InvalidParameter")),
        ({"ListenerPort": "53"}, (400, "InvalidParameter")),
        ({"ListenerPort": "3306"}, (400, "InvalidParameter")),
    ],
)
def test_refused_lists_of_rules(grouped: Emulator, asked: dict[str, t.Any], outcome: t.Any) -> None:
    parameters = {"RegionId": REGION, "LoadBalancerId": "lb-groups", "ListenerPort": "80", **asked}
    assert refusal(grouped.url, "DescribeRules", **parameters) == outcome


def test_health_of_groups(groups: SdkClient) -> None:
    """A row for each listener, server and port, whichever rule leads there. Absent checks make it unavailable."""
    rows = health(groups)
    assert rows[:3] == [
        (80, "http", "i-web1", 8080, "normal"),
        (80, "http", "i-web1", 8081, "abnormal"),
        (80, "http", "i-web2", 8080, "normal"),
    ]
    behind = [(listener, protocol, server) for listener, protocol, server, _port, _health in rows]
    app = ["i-web1", "i-web1", "i-web2", "eni-1", "eni-1"]
    assert behind == [
        *[(80, "http", server) for server in (*app, "i-api1")],
        *[(81, "http", server) for server in app],
        (53, "tcp", "i-api1"),
        (53, "udp", "i-api1"),
    ]
    assert health(groups, ListenerPort=53, ListenerProtocol="udp") == [(53, "udp", "i-api1", 9000, "normal")]


def test_health_of_a_rule_with_its_own_check(groups_state: dict[str, t.Any]) -> None:
    """The only rule to the group has switched its check off."""
    del groups_state["load_balancers"][0]["listeners"][0]["rules"][2]
    with running(groups_state) as emulator:
        rows = health(SdkClient(emulator.url), ListenerPort=80)
    assert rows[-1] == (80, "http", "i-api1", 9000, "unavailable")


def test_health_of_groups_may_be_missing(grouped: Emulator, groups: SdkClient) -> None:
    grouped.change_settings({"health_of_groups": False})
    assert health(groups) == [(80, "http", "i-web1", 8080, "normal")]
    assert health(groups, ListenerPort=81) == []


def test_master_slave_groups(groups: SdkClient) -> None:
    answer = groups.call("DescribeMasterSlaveServerGroups", LoadBalancerId="lb-groups")
    about = {
        "MasterSlaveServerGroupId": "rsp-pair",
        "MasterSlaveServerGroupName": "database",
        "CreateTime": "2026-01-01T00:00:00Z",
        "Tags": {"Tag": [{"TagKey": "team", "TagValue": "data"}]},
    }
    listed = answer["MasterSlaveServerGroups"]["MasterSlaveServerGroup"]
    assert listed == [{**about, "AssociatedObjects": {"Listeners": {"Listener": []}}}]
    answer = groups.call("DescribeMasterSlaveServerGroups", LoadBalancerId="lb-groups", IncludeListener=True)
    (listed,) = answer["MasterSlaveServerGroups"]["MasterSlaveServerGroup"]
    assert listed["AssociatedObjects"] == {"Listeners": {"Listener": [{"Protocol": "tcp", "Port": 3306}]}}
    answer = groups.call("DescribeMasterSlaveServerGroups", LoadBalancerId="lb-groups", Description="none")
    assert answer["MasterSlaveServerGroups"] == {"MasterSlaveServerGroup": []}
    answer = groups.call("DescribeMasterSlaveServerGroupAttribute", MasterSlaveServerGroupId="rsp-pair")
    assert answer.pop("RequestId")
    assert answer == {
        **about,
        "LoadBalancerId": "lb-groups",
        "MasterSlaveBackendServers": {
            "MasterSlaveBackendServer": [
                {"ServerId": "i-db1", "Port": 3306, "Weight": 100, "Type": "ecs", "ServerType": "Master"},
                {
                    "ServerId": "i-db2",
                    "Port": 3306,
                    "Weight": 100,
                    "Type": "ecs",
                    "ServerType": "Slave",
                    "Description": "standby",
                },
            ]
        },
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"Tag.1.Key": "team", "Tag.1.Value": "shop"}, ["lb-groups"]),
        ({"Tag.1.Key": "team"}, ["lb-groups", "lb-other"]),
        ({"Tag.1.Key": "team", "Tag.2.Key": "stage"}, ["lb-groups"]),
        ({"Tag.1.Key": "stage", "Tag.1.Value": "live"}, []),
        ({"Tags": '[{"TagKey": "team", "TagValue": "other"}]'}, ["lb-other"]),
        ({"ResourceGroupId": "rg-shop"}, ["lb-groups"]),
        ({"ServerId": "i-web2"}, ["lb-groups"]),
        ({"ServerId": "i-web1"}, ["lb-groups", "lb-locked"]),
        ({"ServerId": "i-db1"}, []),
        ({"ServerIntranetAddress": "10.0.2.1"}, ["lb-groups"]),
        ({"MasterZoneId": "cn-hangzhou-z"}, []),
    ],
)
def test_load_balancer_selection(groups: SdkClient, asked: dict[str, t.Any], found: list[str]) -> None:
    answer = groups.call("DescribeLoadBalancers", **asked)
    assert [item["LoadBalancerId"] for item in answer["LoadBalancers"]["LoadBalancer"]] == found


@pytest.mark.parametrize("tags", ["team", "{}", "[1]", '[{"Key": "team"}]'])
def test_malformed_tags(grouped: Emulator, tags: str) -> None:
    outcome = refusal(grouped.url, "DescribeLoadBalancers", RegionId=REGION, Tags=tags)
    assert outcome == (400, "InvalidParameter")


def test_tags_of_load_balancers(groups: SdkClient) -> None:
    expected = {"Tag": [{"TagKey": "team", "TagValue": "shop"}, {"TagKey": "stage", "TagValue": "test"}]}
    assert groups.call("DescribeLoadBalancerAttribute", LoadBalancerId="lb-groups")["Tags"] == expected
    answer = groups.call("DescribeLoadBalancers", LoadBalancerId="lb-groups")
    assert answer["LoadBalancers"]["LoadBalancer"][0]["Tags"] == expected
