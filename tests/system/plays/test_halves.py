# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that drain and restore in separate tasks: with the two halves of the role, or with the action."""

from __future__ import annotations

import re
from typing import Any

import pytest
from connections import connection_to
from field import ROLE, UPDATE, Document, Field, inventory, play

ACTION = "aliyun_community.slb.slb_drain"
WAYS = ("role", "action")


def step(way: str, state: str, how: str = "include", **options: Any) -> Document:
    """A task that drains or restores. ``options``: of the action."""
    if way == "action":
        return {"name": state, ACTION: {"state": state, **options}}
    halves = {"drained": "drain", "restored": "restore"}
    return {"name": state, f"ansible.builtin.{how}_role": {"name": ROLE, "tasks_from": halves[state]}}


def own_play(*tasks: Document, variables: Document | None = None, **keywords: Any) -> Document:
    return play({"rolling_update_tasks_file": None, **(variables or {})}, roles=[], tasks=list(tasks), **keywords)


# --- tags -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["deploy", "always"])
def test_tags_of_an_include_run_the_whole_half(plain: Field, tag: str) -> None:
    """A dynamic include does not hand its tags down. Without its drain, the update would be under traffic."""
    halves = [{**step("role", state), "tags": tag} for state in ("drained", "restored")]
    plain.write(roll=[own_play(halves[0], {**UPDATE, "tags": "deploy"}, halves[1])])
    ended = plain.roll("--limit", "web1", "--tags", "deploy")
    assert ended.exit_code == 0
    assert list(ended.updated()) == ["web1"]


def test_tags_of_an_import_select_the_half(plain: Field) -> None:
    halves = [{**step("role", state, "import"), "tags": "deploy"} for state in ("drained", "restored")]
    plain.write(roll=[own_play(halves[0], {**UPDATE, "tags": "deploy"}, halves[1])])
    for arguments in (("--tags", "other"), ("--skip-tags", "deploy")):
        assert plain.roll("--limit", "web1", *arguments).exit_code == 0
        plain.assert_untouched()
    assert list(plain.roll("--limit", "web1", "--tags", "deploy").updated()) == ["web1"]


@pytest.mark.parametrize("way", WAYS)
def test_tags_that_leave_out_the_restore(plain: Field, way: str) -> None:
    drained = {**step(way, "drained"), "tags": ["always"]}
    plain.write(roll=[own_play(drained, {**UPDATE, "tags": "deploy"}, {**step(way, "restored"), "tags": "back"})])
    ended = plain.roll("--limit", "web1", "--tags", "deploy")
    assert "the tags of this run select tasks after the drain, but not the restore" in " ".join(ended.output.split())
    plain.assert_untouched()
    assert plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1", "--tags", "none").exit_code == 0
    assert plain.weights()["lb-a"]["i-1"] == 0
    assert plain.roll("--limit", "web1", "--tags", "deploy,back").exit_code == 0


@pytest.mark.parametrize("way", WAYS)
def test_restore_says_that_nothing_was_to_be_drained(plain: Field, way: str) -> None:
    plain.write(roll=[own_play(step(way, "drained"), {**UPDATE, "name": "Begin here"}, step(way, "restored"))])
    ended = plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1", "--start-at-task", "Begin here")
    assert "No task of this run was to take web1 out of traffic" in " ".join(ended.output.split())


# --- one host for others --------------------------------------------------------------------


@pytest.mark.parametrize(
    "include",
    [
        step("role", "drained"),
        {"ansible.builtin.include_tasks": "drain.yml"},
        {"block": [{"ansible.builtin.include_tasks": "drain.yml"}]},
    ],
)
def test_run_once_on_an_include(plain: Field, include: Document) -> None:
    plain.write(drain=[step("action", "drained")])
    own = {**UPDATE, "when": "inventory_hostname == 'web1'"}  # Ansible has no way to stop the others
    plain.write(roll=[own_play({**include, "run_once": True}, own, step("action", "restored"))])
    ended = plain.roll()
    assert ended.exit_code == 2
    assert not ended.updated()
    assert "run_once lets one host act for all hosts of the batch" in " ".join(ended.output.split())
    plain.assert_untouched()


def test_delegated_to_another_host_of_the_play(plain: Field) -> None:
    drained = {**step("action", "drained"), "delegate_to": "web2"}
    plain.write(roll=[own_play(drained, UPDATE, step("action", "restored"))])
    ended = plain.roll("--limit", "web1,web2")
    assert ended.exit_code == 2
    assert list(ended.updated()) == ["web2"]
    assert "the task is delegated to web2, but it is about web1" in " ".join(ended.output.split())
    assert plain.weights() == plain.original


def test_two_hosts_that_are_one_server(plain: Field) -> None:
    """The first that is ready would put the server back under the update of the other."""
    same = {"rolling_update_server_id": "i-1", "ansible_host": "127.0.0.1"}
    slow = {"ansible.builtin.command": "sleep {{ 2 if inventory_hostname == 'web1' else 0 }}", "changed_when": False}
    plain.write(
        inventory=inventory({"web1": same, "web2": same}),
        roll=[own_play(step("action", "drained"), slow, UPDATE, step("action", "restored"), strategy="free")],
    )
    ended = plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1,web2")
    assert len(ended.updated()) == 1
    ((weights,),) = ended.updated().values()
    assert weights["lb-a"]["i-1"] == 0
    assert "are the same member i-1 of lb-a" in " ".join(ended.output.split())
    assert plain.weights() == plain.original


