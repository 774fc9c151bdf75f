# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each job template with answers of every kind, and the workflow: what one job hands to the next.

AWX hands each job of a workflow what the jobs before it have set, the later over the earlier, and goes the way of a failure
also for a job that was cancelled.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from awx_job import HERE, Awx, Finished, kept_texts
from awx_state import STATE, full_credential, reset
from emulator_process import EmulatorProcess

START = {"i-web1": 100, "i-web2": 60, "i-web3": 0, "i-web4": 100}
PROOF = "Prove that this server is out of traffic"  # the task whose result is copied


def weights(slb: EmulatorProcess) -> dict[str, int]:
    """Of the servers that do not share their id."""
    return {server: weight for server, weight in slb.weights().items() if server != "eni-pod"}


def written(slb: EmulatorProcess) -> list[list[int]]:
    """The weights that each write set, sorted."""
    requests = slb.control("GET", "requests")["requests"]
    lists = [
        json.loads(request["parameters"]["BackendServers"])
        for request in requests
        if request["action"] == "SetBackendServers"
    ]
    return [sorted(int(server["Weight"]) for server in servers) for servers in lists]


def inventory_in_which(host: str, **variables: t.Any) -> dict[str, t.Any]:
    """The inventory of the tests, with more variables for one host."""
    inventory: dict[str, t.Any] = yaml.safe_load((HERE / "files" / "inventory.yml").read_text(encoding="utf-8"))
    inventory["slb_servers"]["hosts"][host] |= variables
    return inventory


