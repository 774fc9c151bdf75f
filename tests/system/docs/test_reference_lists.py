# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists in the guides are those of the source: error codes, and the API actions that a policy must allow."""

from __future__ import annotations

import json
import re

import docutils.nodes
import project
import pytest
from snippets import Snippet, doctree, snippets
from source_codes import ERRORS, actions, api_codes, own_codes

PLUGINS = project.ROOT / "plugins"
MODULE_UTILS = PLUGINS / "module_utils"
GUIDES = project.ROOT / "docs" / "docsite" / "rst"
POLICIES = [snippet for snippet in snippets(GUIDES / "ram_policy_guide.rst") if snippet.kind == "policy"]
LOAD_BALANCER = r"acs:slb:[\w-]+:\d{16}:loadbalancer/lb-\w+"
SERVER = r"acs:ecs:[\w-]+:\d{16}:instance/(i-\w+|\*)"
RESOURCES = {
    "slb:DescribeLoadBalancers": [r"acs:slb:[\w-]+:\d{16}:loadbalancer/\*"],
    "slb:SetBackendServers": [LOAD_BALANCER, SERVER],
    "sts:AssumeRole": [r"acs:ram::\d{16}:role/[\w-]+"],
}


def documented_codes() -> dict[str, set[str]]:
    """The terms of the troubleshooting guide's lists, by the heading above them."""
    found = {}
    guide = doctree((GUIDES / "troubleshooting_guide.rst").read_text(encoding="utf-8"))
    for section in guide.findall(docutils.nodes.section):
        terms = [code.astext() for term in section.findall(docutils.nodes.term) for code in term.findall(is_literal)]
        assert len(terms) == len(set(terms))
        found[section[0].astext()] = set(terms)
    return found


def is_literal(node: docutils.nodes.Node) -> bool:
    return isinstance(node, docutils.nodes.literal)


def test_the_guide_has_the_codes_that_the_collection_raises() -> None:
    raised = own_codes(PLUGINS)
    assert {"InvalidArgument", "TasksFile"} <= raised
    codes = documented_codes()
    assert not codes["Codes of this collection"] & codes["Codes of rolling updates"]
    assert codes["Codes of this collection"] | codes["Codes of rolling updates"] == raised


def test_the_guide_has_the_codes_of_the_api_that_the_collection_knows() -> None:
    codes = documented_codes()
    assert codes["Retried errors of the API"] | codes["Other errors of the API"] == api_codes(MODULE_UTILS / ERRORS)


def statements(policy: Snippet) -> list[tuple[str, str]]:
    """The pairs of action and resource that a policy allows. Raises AssertionError where its form is not that of RAM."""
    document = json.loads(policy.text)
    assert set(document) == {"Version", "Statement"}
    assert document["Version"] == "1"
    pairs = []
    for statement in document["Statement"]:
        assert set(statement) == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        pairs += [
            (action, resource) for action in _listed(statement["Action"]) for resource in _listed(statement["Resource"])
        ]
    return pairs


def resources_of(action: str) -> list[str]:
    """Patterns of the resources that a policy with this action must name."""
    return RESOURCES.get(action, [LOAD_BALANCER])


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy.line))
def test_a_policy_names_for_each_action_the_resources_that_it_has(policy: Snippet) -> None:
    allowed = statements(policy)
    for action, resource in allowed:
        assert any(re.fullmatch(pattern, resource) for pattern in resources_of(action)), (action, resource)
    for action in {action for action, _resource in allowed}:
        resources = [resource for other, resource in allowed if other == action]
        for pattern in resources_of(action):
            assert any(re.fullmatch(pattern, resource) for resource in resources), (action, pattern)


def test_the_policies_allow_what_the_modules_call() -> None:
    allowed = {action for policy in POLICIES for action, _resource in statements(policy)}
    called = {f"slb:{action}" for action in actions(MODULE_UTILS / "_slb.py")}
    assert "slb:SetBackendServers" in called
    assert allowed - {"sts:AssumeRole"} == called
