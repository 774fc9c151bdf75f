# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a play may not do after a step."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _play_checks
from ansible_collections.aliyun_community.slb.tests.unit.playbook import Playbook, task
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

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
        _play_checks.check_play(action)


def test_play_that_forgets_failures_of_before() -> None:
    playbook = Playbook(task(msg="x"), {"meta": "flush_handlers"})
    playbook.play.pre_tasks = Playbook(CLEAR).play.tasks
    _play_checks.check_play(playbook.actions[0])
