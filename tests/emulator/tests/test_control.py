# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API, as a playbook or a shell would use it."""

from __future__ import annotations

import json
import typing as t
import urllib.error
import urllib.request

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from sdk_client import SdkClient

from slb_emulator import Emulator

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def control(emulator: Emulator, method: str, path: str, document: t.Any = None) -> t.Any:
    """(status, answer) of a control request."""
    data = None if document is None else json.dumps(document).encode()
    return control_bytes(emulator, method, path, data)


def control_bytes(emulator: Emulator, method: str, path: str, data: t.Any) -> t.Any:
    request = urllib.request.Request(f"{emulator.url}/_rehearsal/{path}", data=data, method=method)
    try:
        with OPENER.open(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_state(emulator: Emulator) -> None:
    status, state = control(emulator, "GET", "state")
    assert status == 200
    assert [balancer["load_balancer_id"] for balancer in state["load_balancers"]][:2] == ["lb-test", "lb-other"]
    assert state["load_balancers"][0]["backend_servers"][1] == {
        "server_id": "i-web2",
        "weight": 60,
        "type": "ecs",
        "description": "second-one",
        "health": "normal",
    }
    assert "secret" not in json.dumps(state)


def test_state_can_be_put_back(emulator: Emulator, sdk: SdkClient) -> None:
    _status, before = control(emulator, "GET", "state")
    sdk.set({"ServerId": "i-web1", "Weight": "1"})
    assert control(emulator, "GET", "state")[1] != before
    assert control(emulator, "PUT", "state", before) == (200, before)
    assert control(emulator, "GET", "state")[1] == before
    assert sdk.describe()[0]["Weight"] == 100


def test_new_keys(emulator: Emulator, sdk: SdkClient) -> None:
    keys = [{"access_key_id": "new", "access_key_secret": "new-secret"}]
    control(emulator, "PUT", "state", {"access_keys": keys, "load_balancers": []})
    with pytest.raises(ServerException, match="InvalidAccessKeyId.NotFound"):
        sdk.describe()


def test_requests(emulator: Emulator, sdk: SdkClient) -> None:
    sdk.set({"ServerId": "i-web1", "Weight": "1"})
    _status, answer = control(emulator, "GET", "requests")
    (record,) = answer["requests"]
    assert record["action"] == "SetBackendServers"
    assert record["parameters"]["LoadBalancerId"] == "lb-test"
    assert (record["scheme"], record["sni"], record["http_status"], record["code"]) == ("http", "", 200, None)
    assert record["request_id"] == emulator.requests[0].request_id
    assert record["received"] == emulator.requests[0].received
    assert record["changed_members"] == [{"server_id": "i-web1", "weight_before": 100, "weight_after": 1}]
    assert "Signature" not in record["parameters"]
    assert control(emulator, "DELETE", "requests") == (200, {"requests": []})
    assert emulator.requests == []


def test_faults(emulator: Emulator, sdk: SdkClient) -> None:
    fault = {"action": "SetBackendServers", "kind": "error", "code": "Throttling", "times": 3, "skip": 0}
    assert control(emulator, "PUT", "faults", [fault]) == (200, {"faults": [fault]})
    with pytest.raises(ServerException, match="Throttling"):
        sdk.set({"ServerId": "i-web1", "Weight": "1"})
    assert control(emulator, "GET", "faults") == (200, {"faults": [{**fault, "times": 2}]})
    assert control(emulator, "DELETE", "faults") == (200, {"faults": []})
    sdk.set({"ServerId": "i-web1", "Weight": "1"})


def test_fault_for_ever_stays(emulator: Emulator, sdk: SdkClient) -> None:
    fault = {"kind": "error", "code": "Throttling", "times": 0, "skip": 0}
    control(emulator, "PUT", "faults", fault)
    with pytest.raises(ServerException, match="Throttling"):
        sdk.describe()
    assert control(emulator, "GET", "faults") == (200, {"faults": [fault]})


def test_one_fault(emulator: Emulator) -> None:
    assert len(control(emulator, "PUT", "faults", {"kind": "cut_before"})[1]["faults"]) == 1


def test_settings(emulator: Emulator, sdk: SdkClient) -> None:
    settings = {"busy_seconds": 3600, "set_weight_as": "int"}
    answer = control(emulator, "PATCH", "settings", settings)
    assert answer == (
        200,
        {
            "busy_seconds": 3600.0,
            "latency": 0.0,
            "set_weight_as": "int",
            "data_plane_delay": 0.0,
            "group_numbers_as": "int",
            "health_of_groups": True,
            "set_non_members": "refuse",
        },
    )
    element = {"ServerId": "i-web1", "Weight": "1"}
    assert sdk.set(element)["BackendServers"]["BackendServer"][0]["Weight"] == 1
    with pytest.raises(ServerException, match=r"BackendServer\.configuring"):
        sdk.set(element)


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("PUT", "state", {}),
        ("PUT", "state", []),
        ("PUT", "state", {"load_balancers": [{"load_balancer_id": "lb-1"}]}),
        ("PUT", "faults", [{"kind": "flood"}]),
        ("PUT", "faults", "flood"),
        ("PATCH", "settings", {"busy_seconds": "long"}),
        ("PATCH", "settings", {"busy": 1}),
    ],
)
def test_bad_documents(emulator: Emulator, method: str, path: str, document: t.Any) -> None:
    before = control(emulator, "GET", "state")
    status, answer = control(emulator, method, path, document)
    assert status == 400
    assert list(answer) == ["error"]
    assert answer["error"].endswith(".")
    assert control(emulator, "GET", "state") == before


@pytest.mark.parametrize("data", [b"", b"not JSON", b"\xff"])
def test_no_json(emulator: Emulator, data: bytes) -> None:
    assert control_bytes(emulator, "PUT", "faults", data) == (400, {"error": "body: must be a JSON document."})


def test_unknown_place(emulator: Emulator) -> None:
    assert control(emulator, "GET", "weights")[0] == 404
    assert control(emulator, "POST", "state", {})[0] == 405


def test_control_requests_are_not_recorded(emulator: Emulator) -> None:
    control(emulator, "GET", "state")
    assert emulator.requests == []
