# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of AWX: made by setup.yml with awx.awx, and by `awx import` with awxkit, in a stand-in for AWX's API."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import awx_api
import project
import pytest
from awx_job import KIT, job_template, kit
from awx_rules import accepted_answers, survey_errors


def run(url: str, *command: str | Path, stdin: Path = Path("/dev/null"), **environment: str | Path) -> str:
    with stdin.open(encoding="utf-8") as file:
        done = subprocess.run(
            command,
            stdin=file,
            env=project.environment(CONTROLLER_HOST=url, CONTROLLER_OAUTH_TOKEN=awx_api.TOKEN, **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    return done.stdout


def set_up(url: str, collections: Path, *arguments: str) -> str:
    playbook = project.BIN / "ansible-playbook"
    return run(url, playbook, KIT / "setup.yml", *arguments, ANSIBLE_COLLECTIONS_PATH=collections)


def import_file(url: str, name: str) -> None:
    run(url, project.BIN / "awx", "import", "--conf.format", "yaml", stdin=KIT / name)


@pytest.fixture(scope="module")
def imported() -> awx_api.Snapshot:
    """What AWX holds after both files were imported."""
    with awx_api.running() as (awx, url):
        import_file(url, "credential.yml")
        import_file(url, "templates.yml")
        before = awx.snapshot()
        import_file(url, "templates.yml")
        assert awx.snapshot() == before, "imported again it does not stay the same"
        return before


def test_the_playbook_takes_another_organization(imported: awx_api.Snapshot, awx_collection: Path) -> None:
    """There need not be one that is called Default."""
    with awx_api.running(organization="Ops") as (awx, url):
        set_up(url, awx_collection, "-e", "awx_organization=Ops")
        made = json.dumps(awx.snapshot(), sort_keys=True, default=str)
        assert made.replace("Ops", "Default") == json.dumps(imported, sort_keys=True, default=str)


def test_the_playbook_and_the_import_make_the_same(imported: awx_api.Snapshot, awx_collection: Path) -> None:
    with awx_api.running() as (awx, url):
        set_up(url, awx_collection)
        assert awx.snapshot() == imported
        mine = "https://git.example.com/mine.git"
        output = set_up(url, awx_collection, "-e", json.dumps({"awx_project_url": mine}))
        assert "changed=1 " in output
        assert awx.snapshot()["projects"]["SLB"] == imported["projects"]["SLB"] | {"scm_url": mine}


def test_the_workflow(imported: awx_api.Snapshot) -> None:
    nodes = imported["workflow_job_template_nodes"]
    ways = {(name, kind, other) for name, node in nodes.items() for kind in awx_api.WAYS for other in node[kind]}
    assert ways == {("check", "success_nodes", "update"), ("update", "failure_nodes", "recover")}
    assert nodes["check"]["job_type"] == "check"
    assert nodes["check"]["unified_job_template"] == nodes["update"]["unified_job_template"] == "SLB rolling update"
    # AWX lets a node say what its template asks for.
    assert imported["job_templates"]["SLB rolling update"]["ask_job_type_on_launch"]
    assert (
        imported["workflow_job_templates"]["SLB check, update, recover"]["survey_spec"]
        == (imported["job_templates"]["SLB rolling update"]["survey_spec"])
    )


def test_the_surveys() -> None:
    surveys = [template["related"]["survey_spec"] for template in kit("templates.yml")["job_templates"]]
    assert [survey_errors(survey) for survey in surveys] == [[], [], []]
    kinds = {question["type"] for survey in surveys for question in survey["spec"]}
    assert kinds == {"text", "textarea", "integer", "multiplechoice", "multiselect"}


@pytest.mark.parametrize(
    ("template", "answers", "error"),
    [
        (
            "SLB set weights",
            {"slb_load_balancer_id": "lb-1", "slb_backend_servers": ""},
            "slb_backend_servers: too small",
        ),
        ("SLB set weights", {"slb_backend_servers": "i-1=0"}, "slb_load_balancer_id: value missing"),
        ("SLB rolling update", {"rolling_update_min_active": "2"}, "rolling_update_min_active: not an integer"),
        ("SLB rolling update", {"slb_serial": "all"}, "slb_serial: 'all' is no choice"),
        ("SLB rolling update", {"rolling_update_ramp": ["7"]}, "rolling_update_ramp: '7' is no choice"),
    ],
)
def test_answers_that_awx_itself_refuses(template: str, answers: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        accepted_answers(job_template(template)["related"]["survey_spec"], answers)


def test_the_artifact_brings_the_kit(installed: Path) -> None:
    shipped = installed / "ansible_collections" / "aliyun_community" / "slb" / "extensions" / "awx"
    files = {path.relative_to(KIT) for path in KIT.rglob("*") if path.is_file()}
    assert Path("project", "collections", "requirements.yml") in files
    assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == files
