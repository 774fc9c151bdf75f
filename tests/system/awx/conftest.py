# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import emulator_process
import project
import pytest
import workspace
import yaml
from awx_job import HERE, Awx, kit
from awx_state import STATE, full_credential, reset

# Brings the collection awx.awx, which is on no package index by itself. Newer ones do without it.
BUNDLE = "ansible~=13.0"
LIST = HERE.parents[2] / "meta" / "ee-requirements.txt"


def pip(*arguments: str | Path) -> None:
    command = ["-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", *arguments]
    subprocess.run([sys.executable, *command], env=project.environment(), check=True)


@pytest.fixture(scope="session")
def awx_collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection awx.awx alone, out of the package that brings it with a hundred others."""
    folder = tmp_path_factory.mktemp("awx-collection")
    pip("download", "--no-deps", "--dest", folder / "wheel", BUNDLE)
    (wheel,) = (folder / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith("ansible_collections/awx/")])
    return folder


@pytest.fixture(scope="session", params=["newest", "2.16"])
def image_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of the execution environment with what that asks for: ansible-core and the list of the collection.

    Once with the newest ansible-core that it allows, and once with the oldest line.
    """
    wanted = kit("execution-environment.yml")["dependencies"]
    version = wanted["python_interpreter"]["package_system"].removeprefix("python")
    core = wanted["ansible_core"]["package_pip"] if request.param == "newest" else f"ansible-core~={request.param}.0"

    folder = tmp_path_factory.mktemp("image")
    subprocess.run([project.target_pythons()[version], "-m", "venv", folder], check=True)
    pip("--python", folder / "bin" / "python", "install", core, "--requirement", LIST)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collections of a project whose collections/requirements.yml names the built artifact, as AWX installs them."""
    folder = tmp_path_factory.mktemp("project")
    requirements = folder / "requirements.yml"
    content = {"collections": [{"name": str(workspace.build_artifact()), "type": "file"}]}
    requirements.write_text(yaml.safe_dump(content), encoding="utf-8")
    subprocess.run(
        [
            project.BIN / "ansible-galaxy",
            "collection",
            "install",
            "--offline",
            "-r",
            requirements,
            "-p",
            folder / "installed",
        ],
        env=project.environment(),
        check=True,
        capture_output=True,
    )
    return folder / "installed"


@pytest.fixture(scope="session")
def running_slb() -> Iterator[emulator_process.EmulatorProcess]:
    with emulator_process.running(STATE) as slb:
        yield slb


@pytest.fixture
def slb(running_slb: emulator_process.EmulatorProcess) -> emulator_process.EmulatorProcess:
    """The emulator as files/state.yml has it."""
    reset(running_slb)
    return running_slb


@pytest.fixture
def awx(tmp_path: Path, installed: Path) -> Awx:
    (tmp_path / "jobs").mkdir()
    return Awx(tmp_path / "jobs", installed)


@pytest.fixture
def credential(slb: emulator_process.EmulatorProcess) -> dict[str, str]:
    return full_credential(slb)
