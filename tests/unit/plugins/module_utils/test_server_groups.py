# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Weights in all server groups of a load balancer: what is asked for, written, refused and accounted for."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _requested, _server_groups, _weight_setter
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.tests.unit import server_groups
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.server_groups import weights

pytestmark = pytest.mark.usefixtures("no_waiting")

LIST, READ, WRITE = "DescribeVServerGroups", "DescribeVServerGroupAttribute", "SetVServerGroupAttribute"
READ_DEFAULT, WRITE_DEFAULT = "DescribeLoadBalancerAttribute", "SetBackendServers"
BEFORE = {"default": [100, 60], "app": [100, 50, 100, 10, 10], "api": [100, 100], "spare": [30]}


@pytest.fixture
def slb(clean_environment: pytest.MonkeyPatch) -> t.Iterator[t.Any]:
    from slb_emulator import running

    with running(server_groups.STATE) as emulator:
        yield emulator


@pytest.fixture
def client(slb: t.Any, open_client: t.Callable[..., Client]) -> Client:
    return open_client(slb.url)


def run(
    client: Client, *servers: dict[str, t.Any], check_mode: bool = False, **options: t.Any
) -> _weight_setter.WeightSetter:
    setter = _weight_setter.WeightSetter(client, "lb-web", _weight_setter.Options(**options))
    requested = _requested.parse_requested(servers, options.get("server_groups", "default"))
    setter.run(requested, check_mode=check_mode)
    return setter


def failure(
    client: Client, *servers: dict[str, t.Any], **options: t.Any
) -> tuple[SlbError, _weight_setter.WeightSetter]:
    setter = _weight_setter.WeightSetter(client, "lb-web", _weight_setter.Options(**options))
    requested = _requested.parse_requested(servers, options.get("server_groups", "default"))
    with refusal(SlbError) as caught:
        setter.run(requested, check_mode=False)
    return caught.value, setter


def actions(slb: t.Any) -> list[str]:
    return [request.action for request in slb.requests]


def weights_in(request: t.Any) -> set[int]:
    return {change.after.weight for change in request.changes}


def places(changes: list[dict[str, t.Any]]) -> list[tuple[str | None, str, int | None]]:
    return [(change["vserver_group_id"], change["server_id"], change["port"]) for change in changes]


WEB1 = {"server_id": "i-web1", "weight": 0}
EVERYWHERE = [
    (None, "i-web1", None),
    ("rsp-app", "i-web1", 8080),
    ("rsp-app", "i-web1", 8081),
    ("rsp-api", "i-web1", 9000),
]
EVERYWHERE.append(("rsp-spare", "i-web1", 80))


def test_server_in_all_groups_and_back(slb: t.Any, client: Client) -> None:
    setter = run(client, WEB1, server_groups="all")
    assert weights(slb) == {"default": [0, 60], "app": [0, 0, 100, 10, 10], "api": [0, 100], "spare": [0]}
    result = setter.result()
    assert places(result["changed_servers"]) == EVERYWHERE
    assert result["active_count"] == 0
    assert [
        (row["vserver_group_name"], row["member_count"], row["active_count"]) for row in result["server_groups"]
    ] == [
        (None, 2, 1),
        ("app", 5, 3),
        ("api", 2, 1),
        ("spare", 1, 0),
        ("empty", 0, 0),
        ("empty", 0, 0),
    ]
    assert result["backend_servers"][3] == {
        "server_id": "i-web1",
        "weight": 0,
        "type": "ecs",
        "server_ip": None,
        "description": None,
        "port": 8081,
        "vserver_group_id": "rsp-app",
        "vserver_group_name": "app",
    }
    assert result["previous"][:2] == [
        {"server_id": "i-web1", "weight": 100, "type": "ecs"},
        {"server_id": "i-web1", "weight": 100, "type": "ecs", "vserver_group": "rsp-app", "port": 8080},
    ]
    assert "i-web1 port 8081 in vServer group app (rsp-app): 0\n" in setter.report().diff()["after"]
    run(client, *result["previous"])
    assert weights(slb) == BEFORE


def test_cost_of_all_groups(slb: t.Any, client: Client) -> None:
    setter = run(client, WEB1, server_groups="all")
    assert actions(slb) == [
        *(READ_DEFAULT, LIST, *[READ] * 5),
        *(WRITE_DEFAULT, *[WRITE] * 3),
        *(READ_DEFAULT, *[READ] * 3),
    ]
    assert setter.result()["api_calls"] == len(slb.requests)


