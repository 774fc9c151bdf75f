# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a job stands in its output, in a sentence that says what to do."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from awx_job import HERE, Awx, CannotStart
from emulator_process import EmulatorProcess

DOCS = HERE.parents[2] / "docs" / "docsite" / "rst" / "awx_guide.rst"
WEIGHTS = {"slb_load_balancer_id": "lb-example", "slb_backend_servers": "i-web1=0"}
COPY = (
    'Copy the whole result, in JSON, of the last task "Prove that this server is out of traffic" of the rolling update.'
)
WRITE = "Write ID=WEIGHT on each line, such as i-bp1c3zrr37ablp8ujo7v=0."


@pytest.mark.parametrize(
    ("template", "answers", "sentence"),
    [
        (
            "SLB set weights",
            WEIGHTS | {"slb_backend_servers": " \n "},
            "slb_backend_servers names no server. Give each server and its weight, in a survey as ID=WEIGHT on a line of its own.",
        ),
        (
            "SLB set weights",
            WEIGHTS | {"slb_backend_servers": "i-web1=0\ni-web2 50"},
            f"slb_backend_servers has text that is not a server with its weight: i-web2 50. {WRITE}",
        ),
        (
            "SLB set weights",
            WEIGHTS | {"slb_backend_servers": "i-web1=101"},
            "Give a whole number from 0 to 100.",
        ),
        (
            "SLB recover",
            {},
            "Nothing says what to recover. Give rolling_update_id or a record, or rolling_update_record_dir if the journals are "
            "on a volume: this job runs in a container of its own, which has none.",
        ),
        (
            "SLB recover",
            {"slb_record": '{"ansible_stats": {"data": {"rolling_'},
            f"the record is not JSON. {COPY}",
        ),
        (
            "SLB recover",
            {"slb_record": '{"changed": false, "msg": "web1 gets no new requests."}'},
            f"the record is not the journal of a rolling update. {COPY}",
        ),
        (
            "SLB recover",
            {"rolling_update_id": "awx-job-9999"},
            "there is no journal of rolling update awx-job-9999 in ",
        ),
        # Ansible takes these for numbers.
        (
            "SLB recover",
            {"rolling_update_id": "17"},
            "there is no journal of rolling update 17 in ",
        ),
        (
            "SLB set weights",
            WEIGHTS | {"slb_backend_servers": "0"},
            f"slb_backend_servers has text that is not a server with its weight: 0. {WRITE}",
        ),
    ],
    ids=[
        "empty-list",
        "malformed-line",
        "weight",
        "no-record",
        "cut-record",
        "result-without-a-record",
        "unknown-id",
        "number-of-a-job",
        "number",
    ],
)
def test_answers(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], template: str, answers: dict[str, t.Any], sentence: str
) -> None:
    job = awx.launch(template, answers, credential)
    assert job.status == "failed"
    assert sentence in job.last_message
    assert not slb.actions()


def test_a_credential_that_is_not_filled_in(awx: Awx, credential: dict[str, str]) -> None:
    """What a new administrator meets first. It is AWX that speaks here; the docs have its sentence."""
    with pytest.raises(CannotStart) as caught:
        awx.launch("SLB set weights", WEIGHTS, dict.fromkeys(credential, ""))
    sentence = str(caught.value)
    assert "Credential Alibaba Cloud does not provide one or more required fields (access_key, region," in sentence
    assert sentence.partition(" (")[0] in DOCS.read_text(encoding="utf-8")


def test_a_template_without_the_credential(awx: Awx, slb: EmulatorProcess) -> None:
    job = awx.launch("SLB set weights", WEIGHTS, None)
    assert job.status == "failed"
    assert job.last_message.endswith("region is missing. Set the option region or the variable ALICLOUD_REGION.")
    assert not slb.actions()


def test_a_limit_with_a_typing_error(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    """It is Ansible that speaks here; the docs have its sentence."""
    job = awx.launch("SLB rolling update", {}, credential, limit="wbe1")
    assert job.status == "failed"
    sentence = "Specified inventory, host pattern and/or --limit leaves us with no hosts to target."
    assert sentence in job.said
    assert sentence in DOCS.read_text(encoding="utf-8")
    assert not slb.actions()


def test_an_inventory_without_servers(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    job = awx.launch("SLB rolling update", {}, credential, inventory={"all": {"hosts": {"db1": {}}}})
    assert job.status == "failed"
    assert job.last_message == (
        "The inventory has no host in slb_servers: put the servers into that group, or name another one in slb_hosts."
    )
    assert not slb.actions()


@pytest.mark.parametrize(
    ("servers", "limit", "sentence"),
    [
        (
            {"web1": {"rolling_update_server_id": "i-web1"}},
            "db1",
            "The limit db1 leaves no host of slb_servers: name some of them.",
        ),
        (
            {"web1": {"rolling_update_server_id": "i-web1"}, "web2": {}, "web3": {}},
            "web1,web2",
            "web2: InvalidArgument: rolling_update_server_id is missing. Set it for this host, to an id such as "
            "i-bp1c3zrr37ablp8ujo7v.",
        ),
    ],
    ids=["limit", "no-member"],
)
def test_hosts(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], servers: dict[str, t.Any], limit: str, sentence: str
) -> None:
    of_all = {"rolling_update_load_balancer_ids": ["lb-example"]}
    inventory = {"all": {"hosts": {"db1": {}}}, "slb_servers": {"hosts": servers, "vars": of_all}}
    job = awx.launch("SLB rolling update", {}, credential, inventory=inventory, limit=limit)
    assert job.status == "failed"
    assert job.last_message == sentence
    assert "SetBackendServers" not in slb.actions()


def test_a_project_without_the_collection(awx: Awx, slb: EmulatorProcess, credential: dict[str, str]) -> None:
    """It is Ansible that speaks here, since nothing of ours is there; the docs have its sentence."""
    job = awx.launch("SLB set weights", WEIGHTS, credential, with_collection=False)
    assert job.status == "failed"
    sentence = "the playbook: aliyun_community.slb.set_weights could not be found"
    assert sentence in job.said
    assert sentence in DOCS.read_text(encoding="utf-8")


def test_an_execution_environment_without_the_sdk(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], tmp_path: Path
) -> None:
    package = tmp_path / "without" / "aliyunsdkcore" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("raise ModuleNotFoundError(name='aliyunsdkcore')", encoding="utf-8")
    job = awx.launch("SLB set weights", WEIGHTS, credential, python_path=tmp_path / "without")
    assert job.status == "failed"
    assert "aliyun-python-sdk-core and aliyun-python-sdk-slb" in job.last_message
    assert not slb.actions()
