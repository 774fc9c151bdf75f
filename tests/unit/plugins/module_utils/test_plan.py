# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planning: arguments, membership, order, batches and guards."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _plan, _requested
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

WEB1 = BackendServer("i-web1", 100, description="web 1")
WEB2 = BackendServer("i-web2", 60)
ENI_A = BackendServer("eni-1", 100, "eni", "192.168.0.11")
ENI_B = BackendServer("eni-1", 50, "eni", "192.168.0.12")


def wanted(*servers: dict[str, t.Any]) -> list[_requested.RequestedWeight]:
    return _requested.parse_requested(servers)


def changes_of(plan: _plan.Plan) -> list[tuple[str, int, int]]:
    return [(change.server.name, change.server.weight, change.after) for change in plan.changes]


@pytest.mark.parametrize(
    ("given", "weight"),
    [(0, 0), (100, 100), ("0", 0), ("60", 60), ("000100", 100), (60.0, 60)],
)
def test_weight_accepts_whole_numbers(given: object, weight: int) -> None:
    assert wanted({"server_id": "i-web1", "weight": given})[0].weight == weight


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (True, "true"),
        (None, "null"),
        ("80%", "'80%'"),
        (101, "101"),
        (-1, "-1"),
        (1.5, "1.5"),
    ],
)
def test_weight_refuses_everything_else(given: object, shown: str) -> None:
    with refusal(InvalidArgument) as caught:
        wanted({"server_id": "i-web1", "weight": given})
    assert caught.value.message == f"weight of backend_servers[0] (i-web1) is {shown}"
    assert "whole number from 0 to 100" in caught.value.advice


@pytest.mark.parametrize("server_id", ["", " ", "i web1", "i-web1,i-web2", "-i", "i-web1\n", "{{ x }}", None])
def test_server_id_must_look_like_one(server_id: str | None) -> None:
    with refusal(InvalidArgument, r"server_id of backend_servers\[0\]"):
        wanted({"server_id": server_id, "weight": 1})


@pytest.mark.parametrize("load_balancer_id", ["", "lb 1", "lb-1,lb-2", "lb-1\n", "../lb"])
def test_load_balancer_id_must_look_like_one(load_balancer_id: str) -> None:
    with refusal(InvalidArgument, "not a valid load balancer id"):
        _requested.check_load_balancer_id(load_balancer_id)


@pytest.mark.parametrize("load_balancer_id", ["lb-bp1qjwo61pqz3ahltv0mw", "139a00604ad-cn-east-hangzhou-01"])
def test_load_balancer_ids_of_the_vendor_pass(load_balancer_id: str) -> None:
    assert _requested.check_load_balancer_id(load_balancer_id) == load_balancer_id


def test_server_ip_must_be_an_address() -> None:
    with refusal(InvalidArgument, r"server_ip of backend_servers\[0\] \(eni-1\) is '192.168.0.999'"):
        wanted({"server_id": "eni-1", "weight": 1, "server_ip": "192.168.0.999"})


def test_empty_list_is_refused() -> None:
    with refusal(InvalidArgument, "empty"):
        wanted()


def test_same_server_twice_is_refused_before_any_call() -> None:
    with refusal(InvalidArgument, "i-web1 more than once"):
        wanted({"server_id": "i-web1", "weight": 1}, {"server_id": "i-web1", "weight": 2})


def test_member_that_is_named_twice_is_named_with_its_address() -> None:
    server = {"server_id": "eni-1", "server_ip": "192.168.0.11", "weight": 1}
    with refusal(InvalidArgument, r"eni-1 \(192.168.0.11\) more than once"):
        wanted(server, server)


def test_same_member_under_two_descriptions_is_refused() -> None:
    servers = wanted({"server_id": "eni-1", "weight": 1, "type": "eni"}, {"server_id": "eni-1", "weight": 2})
    with refusal(InvalidArgument, "more than once"):
        _plan.plan_weights([ENI_A], servers)


def test_plan_takes_only_what_differs() -> None:
    servers = wanted({"server_id": "i-web1", "weight": 0}, {"server_id": "i-web2", "weight": 60})
    plan = _plan.plan_weights([WEB1, WEB2], servers)
    assert changes_of(plan) == [("i-web1", 100, 0)]
    assert [change.server for change in plan.requested] == [WEB1, WEB2]
    assert plan.group == (WEB1._replace(weight=0), WEB2)
    assert not plan.missing


