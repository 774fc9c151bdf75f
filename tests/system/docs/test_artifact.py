# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is published has what users and their tools read, and says which Python packages it needs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import project
import pytest
import tomllib
import workspace
import yaml

NOT_PUBLISHED = (
    ".ci",
    ".github",
    ".nox",
    ".venv",
    "Makefile",
    "noxfile.py",
    "tests/tools",
    "tests/mutants",
    "tests/system/awx",
)


def run(*command: str | Path) -> str:
    environment = project.environment()
    return subprocess.run(
        [project.PYTHON, *command], env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="session")
def published(collections: Path) -> Path:
    return collections / workspace.IN_COLLECTIONS


def test_every_file_is_one_of_the_checkout(published: Path) -> None:
    names = {path.relative_to(published) for path in published.rglob("*") if path.is_file()}
    assert names - workspace.source_files() == {Path("FILES.json"), Path("MANIFEST.json")}


def test_what_only_developers_need_is_left_out(published: Path) -> None:
    assert [name for name in NOT_PUBLISHED if (published / name).exists()] == []
    assert (published / "tests" / "integration" / "targets").is_dir()


def test_an_execution_environment_finds_the_packages(published: Path, tmp_path: Path) -> None:
    """As far as that needs no container engine."""
    builder = project.BIN / "ansible-builder"
    example = published / "extensions" / "awx" / "execution-environment.yml"
    run(builder, "create", "--file", example, "--context", tmp_path)
    assert project.collection_name() in (tmp_path / "_build" / "requirements.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(run(builder, "introspect", published.parents[2]))
    missing = lines_of(published / "meta" / "ee-requirements.txt") - {line.split("  #")[0] for line in packages(found)}
    assert missing == set()


def packages(found: dict[str, Any]) -> list[str]:
    """What ansible-builder found, which is a list, or one for each collection."""
    python = found["python"]
    return python if isinstance(python, list) else [line for lines in python.values() for line in lines]


def lines_of(path: Path) -> set[str]:
    """The requirements of a file."""
    return {line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}


@pytest.mark.parametrize(
    "name", ["meta/ee-requirements.txt", "tests/unit/requirements.txt", "tests/integration/requirements.txt"]
)
def test_requirements_of_others_are_those_of_the_groups(name: str) -> None:
    """These files are read by tools that know no groups."""
    groups = tomllib.loads((project.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    emulator = tomllib.loads((project.ROOT / "tests" / "emulator" / "pyproject.toml").read_text(encoding="utf-8"))
    known = {line for group in groups.values() for line in group if isinstance(line, str)}
    assert lines_of(project.ROOT / name) - known - set(emulator["project"]["dependencies"]) == set()
