# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts and groups members of load balancers become."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._inventory import (
    Group,
    Server,
    check_names,
    groups_of,
    host_name,
    servers_of,
    variables_of,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import LoadBalancerMembers, ip_address
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

DEFAULT_1 = BackendServer("i-1", 100, description="web1")
APP_1 = BackendServer("i-1", 50, port=8080, vserver_group_id="rsp-app", vserver_group_name="app")
ENI_A = BackendServer("eni-2", 10, "eni", "10.0.0.3")
ENI_B = BackendServer("eni-2", 10, "eni", "10.0.0.4")


def members(*servers: BackendServer, **other: t.Any) -> LoadBalancerMembers:
    fields: dict[str, t.Any] = {
        "region": "cn-hangzhou",
        "load_balancer_id": "lb-a",
        "load_balancer_name": "web",
        "addresses": {},
    }
    return LoadBalancerMembers(members=servers, **{**fields, **other})


def server(*servers: BackendServer, **other: t.Any) -> Server:
    (found,) = servers_of([members(*servers, **other)])
    return found


def test_a_server_is_one_host_in_all_groups_and_load_balancers() -> None:
    (found,) = servers_of([members(DEFAULT_1, APP_1), members(DEFAULT_1, load_balancer_id="lb-b")])
    assert found.load_balancer_ids == ["lb-a", "lb-b"]
    places = [(each.load_balancer_id, each.vserver_group_id, each.port, each.weight) for each in found.memberships]
    assert places == [("lb-a", None, None, 100), ("lb-a", "rsp-app", 8080, 50), ("lb-b", None, None, 100)]


def test_the_same_id_in_two_regions_is_two_hosts() -> None:
    found = servers_of([members(DEFAULT_1), members(DEFAULT_1, region="cn-shanghai")])
    assert [each.region for each in found] == ["cn-hangzhou", "cn-shanghai"]


def test_each_address_of_an_interface_is_a_host() -> None:
    found = servers_of([members(ENI_A, ENI_B, ENI_A._replace(port=1, vserver_group_id="rsp-app"))])
    assert [each.default_name for each in found] == ["eni-2_10.0.0.3", "eni-2_10.0.0.4"]
    assert [len(each.memberships) for each in found] == [2, 1]


def test_one_address_in_two_spellings_is_one_host() -> None:
    found = servers_of([members(ENI_A._replace(server_ip="fd00::1"), ENI_A._replace(server_ip="fd00:0::1"))])
    assert [each.server_ip for each in found] == ["fd00::1"]


def test_a_container_instance_has_its_id_as_name() -> None:
    assert server(BackendServer("eci-3", 1, "eci", "10.0.0.5")).default_name == "eci-3"


@pytest.mark.parametrize(
    ("member", "addresses", "address"),
    [
        (DEFAULT_1, {}, None),
        (DEFAULT_1, {"i-1": "10.0.0.1"}, "10.0.0.1"),
        (DEFAULT_1, {"i-1": "{{ evil }}"}, None),
        (DEFAULT_1._replace(server_ip="10.0.0.9"), {"i-1": "10.0.0.1"}, "10.0.0.9"),
        (DEFAULT_1._replace(server_ip="-oProxyCommand=x"), {"i-1": "10.0.0.1"}, "10.0.0.1"),
        (ENI_A, {"eni-2": "10.0.0.1"}, "10.0.0.3"),
    ],
)
def test_address(member: BackendServer, addresses: dict[str, str], address: str | None) -> None:
    found = server(member, addresses=addresses)
    assert found.address == address
    assert variables_of(found, True).get("ansible_host") == address


def test_an_address_that_only_one_load_balancer_knows() -> None:
    first, second = members(DEFAULT_1), members(DEFAULT_1, load_balancer_id="lb-b", addresses={"i-1": "10.0.0.1"})
    for order in ([first, second], [second, first]):
        assert [each.address for each in servers_of(order)] == ["10.0.0.1"]


