# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What the actions of this collection share on the controller: their options, the run that they belong to, their client."""

from __future__ import annotations

import multiprocessing
import os
import typing as t

from ansible import errors
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch, scratch_folder
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import variable_of
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, Run
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench
from ansible_collections.aliyun_community.slb.plugins.plugin_utils._play import play_id, play_of

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
        found = manager.get_vars(play=play_of(action), host=manager._inventory.get_host(host), task=action._task)
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
