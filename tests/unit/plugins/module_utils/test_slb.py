# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the actions ask for, and what they read in an answer."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import OutcomeUnknown, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    Health,
    ListedLoadBalancer,
    ListedRule,
    Listener,
    LoadBalancer,
    Rule,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal


@pytest.fixture
def client(slb: t.Any, open_client: t.Callable[..., Client]) -> Client:
    return open_client(slb.url)


@pytest.fixture
def answer(slb: t.Any) -> t.Callable[..., None]:
    """Gives the next request an answer with this content, or all requests with ``times=0``."""

    def give(content: dict[str, t.Any], times: int = 1) -> None:
        body = json.dumps({"RequestId": "R", **content})
        slb.add_fault(
            {"kind": "raw", "http_status": 200, "content_type": "application/json", "body": body, "times": times}
        )

    return give


Give = t.Callable[..., None]


# Requests


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        (_slb.describe_load_balancer, {"Action": "DescribeLoadBalancerAttribute", "LoadBalancerId": "lb-web"}),
        (_slb.describe_health_status, {"Action": "DescribeHealthStatus", "LoadBalancerId": "lb-web"}),
        (
            _slb.describe_listeners,
            {"Action": "DescribeLoadBalancerListeners", "LoadBalancerId.1": "lb-web", "MaxResults": "100"},
        ),
    ],
)
def test_what_is_asked_for(slb: t.Any, client: Client, call: t.Any, parameters: dict[str, str]) -> None:
    assert call(client, "lb-web")
    sent = slb.requests[0].parameters
    assert {name: sent[name] for name in parameters} == parameters


def test_every_page_of_listeners_is_asked_for(slb: t.Any, client: Client) -> None:
    _slb.describe_listeners(client, "lb-web")
    first, second = (request.parameters for request in slb.requests)
    assert "NextToken" not in first
    assert second["NextToken"]
    assert [page["LoadBalancerId.1"] for page in (first, second)] == ["lb-web", "lb-web"]


def test_pages_that_never_end_are_refused(
    slb: t.Any, client: Client, answer: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_slb, "_MAX_PAGES", 3)
    answer({"NextToken": "more"}, times=0)
    words = "UnusableAnswer: DescribeLoadBalancerListeners did not end after 3 pages"
    with refusal(OutcomeUnknown, words):
        _slb.describe_listeners(client, "lb-web")
    assert len(slb.requests) == 3


# Answers


def test_load_balancer_and_its_members(client: Client, answer: Give) -> None:
    rows = [
        {"ServerId": "i-1", "Weight": 100, "Type": "ecs", "ServerIp": "192.168.0.1", "Description": "one"},
        {"ServerId": "eni-2", "Weight": "0", "Type": "eni", "ServerIp": "192.168.0.2", "Description": ""},
    ]
    named = {"LoadBalancerName": "web", "LoadBalancerStatus": "active", "Address": "192.0.2.1"}
    answer({"LoadBalancerId": "lb-web", **named, "BackendServers": {"BackendServer": rows}})
    assert _slb.describe_load_balancer(client, "lb-web") == LoadBalancer(
        "lb-web",
        "web",
        "active",
        "192.0.2.1",
        (BackendServer("i-1", 100, "ecs", "192.168.0.1", "one"), BackendServer("eni-2", 0, "eni", "192.168.0.2", None)),
    )


def test_load_balancer_of_which_little_is_said(client: Client, answer: Give) -> None:
    answer({"BackendServers": {}})
    assert _slb.describe_load_balancer(client, "lb-web") == LoadBalancer("lb-web", None, None, None, ())


