# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP exchange: its time, size, failures and proxies."""

from __future__ import annotations

import io
import socket
import types
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _transport
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import Connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import ConnectFailed, NoResponse
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import Transport, proxies_for

KEYS = Credentials("rehearsal", "rehearsal-secret+/=")
NOW = 100.0


def new_transport(endpoint: str = "http://127.0.0.1:9", region: str = "cn-hangzhou") -> Transport:
    return Transport(Connection(region, endpoint, True, 5.0, 30.0))


def exchange(transport: Transport, seconds: float = 10.0) -> t.Any:
    return transport.send("DescribeLoadBalancerAttribute", {"LoadBalancerId": "lb-web"}, KEYS, seconds)


@pytest.mark.parametrize(
    ("seconds", "timeouts"), [(600.0, (5.0, 30.0)), (20.0, (5.0, 20.0)), (2.0, (2.0, 2.0)), (0.01, (0.05, 0.05))]
)
@pytest.mark.usefixtures("clean_environment")
def test_connection_has_its_timeouts_or_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, seconds: float, timeouts: tuple[float, float]
) -> None:
    from aliyunsdkcore.vendored.requests.exceptions import ConnectTimeout

    transport, sent = new_transport(), []

    def send(_request: t.Any, **options: t.Any) -> t.NoReturn:
        sent.append(options["timeout"])
        raise ConnectTimeout

    monkeypatch.setattr(transport._adapter._adapter, "send", send)
    with pytest.raises(ConnectFailed) as caught:
        exchange(transport, seconds)
    assert sent == [timeouts]
    assert (caught.value.permanent, caught.value.certificate) == (False, False)


def test_client_is_kept_while_the_keys_are_the_same(slb: t.Any) -> None:
    """A new one closes the connections of the last."""
    transport = new_transport(slb.url)
    exchange(transport)
    client, pool = transport._client, transport._adapter._pool(slb.url, None)
    connections = pool.ConnectionCls
    exchange(transport)
    assert transport._client is client
    assert pool.ConnectionCls is connections
    assert pool.num_connections == 1
    transport._client_for(Credentials("other", "other"))
    assert transport._client is not client


def test_request_goes_to_its_region(slb: t.Any) -> None:
    exchange(new_transport(slb.url, "eu-central-1"))
    assert slb.requests[0].parameters["RegionId"] == "eu-central-1"


@pytest.mark.usefixtures("clean_environment")
def test_sdk_that_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = new_transport()
    client = transport._client_for(KEYS)
    monkeypatch.setattr(client, "do_action_with_exception", lambda _request: b"")
    with pytest.raises(NoResponse, match="without a response"):
        exchange(transport)


def test_body_is_read_up_to_the_largest_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "LARGEST_BODY", 10)
    body = b"0123456789"
    assert _transport._whole_body(types.SimpleNamespace(raw=io.BytesIO(body))) == body
    endless = io.BytesIO(body * 10)
    with pytest.raises(NoResponse, match="more than 10 bytes"):
        _transport._whole_body(types.SimpleNamespace(raw=endless))
    assert endless.tell() == len(body) + 1


@pytest.mark.parametrize(
    ("own_timeout", "seconds", "timeout"), [(None, 0.5, 0.5), (30.0, 0.5, 0.5), (30.0, 600.0, 30.0)]
)
def test_answer_is_read_until_its_time_is_up(
    monkeypatch: pytest.MonkeyPatch, own_timeout: float | None, seconds: float, timeout: float
) -> None:
    monkeypatch.setattr(_transport, "time", types.SimpleNamespace(monotonic=lambda: NOW))
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"answer")
        near.settimeout(own_timeout)
        received = near.makefile("rb", buffering=0)
        buffer = bytearray(10)
        assert _transport._TimedReader(received, near, NOW + seconds).readinto(buffer) == len(b"answer")
        assert buffer.startswith(b"answer")
        assert near.gettimeout() == timeout
        with pytest.raises(socket.timeout):
            _transport._TimedReader(received, near, NOW).readinto(buffer)


PROXY = "http://127.0.0.1:3128"


@pytest.mark.parametrize(
    ("variables", "proxies"),
    [
        ({}, {"http": None, "https": None}),
        ({"http_proxy": PROXY}, {"http": PROXY, "https": None}),
        ({"https_proxy": PROXY}, {"http": None, "https": PROXY}),
        ({"ftp_proxy": PROXY}, {"http": None, "https": None}),
        ({"https_proxy": PROXY, "no_proxy": "slb.aliyuncs.com"}, {"http": None, "https": None}),
        ({"https_proxy": PROXY, "no_proxy": "example.com"}, {"http": None, "https": PROXY}),
    ],
)
def test_proxies_of_an_endpoint(
    clean_environment: pytest.MonkeyPatch, variables: dict[str, str], proxies: dict[str, str]
) -> None:
    for name, value in variables.items():
        clean_environment.setenv(name, value)
    assert proxies_for("https://slb.aliyuncs.com") == proxies