def test_set_weights(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    """A text area with lines, spaces and an address; the other questions keep their defaults."""
    servers = "i-web1=0\n\n i-web2 = 30 \neni-pod@10.0.0.2=5\n"
    job = awx.launch(
        "SLB set weights", {"slb_load_balancer_id": "lb-example ", "slb_backend_servers": servers}, credential
    )
    assert job.status == "successful", job.output
    assert weights(slb) == START | {"i-web1": 0, "i-web2": 30}
    assert written(slb) == [[0, 5, 30]]
    assert [server["weight"] for server in job.artifacts["slb_previous"]] == [100, 60, 50]
    assert "rehearsal-secret" not in kept_texts(job.folder)


def test_set_weights_in_check_mode(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    answers = {"slb_load_balancer_id": "lb-example", "slb_backend_servers": "i-web1=0, i-stranger=0"}
    answers |= {"slb_on_missing": "ignore", "slb_check_listeners": "warn"}
    job = awx.launch("SLB set weights", answers | {"slb_min_active": 0}, credential, check=True)
    assert job.status == "successful", job.output
    assert "i-web1: 0" in job.output
    assert not written(slb)


def test_temporary_keys(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    keys = {"access_key": "STS.example", "secret_key": "temporary-secret", "security_token": "temporary-token"}
    answers = {"slb_load_balancer_id": "lb-example", "slb_backend_servers": "i-web1=0"}
    job = awx.launch("SLB set weights", answers, credential | keys)
    assert job.status == "successful", job.output
    assert not {"temporary-secret", "temporary-token"} & set(kept_texts(job.folder).split('"'))


@pytest.mark.parametrize(
    ("answers", "status"),
    [({}, "successful"), ({"slb_audit_fail": "yes", "slb_load_balancer_ids": "lb-example\n"}, "failed")],
)
def test_audit(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], answers: dict[str, str], status: str
) -> None:
    """It lists i-web3, which has weight 0 from the start, and fails if it is asked to."""
    job = awx.launch("SLB audit", answers, credential)
    assert job.status == status, job.output
    assert "the default server group: i-web3 is out of traffic. No journal knows why or since when." in job.said
    assert "Out of traffic on 1 load balancer: 1 member" in job.said
    assert not written(slb)


def test_audit_that_finds_nothing(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    reset(slb, {"i-web3": 10})
    job = awx.launch("SLB audit", {"slb_audit_fail": "yes"}, credential)
    assert job.status == "successful", job.output
    assert "Nothing is out of traffic on 1 load balancer." in job.said


@pytest.mark.parametrize("answer", [{"slb_load_balancer_id": "lb-example "}, {"slb_load_balancer_names": "lb-example"}])
def test_show_weights(awx: Awx, slb: EmulatorProcess, credential: dict[str, str], answer: dict[str, str]) -> None:
    job = awx.launch("SLB show weights", answer, credential)
    assert job.status == "successful", job.output
    for line in (
        "lb-example (lb-example), the default server group: 5 of 6 members in traffic",
        "i-web2: weight 60, normal on listener http:80",
        "i-web3: weight 0, normal on listener http:80",
        "eni-pod (10.0.0.2): weight 50, normal on listener http:80",
    ):
        assert line in job.said
    assert not [action for action in slb.actions() if not action.startswith("Describe")]


def test_rolling_update(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    """Choices, several choices, integers and a text area; and nothing in an answer is a template."""
    answers = {
        "rolling_update_load_balancer_ids": "lb-example\n",
        "slb_serial": "2",
        "rolling_update_ramp": ["10", "50"],
        "rolling_update_min_active": 2,
        "rolling_update_on_failure": "restore",
    }
    extra = {"rolling_update_ramp_pause": 0, "new_version": "{{ 1 + 1 }}"}
    job = awx.launch("SLB rolling update", answers, credential, extra=extra, limit="web1,web2")
    assert job.status == "successful", job.output
    assert weights(slb) == START
    assert written(slb) == [[0, 0], [6, 10], [30, 50], [60, 100]]
    assert "updated web2 with {{ 1 + 1 }}" in job.said
    record = job.artifacts["rolling_update_record"]
    assert record["rolling_update_id"] == "awx-job-1"
    assert not record["entries"]


@dataclass(frozen=True)
class Broken:
    """A rolling update that was cancelled with web1 out of traffic, and where its journal was kept."""

    job: Finished
    volume: dict[str, str]


@pytest.fixture(scope="module")
def check(running_slb: EmulatorProcess, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The first job of the workflow."""
    reset(running_slb)
    awx = Awx(tmp_path_factory.mktemp("check"), installed)
    job = awx.launch("SLB rolling update", {"slb_serial": "5"}, full_credential(running_slb), check=True)
    assert job.status == "successful", job.output
    assert not written(running_slb)
    return job


@pytest.fixture(scope="module")
def cancelled(running_slb: EmulatorProcess, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    reset(running_slb)
    volume = {"rolling_update_record_dir": str(tmp_path_factory.mktemp("volume"))}
    job = Awx(tmp_path_factory.mktemp("cancelled"), installed).cancel(
        lambda output: "Hang where the inventory says so" in output,
        "SLB rolling update",
        {},
        full_credential(running_slb),
        inventory=inventory_in_which("web1", hangs=True),
        extra=volume,
    )
    assert job.status == "canceled"
    assert weights(running_slb) == START | {"i-web1": 0}
    return Broken(job, volume)


def test_a_failed_update_hands_its_record_to_recover(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], check: Finished
) -> None:
    inventory = inventory_in_which("web2", fails=True)
    update = awx.launch(
        "SLB rolling update", {}, credential, inventory=inventory, artifacts=check.artifacts, limit="web2"
    )
    assert update.status == "failed"
    assert "web2 failed" in update.said
    assert weights(slb) == START | {"i-web2": 0}

    recover = awx.launch("SLB recover", {}, credential, artifacts=check.artifacts | update.artifacts)
    assert recover.status == "successful", recover.output
    assert weights(slb) == START
    assert "Put back: web2 (i-web2 of lb-example: 60)." in recover.said


def test_an_update_that_fails_before_it_begins_leaves_nothing_to_recover(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], check: Finished
) -> None:
    """Its empty record replaces that of the check: what someone else has set since the check stays."""
    reset(slb, {"i-web2": 0})
    answers = {"rolling_update_tasks_file": "nowhere.yml"}
    update = awx.launch("SLB rolling update", answers, credential, artifacts=check.artifacts, limit="web2")
    assert update.status == "failed"
    assert f"rolling_update_tasks_file: {update.folder}/project/nowhere.yml: there is no such file" in update.said
    recover = awx.launch("SLB recover", {}, credential, artifacts=check.artifacts | update.artifacts)
    assert recover.status == "successful", recover.output
    assert "Put back: nothing." in recover.said
    assert not written(slb)


def test_a_cancelled_update_hands_on_nothing(cancelled: Broken) -> None:
    assert not cancelled.job.artifacts
    assert not [event for event in cancelled.job.events if event["event"] == "playbook_on_stats"]


def recover_after(awx: Awx, slb: EmulatorProcess, answers: dict[str, t.Any], **more: t.Any) -> None:
    """Recover from a cancelled rolling update, on the load balancer as that has left it."""
    reset(slb, {"i-web1": 0})
    recover = awx.launch("SLB recover", answers, full_credential(slb), **more)
    assert recover.status == "successful", recover.output
    assert weights(slb) == START
    assert "Put back: web1 (i-web1 of lb-example: 100)." in recover.said
    assert "Left alone" not in recover.said


def test_recover_fails_while_a_server_is_unhealthy(awx: Awx, slb: EmulatorProcess, cancelled: Broken) -> None:
    state = yaml.safe_load(STATE.read_text(encoding="utf-8"))
    state["load_balancers"][0]["backend_servers"][0] |= {"weight": 0, "health": "abnormal"}
    slb.control("PUT", "state", state)
    record = {"slb_record": json.dumps(cancelled.job.results(PROOF)[-1])}
    recover = awx.launch("SLB recover", record, full_credential(slb), extra={"rolling_update_health_timeout": 1})
    assert recover.status == "failed"
    assert recover.last_message.startswith("Put back: nothing. Still out of traffic: web1 (i-web1 of lb-example")
    assert "abnormal on" in recover.last_message
    assert weights(slb) == START | {"i-web1": 0}


def test_in_the_workflow_the_check_before_has_handed_on_what_the_weights_were(
    awx: Awx, slb: EmulatorProcess, check: Finished, cancelled: Broken
) -> None:
    recover_after(awx, slb, {}, artifacts=check.artifacts | cancelled.job.artifacts)


def test_the_record_can_be_copied_from_the_page_of_the_cancelled_job(
    awx: Awx, slb: EmulatorProcess, cancelled: Broken
) -> None:
    recover_after(awx, slb, {"slb_record": json.dumps(cancelled.job.results(PROOF)[-1], indent=2)})


def test_the_record_is_in_a_folder_that_outlives_the_job(awx: Awx, slb: EmulatorProcess, cancelled: Broken) -> None:
    """A volume of the execution environment, named in the extra variables of the templates."""
    recover_after(awx, slb, {"rolling_update_id": "awx-job-1"}, extra=cancelled.volume)
