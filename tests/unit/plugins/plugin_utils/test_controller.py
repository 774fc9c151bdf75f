# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the actions learn from Ansible: their run, their play, their options."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible import template
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import LockedFolder, Run
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _controller
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

# Text as from a file of the user's: since ansible-core 2.19 no other is a template.
trusted: t.Callable[[str], str] = getattr(template, "trust_as_template", str)
NONE: t.Any = None

SPEC = {"rolling_update_id": {"type": "str"}, "min_active": {"type": "raw", "default": 1}, "verify": {"type": "bool"}}


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

    def values(self, batch: Batch, number: int = 0) -> dict[str, t.Any]:
        action = self.actions[number]
        return _controller.option_values(action, self.vars_of(action._task), SPEC, batch)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(LockedFolder(str(tmp_path)), Run("controller", 7, "1"))


def task(**arguments: t.Any) -> dict[str, t.Any]:
    return {"debug": arguments}


# The run


TASK = """
import multiprocessing, os, sys, time
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _controller
def task():
    while sys.argv[1] == "killed" and os.getppid() == parent:
        time.sleep(0.01)
    run = _controller.this_run()
    print(run.pid == parent, run.is_running, flush=True)
parent = os.getpid()
process = multiprocessing.get_context("fork").Process(target=task)
process.start()
if sys.argv[1] == "killed":
    os._exit(0)
process.join()
"""


