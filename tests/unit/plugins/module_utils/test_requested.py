# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task requests: groups, ports and expected weights."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import (
    RequestedWeight,
    find_group,
    parse_requested,
    resolve_groups,
)
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

WEB1 = {"server_id": "i-web1", "weight": 0}
APP = BackendServer("i-web1", 100, port=8080, vserver_group_id="rsp-app", vserver_group_name="app")
ENI = BackendServer("eni-1", 100, "eni", "192.168.0.11", port=80, vserver_group_id="rsp-app")
DEFAULT = BackendServer("i-web1", 100)


@pytest.mark.parametrize(
    ("server", "everywhere", "matched"),
    [
        ({}, False, [DEFAULT]),
        ({}, True, [DEFAULT, APP]),
        ({"port": "8080"}, True, [APP]),
        ({"port": 81}, True, []),
        ({"vserver_group": "rsp-app"}, False, [APP]),
        ({"vserver_group": "rsp-app", "port": 8080}, False, [APP]),
        ({"vserver_group": "rsp-app", "port": 81}, False, []),
        ({"vserver_group": "rsp-api"}, False, []),
        ({"vserver_group": ""}, False, [DEFAULT]),
        ({"vserver_group": "rsp-app", "type": "eni"}, True, []),
        ({"server_id": "eni-1", "server_ip": "192.168.0.11"}, True, [ENI]),
        ({"server_id": "eni-1", "server_ip": "192.168.0.12"}, True, []),
    ],
)
def test_members_that_are_meant(server: dict[str, t.Any], everywhere: bool, matched: list[BackendServer]) -> None:
    (requested,) = parse_requested([{**WEB1, **server}], "all" if everywhere else "default")
    assert [member for member in (DEFAULT, APP, ENI) if requested.matches(member)] == matched


@pytest.mark.parametrize("member", [DEFAULT, APP, ENI, DEFAULT._replace(server_ip="192.168.0.1")])
def test_weight_for_exactly_one_member(member: BackendServer) -> None:
    requested = RequestedWeight.of(member, 5)
    others = [other for other in (DEFAULT, APP, ENI, APP._replace(port=81)) if other.key != member.key]
    assert requested.weight == 5
    assert requested.matches(member)
    assert not any(requested.matches(other) for other in others)


def test_an_ecs_instance_is_meant_whatever_address_the_api_returns() -> None:
    assert RequestedWeight.of(DEFAULT._replace(server_ip="192.168.0.1"), 5) == RequestedWeight.of(DEFAULT, 5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), (0, (0,)), ("60", (60,)), ([0, "100"], (0, 100)), ((5,), (5,))],
)
def test_expected_weight_is_one_or_several(given: object, expected: tuple[int, ...] | None) -> None:
    (requested,) = parse_requested([{**WEB1, "expected_weight": given}])
    assert requested.expected_weight == expected


@pytest.mark.parametrize(
    ("server", "server_groups", "words"),
    [
        (
            {"expected_weight": []},
            "default",
            r"^InvalidArgument: expected_weight of backend_servers\[0\] \(i-web1\) is an empty list$",
        ),
        ({"expected_weight": [0, 101]}, "default", r"expected_weight of backend_servers\[0\] \(i-web1\) is 101$"),
        ({"expected_weight": [[0]]}, "default", r"expected_weight of backend_servers\[0\] \(i-web1\) is \[0\]$"),
        (
            {"port": 80},
            "default",
            r"port of backend_servers\[0\] \(i-web1\) is 80, but members of the default server group have no port$",
        ),
        ({"port": 0}, "all", r"port of backend_servers\[0\] \(i-web1\) is 0$"),
        ({"port": 65536, "vserver_group": "app"}, "default", r"port of backend_servers\[0\] \(i-web1\) is 65536$"),
        ({"port": True, "vserver_group": "app"}, "default", r"port of backend_servers\[0\] \(i-web1\) is true$"),
    ],
)
def test_refused_before_any_call(server: dict[str, t.Any], server_groups: str, words: str) -> None:
    with refusal(InvalidArgument, words):
        parse_requested([{**WEB1, **server}], server_groups)


def test_server_in_one_group_and_in_all() -> None:
    servers = [WEB1, {**WEB1, "vserver_group": "app"}]
    assert len(parse_requested(servers)) == 2
    with refusal(InvalidArgument) as caught:
        parse_requested(servers, "all")
    assert caught.value.message == (
        "backend_servers lists i-web1 with vserver_group app and without it, and server_groups is all"
    )
    parse_requested([WEB1, {**WEB1, "server_id": "i-web2", "vserver_group": "app"}], "all")


def test_ports_and_groups_tell_elements_apart() -> None:
    app = {**WEB1, "vserver_group": "app"}
    assert len(parse_requested([app, {**app, "port": 1}, {**app, "port": 2}, {**app, "vserver_group": "api"}])) == 4
    with refusal(InvalidArgument, "lists i-web1 port 1 more than once"):
        parse_requested([{**app, "port": 1}, {**app, "port": "1", "weight": 5, "expected_weight": 1}])


GROUPS = [
    ServerGroup(None, None, ()),
    ServerGroup("rsp-1", "app", ()),
    ServerGroup("rsp-2", "twice", ()),
    ServerGroup("rsp-3", "twice", ()),
    ServerGroup("rsp-4", "rsp-1", ()),
    ServerGroup("rsp-5", None, ()),
]


@pytest.mark.parametrize(
    ("wanted", "group_id"), [("rsp-1", "rsp-1"), ("app", "rsp-1"), ("rsp-3", "rsp-3"), ("rsp-5", "rsp-5")]
)
def test_group_by_id_or_by_name(wanted: str, group_id: str) -> None:
    assert find_group(wanted, GROUPS, "lb-1").vserver_group_id == group_id
    weights = resolve_groups(parse_requested([{**WEB1, "vserver_group": wanted}, WEB1]), GROUPS, "lb-1")
    assert [weight.vserver_group for weight in weights] == [group_id, None]


@pytest.mark.parametrize(
    ("wanted", "message", "advice"),
    [
        (
            "twice",
            "vserver_group 'twice' is the name of 2 vServer groups of lb-1: rsp-2, rsp-3",
            "Use the id of one of them.",
        ),
        (
            "App",
            "vserver_group 'App' is neither the id nor the name of a vServer group of lb-1",
            "Its vServer groups are: app (rsp-1), twice (rsp-2), twice (rsp-3), rsp-1 (rsp-4), rsp-5.",
        ),
    ],
)
def test_group_that_is_not_found(wanted: str, message: str, advice: str) -> None:
    with refusal(InvalidArgument) as caught:
        find_group(wanted, GROUPS, "lb-1")
    assert (caught.value.message, caught.value.advice) == (message, advice)


def test_unknown_group_of_a_task() -> None:
    groups = [ServerGroup("rsp-1", "the vServer group 1", ())]
    with refusal(InvalidArgument, "vServer group of lb-1$") as caught:
        resolve_groups(parse_requested([{**WEB1, "vserver_group": "app"}]), groups, "lb-1")
    assert caught.value.advice == "Its vServer groups are: the vServer group 1 (rsp-1)."


def test_many_groups_are_not_listed_whole() -> None:
    with refusal(InvalidArgument) as caught:
        find_group("x", [ServerGroup(f"rsp-{number}", None, ()) for number in range(25)], "lb-1")
    assert caught.value.advice.endswith("rsp-19, and 5 more.")
    with refusal(InvalidArgument) as caught:
        find_group("x", [], "lb-1")
    assert caught.value.advice == "Its vServer groups are: none."