def test_a_host_whose_drain_is_skipped_keeps_its_traffic(plain: Field) -> None:
    condition = {"when": "inventory_hostname == 'web1'"}
    tasks = [step("action", "drained"), UPDATE, {"ansible.builtin.command": "false"}]
    plain.write(roll=[own_play({ACTION: {"state": "checked"}}, *({**task, **condition} for task in tasks))])
    ended = plain.roll("--limit", "web1,web2")
    assert list(ended.updated()) == ["web1"]
    assert {server: weight for server, weight in plain.weights()["lb-a"].items() if weight == 0} == {"i-1": 0}


# --- failures -------------------------------------------------------------------------------


def test_a_failed_update_after_a_drain_that_verified_itself(plain: Field) -> None:
    """Its update has begun, so the server stays out."""
    update = {"block": [step("action", "drained"), UPDATE, {"ansible.builtin.command": "false"}]}
    plain.write(roll=[own_play({**update, "rescue": [{ACTION: {"state": "failed"}}]})])
    ended = plain.roll("--limit", "web1")
    assert "It stays out of traffic: web1" in " ".join(ended.output.split())
    assert plain.weights()["lb-a"]["i-1"] == 0
    plain.assert_recoverable(ended)


def test_a_restore_that_depends_on_the_drain_after_a_failed_run(plain: Field) -> None:
    """The second run takes over what the first has left, so its drain has changed something."""
    drained = {**step("action", "drained"), "register": "drained"}
    broken = {"ansible.builtin.command": "{{ command | default('true') }}", "changed_when": False}
    restored = {**step("action", "restored"), "when": "drained is changed"}
    plain.write(roll=[own_play(drained, UPDATE, broken, restored)])
    assert plain.roll("--limit", "web1", "-e", "command=false").exit_code == 2
    assert plain.weights()["lb-a"]["i-1"] == 0
    assert plain.roll("--limit", "web1").exit_code == 0


@pytest.mark.parametrize("way", WAYS)
def test_connections_that_do_not_end(plain: Field, way: str) -> None:
    """The update does not begin, so the server goes back."""
    wait: Document = {"drain_timeout": 1, "on_drain_timeout": "fail"}
    with connection_to("127.0.0.1") as port:
        variables = {f"rolling_update_{name}": value for name, value in {"port": port, **wait}.items()}
        options: Document = {"port": port, **wait} if way == "action" else {}
        plain.write(roll=[own_play(step(way, "drained", **options), UPDATE, variables=variables)])
        ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 2
    assert not ended.updated()
    assert re.search(r"ConnectionsLeft: .* Its weights are as they were\.", " ".join(ended.output.split()))
    assert len(plain.writes()) == 2
    assert plain.weights() == plain.original


@pytest.mark.parametrize("loop", [{}, {"loop": ["lb-a"]}])
def test_a_play_that_ignores_errors(plain: Field, loop: Document) -> None:
    """A host that cannot be drained is not updated, and one that cannot be restored fails."""
    drained = {**step("action", "drained", load_balancer_ids="{{ item | default('lb-a') }}"), **loop}
    plain.write(roll=[own_play(drained, UPDATE, step("action", "restored"), ignore_errors=True)])
    plain.emulator.add_fault({"action": "SetBackendServers", "kind": "error", "code": "Forbidden.RAM", "times": 1})
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 4
    assert not ended.updated()
    assert "It counts as unreachable, so that ignore_errors does not hide this." in " ".join(ended.output.split())
    plain.emulator.add_fault(
        {"action": "SetBackendServers", "kind": "error", "code": "Forbidden.RAM", "times": 0, "skip": 1}
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 4
    assert list(ended.updated()) == ["web1"]
    assert plain.weights()["lb-a"]["i-1"] == 0


def test_a_play_with_the_action_that_forgets_its_failures(plain: Field) -> None:
    forgets = {"ansible.builtin.meta": "clear_host_errors"}
    plain.write(roll=[own_play(step("action", "drained"), forgets, step("action", "restored"))])
    ended = plain.roll("--limit", "web1")
    assert "meta: clear_host_errors after the rolling update has begun" in " ".join(ended.output.split())
    plain.assert_untouched()


# --- options and places ---------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_load_balancers_that_only_the_drain_names(plain: Field, way: str) -> None:
    balancers = {"rolling_update_load_balancer_ids": ["lb-a"]}
    drained = step(way, "drained", load_balancer_ids="lb-a") if way == "action" else step(way, "drained")
    none = dict.fromkeys(balancers)
    plain.write(roll=[own_play({**drained, "vars": balancers}, UPDATE, step(way, "restored"), variables=none)])
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 0
    assert list(ended.updated()) == ["web1"]


def test_handlers_that_drain_and_restore(plain: Field) -> None:
    handlers = [
        {**each, "listen": "restart"} for each in (step("action", "drained"), UPDATE, step("action", "restored"))
    ]
    change = {"ansible.builtin.command": "true", "notify": "restart"}
    plain.write(roll=[own_play(change, handlers=handlers)])
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 0
    assert list(ended.updated()) == ["web1"]
