# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection options: what declares them, and what is refused before anything is sent."""

from __future__ import annotations

import os
import typing as t

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.aliyun_community.slb.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.aliyun_community.slb.plugins.module_utils import _connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.tests.unit.module_arguments import patch_module_args
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

pytestmark = pytest.mark.usefixtures("clean_environment", "no_settings_in_the_environment")


# The options


def declared(options: dict[str, t.Any], suboptions: str) -> dict[str, t.Any]:
    """Name, type and so on of options, as a module declares or documents them."""
    return {
        name: {
            **{key: option.get(key) for key in ("type", "required", "default", "aliases")},
            "options": declared(option.get(suboptions) or {}, suboptions),
        }
        for name, option in options.items()
    }


def test_options_are_those_of_the_documentation() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert declared(_connection.connection_argument_spec(), "options") == declared(documented, "suboptions")


def test_options_that_ansible_hides() -> None:
    spec = _connection.connection_argument_spec()
    hidden = [name for name, option in spec.items() if option.get("no_log")]
    assert hidden == ["access_key", "secret_key", "security_token"]


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("region", ["ALICLOUD_REGION", "ALICLOUD_REGION_ID", "ALIBABA_CLOUD_REGION_ID", "ALIBABA_CLOUD_REGION"]),
        ("endpoint", ["ALICLOUD_SLB_ENDPOINT", "ALIBABA_CLOUD_SLB_ENDPOINT"]),
        ("ca_path", ["ALIBABA_CLOUD_CA_BUNDLE"]),
    ],
)
def test_options_that_the_environment_may_give(monkeypatch: pytest.MonkeyPatch, option: str, names: list[str]) -> None:
    for name in reversed(names):  # the first of them wins
        monkeypatch.setenv(name, f"/of-{name.lower()}")
        with patch_module_args({}):
            module = AnsibleModule(argument_spec=_connection.connection_argument_spec())
        assert module.params[option] == f"/of-{name.lower()}"
    assert [name for name, value in module.params.items() if value and str(value).startswith("/of-")] == [option]


# What cannot work is refused before anything is sent


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("slb.example", "https://slb.example"),
        ("http://127.0.0.1:80/", "http://127.0.0.1:80"),
        ("https://[::1]:443", "https://[::1]:443"),
        ("slb_1.x", "https://slb_1.x"),
        ("", "https://slb.aliyuncs.com"),
    ],
)
def test_endpoint(endpoint: str, url: str) -> None:
    assert _connection._endpoint(endpoint, "cn-hangzhou") == url


@pytest.mark.parametrize(
    "endpoint",
    [
        *("a b", "a..b", "x" * 64, "\x1b[2J", "http://%00", "\u00e4.de"),
        *("h:0", "h/p", "h/X", "h?q", "http://u@h", "ftp://h"),
    ],
)
def test_endpoint_that_cannot_be_looked_up(endpoint: str) -> None:
    with pytest.raises(InvalidArgument, match="endpoint is not a valid host"):
        _connection._endpoint(endpoint, "cn-hangzhou")


@pytest.mark.parametrize("region", ["cn", "CN-HANGZHOU", "cn-" + "x" * 64])
def test_region_that_is_none(region: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a valid region id"):
        _connection.checked_region(region)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("none", "does not exist"),
        ("text", "contains no certificates"),
        ("pipe", "it is not a file"),
        ("empty", "contains no"),
    ],
)
def test_ca_path_that_holds_no_certificates(tmp_path: t.Any, kind: str, reason: str) -> None:
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "empty").write_text("")
    os.mkfifo(tmp_path / "pipe")
    with refusal(InvalidArgument, reason):
        _connection._verify(True, str(tmp_path / kind))


def test_ca_path(tmp_path: t.Any, certificates: t.Any) -> None:
    assert _connection._verify(True, certificates.ca) == certificates.ca
    assert _connection._verify(True, str(tmp_path)) == str(tmp_path)
    assert _connection._verify(True, None) is True
    assert _connection._verify(False, certificates.ca) is False
