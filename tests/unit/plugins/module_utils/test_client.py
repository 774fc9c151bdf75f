# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client over the real SDK: its traps, retries, errors and what it must not show."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import socket
import ssl
import sys
import time
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _client, _errors, _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import connection_argument_spec
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import OutcomeUnknown, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import LARGEST_BODY
from ansible_collections.aliyun_community.slb.tests.unit.loopback import LoopbackServer
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

KEY, SECRET, TOKEN = "rehearsal", "rehearsal-secret+/=", "rehearsal-token+/=="
OpenClient = t.Callable[..., _client.Client]


pytestmark = pytest.mark.usefixtures("no_waiting")


class RotatingCredentials:
    """Temporary keys first, then keys without a token."""

    def __init__(self, *keys: Credentials) -> None:
        self._keys = list(keys)

    def credentials(self) -> Credentials:
        return self._keys.pop(0)


class OneAnswer(LoopbackServer):
    """Keeps what it is sent and gives one fixed answer to every connection."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.received: list[bytes] = []
        self._answer = answer

    def handle(self, connection: socket.socket) -> None:
        self.received.append(connection.recv(65536))
        connection.sendall(self._answer)


def answer_of(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


EMPTY_GROUP = answer_of(b'{"RequestId":"R","LoadBalancerId":"lb-web","BackendServers":{"BackendServer":[]}}')


def describe(client: _client.Client) -> t.Any:
    return _slb.describe_load_balancer(client, "lb-web")


def actions(slb: t.Any) -> list[str]:
    return [request.action for request in slb.requests]


# Opening


def options(url: str, **changes: t.Any) -> dict[str, t.Any]:
    """The connection options as Ansible hands them over, without a module."""
    spec = connection_argument_spec()
    defaults = {name: option.get("default") for name, option in spec.items()}
    return {**defaults, "region": "cn-hangzhou", "endpoint": url, **changes}


def test_client_without_a_module(slb: t.Any, clean_environment: pytest.MonkeyPatch) -> None:
    environ = {"ALICLOUD_ACCESS_KEY": KEY, "ALICLOUD_SECRET_KEY": SECRET}
    warnings: list[str] = []
    client = _client.open_client(options(slb.url), environ, warnings.append)
    assert len(describe(client).backend_servers) == 4
    assert client.region == "cn-hangzhou"
    assert warnings == []


def test_client_without_a_module_warns(clean_environment: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    given = options("http://slb.example.com", access_key=KEY, secret_key=SECRET)
    _client.open_client(given, {}, warnings.append)
    assert [warning for warning in warnings if "http://slb.example.com is not encrypted" in warning] == warnings != []


def test_client_without_a_module_takes_nothing_from_the_environment_of_the_process(
    slb: t.Any, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.setenv("ALICLOUD_ACCESS_KEY", KEY)
    clean_environment.setenv("ALICLOUD_SECRET_KEY", SECRET)
    with refusal(SlbError, "no credentials"):
        _client.open_client(options(slb.url), {}, pytest.fail)


# Requests


def test_account_of_calls_and_request_ids(slb: t.Any, open_client: OpenClient) -> None:
    client = open_client(slb.url)
    describe(client)
    describe(client)
    assert client.api_calls == 2
    assert client.request_ids == [request.request_id for request in slb.requests]


def test_set_sends_json_text_with_text_weights_and_all_that_was_read(slb: t.Any, open_client: OpenClient) -> None:
    members = [
        BackendServer("i-web1", 0, "ecs", None, "web/1.a-b_c"),
        BackendServer("eni-web3", 5, "eni", "192.168.0.12"),
    ]
    _slb.set_backend_servers(open_client(slb.url), "lb-web", members)
    assert json.loads(slb.requests[0].parameters["BackendServers"]) == [
        {"ServerId": "i-web1", "Weight": "0", "Type": "ecs", "Description": "web/1.a-b_c"},
        {"ServerId": "eni-web3", "Weight": "5", "Type": "eni", "ServerIp": "192.168.0.12"},
    ]
    assert [(member.server_id, member.weight) for member in slb.members("lb-web")] == [
        ("i-web1", 0),
        ("i-web2", 100),
        ("eni-web3", 60),
        ("eni-web3", 5),
    ]


def test_listeners_are_read_page_by_page(slb: t.Any, open_client: OpenClient) -> None:
    listeners = _slb.describe_listeners(open_client(slb.url), "lb-web")
    assert [listener.port for listener in listeners] == list(range(1000, 1120))
    assert len(slb.requests) == 2


def test_every_request_is_new(slb: t.Any, open_client: OpenClient) -> None:
    """A used request object keeps the token, and its User-Agent grows."""
    source = RotatingCredentials(
        Credentials("STS.example", SECRET, TOKEN), Credentials(KEY, SECRET), Credentials(KEY, SECRET)
    )
    client = open_client(slb.url, keys=source)
    agents = []
    for _call in range(3):
        describe(client)
        agents.append(slb.requests[-1].headers)
    user_agents = {value for headers in agents for name, value in headers.items() if name.lower() == "user-agent"}
    assert len(user_agents) == 1
    assert "ansible-collection/aliyun_community.slb" in user_agents.pop()


def test_environment_of_the_sdk_does_not_beat_the_keys(
    slb: t.Any, open_client: OpenClient, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.setenv("ALIYUN_ACCESS_KEY_ID", "nobody")
    clean_environment.setenv("ALIYUN_ACCESS_KEY_SECRET", "nothing")
    describe(open_client(slb.url, keys=RotatingCredentials(Credentials("STS.example", SECRET, TOKEN))))
    assert slb.requests[0].parameters["AccessKeyId"] == "STS.example"


def test_sdk_is_silent_and_finds_no_settings_of_its_own(
    slb: t.Any, open_client: OpenClient, clean_environment: pytest.MonkeyPatch
) -> None:
    names = ("ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET", "DEBUG")
    for name in names:
        clean_environment.setenv(name, "sdk")
    logging.getLogger("aliyunsdkcore").setLevel(logging.DEBUG)
    open_client(slb.url)
    assert [name for name in names if name in os.environ] == []
    assert not logging.getLogger("aliyunsdkcore").isEnabledFor(logging.CRITICAL)


def test_sdk_that_is_missing_is_named(open_client: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(t.cast("dict[str, t.Any]", sys.modules), "aliyunsdkcore.client", None)
    with refusal(SlbError, "^MissingLibrary: .* aliyun-python-sdk-slb .* but aliyunsdkcore.client cannot be") as caught:
        open_client("http://127.0.0.1:9")
    assert "pip install" in caught.value.advice
    assert "'aliyun-python-sdk-slb>=" in caught.value.advice


def test_netrc_is_not_read(open_client: OpenClient, clean_environment: pytest.MonkeyPatch, tmp_path: t.Any) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    netrc.chmod(0o600)
    clean_environment.setenv("HOME", str(tmp_path))
    clean_environment.setenv("NETRC", str(netrc))
    with OneAnswer(EMPTY_GROUP) as server:
        describe(open_client(f"http://{server.address}"))
    assert b"authorization" not in server.received[0].lower()


@pytest.mark.parametrize(
    "proxy",
    [
        *("http://user:hidden/word@127.0.0.1:9", "http://[", "http://", "ftp://127.0.0.1:9", "http://127.0.0.1:port"),
        *("http://x\udcff:9", f"http://{'x' * 64}:9"),
    ],
)
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
def test_malformed_proxy_ends_at_once(
    open_client: OpenClient, clean_environment: pytest.MonkeyPatch, proxy: str, endpoint: str
) -> None:
    for name in ("http_proxy", "https_proxy"):
        clean_environment.setenv(name, proxy)
    client = open_client(endpoint)
    with refusal(SlbError, "sets a proxy with an invalid URL") as error:
        describe(client)
    assert (error.value.code, client.api_calls) == ("EndpointUnusable", 0)
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
def test_proxy_without_a_server_is_given_up_after_a_few_tries(
    open_client: OpenClient, clean_environment: pytest.MonkeyPatch, endpoint: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for name in ("http_proxy", "https_proxy"):
        clean_environment.setenv(name, f"http://user:hidden@127.0.0.1:{port}")
    client = open_client(endpoint)
    with refusal(SlbError, f"^EndpointUnreachable: no connection to {endpoint}: Connection refused$"):
        describe(client)
    assert client.api_calls == _client.CONNECT_ATTEMPTS


@pytest.mark.parametrize("no_proxy", [None, "127.0.0.1", "*"])
def test_no_proxy_is_honoured(
    slb: t.Any, open_client: OpenClient, clean_environment: pytest.MonkeyPatch, no_proxy: str | None
) -> None:
    with OneAnswer(EMPTY_GROUP) as proxy:
        clean_environment.setenv("HTTP_PROXY", f"http://{proxy.address}")
        clean_environment.setenv("http_proxy", f"http://{proxy.address}")
        if no_proxy:
            clean_environment.setenv("NO_PROXY", no_proxy)
        describe(open_client(slb.url))
    if no_proxy:
        assert (proxy.received, actions(slb)) == ([], ["DescribeLoadBalancerAttribute"])
    else:
        assert proxy.received[0].startswith(b"POST http://127.0.0.1:")
        assert not slb.requests


# TLS


@pytest.fixture
def tls_slb(running_slb: t.Any, certificates: t.Any) -> t.Iterator[t.Any]:
    with running_slb(tls=certificates.localhost) as emulator:
        yield emulator


def as_localhost(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


def test_https_with_server_name(tls_slb: t.Any, open_client: OpenClient, certificates: t.Any) -> None:
    """Python 3.12 and later send no server name unless the SDK's vendored library is told that they can."""
    endpoint = as_localhost(tls_slb.url)
    assert endpoint.startswith("https://")
    describe(open_client(endpoint, verify=certificates.ca))
    assert [(request.scheme, request.sni) for request in tls_slb.requests] == [("https", "localhost")]