def test_change_is_told_with_all_that_names_the_member() -> None:
    plan = _plan.plan_weights([ENI_A], wanted({"server_id": "eni-1", "weight": 0}))
    assert [change.as_dict() for change in plan.changes] == [
        {
            "server_id": "eni-1",
            "type": "eni",
            "server_ip": "192.168.0.11",
            "port": None,
            "vserver_group_id": None,
            "vserver_group_name": None,
            "before": 100,
            "after": 0,
        }
    ]


def test_what_follows_a_missing_server_is_planned_too() -> None:
    plan = _plan.plan_weights(
        [WEB1], wanted({"server_id": "i-gone", "weight": 0}, {"server_id": "i-web1", "weight": 0})
    )
    assert changes_of(plan) == [("i-web1", 100, 0)]


def test_target_keeps_type_address_and_description() -> None:
    plan = _plan.plan_weights([WEB1], wanted({"server_id": "i-web1", "weight": 5}))
    assert plan.changes[0].target == BackendServer("i-web1", 5, "ecs", None, "web 1")


@pytest.mark.parametrize(
    ("current", "expected", "refused"),
    [(100, None, False), (100, 100, False), (0, 100, False), (70, 100, True), (100, 0, True), (70, "0", True)],
)
def test_expected_weight(current: int, expected: object, refused: bool) -> None:
    servers = wanted({"server_id": "i-1", "weight": 0, "expected_weight": expected})
    if not refused:
        assert _plan.plan_weights([BackendServer("i-1", current)], servers).group == (BackendServer("i-1", 0),)
        return
    with refusal(SlbError) as caught:
        _plan.plan_weights([BackendServer("i-1", current)], servers)
    assert caught.value.code == "UnexpectedWeight"
    assert caught.value.message == f"unexpected weight: i-1 has {current}, not {expected}"


def test_expected_weight_is_a_weight() -> None:
    with refusal(InvalidArgument, "expected_weight of backend_servers"):
        wanted({"server_id": "i-1", "weight": 0, "expected_weight": True})


def test_increases_come_before_decreases_and_otherwise_the_order_of_the_task_holds() -> None:
    members = [BackendServer(f"i-{name}", 50) for name in "abcd"]
    servers = wanted(*({"server_id": f"i-{name}", "weight": weight} for name, weight in zip("abcd", (0, 100, 20, 60))))
    assert changes_of(_plan.plan_weights(members, servers)) == [
        ("i-b", 50, 100),
        ("i-d", 50, 60),
        ("i-a", 50, 0),
        ("i-c", 50, 20),
    ]


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (20, [20]), (21, [20, 1]), (40, [20, 20]), (41, [20, 20, 1])]
)
def test_batches_hold_twenty(count: int, sizes: list[int]) -> None:
    members = [BackendServer(f"i-{number}", 50) for number in range(count)] or [WEB1]
    servers = wanted(*({"server_id": member.server_id, "weight": 100} for member in members))
    assert [len(batch) for batch in _plan.batches(_plan.plan_weights(members, servers).changes, 20)] == sizes


def test_address_tells_members_of_one_interface_apart() -> None:
    plan = _plan.plan_weights([ENI_A, ENI_B], wanted({"server_id": "eni-1", "weight": 0, "server_ip": "192.168.0.12"}))
    assert changes_of(plan) == [("eni-1 (192.168.0.12)", 50, 0)]
    assert plan.group == (ENI_A, ENI_B._replace(weight=0))


def test_addresses_are_compared_as_addresses() -> None:
    member = BackendServer("eni-1", 50, "eni", "2001:db8::1")
    servers = wanted({"server_id": "eni-1", "weight": 0, "server_ip": "2001:0db8:0:0::0001"})
    assert len(_plan.plan_weights([member], servers).changes) == 1


