# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Conditions around a rolling update that can become false before its servers are back.

Ansible hands a condition of a role or block down to each task in it, included ones too, and evaluates it anew for each. If the
update changes the answer, Ansible skips the steps that put the server back, and the play ends without an error. No step
can prevent that, because all of them are skipped. So it is refused before the drain, as far as it can be known.
"""

from __future__ import annotations

import re
import typing as t

from ansible.playbook.task import Task

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument

_FACT = "ansible_facts."
# Of the facts that Ansible gathers, those that an update can change.
_GATHERED = (
    "date_time",
    "distribution_major_version",
    "distribution_release",
    "distribution_version",
    "kernel",
    "kernel_version",
    "local",
)
# What modules change, by their names without collections.
_CHANGED_BY = {
    "add_host": ("groups", "group_names"),
    "gather_facts": tuple(_FACT + name for name in _GATHERED),
    "group_by": ("groups", "group_names"),
    "package_facts": ("packages",),
    "service_facts": ("services",),
    "setup": tuple(_FACT + name for name in _GATHERED),
}
_WORD = re.compile(r"\w+")
_CLOCK = re.compile(r"\bnow\s*\(|\|\s*(?:ansible\.builtin\.)?strftime\b|\bpipe\b.*\bdate\b")
_LOOKUP = re.compile(r"\b(?:lookup|query|q)\s*\(\s*['\"](?:[\w.]+\.)?(?:url|pipe)['\"]")
_OF_HOST = frozenset({"inventory_hostname", "inventory_hostname_short", "ansible_host"})


def names_changed_by(task: Task, action: str | None) -> list[str]:
    """The variables and facts that a task sets. ``action``: the name of its module, where it is known."""
    module = str(action).rpartition(".")[2]
    names = [*_CHANGED_BY.get(module, ())]
    if module == "set_fact":
        names += [str(name) for name in task.args if name != "cacheable"]
    registered: t.Any = task.register  # a name; since ansible-core 2.21 a mapping of names
    return [*names, *([registered] if isinstance(registered, str) else registered or ())]


def conditions_around(task: Task) -> list[str]:
    """The conditions that a task has from the blocks and the role that it is in."""
    found = task._get_parent_attribute("when", omit=True)
    return [str(each) for each in found] if isinstance(found, list) else []


def check_conditions(
    conditions: t.Iterable[str], changes: t.Mapping[str, str], variables: t.Mapping[str, t.Any]
) -> None:
    """Raise InvalidArgument for a condition that the update would change.

    ``changes``: the names that tasks of the update set, and where. ``variables``: of the host; a value may be a template.
    """
    for condition in conditions:
        texts = _texts_of(condition, variables)
        changed = [name for name in changes if any(_mentions(text, name) for text in texts)]
        if changed:
            raise _refusal(condition, f"depends on {changed[0]}, which the update changes ({changes[changed[0]]})")
        if any(_CLOCK.search(text) for text in texts):
            raise _refusal(condition, "depends on the time")
        if any(_LOOKUP.search(text) and not _OF_HOST.isdisjoint(_WORD.findall(text)) for text in texts):
            raise _refusal(condition, "asks the host, which may give another answer after the update")


def _mentions(text: str, name: str) -> bool:
    if name.startswith(_FACT):
        return re.search(rf"\bansible_(?:facts\W+)?{name.removeprefix(_FACT)}\b", text) is not None
    return name in _WORD.findall(text)


def _texts_of(condition: str, variables: t.Mapping[str, t.Any]) -> list[str]:
    """The text of a condition, and those of the variables that it mentions, and so on."""
    texts: list[str] = []
    names: set[str] = set()
    found = [condition]
    while found:
        texts += found
        words = {name for text in found for name in _WORD.findall(text)} - names
        names |= words
        values = [variables.get(name) for name in sorted(words)]
        found = [value for value in values if isinstance(value, str) and ("{{" in value or "{%" in value)]
    return texts


def _refusal(condition: str, reason: str) -> InvalidArgument:
    return InvalidArgument(
        f"the condition {condition} applies to the step that puts the server back, too, and {reason}. Ansible skips that step"
        " if the condition is false by then",
        "Compute the condition with ansible.builtin.set_fact before the drain, or put it on ansible.builtin.include_role,"
        " where it is evaluated once for the whole role.",
    )
