# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each kind of fault as the vendor's SDK core sees it, and whether the write took effect."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
import typing as t
from urllib.parse import urlencode, urlsplit

import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from backends import wait_until
from rpc_request import common_parameters, refusal, signed
from sdk_client import SdkClient

from slb_emulator import DocumentError, Emulator, running

SET = "SetBackendServers"
WRITE = {"ServerId": "i-web1", "Weight": "7"}


def weight(emulator: Emulator) -> t.Any:
    """The weight of i-web1."""
    return emulator.members("lb-test")[0].weight


def failed_write(sdk: SdkClient, expected: t.Any, read_timeout: float = 30) -> t.Any:
    """The exception of a write that fails."""
    with pytest.raises(expected) as caught:
        sdk.set(WRITE, read_timeout=read_timeout)
    return caught.value


def test_error(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"action": SET, "kind": "error", "code": "Throttling.User"})
    error = failed_write(sdk, ServerException)
    assert (error.get_error_code(), error.get_http_status()) == ("Throttling.User", 400)
    assert error.get_error_msg() == "Request was denied due to user flow control."
    assert error.get_request_id() == emulator.requests[-1].request_id
    assert weight(emulator) == 100
    sdk.set(WRITE)
    assert weight(emulator) == 7


def test_error_of_ones_own(emulator: Emulator, sdk: SdkClient) -> None:
    fault = {"kind": "error", "code": "SystemBusy", "http_status": 449, "message": "Later: please."}
    emulator.add_fault(fault)
    error = failed_write(sdk, ServerException)
    assert (error.get_http_status(), error.get_error_msg()) == (449, "Later: please.")


def test_error_after(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "error_after", "code": "InternalError"})
    error = failed_write(sdk, ServerException)
    assert (error.get_error_code(), error.get_http_status()) == ("InternalError", 500)
    assert weight(emulator) == 7
    assert emulator.requests[-1].changed_members == ["i-web1"]


def test_error_after_an_error_changes_nothing(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "error_after", "code": "InternalError"})
    with pytest.raises(ServerException, match="ObtainIpFail"):
        sdk.set({"ServerId": "i-none", "Weight": "1"})


def test_bad_gateway(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "raw", "http_status": 502, "body": "<html>Bad Gateway</html>"})
    error = failed_write(sdk, ServerException)
    assert (error.get_error_code(), error.get_http_status()) == ("SDK.UnknownServerError", 502)
    assert weight(emulator) == 100


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ({"body": "hello", "content_type": "text/plain"}, b"hello"),
        ({"body": '{"Code": "x"}', "content_type": "application/json"}, b'{"Code": "x"}'),
        ({"body_base64": "//4="}, b"\xff\xfe"),
        ({}, b""),
    ],
)
def test_raw_success(emulator: Emulator, sdk: SdkClient, fault: dict[str, t.Any], body: bytes) -> None:
    emulator.add_fault({"kind": "raw", **fault})
    assert sdk.raw(SET, LoadBalancerId="lb-test", BackendServers=json.dumps([WRITE])) == body
    assert weight(emulator) == 100


def test_raw_error_that_is_not_text(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "raw", "http_status": 500, "body_base64": "//4="})
    failed_write(sdk, UnicodeDecodeError)


def test_latency(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "latency", "seconds": 30})
    error = failed_write(sdk, ClientException, read_timeout=0.3)
    assert "Read timed out" in str(error)


def test_latency_then_normal(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "latency", "seconds": 0.3})
    start = time.monotonic()
    sdk.set(WRITE)
    assert time.monotonic() - start >= 0.3
    assert weight(emulator) == 7


def test_late_request_is_recorded_when_it_is_handled(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"action": SET, "kind": "latency", "seconds": 2})
    failed_write(sdk, ClientException, read_timeout=0.3)
    sdk.describe()
    wait_until(lambda: len(emulator.requests) == 2)
    read, late = emulator.requests
    assert (late.action, late.changed_members) == (SET, ["i-web1"])
    assert late.received < read.received


@pytest.mark.parametrize(("kind", "after"), [("cut_before", 100), ("cut_after", 7)])
def test_cut(emulator: Emulator, sdk: SdkClient, kind: str, after: int) -> None:
    emulator.add_fault({"kind": kind})
    error = failed_write(sdk, ClientException)
    assert error.get_error_code() == "SDK.HttpError"
    assert weight(emulator) == after
    record = emulator.requests[-1]
    assert (record.action, record.http_status, record.code, record.fault) == (SET, None, None, kind)
    assert "cut" in str(record)


def raw_response(emulator: Emulator) -> t.Any:
    """The response of a write, not read yet, to a client that minds the length."""
    parameters = common_parameters(SET, LoadBalancerId="lb-test", BackendServers=json.dumps([WRITE]))
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)
    connection.request("POST", f"/?{urlencode(signed(parameters))}")
    return connection.getresponse()


def test_truncate(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "truncate"})
    with pytest.raises(http.client.IncompleteRead):
        raw_response(emulator).read()
    assert weight(emulator) == 7


def test_truncate_is_no_answer_for_the_sdk(emulator: Emulator, sdk: SdkClient) -> None:
    """The SDK does not compare lengths, so what arrives must not be a document."""
    emulator.add_fault({"kind": "truncate"})
    failed_write(sdk, json.JSONDecodeError)
    assert weight(emulator) == 7


def test_stall(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "stall", "seconds": 30})
    error = failed_write(sdk, ClientException, read_timeout=0.3)
    assert "Read timed out" in str(error)
    # A busy machine may get to the write after the client has given up.
    assert wait_until(lambda: weight(emulator) == 7)


