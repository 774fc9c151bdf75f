# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of ansible-core that the collection is tried with, each in a virtual environment of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import project


@dataclass(frozen=True)
class Line:
    """A line of ansible-core. ``pythons``: those that a controller may have. ``on_request``: it is not on a package index."""

    name: str
    requirement: str
    pythons: tuple[str, ...]
    supported: bool = True
    skip_sanity: tuple[str, ...] = ()
    on_request: bool = False


LINES = (
    Line("2.16", "ansible-core~=2.16.0", ("3.10", "3.11", "3.12")),
    Line("2.17", "ansible-core~=2.17.0", ("3.10", "3.11", "3.12")),
    Line("2.18", "ansible-core~=2.18.0", ("3.11", "3.12", "3.13")),
    Line("2.19", "ansible-core~=2.19.0", ("3.11", "3.12", "3.13")),
    Line("2.20", "ansible-core~=2.20.0", ("3.12", "3.13", "3.14")),
    Line("2.21", "ansible-core~=2.21.0", ("3.12", "3.13", "3.14")),
    # Its pylint wants a package that no index has, only GitHub.
    Line("2.22", "ansible-core~=2.22.0b1", ("3.13", "3.14", "3.15"), supported=False, skip_sanity=("pylint",)),
    Line(
        "devel",
        "https://github.com/ansible/ansible/archive/devel.tar.gz",
        ("3.13", "3.14", "3.15"),
        supported=False,
        skip_sanity=("pylint",),
        on_request=True,
    ),
)
SUPPORTED = tuple(line for line in LINES if line.supported)


class NoPython(Exception):
    """No Python of this machine runs that line."""


def pythons(line: Line) -> list[str]:
    """The versions here that the line runs on, the newest last."""
    return [version for version in line.pythons if version in project.target_pythons()]


def newest_python(line: Line) -> Path:
    """The interpreter of the newest version here that the line runs on. Raises NoPython."""
    found = pythons(line)
    if not found:
        raise NoPython(f"ansible-core {line.name} needs Python {' or '.join(line.pythons)}, and this machine has none.")
    return project.target_pythons()[found[-1]]


def installation(line: Line, venv: Path) -> list[list[str | Path]]:
    """The commands that make a virtual environment with nothing but the newest release of the line. Raises NoPython."""
    return [
        [newest_python(line), "-m", "venv", "--without-pip", venv],
        pip_install(venv, line.requirement),
    ]


def pip_install(venv: Path, *arguments: str | Path) -> list[str | Path]:
    """The command that installs into a virtual environment, with the pip of .venv."""
    pip: list[str | Path] = [project.PYTHON, "-m", "pip", "--python", venv / "bin" / "python"]
    return [*pip, "install", "--quiet", "--no-input", "--disable-pip-version-check", *arguments]
