# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source of credentials is used, and that it is neither completed nor overridden by another."""

from __future__ import annotations

import os
import sys
import typing as t
from importlib import import_module

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import chain
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Context,
    Credentials,
    FetchLimits,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.chain import (
    ENVIRONMENT_KEYS,
    find_credentials,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.profiles import read_profile
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.vendor import (
    Origin,
    RefreshableProvider,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    CredentialsUnobtainable,
    InvalidArgument,
    SlbError,
)
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

OLD = {"ALICLOUD_ACCESS_KEY": "old-id", "ALICLOUD_SECRET_KEY": "old-secret"}
NEW = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "new-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "new-secret"}
LIMITS = FetchLimits(2.0, 5.0, None, lambda: 20.0)


def credentials_of(options: dict[str, t.Any], environ: dict[str, str]) -> Credentials:
    return find_credentials(options, environ, LIMITS).credentials()


@pytest.mark.parametrize(
    ("options", "environ", "credentials"),
    [
        ({"access_key": "id", "secret_key": "secret"}, {}, Credentials("id", "secret")),
        (
            {"access_key": "id", "secret_key": "secret"},
            {**OLD, "ALICLOUD_SECURITY_TOKEN": "t"},
            Credentials("id", "secret"),
        ),
        (
            {"access_key": "id", "secret_key": "secret", "security_token": "token"},
            OLD,
            Credentials("id", "secret", "token"),
        ),
        ({}, OLD, Credentials("old-id", "old-secret")),
        ({}, NEW, Credentials("new-id", "new-secret")),
        ({}, {**NEW, **OLD}, Credentials("old-id", "old-secret")),
        ({}, {**OLD, "ALICLOUD_SECURITY_TOKEN": "t"}, Credentials("old-id", "old-secret", "t")),
        ({}, {**OLD, "ALIBABA_CLOUD_SECURITY_TOKEN": "t"}, Credentials("old-id", "old-secret")),
        ({"access_key": "", "secret_key": None}, OLD, Credentials("old-id", "old-secret")),
    ],
)
def test_exactly_one_source_is_used(
    options: dict[str, t.Any], environ: dict[str, str], credentials: Credentials
) -> None:
    assert credentials_of(options, environ) == credentials


@pytest.mark.parametrize("row", ENVIRONMENT_KEYS)
def test_every_name_of_the_environment_is_read(row: tuple[tuple[str, ...], ...]) -> None:
    for key in row[0]:
        for secret in row[1]:
            assert credentials_of({}, {key: "id", secret: "secret"}) == Credentials("id", "secret")


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"access_key": "id"}, "secret_key"),
        ({"secret_key": "secret"}, "access_key"),
        ({"security_token": "token"}, "access_key"),
        ({"access_key": "id", "profile": "web"}, "secret_key"),
    ],
)
def test_incomplete_access_key_is_not_completed_from_the_environment(options: dict[str, t.Any], missing: str) -> None:
    with refusal(InvalidArgument) as caught:
        find_credentials(options, {**OLD, **NEW}, LIMITS)
    assert caught.value.message.startswith(f"{missing} is missing")


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"ALICLOUD_ACCESS_KEY": "id", **NEW}, "ALICLOUD_SECRET_KEY"),
        ({"ALICLOUD_SECURITY_TOKEN": "token", **NEW}, "ALICLOUD_ACCESS_KEY"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret", "ALICLOUD_PROFILE": "web"}, "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ({"ALIBABA_CLOUD_OIDC_TOKEN_FILE": "file", "ALICLOUD_PROFILE": "web"}, "ALIBABA_CLOUD_ROLE_ARN"),
        (
            {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "arn", "ALIBABA_CLOUD_ROLE_ARN": "arn"},
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
        ),
    ],
)
def test_incomplete_source_in_the_environment_is_named(environ: dict[str, str], missing: str) -> None:
    source = "an OIDC role" if "OIDC" in str(environ) else "an access key"
    with refusal(InvalidArgument, f"the environment variables for {source} are incomplete: {missing} is not set"):
        find_credentials({}, environ, LIMITS)


def test_without_a_source_the_message_lists_the_possible_ones() -> None:
    with refusal(InvalidArgument) as caught:
        find_credentials({}, {"ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/of-another-tool"}, LIMITS)
    for name in (
        *("access_key", "profile", "shared_credentials_file", "ecs_role_name", "ALICLOUD_ACCESS_KEY"),
        *("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ALICLOUD_PROFILE"),
        *("ALIBABA_CLOUD_CREDENTIALS_FILE", "ALICLOUD_ECS_ROLE_NAME", "ALIBABA_CLOUD_CREDENTIALS_URI"),
    ):
        assert name in caught.value.message