LISTENER = {"ListenerPort": 80, "ListenerProtocol": "http"}
HTTPS = Listener(443, "https", 80, "wrr", "running", None, None, True, False, None)


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ({}, {}),
        ({"ListenerPort": "443", "ListenerProtocol": "HTTPS"}, {"port": 443, "protocol": "https"}),
        ({"BackendServerPort": "8080"}, {"backend_server_port": 8080}),
        ({"BackendServerPort": 8080}, {"backend_server_port": 8080}),
        ({"BackendServerPort": ""}, {}),
        ({"Scheduler": "wlc", "Status": "running"}, {"scheduler": "wlc", "status": "running"}),
        ({"VServerGroupId": "rsp-1"}, {"vserver_group_id": "rsp-1"}),
        ({"MasterSlaveServerGroupId": "rsp-2"}, {"master_slave_server_group_id": "rsp-2"}),
        (
            {"MasterSlaveServerGroupId": "", "HTTPListenerConfig": {"MasterSlaveServerGroupId": "rsp-3"}},
            {"master_slave_server_group_id": "rsp-3"},
        ),
        (
            {"MasterSlaveServerGroupId": "rsp-2", "HTTPListenerConfig": {"MasterSlaveServerGroupId": "rsp-3"}},
            {"master_slave_server_group_id": "rsp-2"},
        ),
        ({"HTTPListenerConfig": {"HealthCheck": "on"}}, {"health_check": True}),
        ({"HTTPListenerConfig": {"HealthCheck": "off"}}, {"health_check": False}),
        ({"HTTPListenerConfig": {"ListenerForward": "ON"}}, {"forward": True}),
        ({"HTTPListenerConfig": {"ListenerForward": True}}, {"forward": True}),
        ({"HTTPListenerConfig": {"ListenerForward": "off"}}, {}),
        ({"TCPListenerConfig": {"HealthCheck": "on"}}, {}),  # of another protocol
        ({"HTTPListenerConfig": "on"}, {}),
        (
            {"HTTPListenerConfig": {"ConnectionDrain": "on", "ConnectionDrainTimeout": 300}},
            {"connection_drain_timeout": 300},
        ),
        ({"HTTPListenerConfig": {"ConnectionDrain": "off", "ConnectionDrainTimeout": 300}}, {}),
    ],
)
def test_listener(client: Client, answer: Give, row: dict[str, t.Any], read: dict[str, t.Any]) -> None:
    answer({"Listeners": [{**LISTENER, **row}]})
    unsaid = Listener(80, "http", None, None, None, None, None, None, False, None)
    assert _slb.describe_listeners(client, "lb-web") == [unsaid._replace(**read)]


def test_load_balancer_without_listeners(client: Client, answer: Give) -> None:
    answer({})
    assert _slb.describe_listeners(client, "lb-web") == []


HEALTH = {"ServerId": "i-1", "ServerHealthStatus": "normal"}


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ({}, {}),
        ({"ServerIp": "192.168.0.1", "Type": "eni"}, {"server_ip": "192.168.0.1", "type": "eni"}),
        (
            {"ListenerPort": 80, "Protocol": "http", "Port": "8080"},
            {"listener_port": 80, "protocol": "http", "port": 8080},
        ),
        ({"ServerHealthStatus": "abnormal"}, {"status": "abnormal"}),
    ],
)
def test_health(client: Client, answer: Give, row: dict[str, t.Any], read: dict[str, t.Any]) -> None:
    answer({"BackendServers": {"BackendServer": [{**HEALTH, **row}]}})
    unsaid = Health("i-1", None, None, None, None, None, "normal")
    assert _slb.describe_health_status(client, "lb-web") == [unsaid._replace(**read)]


