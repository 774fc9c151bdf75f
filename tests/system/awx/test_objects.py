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
import yaml
from awx_job import HERE, KIT, job_template, kit
from awx_rules import accepted_answers, survey_errors
from werkzeug.exceptions import Forbidden

DOCS = HERE.parents[2] / "docs" / "docsite" / "rst" / "awx_guide.rst"
WORKFLOW = "SLB check, update, recover"
ROLLING_UPDATE = "SLB rolling update"
# The kinds of the credentials that AWX brings.
BROUGHT = {"Machine": "ssh", "Source Control": "scm", "Container Registry": "registry"}


def attempt(
    url: str, *command: str | Path, stdin: Path = Path("/dev/null"), **environment: str | Path
) -> tuple[int, str]:
    with stdin.open(encoding="utf-8") as file:
        done = subprocess.run(
            command,
            stdin=file,
            # Pipelining saves a good deal of the time that so many small tasks take.
            env=project.environment(
                ANSIBLE_PIPELINING="true", CONTROLLER_HOST=url, CONTROLLER_OAUTH_TOKEN=awx_api.TOKEN, **environment
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout


def play(url: str, collections: Path, name: str, variables: dict[str, object], *options: str) -> tuple[int, str]:
    """Run a playbook of the kit; its exit code, and its output as one line."""
    command: list[str | Path] = [project.BIN / "ansible-playbook", KIT / name, "-e", json.dumps(variables), *options]
    code, output = attempt(url, *command, ANSIBLE_COLLECTIONS_PATH=collections)
    return code, " ".join(output.split())


def set_up(url: str, collections: Path, *options: str, **variables: object) -> str:
    code, output = play(url, collections, "setup.yml", variables, *options)
    assert code == 0, output
    return output


def import_file(url: str, name: str) -> None:
    code, output = attempt(url, project.BIN / "awx", "import", "--conf.format", "yaml", stdin=KIT / name)
    assert code == 0, output


def add_credential(awx: awx_api.Awx, name: str, type_name: str, organization: str = "Default") -> int:
    """A credential of a type that AWX brings."""
    types = awx.objects["credential_types"]
    number = next((number for number, kind in types.items() if kind["name"] == type_name), None)
    if number is None:
        number = awx.make("credential_types", {"name": type_name, "kind": BROUGHT[type_name]})["id"]
    owner = id_of(awx, "organizations", organization)
    return int(awx.make("credentials", {"name": name, "organization": owner, "credential_type": number})["id"])


def id_of(awx: awx_api.Awx, kind: str, name: str) -> int:
    (found,) = [number for number in awx.objects[kind] if awx.title(kind, number) == name]
    return found


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


def test_import_again_sets_back_what_the_file_does_not_name(imported: awx_api.Snapshot) -> None:
    """As AWX does with PUT; the guide says so."""
    with awx_api.running() as (awx, url):
        import_file(url, "credential.yml")
        import_file(url, "templates.yml")
        awx.change("job_templates", id_of(awx, "job_templates", ROLLING_UPDATE), {"extra_vars": "a: 1", "timeout": 9})
        import_file(url, "templates.yml")
        assert awx.snapshot()["job_templates"] == imported["job_templates"]
    assert "sets back" in " ".join(DOCS.read_text(encoding="utf-8").split())


def test_the_playbook_and_the_import_make_the_same(imported: awx_api.Snapshot, awx_collection: Path) -> None:
    with awx_api.running() as (awx, url):
        set_up(url, awx_collection)
        assert awx.snapshot() == imported
        assert "changed=0 " in set_up(url, awx_collection, "--check")
        mine = "https://git.example.com/mine.git"
        output = set_up(url, awx_collection, awx_project_url=mine)
        assert "changed=1 " in output
        assert awx.snapshot()["projects"]["SLB"] == imported["projects"]["SLB"] | {"scm_url": mine}


def test_organizations(imported: awx_api.Snapshot, awx_collection: Path) -> None:
    """There need not be one that is called Default, and a second one may have the same names; both can be removed again."""
    with awx_api.running("Ops") as (awx, url):
        set_up(url, awx_collection, awx_organization="Ops")
        made = json.dumps(awx.snapshot(), sort_keys=True, default=str)
        assert made.replace("Ops", "Default") == json.dumps(imported, sort_keys=True, default=str)

        awx.make("organizations", {"name": "Dev"})
        add_credential(awx, "Alibaba Cloud", "Machine", "Ops")
        before = awx.snapshot()
        set_up(url, awx_collection, awx_organization="Dev")
        assert "changed=0 " in set_up(url, awx_collection, awx_organization="Ops")
        require_own_objects(awx.snapshot(), "Ops", "Dev")

        remove(url, awx_collection, "Dev")
        assert awx.snapshot() == before
        remove(url, awx_collection, "Ops")
        left = {name for kind in awx.snapshot().values() for name in kind}
        assert left == {"Ops", "Dev", "Machine", "Alibaba Cloud"}
        remove(url, awx_collection, "Ops")


def require_own_objects(made: awx_api.Snapshot, *organizations: str) -> None:
    """Everything in an organization belongs to that one."""
    for name in organizations:
        template = made["job_templates"][f"{ROLLING_UPDATE} of {name}"]
        assert template["credentials"] == [f"Alibaba Cloud of {name}, Alibaba Cloud (SLB)"]
        assert (template["inventory"], template["project"]) == (f"SLB servers of {name}", f"SLB of {name}")
        node = made["workflow_job_template_nodes"][f"update of {WORKFLOW} of {name}"]
        assert node["unified_job_template"] == f"{ROLLING_UPDATE} of {name}"


def remove(url: str, collections: Path, organization: str) -> None:
    code, output = play(url, collections, "remove.yml", {"awx_organization": organization})
    assert code == 0, output


def test_credentials_that_awx_has_already(awx_collection: Path) -> None:
    """By name where that is enough, one of the organization before others; else by id."""
    with awx_api.running("Default", "Ops") as (awx, url):
        private = "https://git.example.com/private.git"
        code, output = play(url, awx_collection, "setup.yml", {"awx_project_url": private})
        assert (code, "Project update failed" in output) == (2, True)
        add_credential(awx, "ops", "Machine", "Ops")
        add_credential(awx, "ops", "Machine")
        add_credential(awx, "ops", "Source Control")
        registry = add_credential(awx, "ops", "Container Registry", "Ops")
        credentials = {
            "awx_machine_credential": "ops",
            "awx_project_credential": "ops",
            "awx_registry_credential": registry,
        }
        set_up(url, awx_collection, awx_project_url=private, **credentials)
        made = awx.snapshot()
        assert made["projects"]["SLB"]["credential"] == "ops of Default, Source Control"
        assert made["execution_environments"]["Alibaba Cloud SLB"]["credential"] == "ops of Ops, Container Registry"
        logs_in = {
            name: about["credentials"] for name, about in made["job_templates"].items() if len(about["credentials"]) > 1
        }
        assert logs_in == {ROLLING_UPDATE: ["Alibaba Cloud", "ops of Default, Machine"]}


@pytest.mark.parametrize(("name", "number"), [("nobody", 0), ("ops", 2)])
def test_a_credential_that_is_not_clear(awx_collection: Path, name: str, number: int) -> None:
    with awx_api.running("Default", "Ops", "Other") as (awx, url):
        for organization in ("Ops", "Other"):
            add_credential(awx, "ops", "Machine", organization)
        before = awx.snapshot()
        code, output = play(url, awx_collection, "setup.yml", {"awx_machine_credential": name})
        assert code == 2
        says = f"awx_machine_credential: AWX has {number} credentials of the type Machine with the name or id {name}."
        assert says in output
        assert awx.snapshot() == before


def test_run_again_the_playbook_removes_what_was_added(imported: awx_api.Snapshot, awx_collection: Path) -> None:
    """A node that stayed without its links would be started at each launch."""
    with awx_api.running() as (awx, url):
        set_up(url, awx_collection)
        nodes, workflow = "workflow_job_template_nodes", id_of(awx, "workflow_job_templates", WORKFLOW)
        template = id_of(awx, "job_templates", ROLLING_UPDATE)
        added = {"identifier": "mine", "workflow_job_template": workflow, "unified_job_template": template}
        mine = awx.make(nodes, added)["id"]
        awx.related["workflow_job_templates", workflow, "workflow_nodes"].append(mine)
        awx.related[nodes, id_of(awx, nodes, "update"), "failure_nodes"] = [mine]
        awx.related[nodes, mine, "success_nodes"] = [id_of(awx, nodes, "recover")]
        awx.related["job_templates", template, "credentials"].append(add_credential(awx, "mine", "Machine"))
        kept = {"extra_vars": "rolling_update_record_dir: /var/lib/slb-journals", "timeout": 9}
        awx.change("job_templates", template, kept)
        set_up(url, awx_collection)
        made = awx.snapshot()
        assert made[nodes] == imported[nodes]
        assert made["job_templates"][ROLLING_UPDATE] == imported["job_templates"][ROLLING_UPDATE] | kept


def test_the_inputs_of_a_type_that_is_in_use_are_frozen() -> None:
    """By AWX: so a change in the kit would end setup.yml, see INPUTS in test_credential.py."""
    with awx_api.running() as (awx, url):
        import_file(url, "credential.yml")
        number = id_of(awx, "credential_types", "Alibaba Cloud (SLB)")
        inputs = awx.objects["credential_types"][number]["inputs"]
        awx.change("credential_types", number, {"inputs": json.loads(json.dumps(inputs)), "injectors": {}})
        inputs = json.loads(json.dumps(inputs).replace("Only if", "If"))
        with pytest.raises(Forbidden, match="not allowed for credential types that are in use"):
            awx.change("credential_types", number, {"inputs": inputs})


def test_the_workflow(imported: awx_api.Snapshot) -> None:
    nodes = imported["workflow_job_template_nodes"]
    ways = {(name, kind, other) for name, node in nodes.items() for kind in awx_api.WAYS for other in node[kind]}
    assert ways == {
        ("check", "success_nodes", "update"),
        ("update", "failure_nodes", "recover"),
        ("recover", "success_nodes", "failed"),
        ("recover", "failure_nodes", "look"),
        ("look", "success_nodes", "recover_rest"),
        ("recover_rest", "success_nodes", "failed"),
    }
    assert nodes["check"]["job_type"] == "check"
    assert nodes["check"]["unified_job_template"] == nodes["update"]["unified_job_template"] == ROLLING_UPDATE
    assert nodes["recover"]["unified_job_template"] == "SLB recover untouched"
    assert json.loads(imported["job_templates"]["SLB recover untouched"]["extra_vars"]) == {
        "rolling_update_recover": "not_begun"
    }
    assert nodes["recover_rest"]["unified_job_template"] == "SLB recover"
    assert nodes["look"]["unified_job_template"] == "Look at the servers that are out"
    assert imported["workflow_approval_templates"]["Look at the servers that are out"]["timeout"]
    # AWX lets a node say what its template asks for.
    assert imported["job_templates"][ROLLING_UPDATE]["ask_job_type_on_launch"]
    assert (
        imported["workflow_job_templates"][WORKFLOW]["survey_spec"]
        == (imported["job_templates"][ROLLING_UPDATE]["survey_spec"])
    )


def test_the_surveys() -> None:
    templates = kit("templates.yml")["job_templates"]
    surveys = [template["related"]["survey_spec"] for template in templates if template.get("survey_enabled")]
    assert [survey_errors(survey) for survey in surveys] == [[]] * 5
    kinds = {question["type"] for survey in surveys for question in survey["spec"]}
    assert kinds == {"text", "textarea", "integer", "multiplechoice", "multiselect"}


def test_the_survey_or_the_guide_has_each_variable_of_the_role() -> None:
    """The survey asks for what differs from launch to launch; what belongs to servers is named with the inventory."""
    specs = yaml.safe_load(
        (HERE.parents[2] / "roles/rolling_update/meta/argument_specs.yml").read_text(encoding="utf-8")
    )
    asked = {question["variable"] for question in job_template(ROLLING_UPDATE)["related"]["survey_spec"]["spec"]}
    wanted = set(specs["argument_specs"]["main"]["options"])
    # AWX names the journal after the job, and the volume decides how long it is kept.
    wanted -= {"rolling_update_id", "rolling_update_keep_days"}
    assert asked - wanted == {"new_version", "slb_serial"}
    guide = DOCS.read_text(encoding="utf-8")
    assert {name for name in wanted - asked if name not in guide} == set()


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
