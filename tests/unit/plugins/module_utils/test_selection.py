# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading load balancers; the tests of the inventory plugin have the rest."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._search import Search
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import Problem, Selection, Source
from ansible_collections.aliyun_community.slb.tests.unit import server_groups
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

OpenClient = t.Callable[..., Client]
NO_CONDITION = dict.fromkeys(("load_balancer_names", "tags", "resource_group_id", "server_id"))


@pytest.mark.parametrize("with_addresses", [True, False])
def test_each_load_balancer_has_the_whole_time(slb: t.Any, open_client: OpenClient, with_addresses: bool) -> None:
    """Those before it may have used it up. Addresses are only asked for if they are wanted."""
    client = open_client(slb.url)
    client.deadline._end -= 1000
    selection = Selection(("cn-hangzhou",), ("lb-web",), Search())
    found = Source(selection, lambda _region: client, with_addresses=with_addresses).read(strict=True)
    assert [each.load_balancer_id for each in found.load_balancers] == ["lb-web"]
    assert ("DescribeHealthStatus" in [request.action for request in slb.requests]) is with_addresses


@pytest.mark.parametrize(
    ("load_balancer_ids", "search", "is_limited"),
    [((), {}, False), (("lb-web",), {}, True), ((), {"load_balancer_names": ["shop"]}, True)],
)
def test_whether_all_load_balancers_are_meant(
    load_balancer_ids: tuple[str, ...], search: dict[str, t.Any], is_limited: bool
) -> None:
    parsed = Search.parse({**NO_CONDITION, **search})
    assert Selection(("cn-hangzhou",), load_balancer_ids, parsed).is_limited is is_limited


@pytest.mark.parametrize(
    ("given", "message", "advice"),
    [
        ({"load_balancer_names": ["a,b"]}, "load_balancer_names has 'a,b'", "Give whole names, without commas."),
        ({"tags": dict.fromkeys(map(str, range(21)), "x")}, "tags has 21 entries", "Give 20 at most."),
    ],
)
def test_conditions_that_the_api_cannot_have(given: dict[str, t.Any], message: str, advice: str) -> None:
    with refusal(InvalidArgument) as caught:
        Search.parse({**NO_CONDITION, **given})
    assert (caught.value.message, caught.value.advice) == (message, advice)


def test_as_many_tags_as_the_api_takes() -> None:
    tags = dict.fromkeys(map(str, range(20)), "x")
    assert Search.parse({**NO_CONDITION, "tags": tags}).tags == tags


@pytest.mark.parametrize(
    ("region", "load_balancer_id", "what"),
    [
        ("cn-beijing", "lb-1", "lb-1 of cn-beijing"),
        ("cn-beijing", None, "load balancers of cn-beijing"),
        (None, None, "load balancers"),
    ],
)
def test_sentence_of_a_problem(region: str | None, load_balancer_id: str | None, what: str) -> None:
    error = SlbError("Forbidden.RAM", "no permission", advice="Ask.")
    assert Problem(region, load_balancer_id, error).sentence == f"Reading {what}: {error.sentence()}"


@pytest.mark.parametrize(
    ("action", "unread", "is_missing"),
    [
        ("DescribeVServerGroups", "lb-web", True),
        # A region that could not be searched may have it.
        ("DescribeLoadBalancers", None, False),
    ],
)
def test_load_balancer_that_was_found_nowhere(
    slb: t.Any, open_client: OpenClient, action: str, unread: str | None, is_missing: bool
) -> None:
    slb.add_fault({"action": action, "kind": "error", "code": "Forbidden.RAM"})
    selection = Selection(("cn-hangzhou", "cn-beijing"), ("lb-web", "lb-gone"), Search())
    found = Source(selection, lambda region: open_client(slb.url, region=region)).read(strict=False)
    first, *others = found.problems
    assert (first.region, first.load_balancer_id, first.error.code) == ("cn-hangzhou", unread, "Forbidden.RAM")
    sentence = (
        "Reading load balancers: InvalidArgument: load_balancer_ids has lb-gone, and no such load balancer was found in"
        " cn-hangzhou and cn-beijing. Check it, and the regions."
    )
    assert [problem.sentence for problem in others] == ([sentence] if is_missing else [])


def test_addresses_of_instances_come_from_the_health_checks(
    clean_environment: pytest.MonkeyPatch, open_client: OpenClient
) -> None:
    from slb_emulator import running

    balancer = {
        "load_balancer_id": "lb-web",
        "load_balancer_name": "web",
        "region_id": "cn-hangzhou",
        "backend_servers": [{"server_id": "i-web1"}],
        "listeners": [{"listener_port": 80, "listener_protocol": "tcp", "backend_server_port": 80}],
    }
    selection = Selection(("cn-hangzhou",), ("lb-web",), Search())
    with running({"access_keys": server_groups.KEYS, "load_balancers": [balancer]}) as slb:
        rows = [{"ServerId": "i-web1", "ServerIp": "192.168.0.1", "ServerHealthStatus": "normal"}]
        body = json.dumps({"RequestId": "R", "BackendServers": {"BackendServer": rows}})
        slb.add_fault({"action": "DescribeHealthStatus", "kind": "raw", "body": body})
        found = Source(selection, lambda _region: open_client(slb.url)).read(strict=True)
        assert slb.requests[-1].parameters["LoadBalancerId"] == "lb-web"
    (read,) = found.load_balancers
    assert (read.load_balancer_name, read.addresses) == ("web", {"i-web1": "192.168.0.1"})


def test_strict_ends_with_the_first_problem(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"action": "DescribeLoadBalancers", "kind": "error", "code": "Forbidden.RAM"})
    selection = Selection(("cn-beijing", "cn-hangzhou"), (), Search())
    found = Source(selection, lambda region: open_client(slb.url, region=region)).read(strict=True)
    assert [problem.region for problem in found.problems] == ["cn-beijing"]
    assert len(slb.requests) == 1
