# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that write, through the vendor's SDK and by hand."""

from __future__ import annotations

import json
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from rpc_request import refusal
from sdk_client import SdkClient

from slb_emulator import Emulator, running


def weights(emulator: Emulator, load_balancer_id: str = "lb-test") -> list[tuple[str, int]]:
    return [(member.server_id, member.weight) for member in emulator.members(load_balancer_id)]


BEFORE = [("i-web1", 100), ("i-web2", 60), ("i-web3", 0), ("eni-1", 10), ("eni-1", 20)]


def set_refusal(emulator: Emulator, servers: t.Any, **parameters: t.Any) -> t.Any:
    parameters = {"LoadBalancerId": "lb-test", "BackendServers": servers, **parameters}
    return refusal(emulator.url, "SetBackendServers", **parameters)


def test_set_answers_with_what_was_sent(emulator: Emulator, sdk: SdkClient) -> None:
    answer = sdk.set(
        {"ServerId": "i-web2", "Weight": "0", "Description": "second-one"},
        {"ServerId": "eni-1", "Weight": 7, "Type": "eni", "ServerIp": "10.0.1.2"},
    )
    assert answer.pop("RequestId")
    assert answer == {
        "LoadBalancerId": "lb-test",
        "BackendServers": {
            "BackendServer": [
                {"ServerId": "i-web2", "Weight": "0", "Type": "ecs", "Description": "second-one"},
                {"ServerId": "eni-1", "Weight": "7", "Type": "eni"},
            ]
        },
    }
    assert weights(emulator) == [("i-web1", 100), ("i-web2", 0), ("i-web3", 0), ("eni-1", 10), ("eni-1", 7)]


