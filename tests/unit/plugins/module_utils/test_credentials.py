# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source of keys is used, and that it is used whole."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import (
    ENVIRONMENT_KEYS,
    Keys,
    find_keys,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument

OLD = {"ALICLOUD_ACCESS_KEY": "old-id", "ALICLOUD_SECRET_KEY": "old-secret"}
NEW = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "new-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "new-secret"}


def keys_of(options: dict[str, t.Any], environ: dict[str, str]) -> Keys:
    return find_keys(options, environ).keys()


@pytest.mark.parametrize(
    ("options", "environ", "keys"),
    [
        ({"access_key": "id", "secret_key": "secret"}, {}, Keys("id", "secret")),
        ({"access_key": "id", "secret_key": "secret"}, {**OLD, "ALICLOUD_SECURITY_TOKEN": "t"}, Keys("id", "secret")),
        (
            {"access_key": "id", "secret_key": "secret", "security_token": "token"},
            OLD,
            Keys("id", "secret", "token"),
        ),
        ({}, OLD, Keys("old-id", "old-secret")),
        ({}, NEW, Keys("new-id", "new-secret")),
        ({}, {**NEW, **OLD}, Keys("old-id", "old-secret")),
        ({}, {**OLD, "ALICLOUD_SECURITY_TOKEN": "t"}, Keys("old-id", "old-secret", "t")),
        ({}, {**OLD, "ALIBABA_CLOUD_SECURITY_TOKEN": "t"}, Keys("old-id", "old-secret")),
        ({"access_key": "", "secret_key": None}, OLD, Keys("old-id", "old-secret")),
    ],
)
def test_one_source_is_used_whole(options: dict[str, t.Any], environ: dict[str, str], keys: Keys) -> None:
    assert keys_of(options, environ) == keys


@pytest.mark.parametrize("row", ENVIRONMENT_KEYS)
def test_every_name_of_the_environment_is_read(row: tuple[tuple[str, ...], ...]) -> None:
    for key in row[0]:
        for secret in row[1]:
            assert keys_of({}, {key: "id", secret: "secret"}) == Keys("id", "secret")


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"access_key": "id"}, "secret_key"),
        ({"secret_key": "secret"}, "access_key"),
        ({"security_token": "token"}, "access_key"),
    ],
)
def test_half_a_key_is_not_completed_from_the_environment(options: dict[str, t.Any], missing: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        find_keys(options, {**OLD, **NEW})
    assert caught.value.message.startswith(f"{missing} is missing")


def test_half_a_key_in_the_environment_is_named() -> None:
    with pytest.raises(InvalidArgument, match="ALICLOUD_SECRET_KEY is not set"):
        find_keys({}, {"ALICLOUD_ACCESS_KEY": "id", **NEW})


def test_no_source_names_those_that_were_tried() -> None:
    with pytest.raises(InvalidArgument) as caught:
        find_keys({}, {})
    for name in ("access_key", "profile", "ecs_role_name", "ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID"):
        assert name in caught.value.message
