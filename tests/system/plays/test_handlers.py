# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handlers of the update run while the server is out of traffic or not at all, even where Ansible would run them later."""

from __future__ import annotations

import re
from typing import Any

import pytest
from field import ROLE, UPDATE, Document, Field, play

BOTH_TWICE = {"web1": 2, "web2": 2}
INSTALL = {"ansible.builtin.debug": {"msg": "New files"}, "changed_when": True, "notify": "Restart"}
FAIL = {"ansible.builtin.fail": {"msg": "It does not start."}, "when": "inventory_hostname == 'web1'"}
RESTART = {**UPDATE, "name": "Restart"}
CHECK = {**INSTALL, "name": "Check the configuration"}  # it notifies the restart, and is listed after it
BACKWARDS = [RESTART, CHECK]
NOTIFY_CHECK = {**INSTALL, "notify": CHECK["name"]}
RESTORED = {"rolling_update_on_failure": "restore"}
RESCUED = {
    "roles": [],
    "tasks": [
        {"block": [{"ansible.builtin.include_role": {"name": ROLE}}], "rescue": [{"ansible.builtin.ping": None}]}
    ],
}
FREE = {"strategy": "ansible.builtin.free"}


def entry_point(name: str) -> Document:
    return {"ansible.builtin.include_role": {"name": ROLE, "tasks_from": name}}


def times_updated(plain: Field) -> tuple[int, dict[str, int]]:
    ended = plain.roll("--limit", "web1,web2")
    return ended.exit_code, {host: len(looks) for host, looks in ended.updated().items()}


@pytest.mark.parametrize("strategy", [{}, FREE], ids=["linear", "free"])
@pytest.mark.parametrize("keywords", [RESCUED, {"force_handlers": True}], ids=["rescue", "forced"])
def test_an_update_that_fails_and_is_put_back(plain: Field, keywords: Document, strategy: Document) -> None:
    plain.write(roll=[play(RESTORED, handlers=[RESTART], **keywords, **strategy)], update=[INSTALL, UPDATE, FAIL])
    _exit_code, updated = times_updated(plain)
    assert updated == BOTH_TWICE
    assert plain.weights() == plain.original


def test_an_update_that_fails_runs_no_handler_that_ansible_would_not_run(plain: Field) -> None:
    plain.write(roll=[play(RESTORED, handlers=[RESTART])], update=[INSTALL, UPDATE, FAIL])
    assert times_updated(plain) == (2, {"web1": 1, "web2": 2})
    assert plain.weights() == plain.original


def test_a_handler_that_fails_before_another(plain: Field) -> None:
    """Ansible would run the second one later."""
    plain.write(
        roll=[play(RESTORED, handlers=[{**FAIL, "name": "Check", "listen": "Restart"}, RESTART], force_handlers=True)],
        update=[INSTALL, UPDATE],
    )
    assert times_updated(plain) == (2, BOTH_TWICE)
    assert plain.weights() == plain.original


@pytest.mark.parametrize("strategy", [{}, FREE], ids=["linear", "free"])
def test_a_handler_that_is_notified_by_one_further_down(plain: Field, strategy: Document) -> None:
    plain.write(roll=[play(handlers=BACKWARDS, **strategy)], update=[NOTIFY_CHECK, UPDATE])
    assert times_updated(plain) == (0, BOTH_TWICE)


def test_such_a_handler_of_a_role_of_the_update(plain: Field) -> None:
    plain.write(
        roles__web__tasks__main=[NOTIFY_CHECK],
        roles__web__handlers__main=BACKWARDS,
        update=[UPDATE, {"ansible.builtin.include_role": {"name": "{{ 'web' }}"}}],
    )
    assert times_updated(plain) == (0, BOTH_TWICE)


def test_such_a_handler_before_the_health_of_the_host(plain: Field) -> None:
    plain.write(
        roll=[play({"rolling_update_health_tasks_file": "health.yml"}, handlers=BACKWARDS)],
        update=[NOTIFY_CHECK],
        health=[UPDATE],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 0
    assert ended.output.index("RUNNING HANDLER [Restart]") < ended.output.index(f"TASK [{ROLE} : {UPDATE['name']}]")
    assert len(ended.updated()["web1"]) == 2


@pytest.mark.parametrize("name", ["Restrat", CHECK["name"]])
def test_a_handler_that_is_missing(plain: Field, name: str) -> None:
    """Ansible would end the run where a task notifies it, past every rescue."""
    plain.write(
        roll=[play(handlers=[{**CHECK, "notify": "Restart"}])],
        update=[UPDATE, {**INSTALL, "notify": name}],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 2
    assert re.search("TasksFile: .*there is no handler 'Rest(rat|art)'", " ".join(ended.output.split()))
    assert not ended.updated()
    plain.assert_untouched()


def test_a_check_in_a_play_without_the_handlers(plain: Field) -> None:
    checked = play(roles=[], tasks=[entry_point("check")])
    plain.write(roll=[checked, play(handlers=[RESTART])], update=[INSTALL, UPDATE])
    assert times_updated(plain) == (0, BOTH_TWICE)


def test_handlers_that_notify_each_other_without_end(plain: Field) -> None:
    """Nothing says when all of them have run."""
    plain.write(
        roll=[play(handlers=[{**RESTART, "changed_when": True, "notify": CHECK["name"]}, CHECK])], update=[NOTIFY_CHECK]
    )
    ended = plain.roll("--limit", "web1")
    assert "HandlersToRun: handlers of the update have not run: Restart" in ended.output
    plain.assert_recoverable(ended)


@pytest.mark.parametrize("keywords", [RESCUED, {"force_handlers": True}], ids=["rescue", "forced"])
def test_such_handlers_keep_a_server_out_that_would_be_put_back(plain: Field, keywords: Document) -> None:
    plain.write(
        roll=[play(RESTORED, handlers=[{**RESTART, "changed_when": True, "notify": CHECK["name"]}, CHECK], **keywords)],
        update=[NOTIFY_CHECK, FAIL],
    )
    ended = plain.roll("--limit", "web1")
    assert "its handlers are still to run: Restart" in ended.output
    plain.assert_recoverable(ended)


@pytest.mark.parametrize("handlers", [[RESTART], BACKWARDS], ids=["one", "backwards"])
@pytest.mark.parametrize("strategy", [{}, FREE], ids=["linear", "free"])
def test_the_two_halves_of_the_role(plain: Field, handlers: list[Any], strategy: Document) -> None:
    """Nothing in the play says when handlers run."""
    update = INSTALL if handlers == [RESTART] else NOTIFY_CHECK
    tasks = [entry_point("drain"), update, UPDATE, entry_point("restore")]
    plain.write(roll=[play(roles=[], tasks=tasks, handlers=handlers, **strategy)])
    assert times_updated(plain) == (0, BOTH_TWICE)


def test_the_action_without_the_role(plain: Field) -> None:
    drain, restore = ({"aliyun_community.slb.slb_drain": {"state": state}} for state in ("drained", "restored"))
    parts: Document = {"pre_tasks": [drain], "tasks": [NOTIFY_CHECK, UPDATE], "post_tasks": [restore]}
    plain.write(roll=[play(roles=[], handlers=BACKWARDS, **parts)])
    ended = plain.roll("--limit", "web1")
    assert "HandlersToRun" in ended.output
    plain.assert_recoverable(ended)
    plain.write(roll=[play(roles=[], handlers=BACKWARDS[::-1], **parts)])
    assert times_updated(plain) == (0, BOTH_TWICE)