def test_stall_sends_a_part(emulator: Emulator) -> None:
    emulator.add_fault({"kind": "stall", "seconds": 0.2})
    response = raw_response(emulator)
    assert response.status == 200
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert 0 < len(caught.value.partial) < int(response.headers["Content-Length"])


def test_drip(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "drip", "seconds": 0.001})
    answer = sdk.set(WRITE)
    assert answer["BackendServers"]["BackendServer"][0]["Weight"] == "7"


def test_drip_slower_than_the_client_waits(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "drip", "seconds": 30})
    failed_write(sdk, ClientException, read_timeout=0.3)
    assert wait_until(lambda: weight(emulator) == 7)


def test_stale_read(emulator: Emulator, sdk: SdkClient) -> None:
    sdk.set(WRITE)
    emulator.add_fault({"action": "DescribeLoadBalancerAttribute", "kind": "stale_read"})
    assert sdk.describe()[0]["Weight"] == 100
    assert sdk.describe()[0]["Weight"] == 7


def test_edit(emulator: Emulator, sdk: SdkClient) -> None:
    edits = [
        {"server_id": "i-web2", "weight": 55},
        {"server_id": "i-web3", "remove": True},
        {"add": {"server_id": "i-new", "weight": 5}},
    ]
    emulator.add_fault({"action": SET, "kind": "edit", "edits": edits})
    sdk.set(WRITE)
    members = [(member.server_id, member.weight) for member in emulator.members("lb-test")]
    assert members == [("i-web1", 7), ("i-web2", 55), ("eni-1", 10), ("eni-1", 20), ("i-new", 5)]
    # The edit is another job's: the record has what the call changed, and apart from it the edit.
    assert emulator.requests[-1].changed_members == ["i-web1"]
    assert sorted(map(str, emulator.requests[-1].edits)) == [
        "i-new: absent -> 5",
        "i-web2: 60 -> 55",
        "i-web3: 0 -> absent",
    ]


def test_edit_before_the_write(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"kind": "edit", "edits": [{"server_id": "i-web1", "remove": True}]})
    assert "ObtainIpFail" in str(failed_write(sdk, ServerException))


def test_skip_times_and_action(emulator: Emulator, sdk: SdkClient) -> None:
    emulator.add_fault({"action": SET, "kind": "error", "code": "InternalError", "skip": 1, "times": 2})
    outcomes = []
    for _time in range(5):
        sdk.describe()
        try:
            sdk.set(WRITE)
            outcomes.append("done")
        except ServerException as error:
            outcomes.append(error.get_error_code())
    assert outcomes == ["done", "InternalError", "InternalError", "done", "done"]


def test_for_ever_and_clear(emulator: Emulator) -> None:
    emulator.add_fault({"kind": "error", "code": "InternalError", "times": 0})
    for _time in range(3):
        assert refusal(emulator.url, SET) == (500, "InternalError")
    emulator.clear()
    assert refusal(emulator.url, SET) == (400, "MissingParameter")


def test_equal_faults_are_used_one_by_one(emulator: Emulator) -> None:
    for _time in range(2):
        emulator.add_fault({"kind": "error", "code": "InternalError"})
    outcomes = [refusal(emulator.url, SET) for _time in range(3)]
    assert outcomes == [(500, "InternalError")] * 2 + [(400, "MissingParameter")]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "flood"},
        {"kind": "error"},
        {"kind": "error", "code": "NoSuchCode"},
        {"kind": "error", "code": "InternalError", "seconds": 1},
        {"kind": "latency"},
        {"kind": "latency", "seconds": -1},
        {"kind": "cut_before", "times": -1},
        {"kind": "cut_before", "action": "DescribeRegions"},
        {"kind": "raw", "body": "a", "body_base64": "YQ=="},
        {"kind": "raw", "body_base64": "not base64"},
        {"kind": "edit"},
        {"kind": "edit", "edits": [{"server_id": "i-web1"}]},
        {"kind": "edit", "edits": [{"server_id": "i-web1", "remove": False}]},
        {"kind": "edit", "edits": [{"add": {"server_id": "i-1", "weight": 101}}]},
        {"kind": "edit", "edits": [{"add": {"server_id": "i-1", "wieght": 10}}]},
        {"kind": "edit", "edits": [{"add": {"server_id": "i-1", "port": 80}}]},
        {"kind": "edit", "edits": [{"vserver_group_id": "rsp-1", "add": {"server_id": "i-1"}}]},
    ],
)
def test_bad_faults(emulator: Emulator, fault: dict[str, t.Any]) -> None:
    with pytest.raises(DocumentError, match=r"^fault.*\.$"):
        emulator.add_fault(fault)


@pytest.mark.parametrize("kind", ["stall", "drip", "latency"])
def test_a_slow_answer_does_not_hold_the_end(state: dict[str, t.Any], kind: str) -> None:
    """Leaving the block ends a request that would take an hour."""
    before = threading.enumerate()
    ended = threading.Event()

    def write(url: str) -> None:
        # The connection is cut, however the SDK puts it.
        with contextlib.suppress(Exception):
            SdkClient(url).set(WRITE, read_timeout=3600)
        ended.set()

    with running(state) as emulator:
        emulator.add_fault({"kind": kind, "seconds": 3600})
        thread = threading.Thread(target=write, args=(emulator.url,), daemon=True)
        thread.start()
        assert kind == "latency" or wait_until(lambda: emulator.requests)
        time.sleep(0.1)
        assert not ended.is_set()
    assert ended.wait(20)
    # Nor does the server's own thread go on.
    assert wait_until(lambda: len(threading.enumerate()) <= len(before))
