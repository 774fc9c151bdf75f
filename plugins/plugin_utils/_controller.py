# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What the actions of this collection share on the controller: their options, the run that they belong to, their client."""

from __future__ import annotations

import multiprocessing
import os
import re
import typing as t

from ansible import errors
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.playbook.role_include import IncludeRole
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch, scratch_folder
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import PREFIX, variable_of
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    InvalidArgument,
    SlbError,
    printable,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, Run
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _conditions

_ROLE = "rolling_update"
_META = ("meta", "ansible.builtin.meta", "ansible.legacy.meta")

# Since ansible-core 2.19 a template that is omit raises this; before, it gives a text that _is_same knows.
_Omitted: tuple[type[Exception], ...] = tuple(filter(None, [getattr(errors, "AnsibleValueOmittedError", None)]))

# These may hold the time or a new name of a temporary folder. They must be the same from the drain to the restore.
_COMPUTED_ONCE = ("rolling_update_id", "record_dir")


def this_run() -> Run:
    """The run of ansible-playbook: tasks are executed by children of its process.

    A child that outlives it gets another parent, and must not be taken for a run of that one.
    """
    parent = multiprocessing.parent_process()
    return Run.of_process(parent.pid if parent and parent.pid else os.getppid())


def in_role(action: ActionBase) -> bool:
    """Whether the task is one of the role's, where options are set by variables."""
    role = getattr(action._task, "_role", None)
    return role is not None and role.get_name() in (_ROLE, f"aliyun_community.slb.{_ROLE}")


def prefix_of(action: ActionBase) -> str:
    """What stands before the names of options in messages."""
    return PREFIX if in_role(action) else ""


def play_id(action: ActionBase) -> str:
    """Tells the plays of a run apart."""
    play = _play_of(action)
    return "" if play is None else str(play._uuid)


def _play_of(action: ActionBase) -> t.Any:
    return next((parent._play for parent in _around(action) if getattr(parent, "_play", None) is not None), None)


def _around(action: ActionBase) -> t.Iterator[t.Any]:
    """The task and the blocks and includes that it is in, from the inside out."""
    parent: t.Any = action._task
    while parent is not None:
        yield parent
        parent = getattr(parent, "_parent", None)


def rescues_around(action: ActionBase) -> int:
    """How many blocks with a rescue the task is in."""
    return sum(bool(getattr(parent, "rescue", None)) for parent in _around(action))


def handlers_to_run(action: ActionBase, host: str) -> list[str]:
    """The names of the play's handlers that the host has still to run, after the handlers have been flushed.

    Ansible goes through them once. One that is notified by another further down waits for the next time.
    """
    play = _play_of(action)
    handlers = [] if play is None else _tasks_in(play.handlers)
    return [str(each.get_name()) for each in handlers if any(host == other.name for other in each.notified_hosts)]


def runs_handlers_after_failure(action: ActionBase) -> bool:
    """Whether Ansible runs the notified handlers of a host after the rescue that the task stands in, or in whose block."""
    play = _play_of(action)
    return rescues_around(action) > 1 or bool(play is not None and play.force_handlers)


def check_no_handlers_to_run(action: ActionBase, host: str) -> None:
    """Raise SlbError if the host would run handlers of its update once it is back in traffic."""
    names = handlers_to_run(action, host)
    if names:
        raise SlbError(
            "HandlersToRun",
            f"handlers of the update have not run: {', '.join(names)}. They were notified by handlers that are listed after"
            " them, so Ansible would run them when the server is back in traffic",
            advice="List each handler after those that notify it.",
        )


def check_play(action: ActionBase) -> None:
    """Raise InvalidArgument for a play that would end without an error when a server is still out of traffic."""
    if _clears_host_errors(action):
        raise InvalidArgument(
            "the play has meta: clear_host_errors after the rolling update has begun. With it, the play would end as if"
            " all servers were back when some are not",
            "Move it to pre_tasks or to an earlier play.",
        )


