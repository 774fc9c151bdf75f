# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make release VERSION=x.y.z``: all that is published of a version, in .cache/release/x.y.z.

Sets the version, turns the fragments into the changelog, and lets the checks of
CHECKS judge the artifact. What it changes in the checkout is for the caller to
commit; when anything fails, the checkout is as it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ansible_core
import project
import workspace
import yaml
from ansible.utils.version import SemanticVersion

GALAXY = project.ROOT / "galaxy.yml"
CHANGES = project.ROOT / "changelogs" / "changelog.yaml"
FRAGMENTS = project.ROOT / "changelogs" / "fragments"
# All that this program changes in the checkout.
CHANGED = ("galaxy.yml", "CHANGELOG.md", "changelogs")

# What an artifact must pass, the quick ones before the slow ones; `make test` has more, for each change.
CHECKS = ("licences changelog artifact", "importer ansible-core")


class NotReleased(Exception):
    """This version cannot be released; the text says why, in one sentence."""


def require(condition: bool, sentence: str) -> None:
    if not condition:
        raise NotReleased(sentence)


def require_version(text: str) -> None:
    require(bool(text), "Name the version: make release VERSION=x.y.z")
    try:
        SemanticVersion(text)
    except ValueError as error:
        raise NotReleased(f"{text} is not a semantic version, such as 1.2.3 or 2.0.0-rc.1.") from error


def last_version() -> str:
    """The newest version in the changelog of this branch."""
    releases: dict[str, object] = yaml.safe_load(CHANGES.read_text(encoding="utf-8"))["releases"]
    return max(releases, key=SemanticVersion)


def require_new(version: str) -> None:
    tags = set(workspace.git("tag", "--list").split()) & {version, f"v{version}"}
    require(not tags, f"The tag {' and '.join(tags)} exists already.")
    last = last_version()
    greater = SemanticVersion(version) > SemanticVersion(last)
    require(greater, f"{version} is not greater than {last}, the last version.")


def require_clean_checkout() -> None:
    """So that the release is what a commit holds, and can be put back."""
    require(workspace.is_git_checkout(), f"{project.ROOT} is not a git checkout.")
    changes = workspace.git("status", "--porcelain").splitlines()
    names = ", ".join(line[3:] for line in changes)
    require(not changes, f"Commit or remove first what git status shows: {names}")


def require_pythons() -> None:
    """It would take a minute to find out that the check `ansible-core` cannot run here."""
    for line in ansible_core.SUPPORTED:
        try:
            ansible_core.newest_python(line)
        except ansible_core.NoPython as error:
            raise NotReleased(str(error)) from error


def require_fragments() -> None:
    fragments = [*FRAGMENTS.glob("*.yml"), *FRAGMENTS.glob("*.yaml")]
    require(bool(fragments), "There is nothing to release: changelogs/fragments has no fragment.")


@contextmanager
def restored_on_failure() -> Iterator[None]:
    """Put the checkout back when the block is left by an exception, also that of an interrupt."""
    try:
        yield
    except BaseException:
        workspace.git("restore", "--staged", "--worktree", "--", *CHANGED)
        raise


def set_version(version: str) -> None:
    text, count = re.subn(r"^version: .*$", f"version: {version}", GALAXY.read_text(encoding="utf-8"), flags=re.M)
    require(count == 1, f"galaxy.yml has {count} lines with a version.")
    GALAXY.write_text(text, encoding="utf-8")


def run(*command: str | Path, **extra: str) -> None:
    """Run a tool of .venv in the checkout, its output on this one's."""
    arguments = [project.PYTHON, *command]
    done = subprocess.run(
        arguments, cwd=project.ROOT, env=project.environment(**extra), stdin=subprocess.DEVNULL, check=False
    )
    require(done.returncode == 0, f"{Path(command[0]).name} failed, see above.")


def write_products(archive: Path, folder: Path) -> None:
    """Fill the folder with the artifact and its checksum."""
    project.fresh_folder(folder)
    artifact = Path(shutil.copy(archive, folder))
    line = f"{hashlib.sha256(artifact.read_bytes()).hexdigest()}  {artifact.name}\n"
    (folder / "SHA256SUMS").write_text(line, encoding="utf-8")


def release(version: str) -> Path:
    """Returns the folder with the products."""
    folder = project.CACHE / "release" / version
    archive = workspace.ARTIFACT.with_name(project.artifact_name(version))
    # Of a version that fails this time nothing is left to be published by mistake.
    shutil.rmtree(folder, ignore_errors=True)
    with restored_on_failure():
        set_version(version)
        run(project.BIN / "antsibull-changelog", "release")
        for names in CHECKS:
            run(Path(__file__).with_name("checks.py"), CHECKS=names)
        write_products(archive, folder)
    return folder


def next_steps(version: str, folder: Path) -> str:
    here = folder.relative_to(project.ROOT)
    artifact = here / project.artifact_name(version)
    return f"""
{here} has the release: {", ".join(sorted(file.name for file in folder.iterdir()))}
Nothing is committed or published yet. Read the changelog; then:
  git commit --all --message 'Release {version}' &&
  git tag --annotate {version} --message 'Release {version}' &&
  git push --follow-tags &&
  .venv/bin/python .venv/bin/ansible-galaxy collection publish {artifact}
To change something first: git restore . && edit, commit, and run make release again."""


def main() -> int:
    # So that a release that is ended puts the checkout back, as an interrupted one does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        version = os.environ.get("VERSION", "").strip()
        require_version(version)
        require_clean_checkout()
        require_new(version)
        require_fragments()
        require_pythons()
        folder = release(version)
    except NotReleased as error:
        print(f"Not released: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Not released: interrupted.", file=sys.stderr)
        return 130
    print(next_steps(version, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