@pytest.mark.parametrize("text", [None, "", "web1", "10.0.0.1 ", "10.0.0", "fe80::1%eth0", "fe80::1%;reboot"])
def test_not_an_address(text: str | None) -> None:
    assert ip_address(text) is None


def test_variables() -> None:
    assert variables_of(server(DEFAULT_1, APP_1), True) == {
        "rolling_update_region": "cn-hangzhou",
        "rolling_update_server_id": "i-1",
        "rolling_update_load_balancer_ids": ["lb-a"],
        "slb_memberships": [
            {
                "load_balancer_id": "lb-a",
                "load_balancer_name": "web",
                "weight": 100,
                "type": "ecs",
                "server_ip": None,
                "description": "web1",
                "port": None,
                "vserver_group_id": None,
                "vserver_group_name": None,
            },
            {
                "load_balancer_id": "lb-a",
                "load_balancer_name": "web",
                "weight": 50,
                "type": "ecs",
                "server_ip": None,
                "description": None,
                "port": 8080,
                "vserver_group_id": "rsp-app",
                "vserver_group_name": "app",
            },
        ],
    }


def test_only_members_that_share_an_id_need_an_address() -> None:
    assert variables_of(server(ENI_A), True)["rolling_update_server_ip"] == "10.0.0.3"
    assert "rolling_update_server_ip" not in variables_of(server(DEFAULT_1._replace(server_ip="10.0.0.1")), True)


def test_no_rolling_update_without_all_load_balancers() -> None:
    assert "rolling_update_load_balancer_ids" not in variables_of(server(DEFAULT_1), False)


def test_groups() -> None:
    assert groups_of(server(DEFAULT_1, APP_1)) == [
        Group("slb_servers"),
        Group("slb_lb-a_default", "slb_lb-a"),
        Group("slb_name_web"),
        Group("slb_rsp-app", "slb_lb-a"),
        Group("slb_group_app"),
    ]


def test_groups_without_names() -> None:
    unnamed = server(APP_1._replace(vserver_group_name=None), load_balancer_name=None)
    assert groups_of(unnamed) == [Group("slb_servers"), Group("slb_rsp-app", "slb_lb-a")]


def test_drained_in_one_group_is_drained() -> None:
    assert Group("slb_drained") in groups_of(server(DEFAULT_1, APP_1._replace(weight=0)))


def test_a_name_cannot_make_a_server_look_drained() -> None:
    named = server(APP_1._replace(vserver_group_name="drained"), load_balancer_name="drained")
    assert "slb_drained" not in [group.name for group in groups_of(named)]


def test_a_server_survives_the_cache() -> None:
    found = server(ENI_A, addresses={})
    assert Server.from_dict(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize("row", [{}, {"memberships": [{}]}, {"memberships": 1}, []])
def test_other_content_of_a_cache(row: t.Any) -> None:
    with pytest.raises((KeyError, TypeError)):
        Server.from_dict(row)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web-1.example.com", "web-1.example.com"),
        ("网站1", "网站1"),
        (" web 1 ", "web_1"),
        ("{{ 6 * 7 }}", "___6___7___"),
        ("a,b:c[1]", "a_b_c_1_"),
        ("fd00::1", "fd00__1"),
        ("--vault-id", "vault-id"),
        ("../web", "_web"),
        (7, "7"),
        ("", ""),
        ("-", ""),
        (None, ""),
        (True, ""),
        (["web"], ""),
    ],
)
def test_host_name(text: t.Any, name: str) -> None:
    assert host_name(text) == name


def test_names_differ() -> None:
    first, second = server(ENI_A), server(ENI_B)
    check_names([("a", first), ("b", second)])
    with refusal(InvalidArgument, r"eni-2 \(10\.0\.0\.3\) and eni-2 \(10\.0\.0\.4\) have the same host name a"):
        check_names([("a", first), ("a", second)])
    with refusal(InvalidArgument, r"hostname gives no name for eni-2 \(10\.0\.0\.3\)"):
        check_names([("", first)])