@pytest.mark.parametrize(
    ("call", "action", "content", "reason"),
    [
        (_slb.describe_load_balancer, "DescribeLoadBalancerAttribute", {}, "'BackendServers'"),
        (
            _slb.describe_load_balancer,
            "DescribeLoadBalancerAttribute",
            {"LoadBalancerId": "lb-other", "BackendServers": {}},
            "LoadBalancerId of another load balancer",
        ),
        (
            _slb.describe_load_balancer,
            "DescribeLoadBalancerAttribute",
            {"BackendServers": {"BackendServer": [{"ServerId": "i-1", "Weight": -1}]}},
            "Weight -1",
        ),
        (
            _slb.describe_load_balancer,
            "DescribeLoadBalancerAttribute",
            {"BackendServers": {"BackendServer": [{"Weight": 1}]}},
            "a server without ServerId",
        ),
        (
            _slb.describe_load_balancer,
            "DescribeLoadBalancerAttribute",
            {"BackendServers": 1},
            "no list of BackendServer",
        ),
        (
            _slb.describe_load_balancer,
            "DescribeLoadBalancerAttribute",
            {"BackendServers": {}, "Address": 1.5},
            "Address is not text",
        ),
        (_slb.describe_vserver_groups, "DescribeVServerGroups", {}, "'VServerGroups'"),
        (
            _slb.describe_vserver_groups,
            "DescribeVServerGroups",
            {"VServerGroups": {"VServerGroup": [{}]}},
            "a group without VServerGroupId",
        ),
        (_slb.describe_listeners, "DescribeLoadBalancerListeners", {"Listeners": {}}, "no list of objects"),
        (
            _slb.describe_listeners,
            "DescribeLoadBalancerListeners",
            {"Listeners": [{**LISTENER, "ListenerPort": "http"}]},
            "unexpected number format",
        ),
        (_slb.describe_listeners, "DescribeLoadBalancerListeners", {"Listeners": [{}, 1]}, "no list of objects"),
        (
            _slb.describe_listeners,
            "DescribeLoadBalancerListeners",
            {"Listeners": [{**LISTENER, "ListenerPort": 80.5}]},
            "expected a number",
        ),
        (_slb.describe_health_status, "DescribeHealthStatus", {"BackendServers": []}, "no list of BackendServer"),
        (
            _slb.describe_health_status,
            "DescribeHealthStatus",
            {"BackendServers": {"BackendServer": [{"ServerId": "i-1"}]}},
            "'ServerHealthStatus'",
        ),
        (
            lambda client, _id: _slb.describe_master_slave_server_group(client, "rsp-ms"),
            "DescribeMasterSlaveServerGroupAttribute",
            {},
            "'MasterSlaveBackendServers'",
        ),
        (
            lambda client, name: _slb.describe_rules(client, name, HTTPS),
            "DescribeRules",
            {"Rules": []},
            "no list of Rule",
        ),
        (
            lambda client, _id: _slb.describe_load_balancers(client, {}),
            "DescribeLoadBalancers",
            {"LoadBalancers": []},
            "no list of LoadBalancer",
        ),
        (
            _slb.describe_master_slave_server_groups,
            "DescribeMasterSlaveServerGroups",
            {"MasterSlaveServerGroups": []},
            "no list of MasterSlaveServerGroup",
        ),
    ],
)
def test_answer_of_another_form(
    client: Client, answer: Give, call: t.Any, action: str, content: dict[str, t.Any], reason: str
) -> None:
    answer(content, times=0)
    words = f"UnusableAnswer: the response to {action} does not have the documented form \\({reason}\\)$"
    with refusal(OutcomeUnknown, words):
        call(client, "lb-web")


def test_rules(slb: t.Any, client: Client, answer: Give) -> None:
    own = {"ListenerSync": "off", "Scheduler": "rr", "HealthCheck": "on"}
    row = {"RuleId": "rule-1", "RuleName": "api", "Domain": "a.example.com", "Url": "/api", "VServerGroupId": "rsp-1"}
    rows = [{**row, **own}, {"RuleId": "rule-2"}, {"RuleId": "rule-3", "ListenerSync": "on", "HealthCheck": "off"}]
    answer({"Rules": {"Rule": rows}})
    assert _slb.describe_rules(client, "lb-web", HTTPS) == [
        Rule("rule-1", "api", "a.example.com", "/api", "rsp-1", False, "rr", True),
        Rule("rule-2", None, None, None, None, True, None, None),
        Rule("rule-3", None, None, None, None, True, None, False),
    ]
    sent = slb.requests[-1].parameters
    assert (sent["LoadBalancerId"], sent["ListenerPort"], sent["ListenerProtocol"]) == ("lb-web", "443", "https")


def test_vserver_groups(slb: t.Any, client: Client, answer: Give) -> None:
    rule = {"RuleId": "rule-1", "RuleName": "api", "Domain": "a.example.com", "Url": "/api"}
    listeners = {"Listener": [{"Protocol": "HTTP", "Port": "80"}, {"Protocol": "tcp", "Port": 22}]}
    used_by = {"Listeners": listeners, "Rules": {"Rule": [rule, {"RuleId": "rule-2"}]}}
    named = {"VServerGroupId": "rsp-1", "VServerGroupName": "app", "AssociatedObjects": used_by}
    answer({"VServerGroups": {"VServerGroup": [named, {"VServerGroupId": "rsp-2", "AssociatedObjects": None}]}})
    assert _slb.describe_vserver_groups(client, "lb-web") == [
        ServerGroup(
            "rsp-1",
            "app",
            (),
            ("http:80", "tcp:22"),
            (ListedRule("rule-1", "api", "a.example.com", "/api"), ListedRule("rule-2")),
        ),
        ServerGroup("rsp-2", None, (), (), ()),
    ]
    sent = slb.requests[-1].parameters
    assert {name: sent[name] for name in ("LoadBalancerId", "IncludeListener", "IncludeRule")} == {
        "LoadBalancerId": "lb-web",
        "IncludeListener": "true",
        "IncludeRule": "true",
    }


