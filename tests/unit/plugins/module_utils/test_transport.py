# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the import of the SDK costs; and an exchange: its time, size, failures and proxies."""

from __future__ import annotations

import gc
import io
import json
import socket
import subprocess
import sys
import types
import typing as t
import warnings
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _transport
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import (
    Connection,
    NoAnswer,
    NotSent,
    Transport,
    causes,
    innermost_reason,
    proxies_for,
)

KEYS = Credentials("rehearsal", "rehearsal-secret+/=")
NOW = 100.0


def new_transport(endpoint: str = "http://127.0.0.1:9", region: str = "cn-hangzhou") -> Transport:
    return Transport(Connection(region, endpoint, True, 5.0, 30.0))


def exchange(transport: Transport, seconds: float = 10.0) -> t.Any:
    return transport.exchange("DescribeLoadBalancerAttribute", {"LoadBalancerId": "lb-web"}, KEYS, seconds)


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

    monkeypatch.setattr(transport._wire._adapter, "send", send)
    with pytest.raises(NotSent) as caught:
        exchange(transport, seconds)
    assert sent == [timeouts]
    assert (caught.value.permanent, caught.value.certificate) == (False, False)


def test_client_is_kept_while_the_keys_are_the_same(slb: t.Any) -> None:
    """A new one closes the connections of the last."""
    transport = new_transport(slb.url)
    exchange(transport)
    client, pool = transport._client, transport._wire._pool(slb.url, None)
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
def test_warnings_of_the_sdk_alone_are_silenced() -> None:
    names = ["aliyunsdkcore.client", "aliyunsdkslb", "aliyunsdkcores", "ansible"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        new_transport()
        for name in names:
            warnings.warn_explicit(name, UserWarning, f"{name}.py", 1, module=name)
    heard = [str(warning.message) for warning in caught]
    assert [name for name in names if name in heard] == names[2:]


@pytest.mark.usefixtures("clean_environment")
def test_sdk_that_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = new_transport()
    client = transport._client_for(KEYS)
    monkeypatch.setattr(client, "do_action_with_exception", lambda _request: b"")
    with pytest.raises(NoAnswer, match="without an answer"):
        exchange(transport)


def test_body_is_read_up_to_the_largest_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "LARGEST_ANSWER", 10)
    body = b"0123456789"
    assert _transport._whole_body(types.SimpleNamespace(raw=io.BytesIO(body))) == body
    endless = io.BytesIO(body * 10)
    with pytest.raises(NoAnswer, match="more than 10 bytes"):
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


def failure(text: str, **attributes: object) -> Exception:
    """An exception with attributes such as HTTP libraries give to theirs."""
    exc = Exception(text)
    for name, value in attributes.items():
        setattr(exc, name, value)
    return exc


def test_causes_are_found_wherever_a_library_hides_them() -> None:
    cause, context, reason, argument = (Exception(word) for word in ("cause", "context", "reason", "argument"))
    outer = failure("outer", __cause__=cause, __context__=context, reason=reason)
    outer.args = ("text", argument)
    assert causes(outer) == [outer, cause, context, reason, argument]


def test_causes_that_lead_in_a_circle() -> None:
    first, second = Exception("first"), Exception("second")
    first.__cause__, second.__cause__ = second, first
    assert causes(first) == [first, second]


def signed_url() -> OSError:
    exc = OSError(1, "https://slb.aliyuncs.com/?Signature=secret")
    exc.request = object()  # type: ignore[attr-defined]
    return exc


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ([Exception("outer"), OSError(111, "Connection refused")], "Connection refused"),
        ([OSError(1, "outer"), OSError(2, "inner")], "inner"),
        ([OSError(1, "outer"), Exception("inner")], "outer"),
        ([OSError(1, "outer"), OSError("without a number")], "outer"),
        ([ValueError("Signature=secret"), Exception("inner")], "ValueError"),
        ([ValueError("outer"), signed_url()], "ValueError"),
    ],
)
def test_reason_is_that_of_the_operating_system(chain: list[BaseException], reason: str) -> None:
    assert innermost_reason(chain) == reason


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


OPEN_TWICE = """
import gc, json, sys
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import Connection, Transport

connection = Connection("cn-hangzhou", "https://127.0.0.1:9", True, 1, 1)
frozen, kept = [gc.get_freeze_count()], []
for number in range(2):
    Transport(connection)
    frozen.append(gc.get_freeze_count())
    kept.extend([number] for each in range(5000))
print(json.dumps({"frozen": frozen, "collecting": gc.isenabled(), "modules": list(sys.modules)}))
"""


def test_sdk_is_imported_with_no_more_than_it_needs() -> None:
    """In a process of its own, as a module is."""
    collections = Path(_transport.__file__).parents[5]
    program = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(collections)!r})\n{OPEN_TWICE}"]
    seen = json.loads(subprocess.check_output(program))
    before, first, second = seen["frozen"]
    assert first - before > 1000
    assert abs(second - first) < 1000  # what came later is looked at; a few of the first objects come and go
    assert seen["collecting"]
    assert "aliyunsdkcore.client" in seen["modules"]
    assert "cryptography" not in seen["modules"]


@pytest.mark.usefixtures("clean_environment")
def test_garbage_is_collected_as_ever_where_the_sdk_is_imported_already() -> None:
    new_transport()
    gc.unfreeze()
    new_transport()
    assert gc.get_freeze_count() < 1000
    assert gc.isenabled()
