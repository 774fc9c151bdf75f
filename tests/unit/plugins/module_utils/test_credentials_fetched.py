# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every source of keys of docs/credentials.md, from what names it to a request that the rehearsal SLB accepts.

The vendor's package runs for real, against stand-ins on loopback. Its hosts are hard-wired: the lookup of names is led
there, so that the package makes the connections that it would make.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import find_keys
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._fetched_keys import Reach
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import Connection
from ansible_collections.aliyun_community.slb.tests.unit.plugins.module_utils.key_services import (
    BEARER,
    METADATA,
    OIDC_TOKEN,
    PROVIDER_ARN,
    ROLE_ARN,
    KeyServices,
    serving,
    temporary_key,
)
from slb_emulator import running

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "credentials.md"
KEY, SECRET = "rehearsal", "rehearsal-secret+/="
METADATA_HOST = "100.100.100.200"

AK = {"access_key_id": KEY, "access_key_secret": SECRET}
INI_AK = f"access_key_id = {KEY}\naccess_key_secret = {SECRET}\n"


def slb_state(**of_first_temporary_key: t.Any) -> dict[str, t.Any]:
    """A rehearsal SLB that knows the user's key and nine temporary ones."""
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
    """What a test has around it. ``home``: the home folder; ``port``: of the stand-ins without TLS."""

    home: Path
    services: KeyServices
    port: int
    tls_port: int
    slb: t.Any
    ca: str

    def client(
        self,
        options: dict[str, t.Any],
        environ: dict[str, str],
        *,
        seconds: float = 30.0,
        connect_timeout: float = 5.0,
        ca: str | None = "",
    ) -> Client:
        deadline = Deadline(seconds)
        reach = Reach(connect_timeout, 10.0, self.ca if ca == "" else ca, deadline.remaining)
        source = find_keys(self.filled(options), {"HOME": str(self.home), **self.filled(environ)}, reach)
        return Client(Connection("cn-hangzhou", self.slb.url, True, 5.0, 10.0), source, deadline)

    def filled(self, value: t.Any) -> t.Any:
        """With HOME and PORT in texts replaced."""
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
        """What the stand-ins were asked: actions, or methods and paths."""
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
            if name.endswith((".aliyuncs.com", ".aliyun.com")):
                return look_up("127.0.0.1", tls_port, *rest, **options)
            assert name in ("127.0.0.1", "localhost"), f"{name} is not on this machine"
            return look_up(host, asked_port, *rest, **options)

        clean_environment.setattr(socket, "getaddrinfo", look_up_here)

        def open_it(**of_first_temporary_key: t.Any) -> Place:
            slb = stack.enter_context(running(slb_state(**of_first_temporary_key)))
            (tmp_path / "token").write_text(OIDC_TOKEN)
            return Place(tmp_path, services, port, tls_port, slb, certificates.ca)

        forget_connections()
        yield open_it
        forget_connections()


def forget_connections() -> None:
    """The package keeps sessions, with the certificates that they trust, for the life of the process."""
    from Tea.core import TeaCore

    TeaCore._sessions.clear()


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

# Name of the row, options, environment, the key that the SLB sees, what gave it.
SOURCES: list[tuple[str, dict[str, t.Any], dict[str, str], str, list[str]]] = [
    ("keys of the task", {"access_key": KEY, "secret_key": SECRET}, {}, KEY, []),
    ("profile of the task", {"profile": "web"}, {}, KEY, []),
    ("ECS role of the task", {"ecs_role_name": "weights"}, {}, "STS.1", IMDS),
    ("keys of the environment", {}, OLD_KEYS, KEY, []),
    ("keys of the environment, as the vendor's SDKs name them", {}, NEW_KEYS, KEY, []),
    ("OIDC role of the environment", {}, OIDC, "STS.1", ["AssumeRoleWithOIDC"]),
    ("profile of the environment", {}, {"ALICLOUD_PROFILE": "web"}, KEY, []),
    ("ECS role of the environment", {}, {"ALIBABA_CLOUD_ECS_METADATA": "weights"}, "STS.1", IMDS),
    ("credentials URI of the environment", {}, URI, "STS.1", ["GET /keys"]),
]

ROLE = {"ram_role_arn": ROLE_ARN, "ram_session_name": "web"}
PRINT_KEYS = json.dumps({"mode": "AK", **AK})
EXTERNAL = f"{sys.executable} HOME/print_keys.py"

