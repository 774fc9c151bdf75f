# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workflow: red if the rolling update failed, and no server whose update has begun goes back without a person."""

from __future__ import annotations

import itertools

import pytest
import yaml
from awx_job import HERE, Awx, Finished, Values
from awx_state import full_credential, reset
from awx_workflow import SUCCESSFUL, Workflow, kit_nodes
from emulator_process import EmulatorProcess

OUTCOMES = (SUCCESSFUL, "failed", "canceled")
START = {"i-web1": 100, "i-web2": 60}


def outcome_of(node: Values, outcomes: dict[str, str]) -> str:
    """The job that is there to fail fails, whatever is rolled."""
    template = node.get("unified_job_template", {}).get("name", "")
    return "failed" if template == "SLB rolling update failed" else outcomes[node["identifier"]]


@pytest.mark.parametrize(
    ("outcomes", "ran"),
    [
        ({}, ["check", "update"]),
        ({"check": "failed"}, ["check"]),
        ({"update": "failed"}, ["check", "update", "recover", "failed"]),
        ({"update": "canceled"}, ["check", "update", "recover", "failed"]),
        (
            {"update": "failed", "recover": "failed"},
            ["check", "update", "recover", "look", "recover_rest", "failed"],
        ),
        ({"update": "failed", "recover": "failed", "look": "failed"}, ["check", "update", "recover", "look"]),
        (
            {"update": "failed", "recover": "failed", "recover_rest": "failed"},
            ["check", "update", "recover", "look", "recover_rest"],
        ),
    ],
    ids=["good", "check", "recovered", "cancelled", "approved", "denied", "still-out"],
)
def test_ways(outcomes: dict[str, str], ran: list[str]) -> None:
    """An approval that is denied, or not answered in time, counts as failed."""
    nodes = kit_nodes()
    every = dict.fromkeys(nodes, SUCCESSFUL) | outcomes
    workflow = Workflow(nodes)
    workflow.run(lambda node, _given: outcome_of(node, every))
    assert list(workflow.statuses) == ran


def test_it_is_green_only_if_the_rolling_update_was() -> None:
    nodes = kit_nodes()
    for chosen in itertools.product(OUTCOMES, repeat=len(nodes)):
        outcomes = dict(zip(nodes, chosen, strict=True))
        workflow = Workflow(nodes)
        status = workflow.run(lambda node, _given, outcomes=outcomes: outcome_of(node, outcomes))  # type: ignore[misc]
        is_good = outcomes["check"] == outcomes["update"] == SUCCESSFUL
        assert (status == SUCCESSFUL) is is_good, outcomes


class Jobs:
    """Runs the nodes as jobs. ``approve``: what becomes of the approval, decided when it is asked for."""

    def __init__(self, awx: Awx, slb: EmulatorProcess, inventory: Values) -> None:
        self.jobs: dict[str, Finished] = {}
        self.weights_at_approval: dict[str, int] = {}
        self._awx = awx
        self._slb = slb
        self._inventory = inventory

    def __call__(self, node: Values, given: Values) -> Finished | str:
        if "unified_job_template" not in node:
            self.weights_at_approval = self.weights()
            return SUCCESSFUL
        template = node["unified_job_template"]["name"]
        job = self._awx.launch(
            template,
            {"slb_serial": "5"} if template == "SLB rolling update" else {},
            full_credential(self._slb),
            inventory=self._inventory,
            artifacts=given,
            extra={"awx_workflow_job_id": 7},
            check=node.get("job_type") == "check",
        )
        self.jobs[node["identifier"]] = job
        return job

    def weights(self) -> dict[str, int]:
        return {server: weight for server, weight in self._slb.weights().items() if server in START}


def inventory_in_which_web2_fails() -> Values:
    inventory: Values = yaml.safe_load((HERE / "files" / "inventory.yml").read_text(encoding="utf-8"))
    inventory["slb_servers"]["hosts"]["web2"]["fails"] = "{{ not ansible_check_mode }}"
    return inventory


def test_a_server_whose_update_failed_goes_back_only_after_an_approval(awx: Awx, slb: EmulatorProcess) -> None:
    jobs = Jobs(awx, slb, inventory_in_which_web2_fails())
    workflow = Workflow(kit_nodes())
    assert workflow.run(jobs) == "failed"
    out = "web2 (i-web2 of lb-example, goes back to 60): its update has begun or may have."
    assert jobs.jobs["recover"].last_message == f"Put back: nothing. Still out of traffic: {out}"
    assert jobs.weights_at_approval == START | {"i-web2": 0}
    assert "Put back: web2 (i-web2 of lb-example: 60)." in jobs.jobs["recover_rest"].said
    assert jobs.weights() == START
    assert jobs.jobs["failed"].last_message.startswith("The rolling update failed.")
    assert jobs.jobs["update"].artifacts["rolling_update_record"]["rolling_update_id"] == "awx-workflow-7"
    assert jobs.jobs["recover_rest"].artifacts["rolling_update_record"] == {}


def test_untouched_servers_go_back_without_a_person(awx: Awx, slb: EmulatorProcess) -> None:
    """And a server whose update has begun stays, also if only the check before has handed on a record."""
    check = awx.launch("SLB rolling update", {"slb_serial": "5"}, full_credential(slb), check=True, limit="web1,web2")
    record = check.artifacts["rolling_update_record"]
    for entry, state in zip(record["entries"], ("drained", "updating"), strict=True):
        assert entry["state"] == "updating"
        entry["state"] = state
    reset(slb, {"i-web1": 0, "i-web2": 0})
    recover = awx.launch("SLB recover untouched", {}, full_credential(slb), artifacts={"rolling_update_record": record})
    assert recover.status == "failed"
    assert "Put back: web1 (i-web1 of lb-example: 100). Still out of traffic: web2 (" in recover.said
    assert {server: slb.weights()[server] for server in START} == START | {"i-web2": 0}
    (left,) = recover.artifacts["rolling_update_record"]["entries"]
    assert left["host"] == "web2"