# Profiles with an access key


def in_file(folder: t.Any, text: str) -> str:
    path = folder / "profiles"
    path.write_text(text, encoding="utf-8")
    return str(path)


INI = """
[default]
type = access_key            # a comment
access_key_id = id
access_key_secret = s#c%r;t  # not in the secret

[temporary]
type = sts
access_key_id = STS.id
access_key_secret = secret
security_token = token=
"""


@pytest.mark.parametrize(
    ("profile", "credentials"),
    [
        (None, Credentials("id", "s#c%r;t")),
        ("default", Credentials("id", "s#c%r;t")),
        ("temporary", Credentials("STS.id", "secret", "token=")),
    ],
)
def test_ini_file(tmp_path: t.Any, profile: str | None, credentials: Credentials) -> None:
    assert credentials_of({"shared_credentials_file": in_file(tmp_path, INI), "profile": profile}, OLD) == credentials


@pytest.mark.parametrize("name", ["ALICLOUD_SHARED_CREDENTIALS_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE"])
def test_file_of_the_environment_is_of_either_format(tmp_path: t.Any, name: str) -> None:
    """The vendor's SDKs expect an ini file in this variable, Terraform's provider the JSON of the command line tool."""
    environ = {name: in_file(tmp_path, INI), "ALICLOUD_PROFILE": "temporary"}
    assert credentials_of({}, environ).access_key_id == "STS.id"
    row = '{"name": "web", "mode": "ak", "access_key_id": "json-id", "access_key_secret": "secret"}'
    assert credentials_of({}, {name: in_file(tmp_path, f'{{"current": "web", "profiles": [{row}]}}')}) == Credentials(
        "json-id", "secret"
    )


def test_option_does_not_use_the_file_of_the_environment(tmp_path: t.Any) -> None:
    environ = {"ALIBABA_CLOUD_CREDENTIALS_FILE": in_file(tmp_path, INI), "HOME": str(tmp_path)}
    with refusal(CredentialsUnobtainable, "cannot get credentials from profile temporary: it is in none of"):
        find_credentials({"profile": "temporary"}, environ, LIMITS)


def test_first_file_that_has_the_profile_is_used(tmp_path: t.Any) -> None:
    home = {"HOME": str(tmp_path)}
    for number, file in enumerate(
        (".alibabacloud/credentials.ini", ".alibabacloud/credentials", ".aliyun/config.json")
    ):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        if file.endswith(".json"):
            row = f'{{"name": "web", "mode": "AK", "access_key_id": "id{number}", "access_key_secret": "secret"}}'
            path.write_text(f'{{"profiles": [{row}]}}')
        else:
            path.write_text(f"[web]\ntype=access_key\naccess_key_id=id{number}\naccess_key_secret=secret\n")
        assert credentials_of({"profile": "web"}, home).access_key_id == f"id{number}"


