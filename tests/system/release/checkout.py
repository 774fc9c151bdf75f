# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away checkout, and ``make release`` in it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import project

PERSON = ("-c", "user.name=Release Trial", "-c", "user.email=trial@example.com")


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and all that it printed."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Checkout:
    """A git repository with the files of the collection; ``.venv`` is a link to the one that runs the tests."""

    folder: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *PERSON, *arguments]
        return subprocess.run(command, env=project.environment(), capture_output=True, text=True, check=True).stdout

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Trial")

    def state(self) -> tuple[str, str]:
        """The commit that is checked out, and what differs from it."""
        return self.git("rev-parse", "HEAD"), self.git("status", "--porcelain")

    def run(self, tool: str, **variables: str) -> Outcome:
        """Run a program of tests/tools on this checkout.

        Not by make, which would make a .venv for this path.
        """
        process = self.start(tool, **variables)
        output, _none = process.communicate()
        return Outcome(process.returncode, output)

    def start(self, tool: str, **variables: str) -> subprocess.Popen[str]:
        """The same without waiting for its end, in a process group of its own."""
        pip_cache = os.environ.get("PIP_CACHE_DIR", str(project.CACHE / "pip"))
        return subprocess.Popen(
            [project.PYTHON, self.folder / "tests" / "tools" / tool],
            env=project.environment(PIP_CACHE_DIR=pip_cache, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def release(self, version: str) -> Outcome:
        return self.run("release.py", VERSION=version)
