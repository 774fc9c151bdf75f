# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of the checkout below ``ansible_collections/<namespace>/<name>``, and what is built from it.

Ansible's tools insist on that path, whatever folder the checkout is in, and
leave files behind, which stay in the copy.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import project

COLLECTIONS = project.CACHE / "work"
IN_COLLECTIONS = Path("ansible_collections", project.galaxy()["namespace"], project.galaxy()["name"])
COPY = COLLECTIONS / IN_COLLECTIONS
# ansible-test keeps its environments and reports in the tree: two runs at once need a copy each.
INTEGRATION_COPY = project.CACHE / "work-integration" / IN_COLLECTIONS
ARTIFACT = project.CACHE / "artifact" / project.artifact_name()

# What tools write into the copy and read again.
KEPT = (Path(".git"), Path("tests/output"))


def git(*arguments: str) -> str:
    """What git prints, run in the checkout. Raises OSError, CalledProcessError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(project.ROOT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def is_git_checkout() -> bool:
    try:
        return Path(git("rev-parse", "--show-toplevel").rstrip("\n")).resolve() == project.ROOT
    except (OSError, subprocess.CalledProcessError):
        return False


def tracked_by_git() -> list[Path] | None:
    """Tracked and new files that are not ignored; None if this is not a git checkout."""
    if not is_git_checkout():
        return None
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [Path(name) for name in listed.split("\0") if name]


def walked() -> Iterator[Path]:
    """The files of a checkout without git: all but those that .gitignore names."""
    lines = (project.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip("/") for line in lines if line and not line.startswith("#")] + [".git"]

    def ignored(path: Path) -> bool:
        return any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in (path.name, str(path)))

    for folder, names, files in os.walk(project.ROOT):
        here = Path(folder).relative_to(project.ROOT)
        names[:] = [name for name in names if not ignored(here / name)]
        yield from (here / name for name in files if not ignored(here / name))


def source_files() -> set[Path]:
    """The files of the checkout, relative to it."""
    listed = tracked_by_git()
    names = listed if listed is not None else walked()
    return {name for name in names if os.path.lexists(project.ROOT / name)}


def is_kept(name: Path) -> bool:
    return any(name.is_relative_to(kept) for kept in KEPT)


def is_same(source: Path, target: Path) -> bool:
    if not os.path.lexists(target):
        return False
    old, new = target.lstat(), source.lstat()
    return (old.st_mode, old.st_size, old.st_mtime_ns) == (new.st_mode, new.st_size, new.st_mtime_ns)


def remove_vanished(copy: Path, wanted: set[Path]) -> None:
    """Delete from the copy what the checkout no longer has, and folders left empty."""
    for folder, _names, files in os.walk(copy, topdown=False):
        here = Path(folder).relative_to(copy)
        if is_kept(here):
            continue
        for name in files:
            if here / name not in wanted:
                (copy / here / name).unlink()
        if not os.listdir(folder):
            os.rmdir(folder)


def refresh(copy: Path = COPY) -> Path:
    """Bring the copy up to date and return its path."""
    wanted = source_files()
    if copy.exists():
        remove_vanished(copy, wanted)
    for name in sorted(wanted):
        source, target = project.ROOT / name, copy / name
        if is_same(source, target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    # A repository of its own: ansible-test and others ask git for the list of
    # files, and would be told that all of .cache is ignored.
    if shutil.which("git"):
        for arguments in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *arguments], cwd=copy, env=project.environment(), check=True)
    return copy


@functools.cache
def build_artifact() -> Path:
    """Build the collection from the checkout as it is, once in a process; returns the path of the archive."""
    project.fresh_folder(ARTIFACT.parent)
    galaxy("collection", "build", refresh(), "--output-path", ARTIFACT.parent)
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