def test_cost_of_one_group(slb: t.Any, client: Client) -> None:
    run(client, {**WEB1, "vserver_group": "app"})
    assert actions(slb) == [LIST, READ, WRITE, READ]
    slb.clear()
    run(client, {**WEB1, "vserver_group": "rsp-app"})
    assert actions(slb) == [LIST, READ]


def test_what_is_sent(slb: t.Any, client: Client) -> None:
    """Text, the members that differ and no others, with all that was read, and no name of the group."""
    run(client, {**WEB1, "vserver_group": "app", "port": 8080})
    listed, _read, write, _verified = (request.parameters for request in slb.requests)
    assert (listed["IncludeListener"], listed["IncludeRule"], listed["LoadBalancerId"]) == ("true", "true", "lb-web")
    assert write["VServerGroupId"] == "rsp-app"
    assert "VServerGroupName" not in write
    assert write["BackendServers"] == (
        '[{"ServerId":"i-web1","Weight":"0","Type":"ecs","Port":"8080","Description":"web/1"}]'
    )
    assert weights(slb)["app"] == [0, 50, 100, 10, 10]


def test_entry_without_port_is_about_all_ports(slb: t.Any, client: Client) -> None:
    run(client, {**WEB1, "vserver_group": "app"})
    assert weights(slb) == {**BEFORE, "app": [0, 0, 100, 10, 10]}


def test_address_and_port(slb: t.Any, client: Client) -> None:
    eni = {"server_id": "eni-web3", "weight": 7, "vserver_group": "rsp-app"}
    error, _setter = failure(client, eni)
    assert error.message == (
        "server_id eni-web3 matches 2 members of vServer group app (rsp-app): eni 192.168.0.11, eni 192.168.0.12"
    )
    run(client, {**eni, "server_ip": "192.168.0.12"})
    assert weights(slb)["app"] == [100, 50, 100, 10, 7]


def test_port_in_all_groups_leaves_the_default_group_alone(slb: t.Any, client: Client) -> None:
    run(client, {**WEB1, "port": 9000}, server_groups="all")
    assert weights(slb) == {**BEFORE, "api": [0, 100]}


@pytest.mark.parametrize("as_number", ["int", "str"])
def test_numbers_of_groups_may_be_text(slb: t.Any, client: Client, as_number: str) -> None:
    slb.change_settings({"group_numbers_as": as_number})
    run(client, {**WEB1, "vserver_group": "app"})
    assert weights(slb)["app"] == [0, 0, 100, 10, 10]


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (
            {"vserver_group": "rsp-x"},
            "vserver_group 'rsp-x' is neither the id nor the name of a vServer group of lb-web",
        ),
        (
            {"vserver_group": "empty"},
            "vserver_group 'empty' is the name of 2 vServer groups of lb-web: rsp-empty, rsp-empty2",
        ),
        (
            {"vserver_group": "rsp-ms"},
            "vserver_group 'rsp-ms' is a master/slave server group, and the API has no action to set weights in one",
        ),
        (
            {"vserver_group": "pair"},
            "vserver_group 'pair' is a master/slave server group, and the API has no action to set weights in one",
        ),
        (
            {"vserver_group": "app", "port": 9},
            "not in vServer group app (rsp-app): i-web1 port 9. Its members are: i-web1 port 8080, i-web1 port 8081, "
            "i-web2 port 8080, eni-web3 (192.168.0.11) port 8080, eni-web3 (192.168.0.12) port 8080",
        ),
        ({"vserver_group": "rsp-empty"}, "not in vServer group rsp-empty: i-web1. Its members are: none"),
        (
            {"vserver_group": "api", "server_id": "i-web2"},
            "not in vServer group api (rsp-api): i-web2. Its members are: i-web1 port 9000, i-web4 port 9000",
        ),
    ],
)
def test_bad_groups_and_ports(slb: t.Any, client: Client, server: dict[str, t.Any], message: str) -> None:
    error, setter = failure(client, {**WEB1, **server}, {"server_id": "i-web2", "weight": 0})
    assert error.message == message
    assert weights(slb) == BEFORE
    assert not any(action.startswith("Set") for action in actions(slb))
    assert setter.result()["changed"] is False


