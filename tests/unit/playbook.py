# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play of real tasks, for code that asks Ansible about them."""

from __future__ import annotations

import typing as t

from ansible import template
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.vars.manager import VariableManager

# Text as from a file of the user's: since ansible-core 2.19 no other is a template.
trusted: t.Callable[[str], str] = getattr(template, "trust_as_template", str)
NONE: t.Any = None


class Action(ActionBase):
    """An action that does nothing."""

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> dict[str, t.Any]:
        return {}


def tasks_of(blocks: t.Iterable[t.Any]) -> t.Iterator[t.Any]:
    for each in blocks:
        if isinstance(each, Block):
            yield from tasks_of([*each.block, *each.rescue, *each.always])
        else:
            yield each


class Playbook:
    """A play of real tasks, whose actions can be asked."""

    def __init__(self, *tasks: t.Any, variables: dict[str, t.Any] | None = None, extra: t.Any = None) -> None:
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=["web1,"])
        self.manager = VariableManager(loader=loader, inventory=inventory)
        self.manager._extra_vars = dict(extra or {})
        given = (variables or {}).items()
        trusted_variables = {name: trusted(value) if isinstance(value, str) else value for name, value in given}
        document = {"hosts": "all", "gather_facts": False, "vars": trusted_variables, "tasks": list(tasks)}
        self.play = Play.load(document, variable_manager=self.manager, loader=loader)
        self.host = inventory.get_host("web1")
        self.actions = [self._action(task, loader) for task in tasks_of(self.play.compile()) if task.action != "meta"]

    def _action(self, task: t.Any, loader: DataLoader) -> Action:
        task_vars = self.vars_of(task)
        return Action(task, NONE, NONE, loader, Templar(loader=loader, variables=task_vars), None)

    def vars_of(self, task: t.Any) -> dict[str, t.Any]:
        return dict(self.manager.get_vars(play=self.play, host=self.host, task=task))


def task(**arguments: t.Any) -> dict[str, t.Any]:
    return {"debug": arguments}
