# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the gateway refuses: who asks, when, and how it is signed."""

from __future__ import annotations

import http.client
import json
import time
import typing as t
from urllib.parse import urlencode, urlsplit

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from rpc_request import common_parameters, refusal, send, signed
from sdk_client import SdkClient

from slb_emulator import Emulator
from slb_emulator.api.signatures import rpc_string_to_sign

ACTION = "DescribeLoadBalancerAttribute"


def utc(offset: t.Any) -> t.Any:
    """A timestamp that many seconds from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


def asked(emulator: Emulator, **parameters: t.Any) -> t.Any:
    """(status, code) of a Describe call with these parameters changed."""
    return refusal(emulator.url, ACTION, **{"LoadBalancerId": "lb-test", **parameters})


@pytest.mark.parametrize(
    ("parameters", "outcome"),
    [
        ({"AccessKeyId": "nobody"}, (404, "InvalidAccessKeyId.NotFound")),
        ({"AccessKeyId": "inactive"}, (400, "InvalidAccessKeyId.Inactive")),
        ({"AccessKeyId": None}, (400, "MissingParameter")),
        ({"Version": "2016-02-23"}, (400, "InvalidVersion")),
        ({"Version": None}, (400, "MissingParameter")),
        ({"Action": "DescribeEverything"}, (404, "InvalidAction.NotFound")),
        ({"Action": None}, (400, "MissingParameter")),
        ({"SignatureMethod": "HMAC-MD5"}, (400, "InvalidParameter")),
        ({"SignatureVersion": "2.0"}, (400, "InvalidParameter")),
        ({"SignatureNonce": ""}, (400, "MissingParameter")),
        ({"Format": "XML"}, (400, "InvalidParameter")),
        ({"Timestamp": None}, (400, "MissingParameter")),
        ({"Timestamp": "2026-01-02 03:04:05"}, (400, "InvalidTimeStamp.Format")),
        ({"SecurityToken": "tok"}, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
        ({"LoadBalancerId": None}, (400, "MissingParameter")),
    ],
)
def test_refused(emulator: Emulator, parameters: dict[str, t.Any], outcome: t.Any) -> None:
    assert asked(emulator, **parameters) == outcome


@pytest.mark.parametrize("offset", [-16 * 60, 16 * 60])
def test_clocks_may_not_differ_more(emulator: Emulator, offset: t.Any) -> None:
    assert asked(emulator, Timestamp=utc(offset)) == (400, "InvalidTimeStamp.Expired")


@pytest.mark.parametrize("offset", [-14 * 60, 14 * 60])
def test_clocks_may_differ(emulator: Emulator, offset: t.Any) -> None:
    parameters = common_parameters(ACTION, LoadBalancerId="lb-test", Timestamp=utc(offset))
    assert send(emulator.url, signed(parameters))[0] == 200


def test_method(emulator: Emulator) -> None:
    assert refusal(emulator.url, ACTION, method="PUT", LoadBalancerId="lb-test") == (403, "UnsupportedHTTPMethod")


@pytest.mark.parametrize(("method", "as_form"), [("GET", False), ("POST", False), ("POST", True)])
def test_ways_to_send(emulator: Emulator, method: str, as_form: bool) -> None:
    parameters = common_parameters(ACTION, LoadBalancerId="lb-test", SignatureType="")
    status, answer = send(emulator.url, signed(parameters, method), method, as_form)
    assert (status, answer["LoadBalancerId"]) == (200, "lb-test")


def test_empty_parameter_is_signed(emulator: Emulator) -> None:
    """A signature over SignatureType= does not fit a request without it."""
    parameters = signed(common_parameters(ACTION, LoadBalancerId="lb-test", SignatureType=""))
    del parameters["SignatureType"]
    assert send(emulator.url, parameters)[1]["Code"] == "SignatureDoesNotMatch"


def test_changed_parameter(emulator: Emulator) -> None:
    parameters = signed(common_parameters(ACTION, LoadBalancerId="lb-other"))
    status, answer = send(emulator.url, {**parameters, "LoadBalancerId": "lb-test"})
    assert (status, answer["Code"]) == (400, "SignatureDoesNotMatch")


def test_signature_of_another_method(emulator: Emulator) -> None:
    parameters = signed(common_parameters(ACTION, LoadBalancerId="lb-test"), "GET")
    assert send(emulator.url, parameters, "POST")[1]["Code"] == "SignatureDoesNotMatch"


def test_body_of_an_error(emulator: Emulator) -> None:
    parameters = signed(common_parameters(ACTION, LoadBalancerId="lb-test"), secret="wrong")
    status, answer = send(emulator.url, parameters)
    string_to_sign = rpc_string_to_sign("POST", parameters)
    assert status == 400
    assert set(answer) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert answer["Message"] == (
        f"Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}"
    )
    assert answer["RequestId"] == emulator.requests[0].request_id


def test_nonce_is_used_up(emulator: Emulator) -> None:
    parameters = signed(common_parameters(ACTION, LoadBalancerId="lb-test"))
    assert send(emulator.url, parameters)[0] == 200
    status, answer = send(emulator.url, parameters)
    assert (status, answer["Code"]) == (400, "SignatureNonceUsed")


def test_refused_signature_uses_no_nonce(emulator: Emulator) -> None:
    parameters = common_parameters(ACTION, LoadBalancerId="lb-test")
    assert send(emulator.url, signed(parameters, secret="wrong"))[1]["Code"] == "SignatureDoesNotMatch"
    assert send(emulator.url, signed(parameters))[0] == 200


@pytest.mark.parametrize(
    ("key", "token", "code"),
    [
        ("STS.id", None, "MissingSecurityToken"),
        ("STS.id", "other", "InvalidSecurityToken.Malformed"),
        ("STS.old", "old-token", "InvalidSecurityToken.Expired"),
    ],
)
def test_refused_tokens(emulator: Emulator, key: str, token: str | None, code: str) -> None:
    outcome = asked(emulator, AccessKeyId=key, SecurityToken=token, secret="stssecret")
    assert outcome == (400, code)


def test_token(emulator: Emulator) -> None:
    assert SdkClient(emulator.url, "STS.id", "stssecret", "tok+/==").describe()


def test_sdk_tells_a_wrong_secret(emulator: Emulator) -> None:
    with pytest.raises(ServerException) as caught:
        SdkClient(emulator.url, secret="wrong").describe()
    # The SDK finds its own string to sign in the message and concludes that the secret is wrong.
    assert caught.value.get_error_code() == "InvalidAccessKeySecret"


def test_nothing_secret_is_recorded(emulator: Emulator) -> None:
    SdkClient(emulator.url, "STS.id", "stssecret", "tok+/==").describe()
    record = emulator.requests[0]
    assert record.parameters["AccessKeyId"] == "STS.id"
    assert not {"Signature", "SecurityToken"} & set(record.parameters)
    assert "tok+/==" not in repr(record)
    assert "stssecret" not in repr(record)


def test_records(emulator: Emulator) -> None:
    sdk = SdkClient(emulator.url)
    sdk.set({"ServerId": "i-web1", "Weight": "7"})
    record = emulator.requests[-1]
    assert (record.action, record.method, record.http_status, record.code) == ("SetBackendServers", "POST", 200, None)
    assert json.loads(record.parameters["BackendServers"]) == [{"ServerId": "i-web1", "Weight": "7"}]
    assert record.headers["x-acs-action"] == "SetBackendServers"
    assert (record.scheme, record.sni, record.fault) == ("http", "", None)
    assert record.changed_members == ["i-web1"]
    assert str(record) == "SetBackendServers lb-test 200 i-web1: 100 -> 7"
    emulator.clear()
    assert emulator.requests == []


def test_connection_stays_open(emulator: Emulator) -> None:
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)
    sockets = set()
    for method in ("POST", "GET", "POST"):
        parameters = signed(common_parameters(ACTION, LoadBalancerId="lb-test"), method)
        connection.request(method, f"/?{urlencode(parameters)}")
        response = connection.getresponse()
        assert json.loads(response.read())["LoadBalancerId"] == "lb-test"
        sockets.add(connection.sock)
    assert len(sockets) == 1
    assert None not in sockets
    connection.close()