def test_server_that_is_in_no_group(slb: t.Any, client: Client) -> None:
    error, _setter = failure(client, WEB1, {"server_id": "i-gone", "weight": 0}, server_groups="all")
    assert (error.code, error.message) == (
        "UnknownMember",
        "in none of the server groups: i-gone. Their members are: i-web1, i-web2, eni-web3 (192.168.0.11), "
        "eni-web3 (192.168.0.12), i-web4",
    )
    assert weights(slb) == BEFORE


def test_missing_members_may_be_skipped_in_each_place(slb: t.Any, client: Client) -> None:
    gone = {"server_id": "i-gone", "weight": 0}
    setter = run(client, WEB1, gone, {**gone, "vserver_group": "app"}, on_missing="ignore")
    assert setter.warnings == [
        "Skipped, not in the default server group of lb-web: i-gone",
        "Skipped, not in vServer group app (rsp-app) of lb-web: i-gone",
    ]
    assert weights(slb) == {**BEFORE, "default": [0, 60]}
    assert run(client, WEB1, {**gone, "server_id": "i-lost"}, server_groups="all", on_missing="ignore").warnings == [
        "Skipped, in none of the server groups of lb-web: i-lost"
    ]


def test_min_active_of_each_group(slb: t.Any, client: Client) -> None:
    error, _setter = failure(client, WEB1, server_groups="all", min_active=1)
    assert (error.code, error.message) == (
        "MinActive",
        "0 of 1 members of vServer group spare (rsp-spare) would have a weight above 0, but min_active is 1",
    )
    assert weights(slb) == BEFORE
    run(client, WEB1, {**WEB1, "vserver_group": "app"}, {**WEB1, "vserver_group": "api"}, min_active=1)
    assert weights(slb) == {"default": [0, 60], "app": [0, 0, 100, 10, 10], "api": [0, 100], "spare": [30]}


@pytest.mark.parametrize("verify", [True, False])
def test_drains_of_two_tasks_that_are_too_many_in_one_group(slb: t.Any, client: Client, verify: bool) -> None:
    """The task that counts too few in one group takes its drains back in all of them."""
    edits = [{"server_id": "i-web4", "weight": 0, "vserver_group_id": "rsp-api"}]
    slb.add_fault({"action": WRITE, "skip": 1, "kind": "edit", "load_balancer_id": "lb-web", "edits": edits})
    error, setter = failure(
        client, {**WEB1, "vserver_group": "app"}, {**WEB1, "vserver_group": "api"}, min_active=1, verify=verify
    )
    assert error.message == (
        "another task drained members of vServer group api (rsp-api) at the same time: 0 were left in traffic, but "
        "min_active is 1; this task undid its drain"
    )
    assert weights(slb) == {**BEFORE, "api": [100, 0]}
    assert setter.result()["changed"] is False
    assert places(setter.account()["not_applied"]) == EVERYWHERE[1:4]


def test_expected_weights(slb: t.Any, client: Client) -> None:
    entry = {**WEB1, "vserver_group": "app", "expected_weight": [100, 70]}
    error, _setter = failure(client, entry)
    assert (error.code, error.message) == (
        "UnexpectedWeight",
        "unexpected weight: i-web1 port 8081 in vServer group app (rsp-app) has 50, not 100 or 70",
    )
    assert weights(slb) == BEFORE
    setter = run(client, entry, on_unexpected="skip")
    assert weights(slb) == {**BEFORE, "app": [0, 50, 100, 10, 10]}
    result = setter.result()
    assert result["skipped_servers"] == [
        {**result["backend_servers"][1], "requested_weight": 0, "expected_weight": [100, 70]},
    ]
    assert [row["port"] for row in result["previous"]] == [8080]


def test_nothing_but_skipped_members(slb: t.Any, client: Client) -> None:
    setter = run(client, {**WEB1, "expected_weight": 1}, on_unexpected="skip")
    assert actions(slb) == [READ_DEFAULT]
    assert setter.result()["changed"] is False
    assert places(setter.result()["skipped_servers"]) == [(None, "i-web1", None)]