def check_acts_for_itself(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if the host of the task is to stand for others, whose servers the task would not touch."""
    if action._task.run_once and len(task_vars.get("ansible_play_batch", ())) > 1:
        raise InvalidArgument(
            "run_once lets one host act for all hosts of the batch, but a host only takes its own server out of traffic and"
            " puts it back",
            "Remove run_once. The hosts of a batch share the API calls without it.",
        )


def warning_of_a_loop(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> str | None:
    """What to say if the role is in a loop over load balancers, which may be meant for services that are updated apart."""
    variable = variable_of("load_balancer_ids")
    for name in _loop_variables(action) if in_role(action) else ():
        if re.search(rf"\b{re.escape(name)}\b", str(task_vars.get(variable))):
            return (
                f"The role is in a loop, and {variable} depends on {name}. Each turn updates the host out of the traffic of"
                " its own load balancers alone. To update it once, out of all traffic, leave out the loop and give"
                f" {variable} all load balancers of the host."
            )
    return None


def _clears_host_errors(action: ActionBase) -> bool:
    """Whether the play forgets which hosts have failed, in a block around the task or in tasks that may come later."""
    parts = [
        part for parent in _around(action) for part in (getattr(parent, "rescue", ()), getattr(parent, "always", ()))
    ]
    play = _play_of(action)
    if play is not None:
        parts += [play.tasks, play.post_tasks, play.handlers]
        places = [number for number, role in enumerate(play.roles, start=1) if role is action._task._role]
        parts += [role.get_task_blocks() for role in (play.roles[places[-1] :] if places else ())]
    return any(
        task.action in _META and task.args.get("_raw_params") == "clear_host_errors"
        for part in parts
        for task in _tasks_in(part)
    )


def check_restores_of_play(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if tasks between the drain and the restore of a play change a condition that both have."""
    play = _play_of(action)
    roles = [] if play is None else [role for role in play.roles if not role.from_include]
    blocks = [block for role in roles for block in role.get_task_blocks()]
    tasks = [] if play is None else [*_tasks_in([*play.pre_tasks, *blocks, *play.tasks, *play.post_tasks])]
    own = {part._uuid for part in _around(action)}
    conditions = {str(each) for part in _around(action) for each in (part.when or ())}
    begins = max((number for number, task in enumerate(tasks, start=1) if task._uuid in own), default=len(tasks))
    changes: dict[str, str] = {}
    for task in tasks[begins:]:
        if _restores(task):
            shared = [each for each in map(str, task.when) if each in conditions]
            _conditions.check_conditions(shared, changes, task_vars)
        changes.update(dict.fromkeys(_conditions.names_changed_by(task, task.action), str(task.get_path())))


def _restores(task: t.Any) -> bool:
    """Whether a task puts its host back: the action, or an include of that half of the role."""
    if isinstance(task, IncludeRole):
        return str(task._role_name).endswith(_ROLE) and task._from_files.get("tasks") == "restore"
    return str(task.action).endswith("slb_drain") and task.args.get("state") == "restored"


def _tasks_in(part: t.Iterable[t.Any]) -> t.Iterator[t.Any]:
    """The tasks of a list of tasks and blocks."""
    for each in part:
        if hasattr(each, "block"):
            for inner in (each.block, each.rescue, each.always):
                yield from _tasks_in(inner)
        else:
            yield each


def _loop_variables(action: ActionBase) -> t.Iterator[str]:
    """The names of the variables of the loops that the task is in."""
    for parent in _around(action):
        if getattr(parent, "loop", None) is not None:
            yield str(parent.loop_control.loop_var or "item")


def find_tasks_file(path: str, task_vars: t.Mapping[str, t.Any]) -> str:
    """The absolute path of a tasks file: of the roles that include ours, beside the playbook, or in the current folder.

    The current folder comes first for a playbook of this collection, whose own folder is not the user's.
    """
    path, playbook_dir = os.path.expanduser(path), str(task_vars["playbook_dir"])
    roles = [str(role) for role in task_vars.get("ansible_parent_role_paths") or ()]
    own_role = str(task_vars.get("role_path") or "")
    if roles and own_role and path.startswith(f"{own_role}{os.sep}"):
        # The variable is rendered in our role, and was meant as role_path of the one that includes it.
        path = os.path.relpath(path, own_role)
        folders = roles
    else:
        folders = [playbook_dir, os.getcwd()]
        if os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) == os.path.dirname(
            playbook_dir
        ):
            folders.reverse()
        folders = [*(os.path.join(role, "tasks") for role in roles), *folders]
    found = [os.path.abspath(os.path.join(folder, path)) for folder in folders]
    return next((each for each in found if os.path.isfile(each)), found[0])


