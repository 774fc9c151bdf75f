# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every source of the credentials guide, from the setting that selects it to a request that the emulator accepts.

The vendor's package runs for real, against stand-ins on loopback. Its hosts are hard-coded, so name lookups are
redirected: the package makes the connections that it would make anyway.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _deadline, _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import Connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import vendor
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import FetchLimits
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.chain import find_credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._deadline import Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import CredentialsUnobtainable, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.tests.unit.plugins.module_utils.key_services import (
    ACCESS,
    BEARER,
    METADATA,
    OIDC_TOKEN,
    PROVIDER_ARN,
    ROLE_ARN,
    KeyServices,
    serving,
    temporary_key,
)
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from slb_emulator import running

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "docsite" / "rst" / "credentials_guide.rst"
KEY, SECRET = "rehearsal", "rehearsal-secret+/="
METADATA_HOST = "100.100.100.200"
CONNECT_TIMEOUT, READ_TIMEOUT = 6.0, 12.0  # seconds; none is a default of the package

AK = {"access_key_id": KEY, "access_key_secret": SECRET}
INI_AK = f"access_key_id = {KEY}\naccess_key_secret = {SECRET}\n"


def slb_state(**of_first_temporary_key: t.Any) -> dict[str, t.Any]:
    """An emulator that knows the user's key and nine temporary ones."""
    temporary = [
        {"access_key_id": key, "access_key_secret": secret, "security_token": token}
        for key, secret, token in map(temporary_key, range(1, 10))
    ]
    temporary[0].update(of_first_temporary_key)
    server = {"server_id": "i-web1", "weight": 100}
    return {
        "access_keys": [{"access_key_id": KEY, "access_key_secret": SECRET}, *temporary],
        "load_balancers": [
            {"load_balancer_id": "lb-web", "region_id": "cn-hangzhou", "backend_servers": [server], "listeners": []}
        ],
    }


class Place(t.NamedTuple):
    """The surroundings of a test. ``home``: the home folder; ``port``: of the stand-ins without TLS.

    ``timeouts``: those of the package's requests, to connect and to read, in milliseconds.
    """

    home: Path
    services: KeyServices
    port: int
    tls_port: int
    slb: t.Any
    ca: str
    timeouts: list[tuple[int, int]]

    def client(
        self,
        options: dict[str, t.Any],
        environ: dict[str, str],
        *,
        seconds: float = 30.0,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        ca: str | None = "",
    ) -> Client:
        deadline = Deadline(seconds)
        limits = FetchLimits(connect_timeout, read_timeout, self.ca if ca == "" else ca, deadline.remaining)
        source = find_credentials(self.filled(options), {"HOME": str(self.home), **self.filled(environ)}, limits)
        return Client(Connection("cn-hangzhou", self.slb.url, True, 5.0, 10.0), source, deadline)

    def filled(self, value: t.Any) -> t.Any:
        """Replace HOME, TLSPORT and PORT in all strings."""
        if isinstance(value, dict):
            return {name: self.filled(item) for name, item in value.items()}
        if not isinstance(value, str):
            return value
        return (
            value.replace("HOME", str(self.home)).replace("TLSPORT", str(self.tls_port)).replace("PORT", str(self.port))
        )

    def write(self, path: str, text: str) -> str:
        file = self.home / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(self.filled(text), encoding="utf-8")
        return str(file)

    def write_profiles(self, *profiles: dict[str, t.Any]) -> None:
        self.write(".aliyun/config.json", json.dumps({"profiles": profiles}))

    def asked(self) -> list[str]:
        """The requests to the stand-ins: actions, or methods and paths."""
        return [
            request.parameters.get("Action") or f"{request.method} {request.path}" for request in self.services.requests
        ]

    def keys_used(self) -> list[str]:
        return [request.parameters["AccessKeyId"] for request in self.slb.requests]


@pytest.fixture
def services() -> t.Iterator[KeyServices]:
    services = KeyServices({KEY: SECRET})
    yield services
    services.hold.set()


