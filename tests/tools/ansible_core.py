# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of ansible-core that the collection is tried with, each in a virtual environment of its own."""

from __future__ import annotations

from dataclasses import dataclass

import project


@dataclass(frozen=True)
class Line:
    """A line of ansible-core. ``pythons``: those that a controller may have."""

    name: str
    requirement: str
    pythons: tuple[str, ...]
    supported: bool = True
    skip_sanity: tuple[str, ...] = ()


LINES = (
    Line("2.16", "ansible-core~=2.16.0", ("3.10", "3.11", "3.12")),
    Line("2.17", "ansible-core~=2.17.0", ("3.10", "3.11", "3.12")),
    Line("2.18", "ansible-core~=2.18.0", ("3.11", "3.12", "3.13")),
    Line("2.19", "ansible-core~=2.19.0", ("3.11", "3.12", "3.13")),
    Line("2.20", "ansible-core~=2.20.0", ("3.12", "3.13", "3.14")),
    Line("2.21", "ansible-core~=2.21.0", ("3.12", "3.13", "3.14")),
    # Its pylint wants a package that no index has, only GitHub.
    Line("2.22", "ansible-core~=2.22.0b1", ("3.13", "3.14", "3.15"), supported=False, skip_sanity=("pylint",)),
    # From GitHub, not from a package index.
    Line(
        "devel",
        "https://github.com/ansible/ansible/archive/devel.tar.gz",
        ("3.13", "3.14", "3.15"),
        supported=False,
        skip_sanity=("pylint",),
    ),
)
SUPPORTED = tuple(line for line in LINES if line.supported)


def pythons(line: Line) -> list[str]:
    """The versions here that the line runs on, the newest last."""
    return [version for version in line.pythons if version in project.target_pythons()]


def newest_line() -> Line:
    """The newest supported line that runs here. Raises IndexError when none does."""
    return [line for line in SUPPORTED if pythons(line)][-1]
