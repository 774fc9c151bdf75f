# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of ansible-core that the collection supports, each in a virtual environment of its own."""

from __future__ import annotations

from pathlib import Path

import project

# The Pythons that a controller of the line may have, by minor version.
LINES = {"2.19": range(11, 14), "2.20": range(12, 15), "2.21": range(12, 15)}


class NoPython(Exception):
    """No Python of this machine runs that line."""


def newest_python(line: str) -> Path:
    """The newest Python here that the line supports. Raises NoPython."""
    versions = [f"3.{minor}" for minor in reversed(LINES[line])]
    for version in versions:
        if version in project.target_pythons():
            return project.target_pythons()[version]
    raise NoPython(f"ansible-core {line} needs Python {' or '.join(reversed(versions))}, and this machine has none.")


def installation(line: str, venv: Path) -> list[list[str | Path]]:
    """The commands that make a virtual environment with nothing but the newest release of the line."""
    return [
        [newest_python(line), "-m", "venv", "--without-pip", venv],
        pip_install(venv, f"ansible-core=={line}.*"),
    ]


def pip_install(venv: Path, *arguments: str | Path) -> list[str | Path]:
    """The command that installs into a virtual environment, with the pip of .venv."""
    pip: list[str | Path] = [project.PYTHON, "-m", "pip", "--python", venv / "bin" / "python"]
    return [*pip, "install", "--quiet", "--no-input", "--disable-pip-version-check", *arguments]
