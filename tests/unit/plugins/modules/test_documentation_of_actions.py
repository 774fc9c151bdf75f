# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the actions says what their argument specs, ranges and results say."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from ansible_collections.aliyun_community.slb.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.aliyun_community.slb.plugins.module_utils import _audit, _drain_options, _recovery
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import STATES, Entry, shown
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import PORT, Range
from ansible_collections.aliyun_community.slb.plugins.modules import slb_audit, slb_drain, slb_journal

Options = dict[str, dict[str, t.Any]]
ACTIONS = [
    (slb_drain, _drain_options.argument_spec()),
    (slb_journal, _recovery.argument_spec()),
    (slb_audit, _audit.argument_spec()),
]
CONNECTION: Options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
ENTRY = Entry("web1", "r", "lb-1", None, "i-1", "ecs", None, None, 100, (0,), "drained", "1-2@c", 0.0, 0.0)


def own_options(action: t.Any) -> Options:
    options: Options = yaml.safe_load(action.DOCUMENTATION)["options"]
    return options


def declared(options: Options) -> Options:
    """What a specification or a documentation says about options, without the descriptions."""
    return {
        name: {
            **{key: option.get(key) for key in ("type", "elements", "default", "aliases")},
            "required": option.get("required", False),
            "choices": list(option.get("choices", [])),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize(("action", "spec"), ACTIONS, ids=["slb_drain", "slb_journal", "slb_audit"])
def test_options_are_those_of_the_action(action: t.Any, spec: Options) -> None:
    assert declared(own_options(action)) == declared(
        {name: option for name, option in spec.items() if name not in CONNECTION}
    )
    assert set(CONNECTION) <= set(spec)
    assert "aliyun_community.slb.connection" in yaml.safe_load(action.DOCUMENTATION)["extends_documentation_fragment"]


@pytest.mark.parametrize(("action", "spec"), ACTIONS, ids=["slb_drain", "slb_journal", "slb_audit"])
def test_options_stand_in_the_order_of_the_action(action: t.Any, spec: Options) -> None:
    assert list(own_options(action)) == [name for name in spec if name not in CONNECTION]


RANGES = {**_drain_options._NUMBERS, "port": PORT, "ramp": _drain_options._PERCENT}
NUMBERS = [(slb_drain, name, allowed) for name, allowed in RANGES.items()]
NUMBERS.append((slb_journal, "health_timeout", _drain_options.SECONDS))


@pytest.mark.parametrize(("action", "option", "allowed"), NUMBERS)
def test_range_is_documented(action: t.Any, option: str, allowed: Range) -> None:
    text = " ".join(own_options(action)[option]["description"])
    said = re.search(r"whole numbers? from V\((\d+)\)(?: to V\((\d+)\))?", text)
    assert said
    assert Range(*(int(number) for number in said.groups() if number)) == allowed


@pytest.mark.parametrize(("action", "key"), [(slb_drain, "servers"), (slb_journal, "restored")])
def test_members_are_documented_as_they_are_returned(action: t.Any, key: str) -> None:
    documented = yaml.safe_load(action.RETURN)[key]
    returned = shown(ENTRY)
    assert list(documented["contains"]) == list(returned)
    assert list(documented["sample"][0]) == list(returned)


def test_findings_are_documented_as_they_are_returned() -> None:
    assert list(yaml.safe_load(slb_audit.RETURN)["found"]["contains"]) == list(_audit.Finding._fields)


def test_all_states_of_a_member_are_documented() -> None:
    text = " ".join(yaml.safe_load(slb_drain.RETURN)["servers"]["contains"]["state"]["description"])
    assert re.findall(r"V\(([^)]+)\)", text) == list(STATES)


@pytest.mark.parametrize("action", [slb_drain, slb_journal, slb_audit])
def test_examples_are_for_the_action(action: t.Any) -> None:
    name = yaml.safe_load(action.DOCUMENTATION)["module"]
    assert f"aliyun_community.slb.{name}:" in action.EXAMPLES
    assert yaml.safe_load(action.EXAMPLES)
