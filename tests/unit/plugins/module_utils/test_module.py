# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's side of a module: how it is created, what its client is opened with, and how a failure is shown."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import typing as t
from importlib.util import find_spec

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.aliyun_community.slb.plugins.module_utils import _client, _module
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import (
    Connection,
    connection_argument_spec,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import FetchLimits
from ansible_collections.aliyun_community.slb.plugins.module_utils._deadline import Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.tests.unit.module_arguments import patch_module_args
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

pytestmark = pytest.mark.usefixtures("clean_environment", "no_settings_in_the_environment", "process_of_a_module")


def new_module(**options: t.Any) -> AnsibleModule:
    with patch_module_args({"region": "cn-hangzhou", **options}):
        return _module.create_module(connection_argument_spec())


class Opened(t.NamedTuple):
    """What a client is opened with."""

    connection: Connection
    options: dict[str, t.Any]
    environ: t.Mapping[str, str]
    limits: FetchLimits
    deadline: Deadline
    warnings: list[str]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Opened]:
    """``opened(region=...)``: what the client of a module with these options is opened with."""
    calls: list[t.Any] = []
    monkeypatch.setattr(_client, "Client", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(_client, "find_credentials", lambda *arguments: arguments)

    def open_it(**options: t.Any) -> Opened:
        module, warnings = new_module(**options), list[str]()
        monkeypatch.setattr(module, "warn", warnings.append)
        _module.open_client(module)
        connection, (found_in, environ, limits), deadline = calls.pop()
        return Opened(connection, found_in, environ, limits, deadline, warnings)

    return open_it


OpenIt = t.Callable[..., Opened]


def test_modules_have_a_check_mode() -> None:
    assert new_module().supports_check_mode is True


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"region": "x\udcff"}, ", or the environment variable that sets it, is not valid UTF-8."),
        ({"assume_role": 5}, " does not have its documented type (argument of type 'int'"),
    ],
)
def test_options_that_ansible_breaks_on(
    capsys: pytest.CaptureFixture[str], option: dict[str, t.Any], words: str
) -> None:
    with patch_module_args(option), pytest.raises(SystemExit) as ended:
        _module.create_module(connection_argument_spec())
    result = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert result == {"failed": True, "msg": result["msg"]}
    assert result["msg"].startswith(f"InvalidArgument: an option{words}")


# The client


@pytest.mark.usefixtures("no_waiting")
def test_client_of_a_module_without_options(opened: OpenIt) -> None:
    client = opened()
    assert client.connection == Connection("cn-hangzhou", "https://slb.aliyuncs.com", True, 5, 30)
    assert client.limits == FetchLimits(5, 30, None, client.deadline.remaining)
    assert 60 < client.deadline.remaining() <= 120
    assert client.environ is os.environ
    assert client.warnings == []


def test_client_of_a_module_with_all_options(opened: OpenIt, tmp_path: t.Any) -> None:
    ca = str(tmp_path)
    client = opened(
        region="cn-beijing",
        endpoint="slb.example.com:8443",
        ca_path=ca,
        access_key="id",
        connect_timeout=7,
        read_timeout=8,
        wait_timeout=900,
    )
    assert client.connection == Connection("cn-beijing", "https://slb.example.com:8443", ca, 7, 8)
    assert client.limits == FetchLimits(7, 8, ca, client.deadline.remaining)
    assert 600 < client.deadline.remaining() <= 900
    assert client.options["access_key"] == "id"


def test_client_of_a_module_calls_the_api(slb: t.Any) -> None:
    keys = {"access_key": "rehearsal", "secret_key": "rehearsal-secret+/="}
    client = _module.open_client(new_module(endpoint=slb.url, **keys))
    answer = client.read("DescribeLoadBalancerAttribute", {"LoadBalancerId": "lb-web"})
    assert answer["LoadBalancerId"] == "lb-web"
    assert client.region == "cn-hangzhou"


@pytest.mark.parametrize("validate_certs", [True, False])
def test_client_of_a_module_and_the_certificate_of_a_stranger(
    running_slb: t.Any, certificates: t.Any, validate_certs: bool
) -> None:
    with running_slb(tls=certificates.self_signed) as slb:
        keys = {"access_key": "rehearsal", "secret_key": "rehearsal-secret+/="}
        client = _module.open_client(new_module(endpoint=slb.url, validate_certs=validate_certs, **keys))
        with refusal(SlbError, "CertificateInvalid") if validate_certs else contextlib.nullcontext():
            client.read("DescribeLoadBalancerAttribute", {"LoadBalancerId": "lb-web"})
        assert len(slb.requests) == (0 if validate_certs else 1)


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "wait_timeout"])
def test_timeouts_are_seconds_of_a_day_at_most(opened: OpenIt, name: str) -> None:
    opened(**{name: 1})
    opened(**{name: "86400"})
    for seconds in (0, 86401, True):
        with refusal(InvalidArgument, f"{name} is {seconds}".lower()):
            opened(**{name: seconds})


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("", "region is missing"),
        (None, "region is missing"),
        ("cn", "region 'cn' is not a valid region id"),
        ("Cn-Hangzhou", "region 'Cn-Hangzhou' is not a valid region id"),
        ("cn-hangzhou.example", "is not a valid region id"),
    ],
)
def test_region_must_look_like_one(opened: OpenIt, region: str | None, words: str) -> None:
    with refusal(InvalidArgument, words):
        opened(region=region)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("cn-hangzhou", "slb.aliyuncs.com"),  # of the SDK's table
        ("xx-unheard-of-1", "slb.xx-unheard-of-1.aliyuncs.com"),
    ],
)
def test_region_decides_on_the_host(opened: OpenIt, region: str, host: str) -> None:
    assert opened(region=region).connection.endpoint == f"https://{host}"