def test_https_with_an_address(tls_slb: t.Any, open_client: OpenClient, certificates: t.Any) -> None:
    describe(open_client(tls_slb.url, verify=certificates.ca))
    assert len(tls_slb.requests) == 1


def test_scheme_that_is_another_object_is_still_https(slb: t.Any, open_client: OpenClient) -> None:
    """The SDK takes any "https" but its own for http: a plain server must not get a request that meant TLS."""
    with pytest.raises(SlbError) as caught:
        describe(open_client("".join(["ht", "tps"]) + slb.url[len("http") :]))
    assert caught.value.code == "EndpointUnusable"
    assert "does not speak TLS" in caught.value.message
    assert not slb.requests


def test_unknown_authority_is_refused(tls_slb: t.Any, open_client: OpenClient) -> None:
    client = open_client(as_localhost(tls_slb.url))
    with pytest.raises(SlbError) as caught:
        describe(client)
    assert caught.value.code == "CertificateInvalid"
    assert caught.value.message.endswith("is not accepted: unable to get local issuer certificate")
    assert "ca_path" in caught.value.advice
    assert client.api_calls == 1  # trying again would be no use
    assert not tls_slb.requests


def test_verification_can_be_switched_off(
    tls_slb: t.Any, open_client: OpenClient, recwarn: pytest.WarningsRecorder
) -> None:
    describe(open_client(tls_slb.url, verify=False))
    assert len(tls_slb.requests) == 1
    assert [str(warning.message) for warning in recwarn] == []  # they would be on stderr


