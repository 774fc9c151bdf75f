# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What comes after a step in its play, and what of it would let the play end without an error and a server out of traffic."""

from __future__ import annotations

import typing as t

from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _conditions, _play, _tasks_file

_META = ("meta", "ansible.builtin.meta", "ansible.legacy.meta")


def check_play(action: ActionBase) -> None:
    """Raise InvalidArgument if the play would forget which hosts have failed."""
    play = _play.play_of(action)
    handlers = [] if play is None else _play.tasks_in(play.handlers)
    if any(_meta_of(task) == _tasks_file.CLEAR for task in [*_tasks_to_come(action), *handlers]):
        raise InvalidArgument(
            "the play has meta: clear_host_errors after the rolling update has begun. With it, the play would end as if"
            " all servers were back when some are not",
            "Move it to pre_tasks or to an earlier play.",
        )


def check_restores(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if the play can pass by its restore after the drain, and end without an error.

    That is if a task between them ends the play for the host, or changes a condition that both have.
    """
    conditions = {str(each) for part in _play.around(action) for each in (part.when or ())}
    changes: dict[str, str] = {}
    faults: list[str] = []
    for task in _known_tasks_to_come(action, task_vars, faults):
        if _takes(task, "drained", "drain"):
            return  # the next one, which is checked when it is its turn
        if _takes(task, "restored", "restore"):
            if faults:
                raise InvalidArgument(
                    f"between the drain and the restore of the play: {faults[0]}",
                    "As it is, the play would leave the server out of traffic.",
                )
            shared = [each for each in map(str, task.when) if each in conditions]
            _conditions.check_conditions(shared, changes, task_vars)
        if _meta_of(task) in _tasks_file.ENDING and not _play.is_of_role(task):
            faults.append(
                f"meta: {_meta_of(task)} ({task.get_path()}); move it behind the restore, or use ansible.builtin.fail"
            )
        changes.update(dict.fromkeys(_conditions.names_changed_by(task, task.action), str(task.get_path())))


def _known_tasks_to_come(action: ActionBase, task_vars: t.Mapping[str, t.Any], faults: list[str]) -> t.Iterator[Task]:
    """The tasks after the step, with those that they include. ``faults``: gets what is wrong with included files."""
    for task in _tasks_to_come(action):
        yield task
        if isinstance(task, TaskInclude) and not task.statically_loaded and not _play.is_of_role(task):
            try:
                yield from _tasks_file.tasks_included_by(
                    task,
                    loader=action._loader,
                    variable_manager=action._task.get_variable_manager(),
                    task_vars=task_vars,
                    templar=action._templar,
                )
            except _tasks_file.TasksFileError as exc:
                faults.append(str(exc).rstrip("."))


def _takes(task: Task, state: str, entry_point: str) -> bool:
    """Whether a task takes a step: the action with this state, or an include of that half of the role."""
    if isinstance(task, IncludeRole):
        return _play.is_role_name(task._role_name) and task._from_files.get("tasks") == entry_point
    return str(task.action).endswith("slb_drain") and task.args.get("state") == state


def _meta_of(task: Task) -> str | None:
    return str(task.args.get("_raw_params")) if task.action in _META else None


def _tasks_to_come(action: ActionBase) -> list[Task]:
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
        return [top, *_tasks_file.blocks_after(top, action._loader, action._task.get_variable_manager())]
    role: t.Any = top._role
    blocks: list[Block] = role.compile(play=top._play, dep_chain=role.get_dep_chain())
    for block in blocks:
        block._parent = top._parent
    return blocks
