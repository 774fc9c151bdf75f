# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The credential type: what AWX takes, and what it gives to a job."""

from __future__ import annotations

import json
import re
from pathlib import Path

from awx_job import HERE, credential_type, inject
from awx_rules import credential_type_errors

INPUTS = {
    "access_key": "an-id",
    "secret_key": "a-secret",
    "security_token": "a-token",
    "region": "cn-hangzhou",
    "assume_role_arn": "acs:ram::1:role/operator",
    "assume_role_session_name": "awx",
    "assume_role_external_id": "an-external-id",
    "endpoint": "slb-vpc.cn-hangzhou.aliyuncs.com",
}
ENVIRONMENT = {
    "ALICLOUD_ACCESS_KEY": "an-id",
    "ALICLOUD_SECRET_KEY": "a-secret",
    "ALICLOUD_SECURITY_TOKEN": "a-token",
    "ALICLOUD_REGION": "cn-hangzhou",
    "ALICLOUD_ASSUME_ROLE_ARN": "acs:ram::1:role/operator",
    "ALICLOUD_ASSUME_ROLE_SESSION_NAME": "awx",
    "ALICLOUD_ASSUME_ROLE_EXTERNAL_ID": "an-external-id",
    "ALICLOUD_SLB_ENDPOINT": "slb-vpc.cn-hangzhou.aliyuncs.com",
}


# Each field of the form: id, label, whether it is secret, help text.
FIELDS = [
    ("access_key", "Access key id", False, None),
    ("secret_key", "Access key secret", True, None),
    ("security_token", "STS token", True, "Only for temporary keys, whose id starts with STS."),
    ("region", "Region", False, "The region of the load balancers, such as cn-hangzhou."),
    (
        "assume_role_arn",
        "Role to assume: ARN",
        False,
        "A RAM role that the access key takes on, such as acs:ram::1234567890123456:role/slb-operator.",
    ),
    ("assume_role_session_name", "Role to assume: session name", False, "Shown in the audit log of the account."),
    ("assume_role_external_id", "Role to assume: external id", True, "Only if the role asks for one."),
    (
        "endpoint",
        "Endpoint",
        False,
        "Only for another host of the Slb API than the region's own, such as slb-vpc.cn-hangzhou.aliyuncs.com.",
    ),
]


def test_its_inputs_stay_as_they_are() -> None:
    """AWX freezes them, help texts and all, once there is a credential of the type: setup.yml of a later version would fail."""
    inputs = credential_type()["inputs"]
    assert set(inputs) == {"fields", "required"}
    assert inputs["required"] == ["access_key", "secret_key", "region"]
    assert inputs["fields"] == [
        {"id": name, "label": label, "type": "string"}
        | ({"secret": True} if is_secret else {})
        | ({"help_text": help_text} if help_text else {})
        for name, label, is_secret, help_text in FIELDS
    ]


def test_awx_takes_it() -> None:
    kind = credential_type()
    assert kind["kind"] == "cloud"  # the only kind beside net that a custom type may be
    assert not credential_type_errors(kind["inputs"], kind["injectors"])


def test_it_becomes_the_environment_and_nothing_else(tmp_path: Path) -> None:
    injected = inject(INPUTS, tmp_path)
    assert injected.environment == ENVIRONMENT
    assert not injected.arguments  # extra variables would be arguments
    assert not list(tmp_path.iterdir())


def test_awx_shows_no_secret(tmp_path: Path) -> None:
    shown = inject(INPUTS, tmp_path).shown
    assert shown["ALICLOUD_REGION"] == "cn-hangzhou"
    assert not {"a-secret", "a-token", "an-external-id"} & set(shown.values())


def test_what_is_left_empty_is_an_empty_variable(tmp_path: Path) -> None:
    """So the modules must take an empty variable for one that is not set."""
    only_keys = {"access_key": "an-id", "secret_key": "a-secret", "region": "cn-hangzhou"}
    for inputs in (only_keys, dict.fromkeys(INPUTS, "") | only_keys):
        environment = inject(inputs, tmp_path).environment
        assert {name for name, value in environment.items() if not value} == {
            name for name in ENVIRONMENT if "ASSUME" in name or "TOKEN" in name or "ENDPOINT" in name
        }


def test_the_modules_read_what_it_sets() -> None:
    plugins = "".join(path.read_text(encoding="utf-8") for path in (HERE.parents[2] / "plugins").rglob("*.py"))
    names = set(re.findall(r"ALICLOUD_[A-Z_]+", json.dumps(credential_type()["injectors"])))
    assert not {name for name in names if f'"{name}"' not in plugins}
