# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that read, through the vendor's SDK: exact shapes."""

from __future__ import annotations

import typing as t

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from rpc_request import common_parameters, refusal, send, signed
from sdk_client import SdkClient

from slb_emulator import Emulator, running


def test_describe_members(sdk: SdkClient) -> None:
    assert sdk.describe() == [
        {"ServerId": "i-web1", "Weight": 100, "Type": "ecs"},
        {"ServerId": "i-web2", "Weight": 60, "Type": "ecs", "Description": "second-one"},
        {"ServerId": "i-web3", "Weight": 0, "Type": "ecs", "ServerIp": "10.0.0.3"},
        {"ServerId": "eni-1", "Weight": 10, "Type": "eni", "ServerIp": "10.0.1.1"},
        {"ServerId": "eni-1", "Weight": 20, "Type": "eni", "ServerIp": "10.0.1.2"},
    ]


def test_describe_attribute(sdk: SdkClient) -> None:
    answer = sdk.call("DescribeLoadBalancerAttribute", LoadBalancerId="lb-test")
    assert answer["LoadBalancerId"] == "lb-test"
    assert answer["RegionId"] == answer["RegionIdAlias"] == "cn-hangzhou"
    assert answer["LoadBalancerStatus"] == "active"
    assert answer["ListenerPorts"] == {"ListenerPort": [80, 443, 81, 3306, 90, 91]}
    ports = answer["ListenerPortsAndProtocol"]["ListenerPortAndProtocol"]
    assert ports[0] == {"ListenerPort": 80, "ListenerProtocol": "http", "ListenerForward": "off"}
    assert ports[1] == {"ListenerPort": 443, "ListenerProtocol": "https", "Description": "secure"}
    assert ports[2]["ListenerForward"] == "on"
    assert ports[2]["ForwardPort"] == 443
    twin = answer["ListenerPortsAndProtocal"]["ListenerPortAndProtocal"]
    assert twin[3] == {"ListenerPort": 3306, "ListenerProtocal": "tcp"}
    assert answer["Tags"] == {"Tag": []}
    assert len(answer["RequestId"]) == 36
    assert "Code" not in answer
    assert "DescribeLoadBalancerAttributeResponse" not in answer


def test_empty_group(sdk: SdkClient) -> None:
    answer = sdk.call("DescribeLoadBalancerAttribute", LoadBalancerId="lb-other")
    assert answer["BackendServers"] == {"BackendServer": []}
    assert answer["ListenerPorts"] == {"ListenerPort": []}


def test_region_may_be_left_out(emulator: Emulator) -> None:
    parameters = common_parameters("DescribeLoadBalancerAttribute", LoadBalancerId="lb-far")
    status, answer = send(emulator.url, signed(parameters))
    assert (status, answer["RegionId"]) == (200, "eu-central-1")


def test_wrong_region_is_not_found(sdk: SdkClient) -> None:
    with pytest.raises(ServerException) as caught:
        sdk.describe("lb-far")
    error = caught.value
    assert error.get_http_status() == 404
    assert error.get_error_code() == "InvalidLoadBalancerId.NotFound"
    assert error.get_error_msg() == "The specified LoadBalancerId does not exist."
    assert error.get_request_id()


def test_health_rows(sdk: SdkClient) -> None:
    answer = sdk.call("DescribeHealthStatus", LoadBalancerId="lb-test")
    rows = answer["BackendServers"]["BackendServer"]
    assert rows[0] == {
        "ListenerPort": 80,
        "Protocol": "http",
        "Port": 8080,
        "ServerId": "i-web1",
        "Type": "ecs",
        "ServerHealthStatus": "normal",
    }
    assert rows[2]["ServerHealthStatus"] == "abnormal"
    assert rows[2]["ServerIp"] == "10.0.0.3"
    # Five members behind each listener of the default group; without a running check: unavailable.
    ports = [(row["ListenerPort"], row["Port"]) for row in rows]
    assert ports == [(80, 8080)] * 5 + [(443, 8443)] * 5 + [(91, 8080)] * 5
    assert {row["ServerHealthStatus"] for row in rows[5:]} == {"unavailable"}


def test_health_of_one_listener(sdk: SdkClient) -> None:
    answer = sdk.call("DescribeHealthStatus", LoadBalancerId="lb-test", ListenerPort=443, ListenerProtocol="https")
    assert {row["ListenerPort"] for row in answer["BackendServers"]["BackendServer"]} == {443}


@pytest.mark.parametrize("asked", [{"ListenerPort": "1"}, {"ListenerPort": "0"}, {"ListenerPort": "x"}])
def test_health_of_no_listener(emulator: Emulator, asked: dict[str, t.Any]) -> None:
    outcome = refusal(emulator.url, "DescribeHealthStatus", LoadBalancerId="lb-test", **asked)
    assert outcome == (400, "InvalidParameter")


def listeners(sdk: SdkClient, **parameters: t.Any) -> t.Any:
    """DescribeLoadBalancerListeners for lb-test."""
    parameters["LoadBalancerId.1"] = "lb-test"
    return sdk.call("DescribeLoadBalancerListeners", **parameters)


