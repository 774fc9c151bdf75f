# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What slb_backend_info reads of all server groups, what it waits for, and which load balancers it finds."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._load_balancer_info import PARTS, LoadBalancerInfo
from ansible_collections.aliyun_community.slb.plugins.modules import slb_backend_info
from ansible_collections.aliyun_community.slb.tests.unit import server_groups
from ansible_collections.aliyun_community.slb.tests.unit.module_arguments import patch_module_args
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

pytestmark = pytest.mark.usefixtures("clean_environment", "no_settings_in_the_environment", "no_waiting")

Run = t.Callable[..., dict[str, t.Any]]
LIST, READ, HEALTH = "DescribeVServerGroups", "DescribeVServerGroupAttribute", "DescribeHealthStatus"
SEARCH = "DescribeLoadBalancers"
SHOP = {"load_balancer_name": "shop", "region_id": "cn-hangzhou"}
OTHERS: list[dict[str, t.Any]] = [
    {**SHOP, "load_balancer_id": "lb-a", "tags": {"team": "shop", "stage": "test"}, "resource_group_id": "rg-1"},
    {**SHOP, "load_balancer_id": "lb-b", "tags": {"team": "shop"}, "backend_servers": [{"server_id": "i-b"}]},
]


@pytest.fixture
def slb() -> t.Iterator[t.Any]:
    from slb_emulator import running

    balancers = [*server_groups.STATE["load_balancers"], *OTHERS]
    with running({"access_keys": server_groups.KEYS, "load_balancers": balancers}) as emulator:
        yield emulator