def option_values(
    action: ActionBase, task_vars: t.Mapping[str, t.Any], spec: t.Mapping[str, t.Any], batch: Batch
) -> dict[str, t.Any]:
    """The options of a task: what it gives, or else the host's variable, the environment, the default.

    Raises InvalidArgument with one sentence.
    """
    given = dict(action._task.args)
    names = {}  # of each option as the user wrote it, for messages
    omitted = task_vars.get("omit")
    for option, rules in spec.items():
        names[option] = option
        if any(name in given for name in (option, *rules.get("aliases", ()))):
            continue
        variable = variable_of(option)
        if variable in task_vars:
            raw = task_vars[variable]
            if _is_empty(raw):
                raw = _beneath_extra_variable(action, variable, str(task_vars["inventory_hostname"]))
            value = _value_of(action, variable, raw, batch if option in _COMPUTED_ONCE else None)
            if not _is_empty(value) and not _is_same(value, omitted):
                names[option] = variable
                given[variable] = value
    checked = ArgumentSpecValidator({names[option]: rules for option, rules in spec.items()}).validate(given)
    if checked.error_messages:
        message = printable("; ".join(checked.error_messages))
        raise InvalidArgument(message.rstrip("."), "See the documentation of this action.")
    return {option: checked.validated_parameters[name] for option, name in names.items()}


def _is_empty(value: t.Any) -> bool:
    """Empty text counts as not set: a survey of AWX gives that for a question without an answer."""
    return value is None or (isinstance(value, str) and not value.strip())


def _beneath_extra_variable(action: ActionBase, name: str, host: str) -> t.Any:
    """The variable as inventory and play have it, where an extra variable of that name is empty. None: it is not set."""
    manager: t.Any = action._task.get_variable_manager()
    extra = manager._extra_vars
    if name not in extra:
        return None
    # This is a process of this task alone. VariableManager offers no other way to leave an extra variable out.
    manager._extra_vars = {key: value for key, value in extra.items() if key != name}
    try:
        found = manager.get_vars(play=_play_of(action), host=manager._inventory.get_host(host), task=action._task)
    finally:
        manager._extra_vars = extra
    return found.get(name)


def _value_of(action: ActionBase, name: str, raw: t.Any, batch: Batch | None) -> t.Any:
    """The value of a variable; with ``batch`` the one that was computed first in this play."""
    if batch is None or not isinstance(raw, str):
        return _template(action, name, raw)
    key = f"variable {play_id(action)} {name} {raw}"
    kept = batch.recall(key)
    if kept is not None:
        return kept
    return batch.recall_or_remember(key, _plain(_template(action, name, raw)))


def _plain(value: t.Any) -> t.Any:
    """Without Ansible's tags, which a file does not keep."""
    return str(value) if isinstance(value, str) else value


def _template(action: ActionBase, name: str, value: t.Any) -> t.Any:
    try:
        return action._templar.template(value)
    except AnsibleError as exc:
        if isinstance(exc, _Omitted):
            return None
        raise InvalidArgument(
            f"{name} cannot be computed: {printable(str(exc))}", "Check the variables that it uses."
        ) from None


def _is_same(value: t.Any, omitted: t.Any) -> bool:
    return omitted is not None and (value is omitted or (isinstance(value, str) and value == omitted))


class _Clients:
    """One client for each region, with its whole wait_timeout at each use."""

    def __init__(self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> None:
        self._options = options
        self._warn = warn
        self._clients: dict[str, Client] = {}

    def client_for(self, region: str) -> Client:
        if region not in self._clients:
            options = {**self._options, "region": region or self._options["region"]}
            self._clients[region] = open_client(options, os.environ, self._warn)
        client = self._clients[region]
        client.deadline.restart()
        return client


def batch_of_run() -> Batch:
    """What the tasks of this run share. Raises JournalUnusable."""
    return Batch(scratch_folder(), this_run())


def workbench(action: ActionBase, folder: JournalFolder, connection: t.Mapping[str, t.Any], batch: Batch) -> Workbench:
    """What the steps of a rolling update work with in this task."""
    display = action._display
    folder.settled.update(batch.recall(f"settled {folder.path}") or {})
    return Workbench(
        folder=folder,
        scratch=batch.folder,
        run=batch.run,
        client_for=_Clients(connection, display.warning).client_for,
        say=lambda line: display.display(printable(line)),
        warn=lambda line: display.warning(printable(line)),
        check_mode=bool(action._task.check_mode),
        is_alive=lambda: os.getppid() == batch.run.pid,
    )