def test_bundle_of_the_environment_does_not_beat_verification(
    tls_slb: t.Any, open_client: OpenClient, certificates: t.Any, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.setenv("ALIBABA_CLOUD_CA_BUNDLE", certificates.ca)
    with pytest.raises(SlbError, match="CertificateInvalid"):
        describe(open_client(tls_slb.url, verify=True))


@pytest.mark.parametrize(
    ("name", "reason"), [("other_name", "slb.example.invalid"), ("expired", "certificate has expired")]
)
def test_certificate_must_fit(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any, name: str, reason: str
) -> None:
    with running_slb(tls=getattr(certificates, name)) as emulator:
        with pytest.raises(SlbError) as caught:
            describe(open_client(as_localhost(emulator.url), verify=certificates.ca))
        assert caught.value.code == "CertificateInvalid"
        assert reason in caught.value.message
        assert not emulator.requests


# Answers


@pytest.mark.parametrize("code", _errors.RETRIED_CODES)
def test_refusal_for_now_is_tried_again(slb: t.Any, open_client: OpenClient, code: str) -> None:
    slb.add_fault({"kind": "error", "code": code, "http_status": 400, "message": "not now", "times": 2})
    client = open_client(slb.url)
    _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    assert client.api_calls == 3
    assert slb.members("lb-web")[0].weight == 0


@pytest.mark.parametrize(
    ("code", "http_status"),
    [("InvalidLoadBalancerId.NotFound", 404), ("Forbidden.RAM", 403), ("ServiceUnavailable", 400), ("Unheard.Of", 400)],
)
def test_other_errors_end_at_once(slb: t.Any, open_client: OpenClient, code: str, http_status: int) -> None:
    slb.add_fault({"kind": "error", "code": code, "http_status": http_status, "message": "No.", "times": 0})
    client = open_client(slb.url)
    with pytest.raises(SlbError) as caught:
        describe(client)
    error = caught.value
    assert (error.code, error.message, error.http_status) == (code, "No.", http_status)
    assert error.request_id == slb.requests[0].request_id
    assert client.api_calls == 1


UNUSABLE: list[dict[str, t.Any]] = [
    {"http_status": 200, "body": "<html>proxy</html>"},
    {"http_status": 200, "body": ""},
    {"http_status": 200, "body": "[1]"},
    {"http_status": 200, "body": "[" * 100_000},
    {"http_status": 200, "body": "{}"},
    {"http_status": 200, "body": '{"status": "ok"}'},
    {"http_status": 204, "body": ""},
    {"http_status": 302, "body": ""},
    {"http_status": 400, "body": "5"},  # TypeError in the SDK
    {"http_status": 400, "body": '{"Code": 5}'},
    {"http_status": 502, "body": "<html>bad gateway</html>"},
    {"http_status": 599, "body": "x"},
    {"http_status": 500, "body_base64": base64.b64encode(b"\xff\xfe{").decode()},  # UnicodeDecodeError in the SDK
]


@pytest.mark.parametrize("answer", UNUSABLE, ids=lambda answer: f"{answer['http_status']}-{len(str(answer))}")
def test_unusable_answers_are_tried_again_when_reading(
    slb: t.Any, open_client: OpenClient, answer: dict[str, t.Any]
) -> None:
    slb.add_fault({"kind": "raw", **answer})
    client = open_client(slb.url)
    assert len(describe(client).backend_servers) == 4
    assert client.api_calls == 2


@pytest.mark.parametrize("answer", UNUSABLE, ids=lambda answer: f"{answer['http_status']}-{len(str(answer))}")
def test_unusable_answers_to_a_write_leave_it_open(
    slb: t.Any, open_client: OpenClient, answer: dict[str, t.Any]
) -> None:
    slb.add_fault({"kind": "raw", **answer})
    client = open_client(slb.url)
    with pytest.raises(OutcomeUnknown) as caught:
        _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    assert caught.value.http_status == answer["http_status"]
    assert "endpoint" in caught.value.advice
    assert client.api_calls == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "an empty body"),
        (" \n", "an empty body"),
        (" <html>", "HTML or XML instead of JSON"),
        ("nonsense", "a body that is not a response of this API"),
        ('{"password": "hidden"}', "a body that is not a response of this API"),
    ],
)
def test_unusable_answer_is_described_and_not_shown(slb: t.Any, open_client: OpenClient, body: str, words: str) -> None:
    slb.add_fault({"kind": "raw", "http_status": 502, "body": body})
    with refusal(OutcomeUnknown) as caught:
        _slb.set_backend_servers(open_client(slb.url), "lb-web", [BackendServer("i-web1", 0)])
    assert caught.value.code == "UnusableAnswer"
    assert caught.value.message == f"{slb.url} responded to SetBackendServers with HTTP status 502 and {words}"


