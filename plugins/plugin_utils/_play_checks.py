# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Whether a play restores what it drains, or fails: what lies between the two is looked at before the drain.

The restore itself cannot notice that Ansible skips it, or that the play ends before it.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible.playbook.block import Block
from ansible.playbook.handler import Handler
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _conditions, _play
from ansible_collections.aliyun_community.slb.plugins.plugin_utils._later_tasks import (
    meta_of,
    sections_of,
    tasks_to_come,
)
from ansible_collections.aliyun_community.slb.plugins.plugin_utils._tasks_file import (
    CLEAR,
    END_ROLE,
    ENDING,
    RecordingLoader,
    Site,
    TaskCheck,
    TasksFileError,
    as_list,
    position_of,
    silence,
)

_MOST_TASKS = 5000  # files may include each other again and again


def check_play(action: ActionBase) -> None:
    """Raise InvalidArgument if the play would forget which hosts have failed."""
    play = _play.play_of(action)
    handlers = [] if play is None else _play.tasks_in(play.handlers)
    if any(meta_of(task) == CLEAR for task in [*tasks_to_come(action), *handlers]):
        raise InvalidArgument(
            "the play has meta: clear_host_errors after the rolling update has begun. With it, the play would end as if"
            " all servers were back when some are not",
            "Move it to pre_tasks or to an earlier play.",
        )