def test_check_mode_of_all_groups(slb: t.Any, client: Client) -> None:
    setter = run(client, WEB1, server_groups="all", check_mode=True)
    assert weights(slb) == BEFORE
    assert not any(action.startswith("Set") for action in actions(slb))
    assert [row["weight"] for row in setter.result()["backend_servers"]] == [0, 60, 0, 0, 100, 10, 10, 0, 100, 0]
    assert places(setter.result()["changed_servers"]) == EVERYWHERE


# Failures on the way


def test_failure_after_the_first_group(slb: t.Any, client: Client) -> None:
    slb.add_fault({"action": WRITE, "skip": 1, "kind": "error", "code": "Forbidden.RAM", "times": 0})
    error, setter = failure(client, WEB1, server_groups="all")
    assert error.code == "Forbidden.RAM"
    account = setter.account()
    assert places(account["applied"]) == EVERYWHERE[:3]
    assert places(account["not_applied"]) == EVERYWHERE[3:]
    assert account["unconfirmed"] == []
    assert weights(slb) == {**BEFORE, "default": [0, 60], "app": [0, 0, 100, 10, 10]}
    # Each group that something was sent to is read once more.
    assert actions(slb)[-3:] == [READ_DEFAULT, READ, READ]


@pytest.mark.parametrize(("kind", "sent"), [("cut_after", 1), ("cut_before", 2)])
def test_lost_response_in_a_group(slb: t.Any, client: Client, kind: str, sent: int) -> None:
    slb.add_fault({"action": WRITE, "kind": kind})
    setter = run(client, WEB1, server_groups="all")
    assert weights(slb) == {"default": [0, 60], "app": [0, 0, 100, 10, 10], "api": [0, 100], "spare": [0]}
    assert places(setter.result()["changed_servers"]) == EVERYWHERE
    to_app = [r for r in slb.requests if r.action == WRITE and r.parameters["VServerGroupId"] == "rsp-app"]
    assert len(to_app) == sent


def test_write_whose_outcome_stays_unknown(slb: t.Any, client: Client) -> None:
    slb.add_fault({"action": WRITE, "skip": 1, "kind": "cut_before"})
    slb.add_fault({"action": READ, "skip": 5, "kind": "error", "code": "Forbidden.RAM", "times": 0})
    _error, setter = failure(client, WEB1, server_groups="all")
    account = setter.account()
    assert places(account["applied"]) == EVERYWHERE[:3]
    assert places(account["unconfirmed"]) == EVERYWHERE[3:4]
    assert places(account["not_applied"]) == EVERYWHERE[4:]


def test_another_job_in_a_group(slb: t.Any, client: Client) -> None:
    edits = [{"server_id": "i-web1", "port": 8081, "weight": 33, "vserver_group_id": "rsp-app"}]
    slb.add_fault({"action": READ, "skip": 5, "kind": "edit", "load_balancer_id": "lb-web", "edits": edits})
    error, setter = failure(client, WEB1, server_groups="all")
    assert (error.code, error.message) == (
        "ChangedMeanwhile",
        "someone else changed the group during this task: i-web1 port 8081 in vServer group app (rsp-app) should have "
        "weight 0 but has 33",
    )
    assert [row["weight"] for row in setter.result()["backend_servers"]] == [0, 60, 0, 33, 100, 10, 10, 0, 100, 0]


@pytest.mark.parametrize("action", [READ, WRITE])
def test_group_that_vanishes(slb: t.Any, client: Client, action: str) -> None:
    """One sentence; what was written before is accounted for, and a group that is gone is not reported as if it were there."""
    edits = [{"vserver_group_id": "rsp-spare", "remove_group": True}]
    slb.add_fault({"action": action, "kind": "edit", "load_balancer_id": "lb-web", "edits": edits})
    error, setter = failure(client, {**WEB1, "vserver_group": "spare"})
    assert error.code == "InvalidParameter"
    assert error.message == "The specified VServerGroupId does not exist."
    assert "vServer group spare (rsp-spare)" in error.advice
    assert setter.result()["changed"] is False
    assert setter.result().get("backend_servers", []) == []


def test_busy_group_is_waited_for(slb: t.Any, client: Client) -> None:
    slb.add_fault({"action": WRITE, "kind": "error", "code": "VServerGroupProcessing", "times": 2})
    run(client, {**WEB1, "vserver_group": "app"})
    assert weights(slb)["app"] == [0, 0, 100, 10, 10]


