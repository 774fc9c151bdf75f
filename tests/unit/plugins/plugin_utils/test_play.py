# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the actions learn about their place in the play."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.playbook.play import Play

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _play
from ansible_collections.aliyun_community.slb.tests.unit.playbook import Playbook, task
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal


def test_plays_are_told_apart() -> None:
    first, second = Playbook(task(), {"block": [task()]}), Playbook(task())
    assert len({_play.play_id(action) for action in first.actions}) == 1
    assert _play.play_id(first.actions[0]) != _play.play_id(second.actions[0])


def test_rescues_around_a_task() -> None:
    inner = {"block": [task()], "rescue": [task()]}
    playbook = Playbook(task(), inner, {"block": [inner], "rescue": [task()]}, {"block": [inner], "always": [task()]})
    found = [_play.rescues_around(action) for action in playbook.actions]
    assert found == [0, 1, 1, 2, 2, 1, 1, 1, 0]


def test_whether_handlers_run_after_a_failure() -> None:
    inner = {"block": [task()], "rescue": [task()]}
    playbook = Playbook(inner, {"block": [inner], "rescue": []}, {"block": [inner], "rescue": [task()]})
    later = [False, False, False, False, True, True, False]
    assert [_play.runs_handlers_after_failure(action) for action in playbook.actions] == later
    playbook.play.force_handlers = True
    assert all(_play.runs_handlers_after_failure(action) for action in playbook.actions)


def test_handlers_that_a_host_has_still_to_run() -> None:
    playbook = Playbook(task())
    (action,) = playbook.actions
    handlers = [{"name": "Restart", **task()}, {"name": "Reload", **task()}, {"name": "Check", **task()}]
    playbook.play.handlers = Play.load({"hosts": "all", "handlers": handlers}).handlers
    restart, _reload, check = [handler for block in playbook.play.handlers for handler in block.block]
    _play.check_no_handlers_to_run(action, "web1")
    restart.notify_host(playbook.host)
    check.notify_host(playbook.host)
    assert _play.handlers_to_run(action, "web1") == ["Restart", "Check"]
    assert _play.handlers_to_run(action, "web2") == []
    with refusal(SlbError, "HandlersToRun: handlers of the update have not run: Restart, Check."):
        _play.check_no_handlers_to_run(action, "web1")


def test_options_are_called_by_their_names_outside_of_the_role() -> None:
    (action,) = Playbook(task()).actions
    assert (_play.in_role(action), _play.prefix_of(action)) == (False, "")


@pytest.mark.parametrize("order", ["playbook", "current"])
def test_tasks_file_is_beside_the_playbook_or_in_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, order: str
) -> None:
    beside, current = tmp_path / "beside", tmp_path / "current"
    for folder in (beside, current):
        folder.mkdir()
    monkeypatch.chdir(current)
    assert _play.find_tasks_file("update.yml", {"playbook_dir": str(beside)}) == str(beside / "update.yml")
    (current / "update.yml").write_text("")
    assert _play.find_tasks_file("update.yml", {"playbook_dir": str(beside)}) == str(current / "update.yml")
    (beside / "update.yml").write_text("")
    assert _play.find_tasks_file("update.yml", {"playbook_dir": str(beside)}) == str(beside / "update.yml")
    own = Path(_play.__file__).resolve().parents[2] / "playbooks"
    assert _play.find_tasks_file("recover.yml", {"playbook_dir": str(own)}) == str(own / "recover.yml")
    (current / "recover.yml").write_text("")
    assert _play.find_tasks_file("recover.yml", {"playbook_dir": str(own)}) == str(current / "recover.yml")
    assert _play.find_tasks_file(str(beside / "update.yml"), {"playbook_dir": str(own)}) == str(beside / "update.yml")


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
    assert _play.find_tasks_file("update.yml", task_vars) == str(beside)
    inside.write_text("")
    assert _play.find_tasks_file("update.yml", task_vars) == str(inside)
    assert _play.find_tasks_file(f"{ours}/tasks/update.yml", task_vars) == str(inside)
    assert _play.find_tasks_file(f"{ours}/files/missing.yml", task_vars) == str(theirs / "files" / "missing.yml")


HOSTS: dict[str, dict[str, t.Any]] = {
    "web1": {"rolling_update_server_id": "i-1", "ansible_host": "10.0.0.1"},
    "web2": {"rolling_update_server_id": "i-1"},
    "web3": {"rolling_update_server_id": "i-3"},
    "part": {"rolling_update_server_id": "i-1", "ansible_host": "10.0.0.1"},
    "lb-b": {"rolling_update_server_id": "i-1", "rolling_update_load_balancer_ids": ["lb-b"]},
    "computed": {"rolling_update_server_id": "{{ some }}"},
    "other": {"rolling_update_server_id": "{{ some }}"},
    "none1": {},
    "none2": {},
}


class HostVars:
    def raw_get(self, host: str) -> dict[str, t.Any]:
        return HOSTS[host]


def test_twins(batch: Batch) -> None:
    (action,) = Playbook(task()).actions
    common = {"ansible_play_hosts_all": list(HOSTS), "hostvars": HostVars()}
    found = {host: _play.twins_of(action, {**common, "inventory_hostname": host}, batch) for host in HOSTS}
    assert {host: names for host, names in found.items() if names} == {
        "web1": ("web2",),
        "part": ("web2",),
        "web2": ("web1", "part"),
    }


@pytest.mark.parametrize("given", [{"server_id": "i-1"}, {"when": "is_one_of_them"}])
def test_no_twins_if_the_inventory_does_not_say_which_hosts_it_is_about(batch: Batch, given: dict[str, t.Any]) -> None:
    keywords = {"when": given["when"]} if "when" in given else {}
    (action,) = Playbook({**task(**({} if keywords else given)), **keywords}).actions
    task_vars = {"ansible_play_hosts_all": list(HOSTS), "hostvars": HostVars(), "inventory_hostname": "web1"}
    assert _play.twins_of(action, task_vars, batch) == ()
