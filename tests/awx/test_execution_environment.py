# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: the Python packages that it asks for are all that a job needs."""

from __future__ import annotations

from pathlib import Path

from awx_job import Awx
from emulator_process import EmulatorProcess


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