def test_home_folder_of_a_path_is_found(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    in_file(tmp_path, INI)
    assert credentials_of({}, {"ALIBABA_CLOUD_CREDENTIALS_FILE": "~/profiles"}).access_key_id == "id"


def test_profile_is_not_completed_from_the_environment(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEW.items():
        monkeypatch.setenv(name, value)
    path = in_file(tmp_path, "[default]\ntype = access_key\naccess_key_id = id\n")
    with refusal(CredentialsUnobtainable, "access_key_secret is not set") as caught:
        find_credentials({"shared_credentials_file": path}, NEW, LIMITS)
    assert caught.value.advice == "Complete the profile."


SECRET = "secret-of-a-file"
BROKEN: list[tuple[str, str]] = [
    (f'{{"profiles": [{{"name": "web", "access_key_secret": "{SECRET}"}},', "neither JSON .* see line 1"),
    (f'{{"profiles": {{"web": "{SECRET}"}}}}', "nor an ini file$"),
    ('{"profiles": [1]}', "nor an ini file$"),
    ('{"profiles": [{"mode": "AK"}]}', "nor an ini file$"),
    (f"{SECRET}\n[web]\n", "neither JSON .* see line 1"),
    (f"[web]\ntype = access_key\naccess_key_id = {SECRET}\naccess_key_id = {SECRET}\n", "see line 4"),
    (f"[other]\ntype = access_key\naccess_key_secret = {SECRET}\n", "the file has other"),
    ("", "the file has none"),
    (f"[web]\ntype = rsa\nprivate_key = {SECRET}\n", "type 'rsa' is not supported"),
    (f'{{"profiles": [{{"name": "web", "mode": "Bearer", "token": "{SECRET}"}}]}}', "mode 'Bearer' is not supported"),
    (f'{{"profiles": [{{"name": "web", "token": "{SECRET}"}}]}}', "mode '' is not supported"),
    (f"[web]\naccess_key_secret = {SECRET}\n", "type None is not supported"),
    (f"[web]\ntype = sts\naccess_key_id = id\naccess_key_secret = {SECRET}\n", "security_token is not set"),
    (
        f"[web]\ntype = ram_role_arn\naccess_key_id = id\naccess_key_secret = {SECRET}\nrole_arn = r\n"
        "duration_seconds = 1h\n",
        "duration_seconds is not a valid number of seconds",
    ),
    ('{"profiles": [{"name": "web", "mode": "RamRoleArn"}]}', "access_key_id is not set"),
    ('{"profiles": [{"name": "web", "mode": "OIDC"}]}', "ram_role_arn is not set"),
    ('{"profiles": [{"name": "web", "mode": "OIDC", "ram_role_arn": "r"}]}', "oidc_provider_arn is not set"),
    ('{"profiles": [{"name": "web", "mode": "External"}]}', "process_command is not set"),
    ('{"profiles": [{"name": "web", "mode": "CredentialsURI", "credentials_uri": "/x"}]}', "not a valid URL"),
    ('{"profiles": [{"name": "web", "mode": "CloudSSO", "cloud_sso_sign_in_url": "x"}]}', "not a valid URL"),
    ('{"profiles": [{"name": "web", "mode": "ChainableRamRoleArn", "source_profile": "web"}]}', "leads back to itself"),
    ('{"profiles": [{"name": "web", "mode": "ChainableRamRoleArn", "source_profile": "x"}]}', "profile x of"),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN, ids=[reason for _text, reason in BROKEN])
def test_file_that_cannot_be_used_is_named(tmp_path: t.Any, text: str, reason: str) -> None:
    path = in_file(tmp_path, text)
    with refusal(CredentialsUnobtainable, reason) as caught:
        find_credentials({"shared_credentials_file": path, "profile": "web"}, NEW, LIMITS)
    assert path in caught.value.message
    assert SECRET not in caught.value.sentence()
    assert caught.value.code == "CredentialsUnobtainable"


def test_profiles_that_lead_back_to_each_other(tmp_path: t.Any) -> None:
    role = "type = ram_role_arn\nrole_arn = r\n"
    path = in_file(tmp_path, f"[web]\n{role}source_profile = db\n[db]\n{role}source_profile = web\n")
    with refusal(CredentialsUnobtainable, f"profile db of {path}: its source_profile leads back to itself"):
        find_credentials({"shared_credentials_file": path, "profile": "web"}, {}, LIMITS)


def test_token_next_to_a_long_lived_access_key_is_ignored(tmp_path: t.Any) -> None:
    text = "[default]\ntype = access_key\naccess_key_id = id\naccess_key_secret = secret\nsecurity_token = old\n"
    assert credentials_of({"shared_credentials_file": in_file(tmp_path, text)}, {}) == Credentials("id", "secret")


def test_current_profile_of_the_command_line_tool(tmp_path: t.Any) -> None:
    rows = ", ".join(
        f'{{"name": "{name}", "mode": "AK", "access_key_id": "{name}-id", "access_key_secret": "secret"}}'
        for name in ("default", "web")
    )
    for current, key in (("", "default-id"), ('"current": "web", ', "web-id")):
        path = in_file(tmp_path, f'{{{current}"profiles": [{rows}]}}')
        assert credentials_of({"shared_credentials_file": path}, {}).access_key_id == key


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff[default]\ntype = access_key\naccess_key_id = id\naccess_key_secret = secret\n",
        '\n {"profiles": [{"name": "default", "mode": "AK", "access_key_id": "id", "access_key_secret": "secret"}]}',
    ],
    ids=["byte order mark", "space before JSON"],
)
def test_characters_before_the_content_of_a_file(tmp_path: t.Any, text: str) -> None:
    assert credentials_of({"shared_credentials_file": in_file(tmp_path, text)}, {}) == Credentials("id", "secret")


