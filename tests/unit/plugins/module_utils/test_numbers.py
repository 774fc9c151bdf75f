# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which numbers an option takes, and that its documentation says so."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from ansible_collections.aliyun_community.slb.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.aliyun_community.slb.plugins.module_utils import _numbers
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import Range, whole_number
from ansible_collections.aliyun_community.slb.plugins.modules import slb_backend_weights
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

SOME = Range(1, 10_000)


@pytest.mark.parametrize(
    ("given", "number"), [(1, 1), (10_000, 10_000), ("7", 7), ("007", 7), (8.0, 8), ("000010000", 10_000)]
)
def test_whole_number_of_the_range(given: object, number: int) -> None:
    found = whole_number(given, "size", SOME)
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0, "0"),
        (10_001, "10001"),
        (5.5, "5.5"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (10**400, "1" + "0" * 39),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ([7], "[7]"),
        ({}, "{}"),
        ("", "''"),
        (" 7", "' 7'"),
        ("-7", "'-7'"),
        ("7%", "'7%'"),
        ("1_0", "'1_0'"),
        ("1e999999999", "'1e999999999'"),
        ("\u0667", "'\u0667'"),
        ("9" * 5000, "'" + "9" * 39),
        ("0000000007", "'0000000007'"),
    ],
)
def test_all_else_is_refused_with_the_range(given: object, shown: str) -> None:
    with refusal(InvalidArgument, f"size is {re.escape(shown)}$") as error:
        whole_number(given, "size", SOME)
    assert error.value.advice == "Give a whole number from 1 to 10000."


def test_range_without_an_end() -> None:
    assert whole_number(999_999_999, "size", Range(0)) == 999_999_999
    with refusal(InvalidArgument, "size is 1000000000"):
        whole_number(10**9, "size", Range(0))


def documented() -> dict[str, t.Any]:
    """All options and suboptions by their names, as they are documented."""
    options: dict[str, t.Any] = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    options |= yaml.safe_load(slb_backend_weights.DOCUMENTATION)["options"]
    return {**options, **options["assume_role"]["suboptions"], **options["backend_servers"]["suboptions"]}


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("weight", _numbers.WEIGHT),
        ("expected_weight", _numbers.WEIGHT),
        ("min_active", _numbers.MIN_ACTIVE),
        ("duration_seconds", _numbers.SESSION),
        ("connect_timeout", _numbers.TIMEOUT),
        ("read_timeout", _numbers.TIMEOUT),
        ("wait_timeout", _numbers.TIMEOUT),
    ],
)
def test_range_is_documented(option: str, allowed: Range) -> None:
    text = " ".join(documented()[option]["description"])
    said = re.search(r"[Aa] whole number from V\((\d+)\)(?: to V\((\d+)\))?", text)
    assert said
    assert Range(*(int(number) for number in said.groups() if number)) == allowed


def test_no_number_is_left_to_ansible() -> None:
    assert [name for name, option in documented().items() if option["type"] in ("int", "float")] == []