def test_weight_can_be_answered_as_a_number(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.change_settings({"set_weight_as": "int"})
    assert sdk.set({"ServerId": "i-web1", "Weight": "3"})["BackendServers"]["BackendServer"][0]["Weight"] == 3


def test_missing_weight_is_100(emulator: Emulator, sdk: SdkClient) -> None:
    sdk.set({"ServerId": "i-web3"})
    assert ("i-web3", 100) in weights(emulator)


def test_missing_description_is_cleared(emulator: Emulator, sdk: SdkClient) -> None:
    sdk.set({"ServerId": "i-web2", "Weight": "1"})
    assert "Description" not in sdk.describe()[1]


def test_address_of_an_ecs_member_may_be_left_out(emulator: Emulator, sdk: SdkClient) -> None:
    sdk.set({"ServerId": "i-web3", "Weight": "5"}, {"ServerId": "i-web1", "Weight": "6"})
    sdk.set({"ServerId": "i-web3", "Weight": "7", "ServerIp": "10.0.0.3"})
    assert weights(emulator)[:3] == [("i-web1", 6), ("i-web2", 60), ("i-web3", 7)]


@pytest.mark.parametrize(
    "entry",
    [
        {"ServerId": "i-none"},
        {"ServerId": "i-web"},
        {"ServerId": "i-web3", "Weight": "1", "Type": "eni"},
        {"ServerId": "eni-1", "Weight": "1"},
        {"ServerId": "eni-1", "Weight": "1", "ServerIp": "10.0.1.1"},
        {"ServerId": "eni-1", "Weight": "1", "Type": "eni"},
        {"ServerId": "eni-1", "Weight": "1", "Type": "eci", "ServerIp": "10.0.1.1"},
        {"ServerId": "eni-1", "Weight": "1", "Type": "eni", "ServerIp": "10.0.1.9"},
        {"ServerId": "i-web3", "Weight": "1", "ServerIp": "10.0.0.4"},
    ],
)
def test_set_of_no_member(emulator: Emulator, entry: dict[str, t.Any]) -> None:
    assert set_refusal(emulator, json.dumps([entry])) == (400, "ObtainIpFail")


@pytest.mark.parametrize(
    ("servers", "code"),
    [
        ("", "MissingParameter"),
        ("[]", "InvalidParameter"),
        ("{}", "BackendServersMalformed"),
        ("[1]", "BackendServersMalformed"),
        ("[{", "BackendServersMalformed"),
        ("'[]'", "BackendServersMalformed"),
        ("[{'ServerId': 'i-web1', 'Weight': None}]", "BackendServersMalformed"),
        ("[{'ServerId': 'i-web1', 'Weight': True}]", "BackendServersMalformed"),
        ('[{"ServerId": "i-web1", "weight": "1"}]', "BackendServersMalformed"),
        ('[{"Weight": "1"}]', "BackendServer.ServerIdEmpty"),
        ('[{"ServerId": "", "Weight": "1"}]', "BackendServer.ServerIdEmpty"),
        ('[{"ServerId": "i-web1", "Type": "vm"}]', "BackendServer.InvalidType"),
        ('[{"ServerId": "i-web1", "Weight": "101"}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Weight": -1}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Weight": "1.0"}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Weight": 1.0}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Weight": true}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Weight": null}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Weight": ""}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Description": ""}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Description": "two words"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Description": "%s"}]' % ("x" * 81), "InvalidParameter"),
        ('[{"ServerId": "i-web1"}, {"ServerId": "i-web1", "Weight": "1"}]', "InvalidParameter"),
        (json.dumps([{"ServerId": "i-web1"}] * 21), "TooManyBackendServers"),
    ],
)
def test_refused_lists(emulator: Emulator, servers: t.Any, code: str) -> None:
    assert set_refusal(emulator, servers) == (400, code)
    assert weights(emulator) == BEFORE


def test_twenty_elements_are_taken(emulator: Emulator, sdk: SdkClient) -> None:
    elements = [{"ServerId": f"i-{number}", "Weight": "1"} for number in range(20)]
    sdk.call("AddBackendServers", LoadBalancerId="lb-other", BackendServers=json.dumps(elements))
    sdk.set(*[{**element, "Weight": "2"} for element in elements], load_balancer_id="lb-other")
    assert {weight for _server, weight in weights(emulator, "lb-other")} == {2}


def test_single_quotes_are_tolerated(emulator: Emulator, sdk: SdkClient) -> None:
    servers = "[{'ServerId': 'i-web1', 'Weight': '1'}, {'ServerId': 'i-web2', 'Weight': 2}]"
    sdk.call("SetBackendServers", LoadBalancerId="lb-test", BackendServers=servers)
    assert weights(emulator)[:2] == [("i-web1", 1), ("i-web2", 2)]


def test_nothing_changes_when_one_element_is_refused(emulator: Emulator) -> None:
    servers = '[{"ServerId": "i-web1", "Weight": "1"}, {"ServerId": "i-none", "Weight": "1"}]'
    assert set_refusal(emulator, servers) == (400, "ObtainIpFail")
    assert weights(emulator) == BEFORE


def test_other_members_keep_their_weight(emulator: Emulator, sdk: SdkClient) -> None:
    sdk.set({"ServerId": "i-web1", "Weight": "1"})
    assert weights(emulator) == [("i-web1", 1)] + BEFORE[1:]


@pytest.mark.parametrize(
    ("parameters", "outcome"),
    [
        ({"LoadBalancerId": "lb-none"}, (404, "InvalidLoadBalancerId.NotFound")),
        ({"RegionId": "cn-beijing"}, (404, "InvalidLoadBalancerId.NotFound")),
        ({"LoadBalancerId": None}, (400, "MissingParameter")),
        ({"LoadBalancerId": ""}, (400, "MissingParameter")),
        ({"LoadBalancerId": "lb-locked"}, (400, "LbStatusNotSupport")),
        ({"BackendServers": None}, (400, "MissingParameter")),
    ],
)
def test_refused_parameters(emulator: Emulator, parameters: dict[str, t.Any], outcome: t.Any) -> None:
    assert set_refusal(emulator, '[{"ServerId": "i-web1"}]', **parameters) == outcome


def test_add(emulator: Emulator, sdk: SdkClient) -> None:
    elements = [
        {"ServerId": "i-new", "Weight": "5", "Description": "new"},
        {"ServerId": "i-new", "Weight": "6"},
        {"ServerId": "eni-2", "Type": "eni", "ServerIp": "10.0.1.3"},
    ]
    answer = sdk.call("AddBackendServers", LoadBalancerId="lb-test", BackendServers=json.dumps(elements))
    assert answer["BackendServers"]["BackendServer"] == [
        {"ServerId": "i-new", "Weight": "5", "Type": "ecs", "Description": "new"},
        {"ServerId": "eni-2", "Weight": "100", "Type": "eni"},
    ]
    assert weights(emulator) == BEFORE + [("i-new", 5), ("eni-2", 100)]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ({"ServerId": "i-web1"}, "InvalidParameter"),
        ({"ServerId": "i-web1", "ServerIp": "10.9.9.9"}, "InvalidParameter"),
        ({"ServerId": "eni-1", "Type": "eni", "ServerIp": "10.0.1.1"}, "InvalidParameter"),
        ({"ServerId": "eni-2"}, "ObtainIpFail"),
        ({"ServerId": "web5"}, "ObtainIpFail"),
    ],
)
def test_refused_additions(emulator: Emulator, element: dict[str, t.Any], code: str) -> None:
    servers = json.dumps([{"ServerId": "i-fine"}, element])
    outcome = refusal(emulator.url, "AddBackendServers", LoadBalancerId="lb-test", BackendServers=servers)
    assert outcome == (400, code)
    assert weights(emulator) == BEFORE