def test_unusable_answer_may_have_a_request_id(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"kind": "raw", "http_status": 502, "body": '{"RequestId": "R-1"}'})
    client = open_client(slb.url)
    with refusal(OutcomeUnknown) as caught:
        _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    assert (caught.value.request_id, client.request_ids) == ("R-1", ["R-1"])


def test_error_without_a_message(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"kind": "raw", "http_status": 403, "body": '{"Code": "Forbidden.RAM", "RequestId": "R-1"}'})
    with refusal(SlbError, "^Forbidden.RAM: no message$"):
        describe(open_client(slb.url))


def test_string_that_was_signed_is_not_shown(slb: t.Any, open_client: OpenClient) -> None:
    message = "it does not match. server string to sign is:GET&one server string to sign is:GET&two"
    slb.add_fault({"kind": "error", "code": "SignatureDoesNotMatch", "http_status": 400, "message": message})
    with refusal(SlbError, r"^SignatureDoesNotMatch: it does not match\.$"):
        describe(open_client(slb.url))


def test_failure_within_the_api_leaves_a_write_open_whatever_its_status(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"kind": "error", "code": "InternalError", "http_status": 400, "message": "No."})
    with pytest.raises(OutcomeUnknown, match=r"^InternalError: No\.$"):
        _slb.set_backend_servers(open_client(slb.url), "lb-web", [BackendServer("i-web1", 0)])