@pytest.fixture
def open_place(
    services: KeyServices, certificates: t.Any, clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> t.Iterator[t.Callable[..., Place]]:
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(serving(services))
        tls_port = stack.enter_context(serving(services, certificates.vendor))
        look_up = socket.getaddrinfo

        def look_up_here(host: t.Any, asked_port: t.Any, *rest: t.Any, **options: t.Any) -> t.Any:
            name = host.decode() if isinstance(host, bytes) else str(host)
            if name == METADATA_HOST:
                return look_up("127.0.0.1", port, *rest, **options)
            if name.endswith((".aliyuncs.com", ".aliyun.com", ".alibabacloud.com")):
                return look_up("127.0.0.1", tls_port, *rest, **options)
            assert name in ("127.0.0.1", "localhost"), f"{name} is not on this machine"
            return look_up(host, asked_port, *rest, **options)

        clean_environment.setattr(socket, "getaddrinfo", look_up_here)

        def open_it(**of_first_temporary_key: t.Any) -> Place:
            slb = stack.enter_context(running(slb_state(**of_first_temporary_key)))
            (tmp_path / "token").write_text(OIDC_TOKEN)
            return Place(tmp_path, services, port, tls_port, slb, certificates.ca, timeouts)

        timeouts = record_timeouts(clean_environment)
        forget_connections()
        yield open_it
        forget_connections()


def forget_connections() -> None:
    """The package keeps sessions, including the certificates that they trust, until the process ends."""
    from Tea.core import TeaCore

    TeaCore._sessions.clear()


def record_timeouts(patch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return the list to which each request of the package adds its timeouts to connect and to read, in milliseconds."""
    from Tea.core import TeaCore

    timeouts, send = [], TeaCore.do_action

    def recorded(request: t.Any, options: t.Any = None) -> t.Any:
        timeouts.append((options["connectTimeout"], options["readTimeout"]))
        return send(request, options)

    patch.setattr(TeaCore, "do_action", recorded)
    return timeouts


@pytest.fixture
def place(open_place: t.Callable[..., Place]) -> Place:
    return open_place()


def describe(client: Client) -> t.Any:
    return _slb.describe_load_balancer(client, "lb-web")


# The tables of the document

OIDC = {
    "ALIBABA_CLOUD_ROLE_ARN": ROLE_ARN,
    "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": PROVIDER_ARN,
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "HOME/token",
}
OLD_KEYS = {"ALICLOUD_ACCESS_KEY": KEY, "ALICLOUD_SECRET_KEY": SECRET}
NEW_KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
URI = {"ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:PORT/keys?of=web"}
IMDS = ["PUT /latest/api/token", f"GET {METADATA}weights"]

# Name of the row, options, environment, the key that the SLB sees, the requests that provided it.
SOURCES: list[tuple[str, dict[str, t.Any], dict[str, str], str, list[str]]] = [
    ("access key of the task", {"access_key": KEY, "secret_key": SECRET}, {}, KEY, []),
    ("profile of the task", {"profile": "web"}, {}, KEY, []),
    ("ECS role of the task", {"ecs_role_name": "weights"}, {}, "STS.1", IMDS),
    ("access key of the environment", {}, OLD_KEYS, KEY, []),
    ("access key of the environment, with the names of the vendor's SDKs", {}, NEW_KEYS, KEY, []),
    ("OIDC role of the environment", {}, OIDC, "STS.1", ["AssumeRoleWithOIDC"]),
    ("profile of the environment", {}, {"ALICLOUD_PROFILE": "web"}, KEY, []),
    ("ECS role of the environment", {}, {"ALIBABA_CLOUD_ECS_METADATA": "weights"}, "STS.1", IMDS),
    ("credentials URI of the environment", {}, URI, "STS.1", ["GET /keys"]),
]

ROLE = {"ram_role_arn": ROLE_ARN, "ram_session_name": "web"}
PRINT_KEYS = json.dumps({"mode": "AK", **AK})
SSO = {
    "cloud_sso_sign_in_url": "https://signin-cn-shanghai.aliyuncs.com/start/login",
    "cloud_sso_account_id": ACCESS["AccountId"],
    "cloud_sso_access_config": ACCESS["AccessConfigurationId"],
    "access_token": BEARER,
    "cloud_sso_access_token_expire": 32503680000,
}
EXTERNAL = f"{shlex.quote(sys.executable)} HOME/print_keys.py"

# Mode, settings in JSON, the same in ini (None where there is no such type), the key that the SLB sees, the requests that provided it.
PROFILES: list[tuple[str, dict[str, t.Any], str | None, str, list[str]]] = [
    ("AK", AK, f"type = access_key\n{INI_AK}", KEY, []),
    (
        "StsToken",
        {"access_key_id": "STS.9", "access_key_secret": temporary_key(9)[1], "sts_token": temporary_key(9)[2]},
        "type = sts\naccess_key_id = STS.9\n"
        f"access_key_secret = {temporary_key(9)[1]}\nsecurity_token = {temporary_key(9)[2]}\n",
        "STS.9",
        [],
    ),
    (
        "RamRoleArn",
        {**AK, **ROLE},
        f"type = ram_role_arn\n{INI_AK}role_arn = {ROLE_ARN}\n",
        "STS.1",
        ["AssumeRole"],
    ),
    (
        "ChainableRamRoleArn",
        {**ROLE, "source_profile": "instance"},
        f"type = ram_role_arn\nrole_arn = {ROLE_ARN}\nsource_profile = instance\n",
        "STS.2",
        [*IMDS, "AssumeRole"],
    ),
    ("EcsRamRole", {"ram_role_name": "weights"}, "type = ecs_ram_role\nrole_name = weights\n", "STS.1", IMDS),
    (
        "OIDC",
        {**ROLE, "oidc_provider_arn": PROVIDER_ARN, "oidc_token_file": "HOME/token"},
        f"type = oidc_role_arn\nrole_arn = {ROLE_ARN}\noidc_provider_arn = {PROVIDER_ARN}\n"
        "oidc_token_file_path = HOME/token\n",
        "STS.1",
        ["AssumeRoleWithOIDC"],
    ),
    (
        "CredentialsURI",
        {"credentials_uri": "http://localhost:PORT/keys"},
        "type = credentials_uri\ncredentials_uri = http://localhost:PORT/keys\n",
        "STS.1",
        ["GET /keys"],
    ),
    (
        "CloudSSO",
        SSO,
        None,
        "STS.1",
        ["POST /cloud-credentials"],
    ),
    (
        "OAuth",
        {
            "oauth_site_type": "CN",
            "oauth_access_token": "old",
            "oauth_refresh_token": "r",
            "oauth_access_token_expire": 1,
        },
        None,
        "STS.1",
        ["POST /v1/token", "POST /v1/exchange"],
    ),
    ("External", {"process_command": EXTERNAL}, None, KEY, []),
]


def timeouts_for(asked: list[str]) -> list[tuple[int, int]]:
    """A nearby service, called with GET or PUT, must respond as fast as it connects."""
    connect, read = int(CONNECT_TIMEOUT * 1000), int(READ_TIMEOUT * 1000)
    return [(connect, connect if question.startswith(("GET ", "PUT ")) else read) for question in asked]


@pytest.mark.parametrize(
    ("options", "environ", "key", "asked"), [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES]
)
def test_source(place: Place, options: dict[str, t.Any], environ: dict[str, str], key: str, asked: list[str]) -> None:
    place.write_profiles({"name": "web", "mode": "AK", **AK})
    describe(place.client(options, environ))
    assert (place.keys_used(), place.asked()) == ([key], asked)
    assert place.timeouts == timeouts_for(asked)


@pytest.mark.parametrize(
    ("mode", "settings", "key", "asked"), [(*row[:2], *row[3:]) for row in PROFILES], ids=[row[0] for row in PROFILES]
)
def test_mode_of_a_profile(place: Place, mode: str, settings: dict[str, t.Any], key: str, asked: list[str]) -> None:
    place.write("print_keys.py", f"print({PRINT_KEYS!r})")
    place.write_profiles(
        {"name": "web", "mode": mode, **settings},
        {"name": "instance", "mode": "EcsRamRole", "ram_role_name": "weights"},
    )
    describe(place.client({"profile": "web"}, {}))
    assert (place.keys_used(), place.asked()) == ([key], asked)
    if mode != "OAuth":  # for which the package takes no timeouts
        assert place.timeouts == timeouts_for(asked)


@pytest.mark.parametrize(
    ("text", "key", "asked"), [row[2:] for row in PROFILES if row[2]], ids=[row[0] for row in PROFILES if row[2]]
)
def test_type_of_a_profile_in_an_ini_file(place: Place, text: str, key: str, asked: list[str]) -> None:
    place.write(".alibabacloud/credentials", f"[web]\n{text}\n[instance]\ntype = ecs_ram_role\nrole_name = weights\n")
    describe(place.client({}, {"ALIBABA_CLOUD_PROFILE": "web"}))
    assert (place.keys_used(), place.asked()) == ([key], asked)


def test_document_has_the_rows_that_are_tested() -> None:
    first_cells = re.findall(r"^    \* - (?:``)?(.+?)(?:``)?$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert first_cells == ["source", *(row[0] for row in SOURCES), "mode in JSON", *(row[0] for row in PROFILES)]


def test_first_row_that_is_set_wins(place: Place) -> None:
    """Start with all rows set, then remove them from the top."""
    rows = {
        "task-key": ("access_key", "secret_key"),
        "task-profile": ("profile",),
        f"GET {METADATA}weights": ("ecs_role_name",),
        "old-key": ("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY"),
        "new-key": ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        "AssumeRoleWithOIDC": tuple(OIDC),
        "environment-profile": ("ALICLOUD_PROFILE",),
        f"GET {METADATA}of-environment": ("ALICLOUD_ECS_ROLE_NAME",),
        "GET /keys": tuple(URI),
    }
    place.write_profiles(
        *({"name": name, "mode": "AK", "access_key_id": name, "access_key_secret": SECRET} for name in rows)
    )
    options = {"access_key": "task-key", "secret_key": SECRET, "profile": "task-profile", "ecs_role_name": "weights"}
    environ = {
        "ALICLOUD_ACCESS_KEY": "old-key",
        "ALICLOUD_SECRET_KEY": SECRET,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "new-key",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
        "ALICLOUD_PROFILE": "environment-profile",
        "ALICLOUD_ECS_ROLE_NAME": "of-environment",
        **OIDC,
        **URI,
    }
    for giver, names in rows.items():
        place.services.requests.clear()
        place.services.role_name = "of-environment" if "of-environment" in giver else "weights"
        client = place.client(options, environ)
        assert giver in (client._credentials_provider.credentials().access_key_id, *place.asked())
        for name in names:
            (options if name in options else environ).pop(name)
    with refusal(SlbError, "no credentials"):
        place.client(options, environ)


# A role on top of the sources


@pytest.mark.parametrize(
    ("options", "environ", "asked"),
    [
        ({}, OLD_KEYS, ["AssumeRole"]),
        ({"ecs_role_name": "weights"}, {}, [*IMDS, "AssumeRole"]),
        ({}, OIDC, ["AssumeRoleWithOIDC", "AssumeRole"]),
        ({}, URI, ["GET /keys", "AssumeRole"]),
    ],
)
def test_role_is_assumed_with_the_credentials_of_any_source(
    place: Place, options: dict[str, t.Any], environ: dict[str, str], asked: list[str]
) -> None:
    describe(place.client({**options, "assume_role": {"role_arn": ROLE_ARN}}, environ))
    assert place.keys_used() == [f"STS.{len(asked) - asked.count(IMDS[0])}"]
    assert place.asked() == asked


def test_role_with_all_of_its_options(place: Place, certificates: t.Any) -> None:
    """One is a policy with spaces, which the package does not encode as the API does when it signs."""
    policy = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["slb:*"], "Resource": "a b~*"}]}
    role = {
        "role_arn": ROLE_ARN,
        "session_name": "web@1",
        "duration_seconds": 900,
        "external_id": "partner:1/2",
        "policy": json.dumps(policy, indent=2),
        "sts_endpoint": "sts-vpc.cn-beijing.aliyuncs.com",
    }
    describe(place.client({"assume_role": role}, OLD_KEYS))
    [request] = place.services.requests
    assert request.headers["host"] == "sts-vpc.cn-beijing.aliyuncs.com"
    assert json.loads(request.parameters["Policy"]) == policy
    assert [request.parameters[name] for name in ("RoleSessionName", "DurationSeconds", "ExternalId")] == [
        *("web@1", "900", "partner:1/2")
    ]


SETTINGS_OF_A_SESSION = {
    "ram_session_name": "web",
    "expired_seconds": 900,
    "policy": '{"Version":"1"}',
    "external_id": "partner:1/2",
    "sts_region": "cn-beijing",
}


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        ({"mode": "RamRoleArn", **AK}, {"ExternalId": "partner:1/2"}),
        ({"mode": "OIDC", "oidc_provider_arn": PROVIDER_ARN, "oidc_token_file": "HOME/token"}, {}),
    ],
    ids=["RamRoleArn", "OIDC"],
)
def test_role_of_a_profile_with_all_of_its_settings(
    place: Place, profile: dict[str, str], sent: dict[str, str]
) -> None:
    place.write_profiles({"name": "web", "ram_role_arn": ROLE_ARN, **profile, **SETTINGS_OF_A_SESSION})
    describe(place.client({"profile": "web"}, {}))
    [request] = place.services.requests
    sent = {"RoleSessionName": "web", "DurationSeconds": "900", "Policy": '{"Version":"1"}', **sent}
    assert {name: request.parameters[name] for name in sent} == sent
    assert request.headers["host"] == "sts.cn-beijing.aliyuncs.com"


@pytest.mark.parametrize(
    ("options", "environ", "name"),
    [
        ({"assume_role": {"role_arn": ROLE_ARN}}, OLD_KEYS, "aliyun_community.slb"),
        ({}, OIDC, "aliyun_community.slb"),
        ({}, {**OIDC, "ALIBABA_CLOUD_ROLE_SESSION_NAME": "web"}, "web"),
    ],
)
def test_name_of_a_session(place: Place, options: dict[str, t.Any], environ: dict[str, str], name: str) -> None:
    describe(place.client(options, environ))
    assert [request.parameters["RoleSessionName"] for request in place.services.requests] == [name]


def test_roles_are_assumed_one_after_another(place: Place) -> None:
    role = {"mode": "ChainableRamRoleArn", "ram_role_arn": ROLE_ARN}
    place.write_profiles(
        {"name": "last", **role, "source_profile": "middle"},
        {"name": "middle", **role, "source_profile": "first"},
        {"name": "first", "mode": "AK", **AK},
    )
    describe(place.client({"profile": "last"}, {}))
    assert [request.parameters["AccessKeyId"] for request in place.services.requests] == [KEY, "STS.1"]
    assert place.keys_used() == ["STS.2"]


def test_role_is_assumed_with_temporary_credentials_of_a_profile(place: Place) -> None:
    key, secret, token = temporary_key(9)
    place.services.known[key], place.services.tokens[key] = secret, token
    keys = {"access_key_id": key, "access_key_secret": secret, "sts_token": token}
    place.write_profiles({"name": "web", "mode": "RamRoleArn", **keys, **ROLE})
    describe(place.client({"profile": "web"}, {}))
    assert place.keys_used() == ["STS.1"]


ROLE_OF_ENVIRONMENT = {
    "ALICLOUD_ASSUME_ROLE_ARN": ROLE_ARN,
    "ALICLOUD_ASSUME_ROLE_SESSION_NAME": "awx",
    "ALICLOUD_ASSUME_ROLE_EXTERNAL_ID": "partner:1/2",
}


def test_role_of_the_environment_applies_to_credentials_of_the_environment(place: Place) -> None:
    describe(place.client({}, {**OLD_KEYS, **ROLE_OF_ENVIRONMENT}))
    [request] = place.services.requests
    assert [request.parameters[name] for name in ("RoleArn", "RoleSessionName", "ExternalId")] == [
        *(ROLE_ARN, "awx", "partner:1/2")
    ]
    assert place.keys_used() == ["STS.1"]


def test_role_of_the_environment_is_named_if_it_cannot_be_assumed(place: Place) -> None:
    place.services.instead = [(403, {"Code": "NoPermission"})]
    with refusal(CredentialsUnobtainable, r"\(ALICLOUD_ASSUME_ROLE_ARN\)"):
        describe(place.client({}, {**OLD_KEYS, **ROLE_OF_ENVIRONMENT}))


@pytest.mark.parametrize(
    "answer", [{"AccessKeyId": 5, "AccessKeySecret": "s", "SecurityToken": "t"}, '{"Code":' + "[" * 100_000]
)
@pytest.mark.parametrize("status", [200, 400])
def test_credentials_uri_may_return_anything(place: Place, answer: t.Any, status: int) -> None:
    if isinstance(answer, dict):
        answer = {"Code": "Success", "Expiration": "2999-01-01T00:00:00Z", **answer}
    place.services.instead = [(status, answer)]
    with refusal(CredentialsUnobtainable, "cannot get credentials from the URI at "):
        describe(place.client({}, URI))


@pytest.mark.parametrize(
    "uri", ["http://[", "http://", "ftp://127.0.0.1/", "127.0.0.1:80", "http://127.0.0.1:port", "http://a..b"]
)
def test_credentials_uri_must_be_valid(place: Place, uri: str) -> None:
    with refusal(
        CredentialsUnobtainable,
        "cannot get credentials from ALIBABA_CLOUD_CREDENTIALS_URI: its URL is not a valid URL with http or",
    ):
        place.client({}, {"ALIBABA_CLOUD_CREDENTIALS_URI": uri})


@pytest.mark.parametrize(
    ("options", "environ", "roles"),
    [
        ({"access_key": KEY, "secret_key": SECRET}, ROLE_OF_ENVIRONMENT, []),
        ({}, {**OLD_KEYS, **dict.fromkeys(ROLE_OF_ENVIRONMENT, "")}, []),
        (
            {"assume_role": {"role_arn": ROLE_ARN}},
            {**OLD_KEYS, "ALICLOUD_ASSUME_ROLE_ARN": "acs:ram::1:role/x"},
            [ROLE_ARN],
        ),
    ],
    ids=["keys of the task", "empty variables", "option"],
)
def test_role_of_the_environment_does_not_apply_to_the_task(
    place: Place, options: dict[str, t.Any], environ: dict[str, str], roles: list[str]
) -> None:
    describe(place.client(options, environ))
    assert [request.parameters["RoleArn"] for request in place.services.requests] == roles


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, "sts.aliyuncs.com"),
        ({"ALIBABA_CLOUD_STS_REGION": "cn-beijing"}, "sts.cn-beijing.aliyuncs.com"),
        (
            {"ALIBABA_CLOUD_STS_REGION": "cn-beijing", "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "True"},
            "sts-vpc.cn-beijing.aliyuncs.com",
        ),
    ],
)
def test_host_of_sts(place: Place, environ: dict[str, str], host: str) -> None:
    describe(place.client({"assume_role": {"role_arn": ROLE_ARN}}, {**OLD_KEYS, **environ}))
    assert [request.headers["host"] for request in place.services.requests] == [host]


def test_instance_is_asked_for_its_role_if_none_is_named(place: Place) -> None:
    place.write_profiles({"name": "web", "mode": "EcsRamRole"})
    describe(place.client({"profile": "web"}, {}))
    assert f"GET {METADATA}" in place.asked()
    assert place.keys_used() == ["STS.1"]


def test_no_thread_is_left_in_the_background(place: Place) -> None:
    before = set(threading.enumerate())
    describe(place.client({"ecs_role_name": "weights"}, {}))
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if "APScheduler" in name or "refresh" in name or "fetch credentials" in name}


# Credentials that expire or are replaced

REFRESHED: list[tuple[dict[str, t.Any], dict[str, str]]] = [
    ({"assume_role": {"role_arn": ROLE_ARN}}, OLD_KEYS),
    ({"ecs_role_name": "weights"}, {}),
    ({}, OIDC),
    ({}, URI),
    ({"profile": "role"}, {}),
]


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("options", "environ"), REFRESHED[:2])
def test_task_continues_with_new_credentials_before_the_old_ones_expire(
    place: Place, options: dict[str, t.Any], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_deadline, "FIRST_PAUSE", 40)
    monkeypatch.setattr(_deadline, "LONGEST_PAUSE", 40)
    place.services.lifetime = vendor.REFRESH_SECONDS + 45
    place.slb.add_fault({"kind": "error", "code": "BackendServer.configuring", "times": 3})
    client = place.client(options, environ, seconds=300)
    _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])  # an attempt every 20 to 40 seconds
    used = place.keys_used()
    assert (used[:2], len(used)) == (["STS.1", "STS.1"], 4)
    assert used[-1] != "STS.1"
    assert place.slb.members("lb-web")[0].weight == 0


def test_credentials_are_fetched_once_while_they_are_valid(place: Place) -> None:
    """The package itself would fetch credentials with 15 minutes left again for each request."""
    place.services.lifetime = 900
    client = place.client({}, OIDC)
    describe(client)
    describe(client)
    assert (place.asked(), place.keys_used()) == (["AssumeRoleWithOIDC"], ["STS.1", "STS.1"])


def test_token_file_is_read_at_every_fetch(place: Place) -> None:
    client = place.client({}, OIDC)
    (place.home / "token").write_text("old")
    with refusal(CredentialsUnobtainable, "AuthenticationFail"):
        describe(client)
    (place.home / "token").write_text(OIDC_TOKEN)
    describe(client)


@pytest.mark.parametrize(
    ("options", "environ", "refused"),
    [
        *((*row, {"token_expired": True}) for row in REFRESHED),
        (*REFRESHED[0], {"access_key_id": "STS.unknown"}),
        (*REFRESHED[0], {"status": "inactive"}),
    ],
)
def test_credentials_that_the_api_refuses_are_fetched_again(
    open_place: t.Callable[..., Place], options: dict[str, t.Any], environ: dict[str, str], refused: dict[str, t.Any]
) -> None:
    place = open_place(**refused)
    place.write_profiles({"name": "role", "mode": "RamRoleArn", **AK, **ROLE})
    client = place.client(options, environ)
    _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    assert place.keys_used() == ["STS.1", "STS.2"]
    assert place.slb.members("lb-web")[0].weight == 0


def test_credentials_that_are_refused_again_end_the_task(place: Place) -> None:
    place.slb.add_fault({"kind": "error", "code": "InvalidSecurityToken.Expired", "times": 4})
    with refusal(SlbError, r"InvalidSecurityToken\.Expired"):
        describe(place.client({}, OIDC))
    assert place.keys_used() == ["STS.1", "STS.2"]


def test_nothing_is_written_with_new_credentials_after_the_deadline(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.slb.add_fault({"kind": "error", "code": "InvalidSecurityToken.Expired"})
    client = place.client({}, OIDC)
    refresh = client._credentials_provider.refresh

    def refresh_for_long() -> bool:
        refreshed = refresh()
        client.deadline = Deadline(0)
        return refreshed

    monkeypatch.setattr(client._credentials_provider, "refresh", refresh_for_long)
    with refusal(SlbError, r"InvalidSecurityToken\.Expired"):
        _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    assert place.keys_used() == ["STS.1"]
    assert place.slb.members("lb-web")[0].weight == 100


def test_profile_is_read_again_when_its_key_is_refused(place: Place) -> None:
    place.write_profiles({"name": "web", "mode": "AK", "access_key_id": "replaced", "access_key_secret": SECRET})
    client = place.client({"profile": "web"}, {})
    place.write_profiles({"name": "web", "mode": "AK", **AK})
    describe(client)
    assert place.keys_used() == ["replaced", KEY]


@pytest.mark.parametrize("options", [{"profile": "web"}, {"access_key": "nobody", "secret_key": SECRET}])
def test_request_is_not_repeated_with_the_same_credentials(place: Place, options: dict[str, t.Any]) -> None:
    place.write_profiles({"name": "web", "mode": "AK", "access_key_id": "nobody", "access_key_secret": SECRET})
    with refusal(SlbError, r"InvalidAccessKeyId\.NotFound"):
        describe(place.client(options, {}))
    assert place.keys_used() == ["nobody"]


@pytest.mark.usefixtures("no_waiting")
def test_sts_request_is_retried_after_throttling(place: Place) -> None:
    place.services.instead = [(400, {"Code": "Throttling.User", "Message": "slow down"})] * 2
    describe(place.client({}, OIDC))
    assert place.asked() == ["AssumeRoleWithOIDC"] * 3


# Failures

LEAK = "secret-of-an-answer"
FAILING_SCRIPT = f"import sys; print('{LEAK}', file=sys.stderr); sys.exit(3)"

# Name, options, environment, responses of the stand-ins instead of their own, what the message says.
FAILURES: list[tuple[str, dict[str, t.Any], dict[str, str], list[t.Any], str]] = [
    (
        "STS is not there",
        {"assume_role": {"role_arn": ROLE_ARN, "sts_endpoint": "127.0.0.1:9"}},
        OLD_KEYS,
        [],
        r"role acs:ram::1:role/weights \(assume_role\): no response from 127.0.0.1:9 \(Connection refused\)\. "
        "Check the network and proxy",
    ),
    (
        "STS does not speak TLS",
        {"assume_role": {"role_arn": ROLE_ARN, "sts_endpoint": "127.0.0.1:PORT"}},
        OLD_KEYS,
        [],
        "no response from 127.0.0.1",
    ),
    (
        "STS with another name in its certificate",
        {"assume_role": {"role_arn": ROLE_ARN, "sts_endpoint": "localhost:TLSPORT"}},
        OLD_KEYS,
        [],
        "the certificate of localhost:[0-9]+ is not accepted: .*localhost",
    ),
    (
        "role that does not exist",
        {"assume_role": {"role_arn": "acs:ram::1:role/none"}},
        OLD_KEYS,
        [],
        r"sts.aliyuncs.com returned EntityNotExist.Role with HTTP status 404. Request id A-1. .* sts:AssumeRole",
    ),
    (
        "key that STS does not know",
        {"assume_role": {"role_arn": ROLE_ARN}},
        {**OLD_KEYS, "ALICLOUD_ACCESS_KEY": "nobody"},
        [],
        "returned InvalidAccessKeyId.NotFound",
    ),
    (
        "wrong secret",
        {"assume_role": {"role_arn": ROLE_ARN}},
        {**OLD_KEYS, "ALICLOUD_SECRET_KEY": LEAK},
        [],
        "returned SignatureDoesNotMatch",
    ),
    (
        "STS with HTML",
        {},
        OIDC,
        [(200, f"<html>{LEAK}")],
        "the response does not have the form that the package expects",
    ),
    (
        "STS without keys",
        {},
        OIDC,
        [(200, {"Credentials": {"AccessKeySecret": LEAK}})],
        "the response does not have the form",
    ),
    (
        "STS with words for a code",
        {},
        OIDC,
        [(400, {"Code": [LEAK], "RequestId": f"{LEAK} 1"})],
        "returned no credentials with HTTP status 400",
    ),
    ("STS with a failure", {}, OIDC, [(503, LEAK)], "returned no credentials with HTTP status 503"),
    (
        "token file that is not there",
        {},
        {**OIDC, "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "HOME/none"},
        [],
        r"OIDC role .* \(ALIBABA_CLOUD_OIDC_TOKEN_FILE\): No such file or directory: .*/none",
    ),
    (
        "token of another provider",
        {},
        {**OIDC, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/other"},
        [],
        "returned AuthenticationFail.OIDCToken.Invalid with HTTP status 400. .*oidc-provider/other",
    ),
    (
        "instance without this role",
        {"ecs_role_name": "other"},
        {},
        [],
        r"ECS role other \(ecs_role_name\): the metadata service returned no credentials with HTTP status 404. .*IMDSv2",
    ),
    (
        "instance without the role of a profile",
        {"profile": "instance"},
        {},
        [],
        r"ECS role other \(profile instance of .*config.json\): the metadata service returned",
    ),
    (
        "instance without any role",
        {"profile": "any"},
        {},
        [(200, "token"), (404, "")],
        r"the ECS instance's role \(profile any of .*config.json\): the metadata service returned",
    ),
    (
        "role of a profile that does not exist",
        {"profile": "role"},
        {},
        [(404, {"Code": "EntityNotExist.Role"})],
        r"role acs:ram::1:role/weights \(profile role of .*config.json\): sts.aliyuncs.com returned",
    ),
    (
        "OIDC role of a profile that does not exist",
        {"profile": "oidc"},
        {},
        [(404, {"Code": "EntityNotExist.Role"})],
        r"OIDC role acs:ram::1:role/weights \(profile oidc of .*config.json\): sts.aliyuncs.com returned",
    ),
    (
        "metadata service without IMDSv2",
        {},
        {"ALICLOUD_ECS_ROLE_NAME": "weights"},
        [(405, "")],
        r"\(ALICLOUD_ECS_ROLE_NAME\): the metadata service returned no credentials with HTTP status 405",
    ),
    (
        "metadata service that failed",
        {"ecs_role_name": "weights"},
        {},
        [(200, "token"), (200, {"Code": "Failed", "AccessKeySecret": LEAK})],
        "the response does not have the form",
    ),
    (
        "URI that gives no keys",
        {},
        URI,
        [(200, {"Code": "Failed", "AccessKeySecret": LEAK})],
        r"the URI at 127.0.0.1:[0-9]+ \(ALIBABA_CLOUD_CREDENTIALS_URI\): the response does not have the form",
    ),
    (
        "URI that gives empty keys",
        {},
        URI,
        [
            (
                200,
                {
                    "Code": "Success",
                    "Expiration": "2100-01-01T00:00:00Z",
                    "AccessKeyId": "",
                    "AccessKeySecret": LEAK,
                    "SecurityToken": LEAK,
                },
            )
        ],
        r"the URI at 127.0.0.1:[0-9]+ \(ALIBABA_CLOUD_CREDENTIALS_URI\): the response contains none",
    ),
    (
        "URI that gives a number for a key",
        {},
        URI,
        [
            (
                200,
                {
                    "Code": "Success",
                    "Expiration": "2100-01-01T00:00:00Z",
                    "AccessKeyId": 5,
                    "AccessKeySecret": LEAK,
                    "SecurityToken": LEAK,
                },
            )
        ],
        r"the URI at 127.0.0.1:[0-9]+ \(ALIBABA_CLOUD_CREDENTIALS_URI\): those in the response are not strings",
    ),
    (
        "URI with an invalid date",
        {},
        URI,
        [
            (
                200,
                {
                    "Code": "Success",
                    "Expiration": LEAK,
                    "AccessKeyId": "i",
                    "AccessKeySecret": LEAK,
                    "SecurityToken": LEAK,
                },
            )
        ],
        "the response does not have the form",
    ),
    (
        "sign-in that CloudSSO does not know",
        {"profile": "sso"},
        {},
        [(401, {"Code": "InvalidToken", "Token": LEAK, "Details": {"Code": "Other"}})],
        "profile sso of .*: signin.aliyuncs.com returned InvalidToken .* aliyun configure --mode CloudSSO --profile sso",
    ),
    ("sign-in that has expired", {"profile": "old"}, {}, [], "profile old of .*re-login"),
    (
        "OAuth that refuses",
        {"profile": "oauth"},
        {},
        [(400, {"Code": "InvalidToken", "Token": LEAK})],
        "profile oauth of .*: oauth.aliyun.com returned InvalidToken",
    ),
    (
        "command that fails",
        {"profile": "failing"},
        {},
        [],
        "profile failing of .*: its command failed with exit status 3",
    ),
    ("command that is not there", {"profile": "missing"}, {}, [], "No such file or directory: .*/none"),
    ("command that prints no keys", {"profile": "printing"}, {}, [], "the response does not have the form"),
]


@pytest.mark.parametrize(
    ("options", "environ", "instead", "says"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_failure_is_one_sentence_without_a_secret(
    place: Place,
    clean_environment: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    options: dict[str, t.Any],
    environ: dict[str, str],
    instead: list[t.Any],
    says: str,
) -> None:
    caplog.set_level(logging.DEBUG, logger="")
    place.write("fail.py", FAILING_SCRIPT)
    place.write("print.py", f"print('{LEAK}')")
    sso = {**SSO, "cloud_sso_sign_in_url": "https://signin.aliyuncs.com/"}
    place.write_profiles(
        {"name": "instance", "mode": "EcsRamRole", "ram_role_name": "other"},
        {"name": "any", "mode": "EcsRamRole"},
        {"name": "role", "mode": "RamRoleArn", **AK, **ROLE},
        {"name": "oidc", "mode": "OIDC", **ROLE, "oidc_provider_arn": PROVIDER_ARN, "oidc_token_file": "HOME/token"},
        {"name": "sso", "mode": "CloudSSO", **sso},
        {"name": "old", "mode": "CloudSSO", **sso, "cloud_sso_access_token_expire": 1},
        {"name": "oauth", "mode": "OAuth", "oauth_refresh_token": LEAK, "oauth_access_token_expire": 1},
        {"name": "failing", "mode": "External", "process_command": f"{shlex.quote(sys.executable)} HOME/fail.py"},
        {"name": "missing", "mode": "External", "process_command": "HOME/none"},
        {"name": "printing", "mode": "External", "process_command": f"{shlex.quote(sys.executable)} HOME/print.py"},
    )
    place.services.instead = list(instead)
    client = place.client(options, environ)
    clean_environment.setenv("DEBUG", "sdk")
    with refusal(CredentialsUnobtainable) as caught:
        describe(client)
    sentence = caught.value.sentence()
    assert re.search(says, sentence)
    assert caught.value.code == "CredentialsUnobtainable"
    assert "\n" not in sentence
    assert caught.value.__cause__ is None
    shown = [sentence, json.dumps(caught.value.as_dict()), *capfd.readouterr(), caplog.text]
    secrets = (LEAK, SECRET, OIDC_TOKEN, BEARER, "temporary-", "Signature=", "SecurityToken=", "OIDCToken=", "keys?of")
    for secret in secrets:
        assert [text for text in shown if secret in text] == []
    assert not place.slb.requests


def test_sts_without_a_trusted_certificate(place: Place) -> None:
    with refusal(CredentialsUnobtainable, "certificate of sts.aliyuncs.com is not accepted"):
        describe(place.client({}, OIDC, ca=None))
    assert not place.services.requests


@pytest.mark.parametrize(("options", "environ"), REFRESHED[:4])
def test_credentials_that_have_already_expired(
    place: Place, options: dict[str, t.Any], environ: dict[str, str]
) -> None:
    place.services.lifetime = -5
    with refusal(CredentialsUnobtainable, "those received have already expired") as caught:
        describe(place.client(options, environ))
    assert "clock" in caught.value.advice


def test_loggers_of_the_package_are_silent(place: Place) -> None:
    loggers = [logging.getLogger(name) for name in ("credentials", "alibabacloud-tea", "urllib3")]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    place.client({}, OIDC)
    assert [logger.name for logger in loggers if logger.isEnabledFor(logging.CRITICAL)] == []


def test_site_of_a_sign_in_determines_its_host(place: Place) -> None:
    sign_in = {"mode": "OAuth", "oauth_refresh_token": "r", "oauth_access_token_expire": 1}
    place.write_profiles({"name": "web", "oauth_site_type": "INTL", **sign_in})
    place.services.instead = [(400, {"Code": "InvalidToken"})]
    with refusal(CredentialsUnobtainable, "oauth.alibabacloud.com returned InvalidToken") as caught:
        place.client({"profile": "web"}, {})._credentials_provider.credentials()
    assert caught.value.advice == "Sign in again: aliyun configure --mode OAuth --profile web."


SHOW_ENVIRONMENT = f"""
import json, os, pathlib
seen = {{name: os.environ.get(name) for name in ("SSL_CERT_DIR", "SSL_CERT_FILE", "HTTPS_PROXY")}}
pathlib.Path("HOME/seen").write_text(json.dumps(seen))
print({PRINT_KEYS!r})
"""


@pytest.mark.parametrize("kind", ["SSL_CERT_DIR", "SSL_CERT_FILE"])
def test_certificates_are_trusted_only_during_a_fetch(
    place: Place, clean_environment: pytest.MonkeyPatch, kind: str
) -> None:
    clean_environment.setenv("SSL_CERT_FILE", "before")
    clean_environment.delenv("SSL_CERT_DIR", raising=False)
    clean_environment.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    clean_environment.setenv("NO_PROXY", "127.0.0.1")
    ca = str(place.home) if kind == "SSL_CERT_DIR" else place.ca
    place.write("print_keys.py", SHOW_ENVIRONMENT)
    place.write_profiles({"name": "web", "mode": "External", "process_command": EXTERNAL})
    describe(place.client({"profile": "web"}, {}, ca=ca))
    seen = {"SSL_CERT_DIR": None, "SSL_CERT_FILE": "before", "HTTPS_PROXY": "http://127.0.0.1:9", kind: ca}
    assert json.loads((place.home / "seen").read_text()) == seen
    assert (os.environ.get("SSL_CERT_DIR"), os.environ["SSL_CERT_FILE"]) == (None, "before")


def test_no_fallback_to_the_old_protocol_of_the_metadata_service(place: Place) -> None:
    place.services.instead = [(403, "")] * 5
    with refusal(CredentialsUnobtainable):
        describe(place.client({"ecs_role_name": "weights"}, {"ALIBABA_CLOUD_IMDSV1_DISABLED": "false"}))
    assert place.asked() == ["PUT /latest/api/token"]


# Time


@pytest.mark.parametrize(
    ("direct", "remaining", "timeouts"),
    [
        (False, 600.0, (6000, 12000)),
        (True, 600.0, (6000, 6000)),
        (False, 8.0, (6000, 8000)),
        (False, 2.5, (2500, 2500)),
        (True, 2.5, (2500, 2500)),
        (False, 0.0, (1500, 1500)),
    ],
)
def test_timeouts_of_a_fetch_fit_into_the_remaining_time(
    direct: bool, remaining: float, timeouts: tuple[int, int]
) -> None:
    given = []

    class NoProvider(vendor.RefreshableProvider):
        def package_provider(self, package: t.Any, timeouts: t.Any) -> t.NoReturn:
            given.append((timeouts.connect_timeout, timeouts.read_timeout))
            raise ValueError("it makes no provider")

    origin = vendor.Origin("nowhere", "", "Give another.", direct)
    limits = FetchLimits(CONNECT_TIMEOUT, READ_TIMEOUT, None, lambda: remaining)
    with refusal(CredentialsUnobtainable, "cannot get credentials from nowhere: it makes no provider$"):
        NoProvider(origin, limits).credentials()
    assert given == [timeouts]


def test_command_is_ended_in_whole_seconds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts, run = [], subprocess.run

    def recorded(*arguments: t.Any, check: bool, **options: t.Any) -> t.Any:
        timeouts.append(options["timeout"])
        return run(*arguments, check=check, **options)

    monkeypatch.setattr(subprocess, "run", recorded)
    place.write_profiles({"name": "web", "mode": "External", "process_command": shlex.join(["echo", PRINT_KEYS])})
    for read_timeout in (0.5, 2.5, READ_TIMEOUT):
        place.client({"profile": "web"}, {}, read_timeout=read_timeout)._credentials_provider.credentials()
    assert timeouts == [1, 2, 12]


def test_call_that_is_given_up_keeps_no_process_alive() -> None:
    end, before = threading.Event(), set(threading.enumerate())
    with pytest.raises(vendor._TookTooLong):
        vendor._within(0.01, lambda: end.wait(60))
    [thread] = set(threading.enumerate()) - before
    end.set()
    assert (thread.name, thread.daemon) == ("fetch credentials", True)


@pytest.mark.parametrize(
    ("options", "environ", "host", "advice"),
    [({"ecs_role_name": "weights"}, {}, "the metadata service", "IMDSv2"), ({}, URI, "127.0.0.1:[0-9]+", "this URI")],
    ids=["metadata service", "URI"],
)
def test_nearby_service_must_respond_within_the_connect_timeout(
    place: Place, options: dict[str, t.Any], environ: dict[str, str], host: str, advice: str
) -> None:
    place.services.hold.clear()
    client = place.client(options, environ, seconds=600, connect_timeout=0.5)
    with refusal(CredentialsUnobtainable, rf"no response from {host} \(ReadTimeout\)") as caught:
        describe(client)
    assert advice in caught.value.advice
    assert client.deadline.remaining() > 300


@pytest.fixture
def short_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "SHORTEST_FETCH", 0.2)


@pytest.mark.usefixtures("short_fetch")
@pytest.mark.parametrize(("options", "environ"), REFRESHED[:2])
def test_wait_for_a_service_ends_with_the_deadline(
    place: Place, options: dict[str, t.Any], environ: dict[str, str]
) -> None:
    place.services.hold.clear()
    client = place.client(options, environ, seconds=0.2, connect_timeout=500)
    with refusal(CredentialsUnobtainable, "no response"):
        describe(client)


@pytest.mark.usefixtures("short_fetch")
def test_endless_response_ends_with_the_deadline(place: Place) -> None:
    """None of the package's timeouts applies, since each byte arrives in time."""
    end = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _peer = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _byte in range(100):
                if end.wait(0.1):
                    return
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,), daemon=True)
        thread.start()
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with refusal(CredentialsUnobtainable, "no response within the remaining time"):
            describe(place.client({}, {"ALIBABA_CLOUD_CREDENTIALS_URI": uri}, seconds=0.2))
        end.set()
        thread.join()