@pytest.mark.parametrize(("end", "found"), [("ended", "True True\n"), ("killed", "True False\n")])
def test_run_is_the_process_that_started_the_task(end: str, found: str) -> None:
    """Also once it has ended: else the entries would belong to the process with id 1, which never ends."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", TASK, end]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert done.stdout == found


# The play


def test_plays_are_told_apart() -> None:
    first, second = Playbook(task(), {"block": [task()]}), Playbook(task())
    assert len({_controller.play_id(action) for action in first.actions}) == 1
    assert _controller.play_id(first.actions[0]) != _controller.play_id(second.actions[0])


def test_rescues_around_a_task() -> None:
    inner = {"block": [task()], "rescue": [task()]}
    playbook = Playbook(task(), inner, {"block": [inner], "rescue": [task()]}, {"block": [inner], "always": [task()]})
    found = [_controller.rescues_around(action) for action in playbook.actions]
    assert found == [0, 1, 1, 2, 2, 1, 1, 1, 0]


def test_whether_handlers_run_after_a_failure() -> None:
    inner = {"block": [task()], "rescue": [task()]}
    playbook = Playbook(inner, {"block": [inner], "rescue": []}, {"block": [inner], "rescue": [task()]})
    later = [False, False, False, False, True, True, False]
    assert [_controller.runs_handlers_after_failure(action) for action in playbook.actions] == later
    playbook.play.force_handlers = True
    assert all(_controller.runs_handlers_after_failure(action) for action in playbook.actions)


def test_handlers_that_a_host_has_still_to_run() -> None:
    playbook = Playbook(task())
    (action,) = playbook.actions
    handlers = [{"name": "Restart", **task()}, {"name": "Reload", **task()}, {"name": "Check", **task()}]
    playbook.play.handlers = Play.load({"hosts": "all", "handlers": handlers}).handlers
    restart, _reload, check = [handler for block in playbook.play.handlers for handler in block.block]
    _controller.check_no_handlers_to_run(action, "web1")
    restart.notify_host(playbook.host)
    check.notify_host(playbook.host)
    assert _controller.handlers_to_run(action, "web1") == ["Restart", "Check"]
    assert _controller.handlers_to_run(action, "web2") == []
    with refusal(SlbError, "HandlersToRun: handlers of the update have not run: Restart, Check."):
        _controller.check_no_handlers_to_run(action, "web1")


def test_options_are_called_by_their_names_outside_of_the_role() -> None:
    (action,) = Playbook(task()).actions
    assert (_controller.in_role(action), _controller.prefix_of(action)) == (False, "")


@pytest.mark.parametrize("order", ["playbook", "current"])
def test_tasks_file_is_beside_the_playbook_or_in_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, order: str
) -> None:
    beside, current = tmp_path / "beside", tmp_path / "current"
    for folder in (beside, current):
        folder.mkdir()
    monkeypatch.chdir(current)
    assert _controller.find_tasks_file("update.yml", {"playbook_dir": str(beside)}) == str(beside / "update.yml")
    (current / "update.yml").write_text("")
    assert _controller.find_tasks_file("update.yml", {"playbook_dir": str(beside)}) == str(current / "update.yml")
    (beside / "update.yml").write_text("")
    assert _controller.find_tasks_file("update.yml", {"playbook_dir": str(beside)}) == str(beside / "update.yml")
    own = Path(_controller.__file__).resolve().parents[2] / "playbooks"
    assert _controller.find_tasks_file("recover.yml", {"playbook_dir": str(own)}) == str(own / "recover.yml")
    (current / "recover.yml").write_text("")
    assert _controller.find_tasks_file("recover.yml", {"playbook_dir": str(own)}) == str(current / "recover.yml")
    assert _controller.find_tasks_file(str(beside / "update.yml"), {"playbook_dir": str(own)}) == str(
        beside / "update.yml"
    )


def test_tasks_file_of_a_role_that_includes_ours(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    (theirs / "tasks").mkdir(parents=True)
    task_vars = {
        "playbook_dir": str(tmp_path),
        "role_path": str(ours),
        "ansible_parent_role_paths": [str(theirs), str(tmp_path / "outer")],
    }
    beside, inside = tmp_path / "update.yml", theirs / "tasks" / "update.yml"
    beside.write_text("")
    assert _controller.find_tasks_file("update.yml", task_vars) == str(beside)
    inside.write_text("")
    assert _controller.find_tasks_file("update.yml", task_vars) == str(inside)
    assert _controller.find_tasks_file(f"{ours}/tasks/update.yml", task_vars) == str(inside)
    assert _controller.find_tasks_file(f"{ours}/files/missing.yml", task_vars) == str(theirs / "files" / "missing.yml")


# Options


def test_options_of_a_task_come_before_variables(batch: Batch) -> None:
    variables = {"rolling_update_min_active": 2, "rolling_update_id": "web-{{ 1 + 1 }}", "min_active": 9}
    playbook = Playbook(task(min_active=3, verify="no"), task(), variables=variables)
    assert playbook.values(batch) == {"min_active": 3, "verify": False, "rolling_update_id": "web-2"}
    assert playbook.values(batch, 1) == {"min_active": 2, "rolling_update_id": "web-2", "verify": None}


@pytest.mark.parametrize("value", ["", "  ", None, "{{ '' }}", "{{ omit }}"])
def test_variable_that_is_empty_is_not_set(batch: Batch, value: t.Any) -> None:
    assert Playbook(task(), variables={"rolling_update_min_active": value}).values(batch)["min_active"] == 1


def test_extra_variable_that_is_empty_hides_no_other(batch: Batch) -> None:
    playbook = Playbook(task(), variables={"rolling_update_min_active": 2}, extra={"rolling_update_min_active": ""})
    assert playbook.values(batch)["min_active"] == 2
    assert playbook.manager._extra_vars == {"rolling_update_min_active": ""}


def test_id_that_changes_with_every_look_is_computed_once_in_a_play(batch: Batch) -> None:
    variables = {"rolling_update_id": "{{ range(1, 10**15) | random }}"}
    playbook = Playbook(task(), task(), variables=variables)
    assert playbook.values(batch) == playbook.values(batch, 1)
    assert playbook.values(batch) != Playbook(task(), variables=variables).values(batch)


def test_variable_that_cannot_be_computed_is_named(batch: Batch) -> None:
    playbook = Playbook(task(), variables={"rolling_update_min_active": "{{ missing + 1 }}"})
    with refusal(InvalidArgument, "rolling_update_min_active cannot be computed: .*missing") as caught:
        playbook.values(batch)
    assert caught.value.sentence().isprintable()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"verify": "perhaps"}, "verify"), ({"min_activ": 1}, "min_activ"), ({"rolling_update_id": ["x"]}, None)],
)
def test_options_that_are_wrong(batch: Batch, arguments: dict[str, t.Any], words: str | None) -> None:
    playbook = Playbook(task(**arguments))
    if words is None:
        assert playbook.values(batch)["rolling_update_id"] == "['x']"
        return
    with refusal(InvalidArgument, words):
        playbook.values(batch)


# The play


CLEAR = {"meta": "clear_host_errors"}


@pytest.mark.parametrize(
    "tasks",
    [
        [task(msg="x"), CLEAR],
        [{"block": [task(msg="x")], "always": [{"ansible.builtin.meta": "clear_host_errors"}]}],
        [{"block": [task(msg="x")], "rescue": [{"block": [CLEAR]}]}],
    ],
)
def test_play_that_forgets_failures(tasks: list[t.Any]) -> None:
    action = Playbook(*tasks).actions[0]
    with refusal(InvalidArgument, "meta: clear_host_errors after the rolling update"):
        _controller.check_play(action)


def test_play_that_forgets_failures_of_before() -> None:
    playbook = Playbook(task(msg="x"), {"meta": "flush_handlers"})
    playbook.play.pre_tasks = Playbook(CLEAR).play.tasks
    _controller.check_play(playbook.actions[0])
