# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the actions learn from Ansible: their run, their options."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _controller
from ansible_collections.aliyun_community.slb.tests.unit.playbook import Playbook, task
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

SPEC = {"rolling_update_id": {"type": "str"}, "min_active": {"type": "raw", "default": 1}, "verify": {"type": "bool"}}


def values_of(playbook: Playbook, batch: Batch, number: int = 0) -> dict[str, t.Any]:
    action = playbook.actions[number]
    return _controller.option_values(action, playbook.vars_of(action._task), SPEC, batch)


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


# Options


def test_options_of_a_task_come_before_variables(batch: Batch) -> None:
    variables = {"rolling_update_min_active": 2, "rolling_update_id": "web-{{ 1 + 1 }}", "min_active": 9}
    playbook = Playbook(task(min_active=3, verify="no"), task(), variables=variables)
    assert values_of(playbook, batch) == {"min_active": 3, "verify": False, "rolling_update_id": "web-2"}
    assert values_of(playbook, batch, 1) == {"min_active": 2, "rolling_update_id": "web-2", "verify": None}


@pytest.mark.parametrize("value", ["", "  ", None, "{{ '' }}", "{{ omit }}"])
def test_variable_that_is_empty_is_not_set(batch: Batch, value: t.Any) -> None:
    assert values_of(Playbook(task(), variables={"rolling_update_min_active": value}), batch)["min_active"] == 1


def test_extra_variable_that_is_empty_hides_no_other(batch: Batch) -> None:
    playbook = Playbook(task(), variables={"rolling_update_min_active": 2}, extra={"rolling_update_min_active": ""})
    assert values_of(playbook, batch)["min_active"] == 2
    assert playbook.manager._extra_vars == {"rolling_update_min_active": ""}


def test_id_that_changes_with_every_look_is_computed_once_in_a_play(batch: Batch) -> None:
    variables = {"rolling_update_id": "{{ range(1, 10**15) | random }}"}
    playbook = Playbook(task(), task(), variables=variables)
    assert values_of(playbook, batch) == values_of(playbook, batch, 1)
    assert values_of(playbook, batch) != values_of(Playbook(task(), variables=variables), batch)


def test_variable_that_cannot_be_computed_is_named(batch: Batch) -> None:
    playbook = Playbook(task(), variables={"rolling_update_min_active": "{{ missing + 1 }}"})
    with refusal(InvalidArgument, "rolling_update_min_active cannot be computed: .*missing") as caught:
        values_of(playbook, batch)
    assert caught.value.sentence().isprintable()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"verify": "perhaps"}, "verify"), ({"min_activ": 1}, "min_activ"), ({"rolling_update_id": ["x"]}, None)],
)
def test_options_that_are_wrong(batch: Batch, arguments: dict[str, t.Any], words: str | None) -> None:
    playbook = Playbook(task(**arguments))
    if words is None:
        assert values_of(playbook, batch)["rolling_update_id"] == "['x']"
        return
    with refusal(InvalidArgument, words):
        values_of(playbook, batch)
