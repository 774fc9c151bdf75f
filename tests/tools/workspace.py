# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of the checkout below ``ansible_collections/<namespace>/<name>``, and what is built from it.

Ansible's tools insist on that path, whatever folder the checkout is in, and
leave files behind, which stay in the copy.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import project

IN_COLLECTIONS = Path("ansible_collections", project.galaxy()["namespace"], project.galaxy()["name"])
ARTIFACT = project.CACHE / "artifact" / project.artifact_name()


def git(*arguments: str) -> str:
    """What git prints, run in the checkout. Raises OSError, CalledProcessError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # A container may run this as another user than the one whose checkout it is.
    command = ["git", "-C", str(project.ROOT), "-c", f"safe.directory={project.ROOT}", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def source_files() -> set[Path]:
    """The files of the checkout, relative to it: those that git tracks, and new ones that it does not ignore."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return {Path(name) for name in listed if name and os.path.lexists(project.ROOT / name)}


def refresh(root: Path) -> Path:
    """Copy the checkout below the folder, as a collection; returns the path of the copy."""
    copy = project.fresh_folder(root / IN_COLLECTIONS)
    for name in sorted(source_files()):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project.ROOT / name, target, follow_symlinks=False)
    # A repository of its own: ansible-test and others ask git for the list of
    # files, and would be told that all of .cache is ignored.
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=copy, env=project.environment(), check=True)
    return copy


@functools.cache
def build_artifact() -> Path:
    """Build the collection from the checkout as it is, once in a process; returns the path of the archive."""
    project.fresh_folder(ARTIFACT.parent)
    galaxy("collection", "build", project.ROOT, "--output-path", ARTIFACT.parent)
    return ARTIFACT


def install_artifact(target: Path, programs: Path = project.BIN) -> None:
    """Install the built collection, and nothing else, below the folder."""
    project.fresh_folder(target)
    galaxy("collection", "install", ARTIFACT, "--offline", "--collections-path", target, programs=programs)


def galaxy(*arguments: str | Path, programs: Path = project.BIN) -> None:
    """Run ansible-galaxy of that virtual environment; raises CalledProcessError with its output."""
    subprocess.run(
        [programs / "python", programs / "ansible-galaxy", *arguments],
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