def test_groups_are_written_twenty_members_at_a_time(clean_environment: pytest.MonkeyPatch, open_client: t.Any) -> None:
    from slb_emulator import running

    members = [{"server_id": f"i-{number}", "port": 80, "weight": 50} for number in range(25)]
    groups = [{"vserver_group_id": f"rsp-{name}", "backend_servers": members} for name in "ab"]
    balancer = {"load_balancer_id": "lb-web", "region_id": "cn-hangzhou", "vserver_groups": groups}
    servers = [{"server_id": f"i-{number}", "weight": 0 if number < 24 else 90} for number in range(25)]
    with running({"access_keys": server_groups.KEYS, "load_balancers": [balancer]}) as slb:
        run(open_client(slb.url), *servers, server_groups="all")
        writes = [request for request in slb.requests if request.action == WRITE]
        assert [request.parameters["VServerGroupId"] for request in writes] == ["rsp-a", "rsp-a", "rsp-b", "rsp-b"]
        assert [len(request.changes) for request in writes] == [20, 5, 20, 5]
        # Increases come first.
        assert [90 in weights_in(request) for request in writes] == [True, False, True, False]


# What decides on the members as read, and reads of some groups


def test_function_sees_the_groups_of_the_options_or_of_the_scope(slb: t.Any, client: Client) -> None:
    seen: list[list[str | None]] = []

    def choose(members: _weight_setter.Group) -> list[_requested.RequestedWeight]:
        seen.append(list(dict.fromkeys(member.vserver_group_id for member in members)))
        return [_requested.RequestedWeight.of(members[0], 1)]

    for groups, scope in (
        ("default", None),
        ("all", None),
        ("all", _server_groups.Scope(False, frozenset(["rsp-api"]))),
    ):
        options = _weight_setter.Options(server_groups=groups)
        _weight_setter.WeightSetter(client, "lb-web", options).run(choose, check_mode=False, scope=scope)
    assert seen == [[None], [None, "rsp-app", "rsp-api", "rsp-spare"], ["rsp-api"]]
    assert weights(slb) == {**BEFORE, "default": [1, 60], "api": [1, 100]}


def test_what_was_read_elsewhere(slb: t.Any, client: Client) -> None:
    read = _server_groups.ServerGroups(client, "lb-web")
    read.read(_server_groups.ALL_GROUPS)
    taken = _server_groups.ServerGroups(client, "lb-web")
    assert read.load_balancer is not None
    states = [taken.is_read]
    taken.take(read.load_balancer, read.groups, read.listed)
    states.append(taken.is_read)
    assert states == [False, True]
    slb.clear()
    assert (taken.members, taken.list_vserver_groups()) == (read.members, read.listed)
    assert actions(slb) == []


# check_listeners


def test_listeners_and_rules_that_still_lead_to_a_drained_server(slb: t.Any, client: Client) -> None:
    error, setter = failure(client, WEB1, check_listeners="fail")
    assert error.code == "WeightsWithoutEffect"
    assert error.message == (
        "weights may have no effect on lb-web: "
        "rule api (rule-api) of listener http:80 uses vServer group api (rsp-api), in which i-web1 port 9000 keeps weight 100; "
        "listener tcp:8080 uses vServer group app (rsp-app), in which i-web1 port 8080 keeps weight 100, "
        "i-web1 port 8081 keeps weight 50"
    )
    assert error.advice == (
        "Drain the server there too, with server_groups: all or vserver_group. Or continue with check_listeners: warn."
    )
    assert weights(slb) == BEFORE
    # One list of groups, one read of each that is used; the spare one, which gets no traffic, is not read.
    assert actions(slb) == [READ_DEFAULT, "DescribeLoadBalancerListeners", LIST, "DescribeRules", READ, READ]
    assert [listener["port"] for listener in setter.result()["listeners"]] == [80, 8080]
    assert len(setter.result()["backend_servers"]) == 2


def test_drain_of_all_groups_passes(slb: t.Any, client: Client) -> None:
    setter = run(client, WEB1, server_groups="all", check_listeners="fail")
    assert setter.warnings == []
    assert actions(slb)[7:9] == ["DescribeLoadBalancerListeners", "DescribeRules"]
    assert actions(slb).count(LIST) == 1


