# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: its Python and ansible-core are tested, and what it asks for is all that a job needs."""

from __future__ import annotations

from pathlib import Path

import ansible_core
from awx_job import Awx, kit
from emulator_process import EmulatorProcess
from packaging.requirements import Requirement


def test_every_ansible_core_that_it_allows_is_tested_with_its_python() -> None:
    wanted = kit("execution-environment.yml")["dependencies"]
    python = wanted["python_interpreter"]["package_system"]
    assert wanted["python_interpreter"]["python_path"] == f"/usr/bin/{python}"
    allowed = Requirement(wanted["ansible_core"]["package_pip"]).specifier
    lines = [line for line in ansible_core.LINES if allowed.contains(f"{line.name}.999") or f"{line.name}.0" in allowed]
    assert lines == list(ansible_core.SUPPORTED)
    assert [line.name for line in lines if python.removeprefix("python") not in line.pythons] == []
    assert lines[0].name == "2.16"


def test_the_list_is_all_that_a_job_needs(
    awx: Awx, slb: EmulatorProcess, credential: dict[str, str], image_python: Path
) -> None:
    """A Python with ansible-core and the list, and nothing else, as the image has it."""
    search_path = f"{image_python.parent}:/usr/bin:/bin"
    answers = {"slb_load_balancer_id": "lb-example", "slb_backend_servers": "i-web1=0"}
    job = awx.launch("SLB set weights", answers, credential, search_path=search_path)
    assert job.status == "successful", job.output
    assert slb.weights()["i-web1"] == 0
    command = (job.folder / "artifacts" / "job" / "command").read_text(encoding="utf-8")
    assert str(image_python.parent) in command

    job = awx.launch("SLB rolling update", {"slb_serial": "2"}, credential, search_path=search_path)
    assert job.status == "successful", job.output
    assert "awx-job-2: nothing is out of traffic" in job.said
