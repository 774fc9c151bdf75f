# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditions that the update would change."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible.playbook.task import Task

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _conditions
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

VARIABLES = {
    "wanted": "1.3",
    "needs_update": "{{ installed != wanted }}",
    "in_the_window": "{{ now().hour < 6 }}",
    "loop_a": "{{ loop_b }}",
    "loop_b": "{{ loop_a }}",
    "page": "{{ lookup('ansible.builtin.url', 'http://' ~ inventory_hostname ~ '/version') }}",
    "latest": "{{ lookup('ansible.builtin.url', 'https://example.com/latest') }}",
    "number": 3,
    "app": {"name": "shop", "outdated": "{{ installed != wanted }}"},
    "waiting": ["b", ["{{ installed }}"]],
    "ansible_facts": {"uptime_seconds": 10, "distribution": "Debian", "local": {}},
}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ({"set_fact": {"installed": "1.3", "cacheable": True}}, ["installed"]),
        ({"command": "true", "register": "done"}, ["done"]),
        ({"package_facts": None, "register": "found"}, ["packages", "found"]),
        ({"group_by": {"key": "done"}}, ["groups", "group_names"]),
        ({"debug": {"msg": "installed"}}, []),
    ],
)
def test_names_that_a_task_changes(task: dict[str, t.Any], names: list[str]) -> None:
    loaded = Task.load(task)
    assert _conditions.names_changed_by(loaded, f"ansible.builtin.{loaded.action}") == names


@pytest.mark.parametrize("module", ["setup", "gather_facts", "ansible.builtin.setup"])
def test_facts_that_are_gathered_again(module: str) -> None:
    changes = dict.fromkeys(_conditions.names_changed_by(Task.load({"setup": None}), module), "update.yml:7")
    for condition in (
        "ansible_facts['local']['web'] != wanted",
        "ansible_facts.kernel != wanted",
        "ansible_uptime_seconds > 9",
    ):
        with refusal(InvalidArgument, re.escape("depends on facts, which the update changes (update.yml:7)")):
            _conditions.check_conditions([condition], changes, VARIABLES)
    lasting = ["ansible_facts.os_family == 'Debian'", "ansible_distribution == 'Debian'", "ansible_host == 'web1'"]
    _conditions.check_conditions([*lasting, "uptime_seconds == 1"], changes, VARIABLES)


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("installed != '1.3'", "installed"),
        ("hostvars[inventory_hostname]['installed'] != wanted", "installed"),
        ("needs_update", "installed"),
        ("not (needs_update | bool)", "installed"),
        ("loop_a or installed", "installed"),
        ("ansible_facts['packages']['web'][0].version != wanted", "packages"),
        ("ansible_facts.packages.web[0].version != wanted", "packages"),
        ("app.outdated", "installed"),
        ("'a' in waiting", "installed"),
        ("lookup('ansible.builtin.vars', 'installed') != wanted", "installed"),
        ("installed.stdout == 'installed'", "installed"),
        ("'updated' not in group_names", "group_names"),
    ],
)
def test_condition_that_the_update_changes(condition: str, name: str) -> None:
    with refusal(InvalidArgument, re.escape(f"depends on {name}, which the update changes (update.yml:7)")):
        _conditions.check_conditions(["true", condition], {"other": "a.yml:1", name: "update.yml:7"}, VARIABLES)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("now().hour < 6", "depends on the time"),
        ("in_the_window", "depends on the time"),
        ("'%H' | strftime | int < 6", "depends on the time"),
        ("lookup('pipe', 'date +%H') | int < 6", "depends on the time"),
        ("page != wanted", "asks the host"),
        ("(playbook_dir ~ '/done-' ~ inventory_hostname) is not exists", "asks for a file of the host"),
        ("lookup('file', '/srv/' ~ inventory_hostname) != wanted", "asks for a file of the host"),
        ("query('pipe', 'ssh ' ~ ansible_host ~ ' version') != wanted", "asks the host"),
    ],
)
def test_condition_that_has_another_answer_later(condition: str, reason: str) -> None:
    with refusal(InvalidArgument, reason):
        _conditions.check_conditions([condition], {}, VARIABLES)


@pytest.mark.parametrize(
    "condition",
    [
        "installed_before != '1.3'",
        "needs_update_not",
        "number > 2",
        "loop_a",
        "latest != wanted",
        "lookup('env', 'REGION') == inventory_hostname",
        "ansible_facts.os_family == 'Debian'",
        "env == 'installed'",
        "env in ('packages', \"installed\")",
        "web.installed == 1",
        "web . installed == 1",
        "(playbook_dir ~ '/update.yml') is exists",
        "known.now == 1",
    ],
)
def test_condition_that_the_update_does_not_change(condition: str) -> None:
    changes = {"installed": "a.yml:1", "packages": "a.yml:3"}
    _conditions.check_conditions([condition], changes, VARIABLES)


def test_sentence_about_a_condition() -> None:
    sentence = (
        "InvalidArgument: the condition installed applies to the step that puts the server back, too, and depends on installed,"
        " which the update changes (a.yml:1). Ansible skips that step if the condition is false by then"
    )
    with refusal(InvalidArgument, f"^{re.escape(sentence)}$"):
        _conditions.check_conditions(["installed"], {"installed": "a.yml:1"}, {})