def test_region_decides_on_the_host_without_the_sdk(opened: OpenIt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(t.cast("dict[str, t.Any]", sys.modules), "aliyunsdkslb.endpoint", None)
    assert opened().connection.endpoint == "https://slb.cn-hangzhou.aliyuncs.com"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("slb.example.com", "https://slb.example.com"),
        ("slb.example.com:8443", "https://slb.example.com:8443"),
        ("https://slb.example.com/", "https://slb.example.com"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_endpoint_is_a_url_or_a_host(opened: OpenIt, endpoint: str, url: str) -> None:
    assert opened(endpoint=endpoint).connection.endpoint == url


@pytest.mark.parametrize(
    "endpoint",
    [
        *("ftp://slb.example.com", "http://", "http://[", "host:port", "host:0", "host:65536"),
        *("https://user@host", "https://:password@host", "host/path", "host?query", "host#fragment"),
    ],
)
def test_endpoint_that_is_no_host(opened: OpenIt, endpoint: str) -> None:
    with refusal(InvalidArgument, "endpoint is not a valid host"):
        opened(endpoint=endpoint)


@pytest.mark.parametrize(
    ("endpoint", "warned"),
    [
        ("http://slb.example.com", True),
        ("http://127.example.com", True),
        ("http://localhost.example.com", True),
        ("https://slb.example.com", False),
        ("http://localhost:8080", False),
        ("http://127.1.2.3", False),
        ("http://[::1]:8080", False),
    ],
)
def test_endpoint_without_encryption_is_warned_about(opened: OpenIt, endpoint: str, warned: bool) -> None:
    warning = f"The endpoint {endpoint} is not encrypted: requests can be read and repeated by others"
    assert opened(endpoint=endpoint).warnings == ([warning] if warned else [])


def test_certificates_that_are_not_there(opened: OpenIt, tmp_path: t.Any) -> None:
    with refusal(InvalidArgument, f"ca_path {tmp_path}/none does not exist"):
        opened(ca_path=f"{tmp_path}/none")


def test_certificates_do_not_matter_when_they_are_not_checked(opened: OpenIt, tmp_path: t.Any) -> None:
    assert opened(ca_path=f"{tmp_path}/none", validate_certs=False).connection.verify is False


# Failures


def shown(
    module: AnsibleModule,
    capsys: pytest.CaptureFixture[str],
    error: SlbError,
    subject: str = "Doing it",
    **result: t.Any,
) -> t.Any:
    """What a module prints that fails with this error."""
    with patch_module_args(), pytest.raises(SystemExit) as ended:
        _module.fail(module, error, subject, **result)
    assert ended.value.code == 1
    return json.loads(capsys.readouterr().out)


def test_failure_is_a_sentence_and_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    error = SlbError("Some.Code", "it went wrong", http_status=400, request_id="R-1", advice="Try again.")
    output = shown(new_module(), capsys, error, changed=True, applied=["i-web1"])
    assert output["msg"] == "Doing it: Some.Code: it went wrong. Request id R-1. Try again."
    assert output["error"] == {"code": "Some.Code", "message": "it went wrong", "http_status": 400, "request_id": "R-1"}
    assert (output["failed"], output["changed"], output["applied"]) == (True, True, ["i-web1"])


def test_failure_is_short_whatever_an_id_is(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(new_module(), capsys, SlbError("Some.Code", "it went wrong"), subject=f"Reading {'x' * 5000}")
    assert output["msg"] == f"Reading {'x' * 192}: Some.Code: it went wrong."


SECRET_VARIABLES = [
    *("ALICLOUD_SECRET_KEY", "ALICLOUD_SECRET_ACCESS_KEY", "ALICLOUD_ACCESS_KEY_SECRET", "ALICLOUD_SECURITY_TOKEN"),
    *("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN", "ALICLOUD_ASSUME_ROLE_EXTERNAL_ID"),
]


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_secrets_of_the_environment_are_hidden(
    opened: OpenIt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(name, "hidden-value")
    module = new_module()
    _module.open_client(module)
    output = shown(module, capsys, SlbError("Code", "it said hidden-value"))
    if find_spec("ansible.module_utils.secrets"):  # ansible-core 2.22 and newer
        assert output["_ansible_new_secrets"] == ["hidden-value"]  # what the controller is to censor
    else:
        assert "hidden-value" not in json.dumps(output)
        assert output["error"]["message"] == "it said ********"