# Proxies


@pytest.fixture
def dead_proxy(clean_environment: pytest.MonkeyPatch) -> None:
    """Proxies in the environment that accept no connection."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        clean_environment.setenv(name, "http://user:proxy-password@127.0.0.1:9")
    clean_environment.setenv("NO_PROXY", "127.0.0.1")  # the emulator


@pytest.mark.usefixtures("dead_proxy")
@pytest.mark.parametrize(("options", "environ"), [({"ecs_role_name": "weights"}, {}), ({}, URI)])
def test_credentials_of_this_host_pass_no_proxy(
    place: Place, clean_environment: pytest.MonkeyPatch, options: dict[str, t.Any], environ: dict[str, str]
) -> None:
    clean_environment.setenv("NO_PROXY", "127.0.0.1")
    describe(place.client(options, environ))
    assert os.environ["HTTP_PROXY"].endswith("@127.0.0.1:9")


@pytest.mark.usefixtures("dead_proxy")
@pytest.mark.parametrize("no_proxy", ["sts.aliyuncs.com", ".aliyuncs.com", "aliyuncs.com", "*"])
def test_no_proxy_variable_applies_to_sts(place: Place, clean_environment: pytest.MonkeyPatch, no_proxy: str) -> None:
    clean_environment.setenv("NO_PROXY", f"127.0.0.1,{no_proxy}" if no_proxy != "*" else "*")
    describe(place.client({}, OIDC))


@pytest.mark.usefixtures("dead_proxy")
def test_proxy_applies_to_sts(place: Place) -> None:
    with refusal(CredentialsUnobtainable, "no response from sts.aliyuncs.com") as caught:
        describe(place.client({}, OIDC))
    assert "proxy-password" not in caught.value.sentence()