def test_request_that_the_sdk_cannot_build(slb: t.Any, open_client: OpenClient) -> None:
    client = open_client(slb.url)
    with pytest.raises(SlbError, match=r"^SdkFailure: the SDK could not build the request \(UnicodeEncodeError\)$"):
        client.read("DescribeLoadBalancerAttribute", {"LoadBalancerId": "\ud800"})
    assert client.api_calls == 0


def test_error_code_in_a_good_answer_is_an_error(slb: t.Any, open_client: OpenClient) -> None:
    body = json.dumps({"Code": "Forbidden.RAM", "Message": "No.", "RequestId": "R-1"})
    slb.add_fault({"kind": "raw", "http_status": 200, "body": body, "content_type": "application/json"})
    with pytest.raises(SlbError) as caught:
        describe(open_client(slb.url))
    assert (caught.value.code, caught.value.request_id) == ("Forbidden.RAM", "R-1")


@pytest.mark.parametrize("message", ["Specified signature is not matched", "a: b", ""])
def test_wrong_signature_in_any_wording(slb: t.Any, open_client: OpenClient, message: str) -> None:
    """A message without a colon makes the SDK raise IndexError."""
    slb.add_fault({"kind": "error", "code": "SignatureDoesNotMatch", "http_status": 400, "message": message})
    with pytest.raises(SlbError) as caught:
        describe(open_client(slb.url))
    assert caught.value.code == "SignatureDoesNotMatch"
    assert "secret_key" in caught.value.advice


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "truncate"])
def test_broken_connection_while_reading_is_tried_again(slb: t.Any, open_client: OpenClient, kind: str) -> None:
    slb.add_fault({"kind": kind})
    client = open_client(slb.url)
    assert len(describe(client).backend_servers) == 4
    assert client.api_calls == 2


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "truncate"])
def test_broken_connection_leaves_a_write_open(slb: t.Any, open_client: OpenClient, kind: str) -> None:
    slb.add_fault({"kind": kind})
    client = open_client(slb.url)
    with refusal(OutcomeUnknown, f"{slb.url} "):
        _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    assert client.api_calls == 1


