# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The place of a task in its play: the role, the blocks around it, and the handlers.

Ansible gives an action no other way to this than the private attributes of its task.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible.playbook.role_include import IncludeRole
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import PREFIX, variable_of
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError

_COLLECTION = "aliyun_community.slb"
_ROLE = "rolling_update"
_ROLE_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "roles", _ROLE)
_CONTROLLER = ("localhost", "127.0.0.1", "::1")


def in_role(action: ActionBase) -> bool:
    """Whether the task is one of the role's, where options are set by variables."""
    return is_of_role(action._task)


def is_of_role(part: t.Any) -> bool:
    """Whether a task or block is one of the role's. Users may have a role of the same short name."""
    role = getattr(part, "_role", None)
    return role is not None and os.path.realpath(role._role_path) == _ROLE_PATH


def is_name_of_role(name: object, task: t.Any) -> bool:
    """Whether a task that includes a role by this name includes this one."""
    return name == f"{_COLLECTION}.{_ROLE}" or name == _ROLE and _COLLECTION in (task.collections or ())


def is_in_whole_role(action: ActionBase) -> bool:
    """Whether the task is in the entry point main of the role, which restores by itself, and not in one of its halves."""
    return any(is_of_role(part) and getattr(part, "rescue", None) for part in around(action))


def is_left_out_by_tags(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> bool:
    """Whether ``--tags`` or ``--skip-tags`` leave out the role that the task is in.

    Its halves have the tag ``always``: a dynamic include that is selected has to run whole, and does not hand its tags down.
    A static import does, and is not meant by ``always``.
    """
    for part in around(action) if in_role(action) else ():
        if isinstance(part, IncludeRole) and is_name_of_role(part._role_name, part):
            run, skip = (task_vars.get(name, ()) for name in ("ansible_run_tags", "ansible_skip_tags"))
            return bool(part.statically_loaded and not part.evaluate_tags(run, skip, task_vars))
    return False


def prefix_of(action: ActionBase) -> str:
    """What stands before the names of options in messages."""
    return PREFIX if in_role(action) else ""


def play_id(action: ActionBase) -> str:
    """Tells the plays of a run apart."""
    play = play_of(action)
    return "" if play is None else str(play._uuid)


def play_of(action: ActionBase) -> t.Any:
    return next((parent._play for parent in around(action) if getattr(parent, "_play", None) is not None), None)


def around(action: ActionBase) -> t.Iterator[t.Any]:
    """The task and the blocks and includes that it is in, from the inside out."""
    return parts_around(action._task)


def parts_around(task: t.Any) -> t.Iterator[t.Any]:
    """The same for any task."""
    parent = task
    while parent is not None:
        yield parent
        parent = getattr(parent, "_parent", None)


def rescues_around(action: ActionBase) -> int:
    """How many blocks with a rescue the task is in."""
    return sum(bool(getattr(parent, "rescue", None)) for parent in around(action))


def handlers_to_run(action: ActionBase, host: str) -> list[str]:
    """The names of the other handlers of the play that the host has still to run, after the handlers have been flushed.

    Ansible goes through them once. One that is notified by another further down waits for the next time.
    """
    play = play_of(action)
    handlers = [] if play is None else tasks_in(play.handlers)
    return [
        str(each.get_name())
        for each in handlers
        if each._uuid != action._task._uuid and any(host == other.name for other in each.notified_hosts)
    ]


def runs_handlers_after_failure(action: ActionBase) -> bool:
    """Whether Ansible runs the notified handlers of a host after the rescue that the task stands in, or in whose block."""
    play = play_of(action)
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


def check_acts_for_itself(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> None:
    """Raise InvalidArgument if the host of the task is to stand for others, whose servers the task would not touch."""
    host, delegate = task_vars["inventory_hostname"], action._task.delegate_to
    if delegate in task_vars.get("ansible_play_hosts_all", ()) and delegate not in (host, *_CONTROLLER):
        raise InvalidArgument(
            f"the task is delegated to {delegate}, but it is about {host} and its server all the same",
            "Run it for each host of the play, without delegate_to.",
        )
    # The tasks of an included role or file do not have the keyword of the include, and still run for one host alone.
    runs_once = any(action._templar.template(part.run_once) for part in around(action) if part.run_once)
    if runs_once and len(task_vars.get("ansible_play_batch", ())) > 1:
        raise InvalidArgument(
            "run_once lets one host act for all hosts of the batch, but a host only takes its own server out of traffic and"
            " puts it back",
            "Remove run_once. The hosts of a batch share the API calls without it.",
        )


def twins_of(action: ActionBase, task_vars: t.Mapping[str, t.Any], batch: Batch) -> tuple[str, ...]:
    """Hosts of the play for which the inventory names the server of this host, though their addresses differ.

    Only plain values count, and none if a condition may exclude a host.
    """
    if {"server_id", "server_ip"} & set(action._task.args) or any(part.when for part in around(action)):
        return ()
    key = f"twins {play_id(action)}"
    found = batch.recall(key)
    if found is None:  # once in a play: it takes milliseconds for each host
        found = batch.recall_or_remember(key, _twins(task_vars))
    return tuple(found.get(str(task_vars["inventory_hostname"]), ()))


def _twins(task_vars: t.Mapping[str, t.Any]) -> dict[str, list[str]]:
    groups: dict[str, dict[str, str]] = {}  # addresses of hosts, by their server
    for host in map(str, task_vars.get("ansible_play_hosts_all") or ()):
        variables = task_vars["hostvars"].raw_get(host)
        names = ("server_id", "server_ip", "load_balancer_ids", "region")
        server = str([variables.get(variable_of(name)) for name in names])
        address = str(variables.get("ansible_host") or host)
        if variables.get(variable_of("server_id")) and "{{" not in server + address:
            groups.setdefault(server, {})[host] = address
    return {
        host: [other for other in hosts if hosts[other] != address]
        for hosts in groups.values()
        for host, address in hosts.items()
        if len(set(hosts.values())) > 1
    }


def address_of(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> str:
    """Where Ansible reaches the host of the task."""
    return str(action._templar.template(task_vars.get("ansible_host")) or task_vars["inventory_hostname"])


def check_is_not_delegated(action: ActionBase, host: str, option: str) -> None:
    """Raise InvalidArgument if the task would look at another host than its own. ``option``: that needs a look at it."""
    delegate = action._task.delegate_to
    if delegate and delegate != host:
        raise InvalidArgument(
            f"the task is delegated to {delegate}, and {prefix_of(action)}{option} is about {host} itself",
            "Remove delegate_to. The API is called on the controller without it.",
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


def tasks_in(part: t.Iterable[t.Any]) -> t.Iterator[t.Any]:
    """The tasks of a list of tasks and blocks."""
    for each in part:
        if hasattr(each, "block"):
            for inner in (each.block, each.rescue, each.always):
                yield from tasks_in(inner)
        else:
            yield each


def _loop_variables(action: ActionBase) -> t.Iterator[str]:
    """The names of the variables of the loops that the task is in."""
    for parent in around(action):
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