@pytest.fixture
def run(slb: t.Any, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(**options)``: the result of the module, with the keys of the emulator."""

    def run_it(**options: t.Any) -> dict[str, t.Any]:
        connection = {"endpoint": slb.url, "access_key": "rehearsal", "secret_key": "rehearsal-secret+/="}
        with patch_module_args({"region": "cn-hangzhou", **connection, **options}), pytest.raises(SystemExit):
            slb_backend_info.main()
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        return result

    return run_it


def actions(slb: t.Any) -> list[str]:
    return [request.action for request in slb.requests]


def test_all_groups(run: Run, slb: t.Any) -> None:
    result = run(load_balancer_id="lb-web", server_groups="all")
    assert actions(slb) == [
        *("DescribeLoadBalancerAttribute", LIST, *[READ] * 5),
        *(HEALTH, "DescribeLoadBalancerListeners", "DescribeRules"),
    ]
    assert result["api_calls"] == 10
    assert [(row["vserver_group_name"], row["listeners"]) for row in result["server_groups"]] == [
        (None, []),
        ("app", ["tcp:8080"]),
        ("api", []),
        ("spare", []),
        ("empty", []),
        ("empty", []),
    ]
    assert result["server_groups"][2]["rules"] == [
        {"rule_id": "rule-api", "name": "api", "domain": None, "url": "/api"}
    ]
    assert result["rules"] == [
        {
            "rule_id": "rule-api",
            "name": "api",
            "domain": None,
            "url": "/api",
            "vserver_group_id": "rsp-api",
            "listener_sync": True,
            "scheduler": "wrr",
            "health_check": True,
            "listener_port": 80,
            "listener_protocol": "http",
        }
    ]
    assert [(row["vserver_group_id"], row["server_id"], row["port"]) for row in result["backend_servers"]][1:4] == [
        (None, "i-web2", None),
        ("rsp-app", "i-web1", 8080),
        ("rsp-app", "i-web1", 8081),
    ]
    assert {row["status"] for row in result["health"]} == {"normal"}
    # The empty groups say nothing about the others.
    assert (result["active_count"], result["drained"], result["unhealthy"]) == (1, [], [])


def test_listeners_of_all_groups_without_members(run: Run, slb: t.Any) -> None:
    result = run(load_balancer_id="lb-web", server_groups="all", gather=["listeners"])
    assert actions(slb) == ["DescribeLoadBalancerListeners", LIST, "DescribeRules"]
    assert [rule["rule_id"] for rule in result["rules"]] == ["rule-api"]
    assert "unhealthy" not in result
    assert "summary" not in result


def test_health_that_is_not_listed_is_unknown(run: Run, slb: t.Any) -> None:
    slb.change_settings({"health_of_groups": False})
    result = run(load_balancer_id="lb-web", server_groups="all")
    assert [(row["server_id"], row["port"], row["reasons"]) for row in result["unhealthy"]][::5] == [
        ("i-web1", 8080, ["unknown on listener tcp:8080"]),
        ("i-web1", 9000, ["unknown on rule api (rule-api) of listener http:80"]),
    ]
    assert run(load_balancer_id="lb-web")["unhealthy"] == []
    assert [line for line in result["summary"] if "unknown" in line][::5] == [
        "i-web1 port 8080: weight 100, unknown on listener tcp:8080",
        "i-web1 port 9000: weight 100, unknown on rule api (rule-api) of listener http:80",
    ]


def sick_state(health: str = "abnormal") -> dict[str, t.Any]:
    members = [{"server_id": "i-1", "port": port, "health": health if port == 81 else "normal"} for port in (80, 81)]
    return {
        "access_keys": server_groups.KEYS,
        "load_balancers": [
            {
                "load_balancer_id": "lb-web",
                "region_id": "cn-hangzhou",
                "backend_servers": [{"server_id": "i-1"}, {"server_id": "i-2"}],
                "vserver_groups": [{"vserver_group_id": "rsp-1", "backend_servers": members}],
                "listeners": [{"listener_port": 90, "listener_protocol": "tcp", "vserver_group_id": "rsp-1"}],
            }
        ],
    }


@pytest.fixture
def sick() -> t.Iterator[t.Any]:
    from slb_emulator import running

    with running(sick_state()) as emulator:
        yield emulator


def test_wait_that_ends(sick: t.Any, open_client: t.Any) -> None:
    """The member gets healthy before the third look at it."""
    edits = [
        {"server_id": "i-1", "port": 81, "remove": True, "vserver_group_id": "rsp-1"},
        {"add": {"server_id": "i-1", "port": 81}, "vserver_group_id": "rsp-1"},
    ]
    sick.add_fault({"action": HEALTH, "skip": 2, "kind": "edit", "load_balancer_id": "lb-web", "edits": edits})
    info = LoadBalancerInfo(open_client(sick.url, seconds=60), "lb-web", all_groups=True)
    info.read(PARTS)
    assert [row["port"] for row in info.result()["unhealthy"]] == [81]
    info.wait_for_healthy(["i-1"])
    assert info.result()["unhealthy"] == []
    assert actions(sick).count(HEALTH) == 3
    # The default group has a member of this server, and no listener uses that group.
    assert info.warnings == ["Nothing checks the health of i-1, members of lb-web"]


def test_wait_that_does_not_end(sick: t.Any, open_client: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_client(sick.url, seconds=60)
    pause, attempts = client.deadline.pause, []

    def noted(attempt: int) -> bool:
        attempts.append(attempt)
        return bool(pause(attempt))

    monkeypatch.setattr(client.deadline, "pause", noted)
    info = LoadBalancerInfo(client, "lb-web", all_groups=True)
    info.read(PARTS)
    with refusal(SlbError) as caught:
        info.wait_for_healthy(["i-1"])
    assert (caught.value.code, caught.value.message) == (
        "NotHealthy",
        "not healthy within wait_timeout: i-1 port 81 in vServer group rsp-1 is abnormal on listener tcp:90",
    )
    assert actions(sick).count(HEALTH) > 3
    # The pauses grow.
    assert attempts == list(range(1, len(attempts) + 1))


def test_wait_for_another_server(sick: t.Any, open_client: t.Any) -> None:
    info = LoadBalancerInfo(open_client(sick.url), "lb-web", all_groups=True)
    info.read(PARTS)
    info.wait_for_healthy(["i-2"])
    assert actions(sick).count(HEALTH) == 1


def test_wait_of_the_module(run: Run, slb: t.Any) -> None:
    result = run(load_balancer_id="lb-web", wait_for_healthy=["i-web1", "i-web2"])
    assert result["unhealthy"] == []
    assert len(result["backend_servers"]) == 2
    assert actions(slb).count(HEALTH) == 1


@pytest.mark.parametrize(
    ("server_groups", "message", "advice"),
    [
        ("all", "in none of the server groups of lb-web: i-gone", "Check the ids."),
        (
            "default",
            "not in the default server group of lb-web: i-gone",
            "Check the ids, or set server_groups to all.",
        ),
    ],
)
def test_wait_for_a_server_that_is_no_member(run: Run, server_groups: str, message: str, advice: str) -> None:
    options = {"server_groups": server_groups, "wait_for_healthy": ["i-web1", "i-gone"]}
    result = run(load_balancer_id="lb-web", **options)
    assert (result["error"]["code"], result["error"]["message"]) == ("UnknownMember", message)
    assert result["msg"].endswith(f": i-gone. {advice}")


def test_load_balancer_without_a_name(sick: t.Any, open_client: t.Any) -> None:
    body = json.dumps({"RequestId": "R", "LoadBalancerId": "lb-web", "BackendServers": {}})
    sick.add_fault({"action": "DescribeLoadBalancerAttribute", "kind": "raw", "body": body})
    info = LoadBalancerInfo(open_client(sick.url), "lb-web", all_groups=False)
    info.read(PARTS)
    assert info.result()["load_balancer_name"] is None
    assert info.summary() == ["lb-web, the default server group: 0 of 0 members in traffic"]


def test_nothing_is_known_before_it_is_read(open_client: t.Any, slb: t.Any) -> None:
    assert LoadBalancerInfo(open_client(slb.url), "lb-web", all_groups=True).result() == {}


def test_load_balancer_without_members(run: Run) -> None:
    result = run(load_balancer_id="lb-a", gather=["members"])
    assert (result["active_count"], result["address"]) == (0, "192.0.2.10")
    assert "unhealthy" not in result


# Finding load balancers


@pytest.mark.parametrize(
    ("options", "found", "sent"),
    [
        ({"load_balancer_names": ["shop"]}, ["lb-a", "lb-b"], {"LoadBalancerName": "shop"}),
        ({"load_balancer_names": "other, shop"}, ["lb-a", "lb-b"], {"LoadBalancerName": "other,shop"}),
        ({"tags": {"team": "shop"}}, ["lb-a", "lb-b"], {"Tag.1.Key": "team", "Tag.1.Value": "shop"}),
        ({"tags": {"team": "shop", "stage": "test"}}, ["lb-a"], {"Tag.2.Key": "stage", "Tag.2.Value": "test"}),
        ({"resource_group_id": "rg-1"}, ["lb-a"], {"ResourceGroupId": "rg-1"}),
        ({"server_id": "i-b"}, ["lb-b"], {"ServerId": "i-b"}),
        ({"server_id": "i-b", "resource_group_id": "rg-1"}, [], {"ServerId": "i-b", "ResourceGroupId": "rg-1"}),
        ({"load_balancer_names": ["nothing"]}, [], {"LoadBalancerName": "nothing"}),
    ],
)
def test_search(run: Run, slb: t.Any, options: dict[str, t.Any], found: list[str], sent: dict[str, str]) -> None:
    result = run(**options, gather=["members"])
    assert [row["load_balancer_id"] for row in result["load_balancers"]] == found
    assert actions(slb) == [SEARCH, *["DescribeLoadBalancerAttribute"] * len(found)]
    parameters = slb.requests[0].parameters
    assert {name: parameters[name] for name in sent} == sent
    assert (parameters["PageNumber"], parameters["PageSize"]) == ("1", "100")
    assert result["load_balancer_id"] is None
    assert "backend_servers" not in result


def test_what_is_read_of_each_that_is_found(run: Run) -> None:
    result = run(load_balancer_names=["shop"])
    first, second = result["load_balancers"]
    assert (first["load_balancer_name"], first["resource_group_id"]) == ("shop", "rg-1")
    assert (second["load_balancer_status"], second["active_count"], second["unhealthy"]) == ("active", 1, [])
    assert result["summary"] == [
        "lb-a (shop), the default server group: 0 of 0 members in traffic",
        "lb-b (shop), the default server group: 1 of 1 members in traffic",
        "i-b: weight 100, nothing checks its health",
    ]
    assert run(load_balancer_names=["nothing"])["summary"] == ["No load balancer was found."]


def test_more_than_ten_names(run: Run, slb: t.Any) -> None:
    names = [f"name-{number}" for number in range(9)]
    result = run(load_balancer_names=[*names, "shop", "shop", "other"], gather=["members"])
    assert [row["load_balancer_id"] for row in result["load_balancers"]] == ["lb-a", "lb-b"]
    searches = [request.parameters["LoadBalancerName"] for request in slb.requests if request.action == SEARCH]
    assert searches == [",".join([*names, "shop"]), "shop,other"]


def test_every_page_of_load_balancers_is_read(run: Run, slb: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_slb, "_LOAD_BALANCERS_PER_PAGE", 1)
    result = run(load_balancer_names=["shop"], gather=["members"])
    assert [row["load_balancer_id"] for row in result["load_balancers"]] == ["lb-a", "lb-b"]
    pages = [request.parameters["PageNumber"] for request in slb.requests if request.action == SEARCH]
    assert pages == ["1", "2", "3"]


def test_pages_of_load_balancers_that_never_end(run: Run, slb: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_slb, "_LOAD_BALANCERS_PER_PAGE", 1)
    monkeypatch.setattr(_slb, "_MAX_PAGES", 2)
    result = run(load_balancer_names=["shop"])
    assert result["error"]["message"] == "DescribeLoadBalancers did not end after 2 pages"
    assert actions(slb) == [SEARCH] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no option says which load balancers to read"),
        ({"tags": {}, "load_balancer_names": []}, "no option says which load balancers to read"),
        (
            {"load_balancer_id": "lb-web", "server_id": "i-b"},
            "load_balancer_id is set and another option that finds load balancers",
        ),
        ({"load_balancer_names": ["a,b"]}, "load_balancer_names has 'a,b'"),
        ({"load_balancer_names": [" "]}, "load_balancer_names has ' '"),
        ({"tags": {str(number): "x" for number in range(21)}}, "tags has 21 entries"),
        (
            {"load_balancer_id": "lb-web", "gather": ["members"], "wait_for_healthy": ["i-1"]},
            "wait_for_healthy is set without load_balancer_id, or gather leaves out a part that it needs",
        ),
        (
            {"server_id": "i-b", "wait_for_healthy": ["i-b"]},
            "wait_for_healthy is set without load_balancer_id, or gather leaves out a part that it needs",
        ),
    ],
)
def test_bad_options(run: Run, slb: t.Any, options: dict[str, t.Any], message: str) -> None:
    result = run(**options)
    assert (result["error"]["code"], result["error"]["message"]) == ("InvalidArgument", message)
    assert actions(slb) == []