def test_ambiguous_server_id_is_refused_with_the_choices() -> None:
    with refusal(InvalidArgument) as caught:
        _plan.plan_weights([ENI_A, ENI_B], wanted({"server_id": "eni-1", "weight": 0}))
    assert caught.value.message == (
        "server_id eni-1 matches 2 members of the load balancer: eni 192.168.0.11, eni 192.168.0.12"
    )
    with refusal(InvalidArgument, "matches 2 members of the load balancer: eni 192.168.0.11, eci 192.168.0.11$"):
        _plan.plan_weights([ENI_A, ENI_A._replace(type="eci")], wanted({"server_id": "eni-1", "weight": 0}))


def test_ids_are_compared_whole() -> None:
    plan = _plan.plan_weights([WEB1], wanted({"server_id": "i-web", "weight": 0}))
    assert [server.server_id for server in plan.missing] == ["i-web"]
    assert not plan.changes


@pytest.mark.parametrize("mismatch", [{"type": "eni"}, {"server_ip": "192.168.0.1"}])
def test_type_or_address_that_does_not_fit_is_no_member(mismatch: dict[str, t.Any]) -> None:
    assert _plan.plan_weights([WEB1], wanted({"server_id": "i-web1", "weight": 0, **mismatch})).missing


def test_missing_members_are_named_with_the_members_there_are() -> None:
    plan = _plan.plan_weights([WEB1, ENI_A], wanted({"server_id": "i-gone", "weight": 0}))
    with refusal(SlbError) as caught:
        _plan.check_missing(plan)
    assert caught.value.code == "UnknownMember"
    assert caught.value.message == (
        "not in the default server group: i-gone. Its members are: i-web1, eni-1 (192.168.0.11)"
    )


def test_group_without_members_is_said_to_have_none() -> None:
    plan = _plan.plan_weights([], wanted({"server_id": "i-gone", "weight": 0}))
    with refusal(SlbError, "Its members are: none$"):
        _plan.check_missing(plan)


def test_long_groups_are_not_listed_whole() -> None:
    members = [BackendServer(f"i-{number}", 1) for number in range(25)]
    plan = _plan.plan_weights(members, wanted({"server_id": "i-gone", "weight": 0}))
    with refusal(SlbError, "i-19, and 5 more"):
        _plan.check_missing(plan)


def plan_for(weights: list[int], targets: list[int]) -> _plan.Plan:
    members = [BackendServer(f"i-{number}", weight) for number, weight in enumerate(weights)]
    servers = ({"server_id": f"i-{number}", "weight": weight} for number, weight in enumerate(targets))
    return _plan.plan_weights(members, wanted(*servers))


@pytest.mark.parametrize(
    ("weights", "targets", "min_active", "refused"),
    [
        ([100, 100], [0, 100], 1, False),
        ([100, 100], [0, 100], 2, True),
        ([100, 1], [0, 1], 1, False),
        ([100, 100], [0, 0], 1, True),
        ([100, 100], [0, 0], 0, False),
        ([100, 0, 0], [0, 100, 0], 1, False),  # swapped in one task
        ([0, 0, 0], [100, 0, 0], 2, False),  # filling a group that is too small
        ([100, 50], [10, 50], 3, False),  # no server is taken out
    ],
)
def test_min_active(weights: list[int], targets: list[int], min_active: int, refused: bool) -> None:
    plan = plan_for(weights, targets)
    if not refused:
        _plan.check_min_active(plan, min_active)
        return
    with refusal(SlbError) as caught:
        _plan.check_min_active(plan, min_active)
    assert caught.value.code == "MinActive"


def test_differing_shows_what_a_later_read_has() -> None:
    plan = plan_for([100, 100, 100], [0, 0, 0])
    later = [BackendServer("i-0", 0), BackendServer("i-1", 70)]
    assert [(change.server.server_id, weight) for change, weight in _plan.differing(plan.changes, later)] == [
        ("i-1", 70),
        ("i-2", None),
    ]


def test_diff_text_names_members() -> None:
    strange = ENI_B._replace(server_ip="\x1b[2J\ni-web2: 0")
    assert _plan.diff_text([strange]) == "eni-1 (\ufffd[2J i-web2: 0): 50\n"
    assert _plan.diff_text([WEB1, ENI_B]) == "i-web1: 100\neni-1 (192.168.0.12): 50\n"