def test_missing_answer_is_said_to_be_missing(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"kind": "cut_after"})
    with refusal(
        OutcomeUnknown, rf"^NoAnswer: SetBackendServers got no complete response from {slb.url} \((?!None).+\)$"
    ):
        _slb.set_backend_servers(open_client(slb.url), "lb-web", [BackendServer("i-web1", 0)])


def test_answer_that_stalls_ends_with_the_read_timeout(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"kind": "stall", "seconds": 30})
    client = open_client(slb.url, read_timeout=1)
    assert len(describe(client).backend_servers) == 4
    assert client.api_calls == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"BackendServers": []},
        {"BackendServers": {"BackendServer": {}}},
        {"BackendServers": {"BackendServer": [1]}},
        {"BackendServers": {"BackendServer": [{"ServerId": "i-1"}]}},
        {"BackendServers": {"BackendServer": [{"ServerId": "i-1", "Weight": True}]}},
        {"BackendServers": {"BackendServer": [{"ServerId": "i-1", "Weight": "heavy"}]}},
        {"BackendServers": {"BackendServer": [{"ServerId": "i-1", "Weight": 101}]}},
        {"BackendServers": {"BackendServer": [{"ServerId": {}, "Weight": 1}]}},
        {"BackendServers": {"BackendServer": [{"Weight": 1}]}},
        {"LoadBalancerId": "lb-other", "BackendServers": {"BackendServer": []}},
    ],
)
def test_answers_of_another_form_are_refused(slb: t.Any, open_client: OpenClient, body: dict[str, t.Any]) -> None:
    answer = json.dumps({"RequestId": "R", **body})
    slb.add_fault({"kind": "raw", "http_status": 200, "body": answer, "content_type": "application/json"})
    with pytest.raises(OutcomeUnknown, match="does not have the documented form"):
        describe(open_client(slb.url))


def test_answers_of_older_regions_are_understood(slb: t.Any, open_client: OpenClient) -> None:
    rows = [{"ServerId": "i-1", "Weight": "100"}, {"ServerId": "i-2", "Weight": 0, "Type": "", "News": [1]}]
    answer = json.dumps({"RequestId": "R", "BackendServers": {"BackendServer": rows}})
    slb.add_fault({"kind": "raw", "http_status": 200, "body": answer, "content_type": "application/json"})
    assert describe(open_client(slb.url)).backend_servers == (BackendServer("i-1", 100), BackendServer("i-2", 0))


@pytest.mark.parametrize("number", ["1_0", "\u0663", " 5", "1e1", "9" * 5000])
def test_number_in_text_is_one_as_the_api_writes_it(slb: t.Any, open_client: OpenClient, number: str) -> None:
    rows = [{"ServerId": "i-1", "Weight": number}]
    answer = json.dumps({"RequestId": "R", "BackendServers": {"BackendServer": rows}})
    slb.add_fault({"kind": "raw", "http_status": 200, "body": answer, "content_type": "application/json"})
    with pytest.raises(OutcomeUnknown, match="does not have the documented form"):
        describe(open_client(slb.url))