def check_restores(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if the play can pass by its restore after the drain, and end without an error.

    Also if what lies between them could not be loaded, or would still be at work after the restore.
    """
    if _play.is_in_whole_role(action):
        return  # its own rescue accounts for a failure, and its tasks file is checked
    with silence():
        scan = _Scan(action, task_vars)
        scan.look_at(tasks_to_come(action))
    if not (scan.restores and scan.has_begun):
        return  # they may be in another play
    last = scan.restores[-1]
    for place, fault in [*scan.faults, *scan.ends()]:
        if place <= last.place:
            raise InvalidArgument(f"between the drain and the restore of the play: {fault}", "Nothing was drained.")
    for restore in scan.restores:
        if restore.background:
            raise InvalidArgument(
                f"{restore.background[0]}: the task goes on in the background (poll: 0), and none before the restore waits for it",
                "Wait for its end with ansible.builtin.async_status.",
            )
    _check_tags(scan, task_vars)
    _check_conditions(scan, task_vars)
    _check_rescues(scan, action)


class _Restore(t.NamedTuple):
    """A task that restores. ``place``: among the tasks. The rest: what has happened by then."""

    task: Task
    place: int
    changes: t.Mapping[str, str]
    background: t.Sequence[object]


class _Scan(TaskCheck):
    """The tasks after a step, with those that they include, up to a restore that is certain, or the next drain after one."""

    def __init__(self, action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> None:
        task: t.Any = action._task
        self.has_begun = task.args.get("state") != "checked"  # that is followed by the drain
        role_path = task._role._role_path if task._role else ""
        site = Site.of(task, role_path, RecordingLoader(action._loader), task.get_variable_manager())
        super().__init__(site, dict(task_vars), action._templar, "")
        self.is_complete = False  # handlers of roles that were included before are in another copy of the play
        self.restores: list[_Restore] = []
        self.faults: list[tuple[int, str]] = []
        self._ends: list[tuple[int, Task]] = []
        self._inside: list[tuple[str, ...]] = []  # the files and roles that are being looked at
        self._is_over = False

    def look_at(self, tasks: t.Iterable[Task]) -> None:
        for task in tasks:
            with self._collecting():
                self.check_task(task, position_of(task).path or "")

    @contextlib.contextmanager
    def _collecting(self) -> t.Iterator[None]:
        try:
            yield
        except TasksFileError as exc:
            self.faults.append((len(self.tasks), str(exc).rstrip(".")))

    def is_new(self, key: tuple[str, ...]) -> bool:
        """A file counts each time that it is included, unless it includes itself."""
        return key not in self._inside and len(self.tasks) < _MOST_TASKS

    def check_content(self, key: tuple[str, ...], blocks: t.Iterable[Block], path: str) -> None:
        self._inside.append(key)
        try:
            super().check_content(key, blocks, path)
        finally:
            self._inside.pop()

    def begin(self) -> None:
        """Forget what came so far: it is before the drain."""
        for what in (self.tasks, self.restores, self.faults, self._ends, self.background, self.changes, self.notified):
            what.clear()

    def check_task(self, task: Task, path: str) -> None:
        if not self.has_begun and self.takes(task, "drained", "drain"):
            self.has_begun = True
            self.begin()
            return
        self._is_over = self._is_over or bool(self.restores) and self.takes(task, "drained", "drain")
        if self._is_over:
            return
        if self.takes(task, "restored", "restore"):
            with self._collecting():
                self._note_handlers(path)
            self.restores.append(_Restore(task, len(self.tasks), dict(self.changes), list(self.background)))
            self.tasks.append(task)
            self._is_over = not _conditions_of(task) and not sections_of(task)  # nothing gets past this one
        elif self.is_step(task) or _play.is_of_role(task):
            self.tasks.append(task)
        else:
            super().check_task(task, path)

    def _note_handlers(self, path: str) -> None:
        """The handlers that were notified run before the restore."""
        for handler in self.check_notified(path):
            self.note_background(handler, handler.action, path)

    def check_meta(self, task: Task, path: str) -> None:
        if isinstance(task, Handler):
            super().check_meta(task, path)
        elif task.args.get("_raw_params") in (*ENDING, END_ROLE) and self.runs(task) is not False:
            self._ends.append((len(self.tasks) - 1, task))

    def takes(self, task: Task, state: str, entry_point: str) -> bool:
        """Whether a task takes a step: the action with this state, or an include of that half of the role."""
        if isinstance(task, IncludeRole):
            return self.is_ours(task) and self.rendered(task._from_files.get("tasks"), task) == entry_point
        return str(task.action).endswith("slb_drain") and self.rendered(task.args.get("state"), task) == state

    def is_ours(self, task: IncludeRole) -> bool:
        return _play.is_name_of_role(self.rendered(task._role_name, task), task)

    def is_step(self, task: Task) -> bool:
        return self.is_ours(task) if isinstance(task, IncludeRole) else str(task.action).endswith("slb_drain")

    def ends(self) -> t.Iterator[tuple[int, str]]:
        """Where a task ends the play for the host, or the role that has the restore, before any restore."""
        for place, task in self._ends:
            if any(self._is_reached_by(restore, place, task) for restore in self.restores):
                continue
            if meta_of(task) == END_ROLE and any(
                restore.place > place and _role_of(task) not in map(_role_of, _play.parts_around(restore.task))
                for restore in self.restores
            ):
                continue
            yield (
                place,
                f"meta: {meta_of(task)} ({task.get_path()}); move it behind the restore, or use ansible.builtin.fail",
            )

    @staticmethod
    def _is_reached_by(restore: _Restore, place: int, task: Task) -> bool:
        """Whether the task is reached only after the restore."""
        before = [part for part in sections_of(restore.task) if part[1] != "always"]
        return restore.place < place and _runs_with(restore.task, task) and sections_of(task)[: len(before)] == before


def _check_tags(scan: _Scan, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if the tags of the run select tasks of the update, and no restore. Either may be meant alone."""
    run, skip = (task_vars.get(name, ()) for name in ("ansible_run_tags", "ansible_skip_tags"))

    def is_selected(task: Task) -> bool:
        of_role = next((part for part in _play.parts_around(task) if _is_import_of_role(part)), task)
        parts = [of_role, *(part for part in _play.parts_around(task) if isinstance(part, TaskInclude))]
        return all(part.evaluate_tags(run, skip, task_vars) for part in parts)

    update = [task for task in scan.tasks if not scan.is_step(task) and not _play.is_of_role(task)]
    if any(map(is_selected, update)) and not any(is_selected(restore.task) for restore in scan.restores):
        raise InvalidArgument(
            "the tags of this run select tasks after the drain, but not the restore",
            "Give both the drain and the restore the tag always.",
        )


def _is_import_of_role(part: t.Any) -> bool:
    return isinstance(part, IncludeRole) and part.statically_loaded and _play.is_name_of_role(part._role_name, part)


def _check_conditions(scan: _Scan, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if every restore has a condition that earlier tasks change."""
    refusals: list[InvalidArgument] = []
    for restore in scan.restores:
        before = scan.tasks[: restore.place]
        conditions = [
            each for each in _conditions_of(restore.task) if not _asks_for_success(each, restore.task, before)
        ]
        try:
            _conditions.check_conditions(conditions, restore.changes, task_vars, _OF_HALVES)
        except InvalidArgument as exc:
            refusals.append(exc)
        else:
            if "rescue" not in dict(sections_of(restore.task)).values():
                return
    if refusals:
        raise refusals[0]


def _conditions_of(task: Task) -> list[str]:
    """What has to hold for a task: its conditions, those of the includes that it is in, and what their loops depend on."""
    found: list[str] = []
    for part in _play.parts_around(task):
        if part is task or isinstance(part, TaskInclude):
            loop = getattr(part, "loop", None)
            found += [str(each) for each in [*(part.when or ()), *([loop] if isinstance(loop, str) else ())]]
    return [part for each in dict.fromkeys(found) for part in _parts_of(each)]


def _parts_of(condition: str) -> list[str]:
    """The parts of a condition that all have to hold."""
    parts = re.split(r"\s+and\s+", condition.strip())
    are_whole = all(part.count("(") == part.count(")") and part.count("'") % 2 == 0 for part in parts)
    return parts if are_whole and not re.search(r"\b(?:or|if)\b", condition) else [condition]


_OF_HALVES = (
    "Leave the condition out, compute it with ansible.builtin.set_fact before the drain, or let the play fail with"
    " ansible.builtin.assert before the restore."
)
_SUCCESS = re.compile(
    r"(\w+) is (?:ansible\.builtin\.)?(?:success|successful|succeeded|not (?:ansible\.builtin\.)?(?:failed|failure))"
    r"|not (\w+)(?: is (?:ansible\.builtin\.)?(?:failed|failure)|\.failed)"
    r"|(\w+)\.rc == 0|(\w+)(?:\.\w+)? is defined"
)


def _asks_for_success(condition: str, restore: Task, before: t.Sequence[Task]) -> bool:
    """Whether a condition is only false if a task has failed, and then the restore is not reached anyway."""
    found = _SUCCESS.fullmatch(condition)
    names = set(found.groups()) if found else set()
    setters = [task for task in before if names.intersection(_conditions.names_changed_by(task, None))]
    return bool(setters) and not any(
        task.ignore_errors
        or as_list(task.failed_when)
        or sections_of(task) != sections_of(restore)[: len(sections_of(task))]
        for task in setters
    )


def _check_rescues(scan: _Scan, action: ActionBase) -> None:
    """Raise InvalidArgument for a rescue that would turn a failure between drain and restore into a success."""
    rescues = [task for part in _play.around(action) for task in _play.tasks_in(getattr(part, "rescue", None) or ())]
    if any(scan.takes(task, "failed", "") and not task.ignore_unreachable for task in rescues):
        return  # it lets no other rescue hide that a server is out
    tasks = scan.tasks[: scan.restores[-1].place + 1]
    hiding = {
        part._uuid: part
        for task in (action._task, *tasks)
        for part in _play.parts_around(task)
        if getattr(part, "rescue", None) and (part._uuid, "block") in sections_of(task)
    }
    for uuid, block in hiding.items():
        inside = [place for place, task in enumerate(tasks) if (uuid, "block") in sections_of(task)]
        if not any(_accounts(scan, place, block, inside) for place in range(len(scan.tasks))):
            raise InvalidArgument(
                f"if a task fails, the rescue of the block at {block.get_path()} would let the play end without an error and"
                " with the server out of traffic",
                "Put the restore into always, or end the rescue with ansible.builtin.fail.",
            )


def _accounts(scan: _Scan, place: int, block: t.Any, inside: t.Sequence[int]) -> bool:
    """Whether the task at this place restores or fails after a failure in a block. ``inside``: its tasks."""
    task = scan.tasks[place]
    sections = sections_of(task)
    restores = scan.takes(task, "restored", "restore") or scan.takes(task, "", "recover")
    is_sure = _runs_with(task, block)
    if (block._uuid, "rescue") in sections or (block._uuid, "always") in sections:
        unknown = isinstance(task, TaskInclude) and "{{" in str(getattr(task, "_role_name", None) or task.args)
        return unknown or is_sure and (restores or _fails(task) or scan.takes(task, "failed", ""))
    if (block._uuid, "block") in sections:
        # An inner block that contains the whole update and always restores.
        inner = [uuid for uuid, section in sections if section == "always"]
        update = [scan.tasks[each] for each in inside if not scan.is_step(scan.tasks[each])]
        return restores and any(all(uuid in dict(sections_of(each)) for each in update) for uuid in inner)
    if place < max(inside, default=-1) or "rescue" in dict(sections).values():
        return False
    said = {name for each in _play.tasks_in(block.rescue) for name in _conditions.names_changed_by(each, each.action)}
    return is_sure and restores or _fails(task) and any(_conditions.names_in(str(each)) & said for each in task.when)


def _runs_with(task: Task, part: t.Any) -> bool:
    """Whether a task has no conditions but those of another task or of a block."""
    return set(map(str, task.when or ())) <= set(map(str, part.when or ()))


def _fails(task: Task) -> bool:
    is_fail = str(task.action).rpartition(".")[2] == "fail"
    always = [str(each).lower() for each in as_list(task.failed_when)] == ["true"]
    return (is_fail or always) and not task.ignore_errors


def _role_of(part: t.Any) -> str | None:
    role = getattr(part, "_role", None)
    return role and str(role._role_path)