# Mode, settings in JSON, the same in ini (None where there is no such type), the key that the SLB sees, what gave it.
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
        {
            "cloud_sso_sign_in_url": "https://signin-cn-shanghai.aliyuncs.com/start/login",
            "cloud_sso_account_id": "1",
            "cloud_sso_access_config": "ac-1",
            "access_token": BEARER,
            "cloud_sso_access_token_expire": 32503680000,
        },
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


@pytest.mark.parametrize(
    ("options", "environ", "key", "asked"), [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES]
)
def test_source(place: Place, options: dict[str, t.Any], environ: dict[str, str], key: str, asked: list[str]) -> None:
    place.write_profiles({"name": "web", "mode": "AK", **AK})
    describe(place.client(options, environ))
    assert (place.keys_used(), place.asked()) == ([key], asked)


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


@pytest.mark.parametrize(
    ("text", "key", "asked"), [row[2:] for row in PROFILES if row[2]], ids=[row[0] for row in PROFILES if row[2]]
)
def test_type_of_a_profile_in_an_ini_file(place: Place, text: str, key: str, asked: list[str]) -> None:
    place.write(".alibabacloud/credentials", f"[web]\n{text}\n[instance]\ntype = ecs_ram_role\nrole_name = weights\n")
    describe(place.client({}, {"ALIBABA_CLOUD_PROFILE": "web"}))
    assert (place.keys_used(), place.asked()) == ([key], asked)


def test_document_has_the_rows_that_are_tested() -> None:
    first_cells = re.findall(r"^\| `?([^|`]+?)`? \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert first_cells == ["source", *(row[0] for row in SOURCES), "mode in JSON", *(row[0] for row in PROFILES)]


def test_first_row_that_is_given_wins(place: Place) -> None:
    """Of everything at once, the rows are taken away from the top."""
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
        assert giver in (client._key_source.keys().access_key_id, *place.asked())
        for name in names:
            (options if name in options else environ).pop(name)
    with pytest.raises(SlbError, match="no credentials"):
        place.client(options, environ)


# A role on top of them


@pytest.mark.parametrize(
    ("options", "environ", "asked"),
    [
        ({}, OLD_KEYS, ["AssumeRole"]),
        ({"ecs_role_name": "weights"}, {}, [*IMDS, "AssumeRole"]),
        ({}, OIDC, ["AssumeRoleWithOIDC", "AssumeRole"]),
        ({}, URI, ["GET /keys", "AssumeRole"]),
    ],
)
def test_role_is_taken_on_with_any_of_them(
    place: Place, options: dict[str, t.Any], environ: dict[str, str], asked: list[str]
) -> None:
    describe(place.client({**options, "assume_role": {"role_arn": ROLE_ARN}}, environ))
    assert place.keys_used() == [f"STS.{len(asked) - asked.count(IMDS[0])}"]
    assert place.asked() == asked


def test_role_with_all_of_its_options(place: Place, certificates: t.Any) -> None:
    """A policy with spaces among them: the package signs a space as the API does not."""
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


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, "sts.aliyuncs.com"),
        ({"ALIBABA_CLOUD_STS_REGION": "cn-beijing"}, "sts.cn-beijing.aliyuncs.com"),
        (
            {"ALIBABA_CLOUD_STS_REGION": "cn-beijing", "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true"},
            "sts-vpc.cn-beijing.aliyuncs.com",
        ),
    ],
)
def test_host_of_sts(place: Place, environ: dict[str, str], host: str) -> None:
    describe(place.client({"assume_role": {"role_arn": ROLE_ARN}}, {**OLD_KEYS, **environ}))
    assert [request.headers["host"] for request in place.services.requests] == [host]


def test_instance_without_a_name_for_its_role_says_it(place: Place) -> None:
    place.write_profiles({"name": "web", "mode": "EcsRamRole"})
    describe(place.client({"profile": "web"}, {}))
    assert f"GET {METADATA}" in place.asked()
    assert place.keys_used() == ["STS.1"]


def test_no_thread_is_left_beside_the_task(place: Place) -> None:
    before = set(threading.enumerate())
    describe(place.client({"ecs_role_name": "weights"}, {}))
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if "APScheduler" in name or "refresh" in name or "fetch keys" in name}