def test_default_group_that_a_drain_of_a_group_leaves_alone(slb: t.Any, client: Client) -> None:
    error, _setter = failure(client, {**WEB1, "vserver_group": "spare"}, check_listeners="fail")
    assert "no listener or rule uses vServer group spare (rsp-spare); " in error.message
    assert "listener http:80 uses the default server group, in which i-web1 keeps weight 100" in error.message


def test_weights_that_drain_nothing_need_no_look_at_other_groups(slb: t.Any, client: Client) -> None:
    run(client, {**WEB1, "weight": 50}, check_listeners="fail")
    assert actions(slb) == [READ_DEFAULT, "DescribeLoadBalancerListeners", WRITE_DEFAULT, READ_DEFAULT]


def test_a_restore_that_names_groups_reads_no_others(slb: t.Any, client: Client) -> None:
    """Whether a listener leads to the group is in the list of groups. What else it leads to matters for a drain."""
    slb.set_weight("lb-web", "i-web1", 0, "rsp-api")
    slb.add_fault({"action": PAIRS, "kind": "error", "code": "Forbidden.RAM"})
    run(client, {**WEB1, "weight": 100, "vserver_group": "rsp-api"}, check_listeners="fail")
    assert actions(slb) == [LIST, READ, "DescribeLoadBalancerListeners", "DescribeRules", READ_DEFAULT, WRITE, READ]


def with_pair(*server_ids: str) -> dict[str, t.Any]:
    servers = [
        {"server_id": server_id, "port": 22, "server_type": kind}
        for server_id, kind in zip(server_ids, ("Master", "Slave"))
    ]
    listener = {"listener_port": 22, "listener_protocol": "tcp", "master_slave_server_group_id": "rsp-ms"}
    balancer = {
        "load_balancer_id": "lb-web",
        "region_id": "cn-hangzhou",
        "backend_servers": [{"server_id": "i-web1"}, {"server_id": "i-web2"}],
        "master_slave_groups": [{"master_slave_server_group_id": "rsp-ms", "backend_servers": servers}],
        "listeners": [{"listener_port": 80, "listener_protocol": "tcp", "backend_server_port": 80}, listener],
    }
    return {"access_keys": server_groups.KEYS, "load_balancers": [balancer]}


PAIRS = "DescribeMasterSlaveServerGroupAttribute"


def test_master_slave_groups_do_not_matter_where_nothing_is_drained(
    clean_environment: pytest.MonkeyPatch, open_client: t.Any
) -> None:
    from slb_emulator import running

    with running(with_pair("i-web1", "i-web2")) as slb:
        run(open_client(slb.url), {**WEB1, "weight": 50}, check_listeners="fail")
        assert PAIRS not in actions(slb)


def test_load_balancer_that_is_stopped(clean_environment: pytest.MonkeyPatch, open_client: t.Any) -> None:
    from slb_emulator import running

    state = with_pair("i-web2", "i-web3")
    state["load_balancers"][0]["load_balancer_status"] = "inactive"
    with running(state) as slb:
        error, _setter = failure(open_client(slb.url), WEB1, check_listeners="fail")
    assert error.message == "weights may have no effect on lb-web: the load balancer is inactive"


@pytest.mark.parametrize(
    ("servers", "faults", "is_found"),
    [
        (("i-web1", "i-web2"), [], True),
        (("i-web2", "i-web3"), [], False),
        # What cannot be read may have the server.
        (("i-web2", "i-web3"), [{"action": PAIRS, "kind": "error", "code": "Forbidden.RAM"}], True),
    ],
)
def test_master_slave_group(
    clean_environment: pytest.MonkeyPatch, open_client: t.Any, servers: tuple[str], faults: list[t.Any], is_found: bool
) -> None:
    from slb_emulator import running

    with running(with_pair(*servers)) as slb:
        for fault in faults:
            slb.add_fault(fault)
        setter = run(open_client(slb.url), WEB1, check_listeners="warn")
        # No listener can lead to a vServer group, so they are not listed.
        assert actions(slb) == [READ_DEFAULT, "DescribeLoadBalancerListeners", PAIRS, WRITE_DEFAULT, READ_DEFAULT]
    warning = (
        "Weights may have no effect on lb-web: listener tcp:22 uses master/slave server group rsp-ms. "
        "Weights do not drain a master/slave server group: remove the server from it."
    )
    assert setter.warnings == ([warning] if is_found else [])