def test_listeners(sdk: SdkClient) -> None:
    answer = listeners(sdk, MaxResults=100)
    assert (answer["TotalCount"], answer["MaxResults"]) == (6, 100)
    assert "NextToken" not in answer
    rows = answer["Listeners"]
    assert rows[0] == {
        "LoadBalancerId": "lb-test",
        "ListenerPort": 80,
        "ListenerProtocol": "http",
        "BackendServerPort": 8080,
        "Scheduler": "wrr",
        "Status": "running",
        "Bandwidth": -1,
        "AclStatus": "off",
        "Tags": [],
        "HTTPListenerConfig": {
            "HealthCheck": "on",
            "HealthCheckInterval": 5,
            "UnhealthyThreshold": 3,
            "HealthCheckURI": "/",
            "ListenerForward": "off",
        },
    }
    assert rows[1]["Scheduler"] == "rr"
    assert rows[1]["Description"] == "secure"
    assert rows[1]["HTTPSListenerConfig"]["HealthCheck"] == "off"
    assert rows[2]["HTTPListenerConfig"]["ForwardPort"] == 443
    assert rows[3]["TCPListenerConfig"] == {
        "HealthCheck": "on",
        "HealthCheckInterval": 5,
        "UnhealthyThreshold": 3,
        "ConnectionDrain": "on",
        "ConnectionDrainTimeout": 300,
        "MasterSlaveServerGroupId": "msg-1",
    }
    assert rows[4]["VServerGroupId"] == "rsp-1"
    assert rows[5]["Status"] == "stopped"


def test_listener_filters(sdk: SdkClient) -> None:
    answer = listeners(sdk, ListenerProtocol="http", ListenerPort=90)
    assert [row["ListenerPort"] for row in answer["Listeners"]] == [90]
    answer = listeners(sdk, Description="secure")
    assert [row["ListenerPort"] for row in answer["Listeners"]] == [443]


def test_listener_pages(state: dict[str, t.Any]) -> None:
    state["load_balancers"][0]["listeners"] = [
        {"listener_port": port, "listener_protocol": "tcp", "backend_server_port": 1} for port in range(1, 51)
    ]
    with running(state) as many:
        client, calls = SdkClient(many.url), 0
        seen: list[int] = []
        token: dict[str, t.Any] = {}
        while True:
            answer = listeners(client, **token)
            calls += 1
            seen += [row["ListenerPort"] for row in answer["Listeners"]]
            assert (answer["TotalCount"], answer["MaxResults"]) == (50, 20)
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
    assert seen == list(range(1, 51))
    assert calls == 3


@pytest.mark.parametrize(("size", "has_more"), [(5, True), (6, False)])
def test_last_listener_page(sdk: SdkClient, size: int, has_more: bool) -> None:
    answer = listeners(sdk, MaxResults=size)
    assert ("NextToken" in answer) == has_more


@pytest.mark.parametrize(
    "asked",
    [
        {"MaxResults": "0"},
        {"MaxResults": "101"},
        {"MaxResults": "ten"},
        {"NextToken": "none-of-ours"},
        {"NextToken": "b2Zmc2V0Ojk5"},
        {f"LoadBalancerId.{number}": "lb-test" for number in range(1, 12)},
    ],
)
def test_listener_parameters(emulator: Emulator, asked: t.Any) -> None:
    outcome = refusal(emulator.url, "DescribeLoadBalancerListeners", RegionId="cn-hangzhou", **asked)
    assert outcome == (400, "InvalidParameter")


def test_listeners_of_an_unknown_load_balancer(emulator: Emulator) -> None:
    asked = {"RegionId": "cn-hangzhou", "LoadBalancerId.1": "lb-none"}
    assert refusal(emulator.url, "DescribeLoadBalancerListeners", **asked) == (404, "InvalidLoadBalancerId.NotFound")


def test_load_balancers(sdk: SdkClient) -> None:
    answer = sdk.call("DescribeLoadBalancers")
    assert (answer["PageNumber"], answer["PageSize"], answer["TotalCount"]) == (1, 50, 3)
    listed = answer["LoadBalancers"]["LoadBalancer"]
    assert [item["LoadBalancerId"] for item in listed] == ["lb-test", "lb-other", "lb-locked"]
    assert "BackendServers" not in listed[0]
    assert (listed[0]["InternetChargeType"], listed[0]["InternetChargeTypeAlias"]) == ("4", "paybytraffic")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"LoadBalancerId": "lb-other,lb-test"}, ["lb-test", "lb-other"]),
        ({"LoadBalancerName": "shop"}, ["lb-test"]),
        ({"LoadBalancerStatus": "locked"}, ["lb-locked"]),
        ({"ServerId": "i-web2"}, ["lb-test"]),
        ({"RegionId": "eu-central-1"}, ["lb-far"]),
        ({"PageNumber": "2", "PageSize": "2"}, ["lb-locked"]),
        ({"PageNumber": "3", "PageSize": "2"}, []),
    ],
)
def test_load_balancer_selection(sdk: SdkClient, asked: dict[str, t.Any], found: t.Any) -> None:
    answer = sdk.call("DescribeLoadBalancers", **asked)
    assert [item["LoadBalancerId"] for item in answer["LoadBalancers"]["LoadBalancer"]] == found


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"PageSize": "10"}, "MissingParameter"),
        ({"PageSize": "101", "PageNumber": "1"}, "InvalidParameter"),
        ({"RegionId": None}, "MissingParameter"),
        ({"LoadBalancerId": ",".join(["lb"] * 11)}, "InvalidParameter"),
    ],
)
def test_load_balancers_parameters(emulator: Emulator, asked: dict[str, t.Any], code: str) -> None:
    asked = {"RegionId": "cn-hangzhou", **asked}
    assert refusal(emulator.url, "DescribeLoadBalancers", **asked) == (400, code)