def test_half_a_character_makes_an_answer_unusable(slb: t.Any, open_client: OpenClient) -> None:
    """Ansible would throw the whole result of the task away."""
    for name, usable in (("\\ud800", False), ("\\ud83d\\ude00", True)):
        body = f'{{"RequestId":"R","LoadBalancerName":"{name}","BackendServers":{{"BackendServer":[]}}}}'
        slb.add_fault({"kind": "raw", "http_status": 200, "body": body, "content_type": "application/json"})
        client = open_client(slb.url)
        describe(client)
        assert client.api_calls == (1 if usable else 2)


def test_words_of_an_answer_are_one_line_that_no_terminal_obeys(slb: t.Any, open_client: OpenClient) -> None:
    body = json.dumps({"RequestId": "R\x1b[2J", "Code": "Strange\x07", "Message": "\x1b]0;x\x07\n\u202eNo."})
    slb.add_fault({"kind": "raw", "http_status": 400, "body": body, "content_type": "application/json"})
    with pytest.raises(SlbError) as caught:
        describe(open_client(slb.url))
    assert caught.value.message == "\ufffd]0;x\ufffd \ufffdNo."
    assert _errors.printable(caught.value.sentence()).isprintable()


@pytest.mark.parametrize("word", ["x" * 201, {"a": 1}, ""])
def test_code_or_request_id_of_no_such_form_is_none(slb: t.Any, open_client: OpenClient, word: t.Any) -> None:
    body = json.dumps({"RequestId": word, "Code": word, "Message": "No."})
    slb.add_fault({"kind": "raw", "http_status": 400, "body": body, "content_type": "application/json"})
    client = open_client(slb.url)
    describe(client)
    assert client.request_ids == [slb.requests[1].request_id]


def test_longest_request_id(slb: t.Any, open_client: OpenClient) -> None:
    body = json.dumps({"RequestId": "x" * 200, "Code": "Throttling.User", "Message": "No."})
    slb.add_fault({"kind": "raw", "http_status": 400, "body": body, "content_type": "application/json"})
    client = open_client(slb.url)
    describe(client)
    assert client.request_ids == ["x" * 200, slb.requests[1].request_id]


def test_answer_without_end_is_given_up(open_client: OpenClient) -> None:
    body = b" " * (LARGEST_BODY + 1)
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body
    with OneAnswer(answer) as server, pytest.raises(OutcomeUnknown, match=f"more than {LARGEST_BODY} bytes"):
        describe(open_client(f"http://{server.address}", seconds=0))


def test_no_answer_can_expand(open_client: OpenClient) -> None:
    """A few bytes of gzip may stand for gigabytes."""
    body = gzip.compress(EMPTY_GROUP)
    answer = answer_of(body).replace(b"Connection", b"Content-Encoding: gzip\r\nConnection")
    with OneAnswer(answer) as server, pytest.raises(OutcomeUnknown, match="UnusableAnswer"):
        describe(open_client(f"http://{server.address}", seconds=0))
    assert b"accept-encoding: identity\r\n" in server.received[0].lower()


# Time


def test_deadline_ends_an_answer_in_many_pages(open_client: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "READ", _client.READ._replace(grace=0.02))
    page = answer_of(b'{"RequestId":"R","Listeners":[],"NextToken":"more"}')
    with OneAnswer(page) as server:
        client = open_client(f"http://{server.address}", seconds=0)
        with pytest.raises(SlbError, match="DeadlineReached|NoAnswer"):
            _slb.describe_listeners(client, "lb-web")
    assert client.api_calls < 100


def test_deadline_ends_the_retries(slb: t.Any, open_client: OpenClient) -> None:
    slb.add_fault({"kind": "error", "code": "Throttling.User", "times": 0})
    client = open_client(slb.url)
    with pytest.raises(SlbError) as caught:
        describe(client)
    assert caught.value.code == "Throttling.User"
    assert "wait_timeout" in caught.value.advice
    assert client.api_calls > 1