def test_known_servers_limit_additions(state: dict[str, t.Any]) -> None:
    state["known_servers"] = ["vm-233"]
    with running(state) as emulator:
        sdk = SdkClient(emulator.url)
        sdk.call("AddBackendServers", LoadBalancerId="lb-other", BackendServers='[{"ServerId": "vm-233"}]')
        with pytest.raises(ServerException, match="ObtainIpFail"):
            sdk.call("AddBackendServers", LoadBalancerId="lb-other", BackendServers='[{"ServerId": "i-1"}]')
        assert weights(emulator, "lb-other") == [("vm-233", 100)]


def test_remove(emulator: Emulator, sdk: SdkClient) -> None:
    elements = [{"ServerId": "i-web1"}, {"ServerId": "eni-1", "Type": "eni", "ServerIp": "10.0.1.1"}]
    elements += [{"ServerId": "i-none", "Weight": "100"}]
    answer = sdk.call("RemoveBackendServers", LoadBalancerId="lb-test", BackendServers=json.dumps(elements))
    assert answer["BackendServers"]["BackendServer"] == [
        {"ServerId": "i-web2", "Weight": 60, "Type": "ecs", "Description": "second-one"},
        {"ServerId": "i-web3", "Weight": 0, "Type": "ecs"},
        {"ServerId": "eni-1", "Weight": 20, "Type": "eni"},
    ]
    assert weights(emulator) == [("i-web2", 60), ("i-web3", 0), ("eni-1", 20)]


def test_busy_after_a_write(state: dict[str, t.Any]) -> None:
    with running(state, busy_seconds=3600) as emulator:
        sdk = SdkClient(emulator.url)
        sdk.set({"ServerId": "i-web1", "Weight": "1"})
        with pytest.raises(ServerException) as caught:
            sdk.set({"ServerId": "i-web2", "Weight": "1"})
        assert caught.value.get_error_code() == "BackendServer.configuring"
        assert caught.value.get_http_status() == 409
        # Reads, and writes on another load balancer, go on.
        assert sdk.describe()[0]["Weight"] == 1
        sdk.call("AddBackendServers", LoadBalancerId="lb-other", BackendServers='[{"ServerId": "i-1"}]')
        assert weights(emulator)[1] == ("i-web2", 60)


def test_writes_at_the_same_time(emulator: Emulator) -> None:
    """Each of eight clients changes members of its own; no change is lost."""
    elements = [[{"ServerId": f"i-{client}-{number}", "Weight": "1"} for number in range(5)] for client in range(8)]
    sdk = SdkClient(emulator.url)
    for part in elements:
        sdk.call("AddBackendServers", LoadBalancerId="lb-other", BackendServers=json.dumps(part))

    def write(part: t.Any) -> None:
        client = SdkClient(emulator.url)
        for element in part:
            client.set({**element, "Weight": "2"}, load_balancer_id="lb-other")

    with ThreadPoolExecutor(len(elements)) as pool:
        list(pool.map(write, elements))
    assert [weight for _server_id, weight in weights(emulator, "lb-other")] == [2] * 40


def test_refused_writes_make_nothing_busy(state: dict[str, t.Any]) -> None:
    with running(state, busy_seconds=3600) as emulator:
        assert set_refusal(emulator, '[{"ServerId": "i-none"}]') == (400, "ObtainIpFail")
        SdkClient(emulator.url).set({"ServerId": "i-web1", "Weight": "1"})


def test_busy_ends(state: dict[str, t.Any]) -> None:
    with running(state, busy_seconds=0.3) as emulator:
        sdk = SdkClient(emulator.url)
        sdk.set({"ServerId": "i-web1", "Weight": "1"})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                sdk.set({"ServerId": "i-web2", "Weight": "2"})
                break
            except ServerException:
                time.sleep(0.05)
        assert weights(emulator)[:2] == [("i-web1", 1), ("i-web2", 2)]
        codes = [record.code for record in emulator.requests]
        assert (codes[0], codes[-1]) == (None, None)
        assert set(codes[1:-1]) <= {"BackendServer.configuring"}
