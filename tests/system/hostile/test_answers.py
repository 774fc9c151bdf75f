# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any answer to any action of the API, through the real client and the SDK: no traceback, no hang, no wrong write."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from inputs import TEXT, bodies
from modules import LOAD_BALANCER, arguments, info_arguments, is_unicode, read, reset, set_weights, weights, written

from slb_emulator import Emulator

ANSWERS: dict[str, dict[str, Any]] = {
    "DescribeLoadBalancerAttribute": {
        "RequestId": "R-1",
        "LoadBalancerId": LOAD_BALANCER,
        "LoadBalancerName": "web",
        "LoadBalancerStatus": "active",
        "Address": "192.0.2.1",
        "BackendServers": {
            "BackendServer": [
                {"ServerId": "i-web1", "Weight": 100, "Type": "ecs", "Description": "web-1"},
                {"ServerId": "i-web2", "Weight": 100, "Type": "ecs"},
                {"ServerId": "eni-web3", "Weight": 100, "Type": "eni", "ServerIp": "10.0.0.3"},
            ]
        },
    },
    "DescribeLoadBalancerListeners": {
        "RequestId": "R-1",
        "Listeners": [
            {
                "ListenerPort": 80,
                "ListenerProtocol": "http",
                "Scheduler": "wrr",
                "Status": "running",
                "VServerGroupId": "",
                "BackendServerPort": 80,
                "HTTPListenerConfig": {"HealthCheck": "on", "ListenerForward": "off", "ConnectionDrainTimeout": 9},
            }
        ],
        "NextToken": "",
        "TotalCount": 1,
    },
    "DescribeHealthStatus": {
        "RequestId": "R-1",
        "BackendServers": {
            "BackendServer": [
                {"ServerId": "i-web1", "ListenerPort": 80, "Port": 80, "ServerHealthStatus": "normal", "Type": "ecs"}
            ]
        },
    },
    "SetBackendServers": {
        "RequestId": "R-1",
        "LoadBalancerId": LOAD_BALANCER,
        "BackendServers": {"BackendServer": [{"ServerId": "i-web1", "Weight": "50", "Type": "ecs"}]},
    },
    "error": {"RequestId": "R-1", "Code": "Throttling.User", "Message": "Not now.", "HostId": "slb.aliyuncs.com"},
}
PARTS = {
    "DescribeLoadBalancerAttribute": "members",
    "DescribeLoadBalancerListeners": "listeners",
    "DescribeHealthStatus": "health",
}
STATUSES = st.sampled_from([200] * 6 + [204, 302, 400, 403, 404, 449, 500, 503, 599])


def answering(body: bytes) -> dict[str, Any]:
    """The fault that gives this body in place of an answer."""
    content = {"body_base64": base64.b64encode(body).decode()} if body else {"body": ""}
    return {"kind": "raw", "http_status": 200, "content_type": "application/json", **content}


@st.composite
def faults(draw: st.DrawFn, actions: list[str], times: int) -> dict[str, Any]:
    """An answer to one of the actions; ``times`` 0: to all its requests."""
    action = draw(st.sampled_from(actions))
    body = draw(bodies(ANSWERS[action]) | bodies(ANSWERS["error"]))
    skip = draw(st.integers(0, 1)) if times else 0
    return {**answering(body), "action": action, "times": times, "skip": skip, "http_status": draw(STATUSES)}


def check_writes(slb: Emulator) -> None:
    """Whatever was read, only the server of the task is written, with its weight or back to the one it had."""
    for entry in written(slb):
        assert entry["ServerId"] == "i-web1"
        assert 0 <= int(entry["Weight"]) <= 100
    assert {server: weight for server, weight in weights(slb).items() if server != "i-web1"} == {
        "i-web2": 100,
        "eni-web3": 100,
    }


WRITING = ["DescribeLoadBalancerAttribute", "DescribeLoadBalancerListeners", "SetBackendServers"]


@settings(max_examples=settings().max_examples * 3)
@given(fault=faults(WRITING, times=1), weight=st.sampled_from([0, 50]))
def test_one_strange_answer_to_a_task_that_writes(shared_slb: Emulator, fault: dict[str, Any], weight: int) -> None:
    reset(shared_slb)
    shared_slb.add_fault(fault)
    servers = [{"server_id": "i-web1", "weight": weight}]
    result = set_weights(
        arguments(shared_slb.url, backend_servers=servers, min_active=1, check_listeners="warn", _ansible_diff=True)
    )
    check_writes(shared_slb)
    if weights(shared_slb)["i-web1"] == weight:
        assert written(shared_slb)
    if result.get("failed") and not result["changed"]:
        assert weights(shared_slb)["i-web1"] == 100