def test_deadline_ends_an_answer_that_drips(
    slb: t.Any, tls_slb: t.Any, open_client: OpenClient, certificates: t.Any
) -> None:
    """A byte now and then keeps every timeout of a socket from passing."""
    for emulator, verify in ((slb, True), (tls_slb, certificates.ca)):
        emulator.add_fault({"kind": "drip", "seconds": 0.1})
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            describe(open_client(emulator.url, seconds=0.5, verify=verify))
        assert time.monotonic() - started < 30  # the whole answer takes more than 100 s


def test_nothing_is_written_after_the_deadline(slb: t.Any, open_client: OpenClient) -> None:
    with refusal(SlbError, "DeadlineReached: no time was left for SetBackendServers"):
        _slb.set_backend_servers(open_client(slb.url, seconds=0), "lb-web", [BackendServer("i-web1", 0)])
    assert not slb.requests


def test_one_read_is_made_after_the_deadline(slb: t.Any, open_client: OpenClient) -> None:
    client = open_client(slb.url, seconds=0)
    assert len(describe(client).backend_servers) == 4
    slb.add_fault({"kind": "cut_before", "times": 0})
    with pytest.raises(OutcomeUnknown):
        describe(client)
    assert client.api_calls == 2


def test_endpoint_without_a_server_is_given_up_after_a_few_tries(open_client: OpenClient) -> None:
    # Bound, so that no other process gets the port, and not listening.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        client = open_client(f"http://127.0.0.1:{port}")
        with refusal(SlbError) as caught:
            describe(client)
    assert caught.value.code == "EndpointUnreachable"
    assert caught.value.message == f"no connection to http://127.0.0.1:{port}: Connection refused"
    assert client.api_calls == _client.CONNECT_ATTEMPTS


def test_pauses_double(slb: t.Any, open_client: OpenClient, no_waiting: t.Any) -> None:
    slb.add_fault({"kind": "error", "code": "Throttling.User", "times": 4})
    describe(open_client(slb.url))
    assert len(no_waiting.pauses) == 4
    assert no_waiting.doubled()


# Secrets


@pytest.mark.parametrize(
    "fault",
    [
        None,
        {"kind": "cut_before", "times": 0},
        {"kind": "raw", "http_status": 500, "body": SECRET + TOKEN, "times": 0},
        {"kind": "error", "code": "SignatureDoesNotMatch", "http_status": 400, "message": f"mine: {TOKEN}", "times": 0},
        {"kind": "error", "code": f"Code.{TOKEN}", "http_status": 400, "message": SECRET, "times": 0},
    ],
)
def test_nothing_secret_is_shown(
    slb: t.Any,
    open_client: OpenClient,
    clean_environment: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, t.Any] | None,
) -> None:
    clean_environment.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG, logger="")
    url = slb.url
    if fault is None:  # nothing listens there
        with socket.create_server(("127.0.0.1", 0)) as unused:
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    else:
        slb.add_fault(fault)
    keys = RotatingCredentials(*[Credentials("STS.example", SECRET, TOKEN)] * 100)
    with pytest.raises(SlbError) as caught:
        describe(open_client(url, keys=keys, seconds=0.3))
    shown = [caught.value.sentence(), json.dumps(caught.value.as_dict()), *capfd.readouterr(), caplog.text]
    for secret in (SECRET, TOKEN, "Signature=", "SecurityToken", "rehearsal-secret%2B", "rehearsal-token%2B"):
        assert [text for text in shown if secret in text] == []


def test_redacted_finds_every_form() -> None:
    keys = Credentials("LTAI+id", "s/cret=", "to k/n+")
    text = "LTAI+id LTAI%2Bid s/cret= s%2Fcret%3D to k/n+ to+k%2Fn%2B to%20k%2Fn%2B"
    assert set(_client.redacted(text, keys).split()) == {"********"}


def test_vendored_library_knows_that_python_can_send_names(slb: t.Any, open_client: OpenClient) -> None:
    open_client(slb.url)
    from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_

    assert ssl_.HAS_SNI is ssl.HAS_SNI