APP = ServerGroup("rsp-1", "app", (), ("tcp:80",))
ROW = {"ServerId": "eni-1", "Weight": 5, "Type": "eni", "ServerIp": "192.168.0.1", "Port": "8080", "Description": "a"}


def test_members_of_a_vserver_group(slb: t.Any, client: Client, answer: Give) -> None:
    answer({"VServerGroupId": "rsp-1", "LoadBalancerId": "lb-web", "BackendServers": {"BackendServer": [ROW]}})
    member = BackendServer("eni-1", 5, "eni", "192.168.0.1", "a", 8080, "rsp-1", "app")
    assert _slb.describe_vserver_group(client, "lb-web", APP) == APP._replace(backend_servers=(member,))
    assert slb.requests[-1].parameters["VServerGroupId"] == "rsp-1"
    answer({"BackendServers": {}})
    assert _slb.describe_vserver_group(client, "lb-web", APP) == APP


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"LoadBalancerId": "lb-other"}, "LoadBalancerId of another load balancer"),
        ({"VServerGroupId": "rsp-2"}, "VServerGroupId of another group"),
        ({"BackendServers": {"BackendServer": [{**ROW, "Port": None}]}}, "expected a number"),
    ],
)
def test_answer_about_another_vserver_group(
    client: Client, answer: Give, content: dict[str, t.Any], reason: str
) -> None:
    answer({"BackendServers": {}, **content}, times=0)
    with refusal(OutcomeUnknown, f"DescribeVServerGroupAttribute does not have the documented form \\({reason}\\)$"):
        _slb.describe_vserver_group(client, "lb-web", APP)


def test_master_slave_groups(slb: t.Any, client: Client, answer: Give) -> None:
    groups = [{"MasterSlaveServerGroupId": "rsp-ms", "MasterSlaveServerGroupName": "pair"}, {}]
    answer({"MasterSlaveServerGroups": {"MasterSlaveServerGroup": groups}})
    assert _slb.describe_master_slave_server_groups(client, "lb-web") == ["rsp-ms", "pair"]
    assert slb.requests[-1].parameters["LoadBalancerId"] == "lb-web"
    answer({"MasterSlaveBackendServers": {"MasterSlaveBackendServer": [{"ServerId": "i-1", "Weight": 100}]}})
    assert _slb.describe_master_slave_server_group(client, "rsp-ms") == [BackendServer("i-1", 100)]
    assert slb.requests[-1].parameters["MasterSlaveServerGroupId"] == "rsp-ms"


def test_load_balancers_that_are_found(slb: t.Any, client: Client, answer: Give) -> None:
    named = {"LoadBalancerName": "web", "LoadBalancerStatus": "active", "Address": "192.0.2.1"}
    row = {"LoadBalancerId": "lb-1", **named, "ResourceGroupId": "rg-1"}
    answer({"LoadBalancers": {"LoadBalancer": [row, {"LoadBalancerId": "lb-2"}]}})
    assert _slb.describe_load_balancers(client, {"ServerId": "i-1"}) == [
        ListedLoadBalancer("lb-1", "web", "active", "192.0.2.1", "rg-1"),
        ListedLoadBalancer("lb-2", None, None, None, None),
    ]
    sent = slb.requests[-1].parameters
    assert (sent["ServerId"], sent["PageNumber"], sent["PageSize"]) == ("i-1", "1", "100")


@pytest.mark.parametrize(
    ("code", "message", "is_missing"),
    [
        ("InvalidParameter", "The specified VServerGroupId does not exist.", True),
        ("InvalidParameter", "The specified parameter is not valid.", False),
        ("Forbidden.RAM", "The specified VServerGroupId does not exist.", False),
    ],
)
def test_missing_group_has_no_code_of_its_own(code: str, message: str, is_missing: bool) -> None:
    assert _slb.is_missing_group(SlbError(code, message, advice="")) is is_missing
