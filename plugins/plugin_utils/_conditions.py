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
_EVERY_FACT = f"{_FACT}*"  # of those that Ansible gathers
# Of these, what an update does not change.
_LASTING = frozenset(
    {
        *("all_ipv4_addresses", "all_ipv6_addresses", "architecture", "default_ipv4", "default_ipv6", "distribution"),
        *("domain", "form_factor", "fqdn", "hostname", "interfaces", "is_chroot", "machine", "machine_id", "nodename"),
        *("os_family", "pkg_mgr", "product_name", "product_serial", "product_uuid", "service_mgr", "system"),
        *("system_vendor", "user_dir", "user_gid", "user_id", "user_shell", "user_uid", "virtualization_role"),
        *("virtualization_type",),
    }
)
# What modules change, by their names without collections.
_CHANGED_BY = {
    "add_host": ("groups", "group_names"),
    "gather_facts": (_EVERY_FACT,),
    "group_by": ("groups", "group_names"),
    "package_facts": ("packages",),
    "service_facts": ("services",),
    "setup": (_EVERY_FACT,),
}
_WORD = re.compile(r"\w+")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_KEY_OF_VARIABLES = re.compile(r"(?:\]|\b(?:vars|hostvars|ansible_facts))\s*\[\s*$")
_FILTER_OR_TEST = re.compile(r"\|\s*[\w.]+|\bis\s+(?:not\s+)?[\w.]+")
_FACT_NAME = re.compile(r"\bansible_facts(?:\.|\[\s*['\"])(\w+)|(?<!\w)ansible_(\w+)")
_CLOCK = re.compile(r"\bnow\s*\(|\|\s*(?:ansible\.builtin\.)?strftime\b|\bpipe\b.*\bdate\b")
_LOOKUP = re.compile(r"\b(?:lookup|query|q)\s*\(\s*['\"](?:[\w.]+\.)?(?:url|pipe)['\"]")
_FILE = re.compile(
    r"\bis\s+(?:not\s+)?(?:ansible\.builtin\.)?(?:exists|file|directory|link)\b"
    r"|\b(?:lookup|query|q)\s*\(\s*['\"](?:ansible\.builtin\.)?(?:file|fileglob|first_found)['\"]"
)
_OF_HOST = frozenset({"inventory_hostname", "inventory_hostname_short", "ansible_host"})
_OF_ROLE = (
    "Compute the condition with ansible.builtin.set_fact before the drain, or put it on ansible.builtin.include_role,"
    " where it is evaluated once for the whole role."
)


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
    conditions: t.Iterable[str],
    changes: t.Mapping[str, str],
    variables: t.Mapping[str, t.Any],
    advice: str = _OF_ROLE,
) -> None:
    """Raise InvalidArgument for a condition that the update would change.

    ``changes``: the names that tasks of the update set, and where. ``variables``: of the host; a value may be a template.
    """
    for condition in conditions:
        reason = reason_to_change(condition, changes, variables)
        if reason:
            raise InvalidArgument(
                f"the condition {condition} applies to the step that puts the server back, too, and {reason}. Ansible skips"
                " that step if the condition is false by then",
                advice,
            )


def reason_to_change(condition: str, changes: t.Mapping[str, str], variables: t.Mapping[str, t.Any]) -> str | None:
    """Why a condition may have another answer later, see check_conditions; None if nothing says so."""
    texts = _texts_of(condition, variables)
    changed = [name for name in changes if any(_mentions(text, name, variables) for text in texts)]
    if changed:
        name = "facts" if changed[0] == _EVERY_FACT else changed[0]
        return f"depends on {name}, which the update changes ({changes[changed[0]]})"
    if any(_CLOCK.search(text) for text in texts):
        return "depends on the time"
    of_host = [text for text in texts if not _OF_HOST.isdisjoint(_WORD.findall(text))]
    if any(_LOOKUP.search(text) for text in of_host):
        return "asks the host, which may give another answer after the update"
    if any(_FILE.search(text) for text in of_host):
        return "asks for a file of the host, which the update may write"
    return None


def _mentions(text: str, name: str, variables: t.Mapping[str, t.Any]) -> bool:
    if name == _EVERY_FACT:
        return any(_is_gathered(found[1], found[2], variables) for found in _FACT_NAME.finditer(text))
    return name in names_in(text)


def _is_gathered(fact: str | None, variable: str | None, variables: t.Mapping[str, t.Any]) -> bool:
    """Whether a fact, or the variable ``ansible_`` of one, changes when facts are gathered again."""
    if fact:
        return fact not in _LASTING
    return variable in (variables.get("ansible_facts") or ()) and variable not in _LASTING


def names_in(text: str) -> set[str]:
    """The names of variables in an expression: no text constants, except keys and names for lookups, and no attributes."""
    if not re.search(r"\b(?:lookup|query|q)\s*\(", text):
        whole = text
        text = _TEXT.sub(lambda found: found[0] if _KEY_OF_VARIABLES.search(whole[: found.start()]) else "''", text)
    text = _FILTER_OR_TEST.sub(" ", text)
    found = set()
    for word in _WORD.finditer(text):
        owner = re.search(r"(\w+)\s*\.\s*$", text[: word.start()])
        if owner is None or owner[1] == "ansible_facts":
            found.add(word[0])
    return found


def _texts_of(condition: str, variables: t.Mapping[str, t.Any]) -> list[str]:
    """The text of a condition, and those of the variables that it mentions, and so on."""
    texts: list[str] = []
    seen: set[str] = set()
    found = [condition]
    while found:
        texts += found
        seen.update(found)
        values = [
            value for text in found for name in sorted(names_in(text)) for value in _values_of(name, text, variables)
        ]
        found = [
            text
            for text in dict.fromkeys(each for value in values for each in _templates_in(value))
            if text not in seen
        ]
    return texts


def _values_of(name: str, text: str, variables: t.Mapping[str, t.Any]) -> t.Iterator[t.Any]:
    """The value of a variable, or those of its keys if a text asks for no others."""
    value = variables.get(name)
    keys = re.findall(rf"(?<![\w.]){name}\b(?:\.(\w+)|\[\s*['\"](\w+)['\"]\s*\])?", text)
    if isinstance(value, dict) and keys and all((one or other) in value for one, other in keys):
        yield from (value[one or other] for one, other in keys)
    else:
        yield value


def _templates_in(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _templates_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _templates_in(each)