def test_first_of_two_profiles_with_the_same_name_is_used(tmp_path: t.Any) -> None:
    rows = ", ".join(
        f'{{"name": "web", "mode": "AK", "access_key_id": "{key}", "access_key_secret": "secret"}}' for key in "ab"
    )
    path = in_file(tmp_path, f'{{"profiles": [{rows}]}}')
    assert credentials_of({"shared_credentials_file": path, "profile": "web"}, {}).access_key_id == "a"


def test_home_folder_of_the_process_is_used_without_one_in_the_environment(
    tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".alibabacloud").mkdir()
    (tmp_path / ".alibabacloud" / "credentials").write_text(INI)
    assert credentials_of({"profile": "temporary"}, {}).access_key_id == "STS.id"


@pytest.mark.parametrize("text", ['{"profiles": ' + "[" * 100_000, '{"a":' * 100_000])
def test_file_that_is_nested_too_deeply_is_refused(tmp_path: t.Any, text: str) -> None:
    with pytest.raises(CredentialsUnobtainable, match="neither JSON"):
        credentials_of({"shared_credentials_file": in_file(tmp_path, text)}, {})


def test_only_a_regular_file_is_opened(tmp_path: t.Any) -> None:
    """Reading a pipe without a writer would block the task forever."""
    os.mkfifo(tmp_path / "pipe")
    with refusal(CredentialsUnobtainable, "pipe.*: it is not a regular file") as caught:
        credentials_of({"shared_credentials_file": str(tmp_path / "pipe")}, {})
    assert caught.value.advice == "Name a regular file."


@pytest.mark.parametrize(
    ("profile", "message", "advice"),
    [
        ("db", "there is no such profile; the file has old, web", "Name one of these."),
        ("old", "type 'rsa' is not supported", "The credentials guide of the collection lists the supported ones."),
    ],
)
def test_what_to_do_about_a_profile(tmp_path: t.Any, profile: str, message: str, advice: str) -> None:
    path = in_file(tmp_path, "[web]\ntype = access_key\n[old]\ntype = rsa\n")
    with refusal(CredentialsUnobtainable, message) as caught:
        find_credentials({"shared_credentials_file": path, "profile": profile}, {}, LIMITS)
    assert caught.value.advice == advice


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("duration_seconds = " + "9" * 5000, "not a valid number of seconds"),
        ("duration_seconds = \u00b2", "not a valid number of seconds"),
    ],
)
def test_setting_that_is_not_a_valid_number(tmp_path: t.Any, setting: str, reason: str) -> None:
    text = f"[default]\ntype = ram_role_arn\naccess_key_id = a\naccess_key_secret = b\nrole_arn = r\n{setting}\n"
    with pytest.raises(CredentialsUnobtainable, match=reason):
        credentials_of({"shared_credentials_file": in_file(tmp_path, text)}, {})


def test_profile_comes_with_its_sources(tmp_path: t.Any) -> None:
    """Only a role has a source: the setting means nothing to a profile of another type."""
    role = "type = ram_role_arn\nrole_arn = r\n"
    text = f"[web]\n{role}source_profile = db\n[db]\n{role}source_profile = key\n[key]\ntype = access_key\nsource_profile = web\n"
    web = read_profile("web", in_file(tmp_path, text))
    assert web.source
    assert web.source.source
    assert [web.name, web.source.name, web.source.source.name] == ["web", "db", "key"]
    assert web.source.source.source is None


def test_key_of_a_profile_must_be_text(tmp_path: t.Any) -> None:
    text = '{"profiles": [{"name": "default", "mode": "AK", "access_key_id": {"a": 1}, "access_key_secret": "b"}]}'
    with pytest.raises(CredentialsUnobtainable, match="access_key_id is not text"):
        credentials_of({"shared_credentials_file": in_file(tmp_path, text)}, {})


def test_chain_of_profiles_has_an_end(tmp_path: t.Any) -> None:
    role = "type = ram_role_arn\nrole_arn = r\n"
    chain = "".join(f"[p{number}]\n{role}source_profile = p{number + 1}\n" for number in range(11))
    path = in_file(tmp_path, f"{chain}[p11]\ntype = access_key\naccess_key_id = id\naccess_key_secret = secret\n")
    find_credentials({"shared_credentials_file": path, "profile": "p1"}, {}, LIMITS)
    with refusal(
        CredentialsUnobtainable, f"profile p10 of {path}: more than 10 profiles lead to it through source_profile"
    ) as caught:
        find_credentials({"shared_credentials_file": path, "profile": "p0"}, {}, LIMITS)
    assert caught.value.advice


