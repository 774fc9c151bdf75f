# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: its definition, and that the Python packages it asks for are all that a job needs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import project
import yaml
from awx_job import HERE, KIT, Awx
from rehearsal import Rehearsal

LIST = HERE.parents[1] / "meta" / "ee-requirements.txt"


def builder(*arguments: str | Path) -> str:
    command = [project.BIN / "ansible-builder", *arguments]
    done = subprocess.run(command, env=project.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ansible_builder_makes_a_context_of_the_example(tmp_path: Path) -> None:
    options = ("--output-filename", "Containerfile", "--context", tmp_path)
    builder("create", "--file", KIT / "execution-environment.yml", *options)
    assert "aliyun_community.slb" in (tmp_path / "_build" / "requirements.yml").read_text(encoding="utf-8")
    assert "FROM " in (tmp_path / "Containerfile").read_text(encoding="utf-8")


def test_ansible_builder_finds_the_packages_in_the_collection(installed: Path) -> None:
    found = str(yaml.safe_load(builder("introspect", installed))["python"])
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if line not in found] == []


def test_the_list_is_all_that_a_job_needs(
    awx: Awx, slb: Rehearsal, credential: dict[str, str], image_python: Path
) -> None:
    """A Python with ansible-core and the list, and nothing else, as the image has it."""
    search_path = f"{image_python.parent}:/usr/bin:/bin"
    answers = {"slb_load_balancer_id": "lb-rehearsal", "slb_backend_servers": "i-web1=0"}
    job = awx.launch("SLB set weights", answers, credential, search_path=search_path)
    assert job.status == "successful", job.output
    assert slb.weights()["i-web1"] == 0
    command = (job.folder / "artifacts" / "job" / "command").read_text(encoding="utf-8")
    assert str(image_python.parent) in command