@settings(max_examples=settings().max_examples // 2)
@given(fault=faults(["DescribeLoadBalancerAttribute"], times=0))
def test_strange_answers_to_every_read(shared_slb: Emulator, fault: dict[str, Any]) -> None:
    reset(shared_slb)
    shared_slb.add_fault(fault)
    set_weights(arguments(shared_slb.url))
    check_writes(shared_slb)


@settings(max_examples=settings().max_examples * 3 // 2)
@given(fault=faults(list(PARTS), times=1))
def test_one_strange_answer_to_a_task_that_reads(shared_slb: Emulator, fault: dict[str, Any]) -> None:
    reset(shared_slb)
    shared_slb.add_fault(fault)
    read(info_arguments(shared_slb.url, gather=[PARTS[fault["action"]]]))
    assert not written(shared_slb)


# Below JSON


class Wire:
    """A server that gives the same bytes to every connection, and takes three of them."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        with self._socket:
            for _connection in range(3):
                with contextlib.suppress(OSError):
                    connection, _peer = self._socket.accept()
                    with connection:
                        connection.settimeout(5)
                        if connection.recv(65536):
                            connection.sendall(self.answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(answer: bytes) -> Iterator[str]:
    wire = Wire(answer)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    try:
        yield wire.url
    finally:
        wire.close()
        thread.join()


GROUP = b'{"RequestId": "R-1", "BackendServers": {"BackendServer": []}}'
LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.0 200",
    b"HTTP/9.9 -1 x",
    b"ICY 200 OK",
    b"",
    b"\xff\xfe",
]
HEADERS = [
    b"Content-Length: %d" % len(GROUP),
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: x",
    b"Transfer-Encoding: chunked",
    b"Content-Encoding: gzip",
    b"Content-Encoding: gzip, deflate, br",
    b"Content-Type: text/plain; charset=utf-7",
    b"Location: http://[",
    b"Set-Cookie: a=b; expires=never",
    b"Connection: keep-alive",
    b"no colon",
    b" folded",
    b": empty",
    b"X: \x00\xff",
]


@st.composite
def wire_answers(draw: st.DrawFn) -> bytes:
    line = draw(st.sampled_from([LINES[0]] * 5 + LINES))
    headers = draw(st.lists(st.sampled_from(HEADERS) | st.binary(max_size=20), max_size=4))
    body = draw(
        st.sampled_from([GROUP, b"%x\r\n%b\r\n0\r\n\r\n" % (len(GROUP), GROUP), b"zz\r\n"]) | st.binary(max_size=40)
    )
    return b"\r\n".join([line, *headers, b"", b""]) + body


@given(answer=wire_answers() | st.binary(max_size=80))
def test_bytes_that_are_hardly_http(answer: bytes) -> None:
    with serving(answer) as url:
        result = set_weights(arguments(url, on_missing="ignore"))
    assert not result.get("changed")


@given(value=TEXT.filter(bool))
def test_text_is_passed_on_as_it_came(shared_slb: Emulator, value: str) -> None:
    group = {
        "RequestId": "R-1",
        "LoadBalancerName": value,
        "Address": value,
        "BackendServers": {
            "BackendServer": [{"ServerId": value, "Weight": 1, "ServerIp": value, "Description": value}]
        },
    }
    reset(shared_slb)
    shared_slb.add_fault({**answering(json.dumps(group).encode()), "times": 0})
    # A refused answer is asked for again until the time is over; one that is taken may come late on a busy machine.
    wait_timeout = 10 if is_unicode(value) else 1
    result = read(info_arguments(shared_slb.url, gather=["members"], wait_timeout=wait_timeout))
    if not is_unicode(value):
        assert result["error"]["code"] == "UnusableAnswer"
        return
    [member] = result["backend_servers"]
    shown = (result["load_balancer_name"], result["address"], member["server_id"], member["server_ip"])
    assert {*shown, member["description"]} == {value}
