# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Anything in the files that keys come from, and from the services that hand them out."""

from __future__ import annotations

import json
import os
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inputs import JSON, TEXT, bodies
from modules import arguments, reset, set_weights
from Tea.core import TeaCore

from ansible_collections.aliyun_community.slb.tests.unit.certificates import make_certificates
from ansible_collections.aliyun_community.slb.tests.unit.plugins.module_utils.key_services import KeyServices, serving
from slb_emulator import Emulator

SECRET = "never-shown-secret"
PROFILES = {
    "current": "default",
    "profiles": [
        {
            "name": "default",
            "mode": "ChainableRamRoleArn",
            "source_profile": "base",
            "ram_role_arn": "acs:ram::1:role/weights",
            "expired_seconds": 3600,
        },
        {"name": "base", "mode": "StsToken", "access_key_id": "a", "access_key_secret": SECRET, "sts_token": "t"},
        {"name": "uri", "mode": "CredentialsURI", "credentials_uri": "http://127.0.0.1:9/keys"},
        {"name": "oidc", "mode": "OIDC", "oidc_provider_arn": "b", "oidc_token_file": "/dev/null", "ram_role_arn": "c"},
        {"name": "ecs", "mode": "EcsRamRole", "ram_role_name": "r"},
    ],
}
# No External: its command would be run.
INI_LINES = st.sampled_from(
    [
        "[default]", "[DEFAULT]", "[base]", "[", "type = ram_role_arn", "type = sts", "type = access_key", "type = oidc_role_arn",
        "type", " continued", "= nothing", "source_profile = base", "source_profile = default", "role_arn = a",
        f"access_key_id = {SECRET}", "access_key_secret = b ; c", "security_token = %(x)s", "duration_seconds = " + "9" * 5000,
        "duration_seconds = \u0663", "# comment", ";", "\ufeff[x]",
    ]
)  # fmt: skip
FILES = st.one_of(
    bodies(PROFILES),
    bodies({**PROFILES, "current": "oidc"}),
    st.lists(INI_LINES | TEXT, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "replace")),
)
# What a fetch of keys gives.
KEYS = {"Code": "Success", "AccessKeyId": "S.1", "AccessKeySecret": SECRET, "SecurityToken": "t", "Expiration": "2999-01-01T00:00:00Z"}  # fmt: skip


def keyless(slb: Emulator, **changes: Any) -> dict[str, Any]:
    return arguments(slb.url, access_key=..., secret_key=..., connect_timeout=1, **changes)


def check(slb: Emulator, result: dict[str, Any]) -> None:
    """No file and no answer here gives a key that the emulator knows."""
    assert result["failed"]
    assert SECRET not in json.dumps(result)
    assert not [request for request in slb.requests if request.action == "SetBackendServers"]


@given(content=FILES, profile=st.sampled_from([None, None, "base", "oidc"]))
def test_any_profile_file(shared_slb: Emulator, home: Path, content: bytes, profile: str | None) -> None:
    reset(shared_slb)
    file = home / "profiles"
    file.write_bytes(content)
    check(shared_slb, set_weights(keyless(shared_slb, shared_credentials_file=str(file), profile=profile)))


def test_what_is_no_file_is_not_read(shared_slb: Emulator, home: Path) -> None:
    """Opening a pipe waits for a writer, and a device may have no end."""
    os.mkfifo(home / "pipe")
    for path in (home / "pipe", Path("/dev/zero"), home):
        check(shared_slb, set_weights(keyless(shared_slb, shared_credentials_file=str(path))))
        result = set_weights(arguments(shared_slb.url, ca_path=str(path)))
        assert path == home or result["error"]["code"] == "InvalidArgument"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KeyServices, int]]:
    """Stand-ins for STS, reached by its name, and for a credentials URI, on the port."""
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    stand_ins = KeyServices({})
    look_up = socket.getaddrinfo
    with (
        serving(stand_ins, certificates.vendor) as tls_port,
        serving(stand_ins) as port,
        pytest.MonkeyPatch.context() as patch,
    ):

        def look_up_sts(host: Any, asked_port: Any, *rest: Any, **options: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            return look_up("127.0.0.1", tls_port if name == "sts.aliyuncs.com" else asked_port, *rest, **options)

        patch.setattr(socket, "getaddrinfo", look_up_sts)
        patch.setenv("SSL_CERT_FILE", certificates.ca)
        TeaCore._sessions.clear()  # the vendor's package keeps them, with the certificates that they trust
        yield stand_ins, port


@pytest.mark.parametrize("source", ["uri", "role", "oidc"])
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_any_answer_of_a_service_that_gives_keys(
    services: tuple[KeyServices, int], shared_slb: Emulator, home: Path, source: str, data: st.DataObject
) -> None:
    stand_ins, port = services
    stand_ins.requests.clear()
    wrapped = KEYS if source == "uri" else {"RequestId": "R-1", "Credentials": KEYS}
    body = data.draw(bodies(wrapped)).decode("latin-1")
    stand_ins.instead = [(data.draw(st.sampled_from([200, 200, 200, 400, 404, 500])), body)] * 2
    token = home / "token"
    token.write_bytes(data.draw(st.binary(max_size=20)))
    with pytest.MonkeyPatch.context() as patch:
        given_options: dict[str, Any] = {}
        if source == "uri":
            patch.setenv("ALIBABA_CLOUD_CREDENTIALS_URI", f"http://127.0.0.1:{port}/keys")
        elif source == "role":
            given_options = {"access_key": "a", "secret_key": SECRET, "assume_role": {"role_arn": "r"}}
        else:
            patch.setenv("ALIBABA_CLOUD_ROLE_ARN", "r")
            patch.setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p")
            patch.setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(token))
        reset(shared_slb)
        result = set_weights({**keyless(shared_slb), **given_options})
    check(shared_slb, result)
    assert stand_ins.requests or source == "oidc", result  # with an empty token, no service is called


@settings(max_examples=settings().max_examples // 10)
@given(content=bodies({"mode": "AK", "access_key_id": "a", "access_key_secret": SECRET}))
def test_any_output_of_the_command_of_a_profile(shared_slb: Emulator, home: Path, content: bytes) -> None:
    (home / "printed").write_bytes(content)
    command = f"cat {shlex.quote(str(home / 'printed'))}"
    profile = {"name": "default", "mode": "External", "process_command": command}
    (home / "external").write_text(json.dumps({"profiles": [profile]}))
    reset(shared_slb)
    check(shared_slb, set_weights(keyless(shared_slb, shared_credentials_file=str(home / "external"))))


@settings(max_examples=settings().max_examples // 2)
@given(secret=TEXT, token=TEXT | JSON)
def test_any_keys(shared_slb: Emulator, secret: str, token: Any) -> None:
    """Keys that no HTTP header, URL or signature could carry."""
    reset(shared_slb)
    result = set_weights(arguments(shared_slb.url, access_key=secret, secret_key=secret, security_token=token))
    assert result["failed"]