def test_file_that_is_not_there_is_named(tmp_path: t.Any) -> None:
    with refusal(CredentialsUnobtainable, f"{tmp_path}/none: No such file or directory"):
        find_credentials({"shared_credentials_file": f"{tmp_path}/none"}, NEW, LIMITS)


# Options of a role


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ({"role_arn": ""}, "role_arn is empty"),
        ({"role_arn": "r", "duration_seconds": 60}, "duration_seconds is 60"),
        ({"role_arn": "r", "sts_endpoint": "http://sts.aliyuncs.com"}, "sts_endpoint is not a valid host"),
        ({"role_arn": "r", "sts_endpoint": "sts.aliyuncs.com/?"}, "sts_endpoint is not a valid host"),
        ({"role_arn": "r", "sts_endpoint": "sts..aliyuncs.com"}, "sts_endpoint is not a valid host"),
        ({"role_arn": "r", "sts_endpoint": "sts.aliyuncs.com:0"}, "sts_endpoint is not a valid host"),
        ({"role_arn": "r", "sts_endpoint": "sts.aliyuncs.com:65536"}, "sts_endpoint is not a valid host"),
        ({"role_arn": "r", "sts_endpoint": "user@sts.aliyuncs.com"}, "sts_endpoint is not a valid host"),
    ],
)
def test_invalid_options_of_a_role(role: dict[str, t.Any], reason: str) -> None:
    with refusal(InvalidArgument, reason):
        find_credentials({"assume_role": role}, NEW, LIMITS)


@pytest.mark.parametrize("host", ["sts-vpc.cn-beijing.aliyuncs.com", "STS.example.com:443", "my_sts", "192.0.2.1:8443"])
def test_host_of_sts_may_have_a_port(host: str) -> None:
    find_credentials({"assume_role": {"role_arn": "r", "sts_endpoint": host}}, NEW, LIMITS)


def test_metadata_service_can_be_forbidden() -> None:
    with refusal(InvalidArgument, "ALIBABA_CLOUD_ECS_METADATA_DISABLED"):
        find_credentials({"ecs_role_name": "web"}, {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "True"}, LIMITS)


def test_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(t.cast("dict[str, t.Any]", sys.modules), "alibabacloud_credentials", None)
    with refusal(SlbError, "MissingLibrary: ECS role web .* needs .* alibabacloud-credentials") as caught:
        find_credentials({"ecs_role_name": "web"}, {}, LIMITS)
    assert "pip install" in caught.value.advice
    assert credentials_of({}, NEW).access_key_id == "new-id"


def test_plain_access_key_needs_no_provider(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tasks would pay for an import that they do not need."""
    modules = t.cast("dict[str, t.Any]", sys.modules)
    monkeypatch.delattr(_credentials, "providers", raising=False)
    monkeypatch.setitem(modules, f"{_credentials.__name__}.providers", None)  # importing it fails
    monkeypatch.setattr(_credentials, "chain", chain)
    monkeypatch.delitem(modules, chain.__name__)
    find = import_module(chain.__name__).find_credentials
    assert find({"access_key": "id", "secret_key": "secret"}, {}, LIMITS).credentials() == Credentials("id", "secret")
    assert find({}, OLD, LIMITS).credentials() == Credentials("old-id", "old-secret")
    assert find({}, NEW, LIMITS).credentials() == Credentials("new-id", "new-secret")
    with pytest.raises(ImportError):
        find({"shared_credentials_file": in_file(tmp_path, INI)}, {}, LIMITS)


# Providers of the vendor's package


class FromPackage(RefreshableProvider):
    """Gets one access key after another from the package's own provider for an access key."""

    def __init__(self, *key_ids: str) -> None:
        super().__init__(Origin("a list", "", "Give another.", direct=True), LIMITS)
        self._key_ids = list(key_ids)

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        return package.StaticAKCredentialsProvider(access_key_id=self._key_ids.pop(0), access_key_secret="secret")


def test_provider_keeps_its_credentials_until_it_is_refreshed() -> None:
    provider = FromPackage("first", "second", "second")
    assert [provider.credentials() for _request in "12"] == [Credentials("first", "secret")] * 2
    assert provider.refresh() is True
    assert provider.credentials() == Credentials("second", "secret")
    assert provider.refresh() is False


def test_context_is_named_for_each_provider() -> None:
    context = Context({"HOME": "/home"}, LIMITS)
    assert context.named("profile") == ({"HOME": "/home"}, LIMITS, "profile")
    assert context.named_by == ""
