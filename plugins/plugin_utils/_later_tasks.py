# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What comes after a step in its play, and in which blocks."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _play
from ansible_collections.aliyun_community.slb.plugins.plugin_utils._tasks_file import blocks_after


def sections_of(task: Task) -> list[tuple[str, str]]:
    """The blocks with a rescue or an always that a task is in, from the outside in, and in which section of each."""
    found: list[tuple[str, str]] = []
    child: t.Any = None
    for part in _play.parts_around(task):
        if child is not None and (getattr(part, "rescue", None) or getattr(part, "always", None)):
            for name in ("block", "rescue", "always"):
                if any(each._uuid == child._uuid for each in getattr(part, name)):
                    found.append((part._uuid, name))
        if not (isinstance(part, TaskInclude) and part.statically_loaded):  # its content takes its place
            child = part
    return found[::-1]


def meta_of(task: Task) -> str | None:
    return str(task.args.get("_raw_params")) if task.action in constants._ACTION_META else None


def tasks_to_come(action: ActionBase) -> list[Task]:
    """The tasks after the step: in the included files and roles that it is in, from the inside out, and in the play.

    What they include is not among them.
    """
    around = list(_play.around(action))
    own = {part._uuid for part in around}
    found: list[Task] = []
    top: t.Any = None  # the outermost block so far
    for part in around:
        if top and isinstance(part, TaskInclude) and not part.statically_loaded and not _play.is_of_role(top):
            found += _after(own, _play.tasks_in(_content_of(part, top, action)))
        if getattr(part, "block", None):
            top = part
    play = _play.play_of(action)
    if play is not None:
        # Not play.roles: that has the included ones as well, and lacks those that they depend on.
        blocks = [*play.pre_tasks, *play._compile_roles(), *play.tasks, *play.post_tasks]
        found += _after(own, _play.tasks_in(blocks))
    return found


def _after(own: t.Container[str], tasks: t.Iterable[Task]) -> list[Task]:
    """The tasks after the last one that is among ``own``; all of them if none is, as in a handler."""
    listed = list(tasks)
    begins = max((number for number, task in enumerate(listed, start=1) if task._uuid in own), default=0)
    return listed[begins:]


def _content_of(include: TaskInclude, top: t.Any, action: ActionBase) -> list[Block]:
    """The blocks of an included file or role, at least from the one on that the step is in, ``top``."""
    if not isinstance(include, IncludeRole):
        return [top, *blocks_after(top, action._loader, action._task.get_variable_manager())]
    role: t.Any = top._role
    blocks: list[Block] = role.compile(play=top._play, dep_chain=role.get_dep_chain())
    for block in blocks:
        block._parent = top._parent
    return blocks
