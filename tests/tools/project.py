# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are, and the environment that every started program gets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
PIP_CACHE = CACHE / "pip"
LOGS = CACHE / "logs"
HOME = CACHE / "home"
# Of the virtual environment that this runs in: .venv, or that of a session of nox.
BIN = Path(sys.prefix, "bin")
PYTHON = BIN / "python"

# Minor versions of Python 3 that the modules run on; the lines of ansible-core know some of them each.
TARGET_MINORS = range(9, 16)

# What would change the outcome of a run, or point it at a real account.
FOREIGN_VARIABLES = re.compile(
    r"(ANSIBLE|ALICLOUD|ALIYUN|ALIBABA_CLOUD|ALIBABACLOUD|GIT|MOLECULE|PYTEST)_.*"
    r"|PYTHON(HOME|PATH|WARNINGS)|VIRTUAL_ENV|(https?|all|no)_proxy",
    re.IGNORECASE,
)


@cache
def galaxy() -> dict[str, Any]:
    """The content of galaxy.yml."""
    content = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def collection_name() -> str:
    return f"{galaxy()['namespace']}.{galaxy()['name']}"


def artifact_name(version: str | None = None) -> str:
    """The file name of the built collection, of the version in galaxy.yml or of another one."""
    return f"{galaxy()['namespace']}-{galaxy()['name']}-{version or galaxy()['version']}.tar.gz"


def runs(python: Path) -> bool:
    """Whether the interpreter starts and is the version its name says; a pyenv shim may not."""
    check = "import sys; sys.exit('python%d.%d' % sys.version_info[:2] != sys.argv[1])"
    try:
        return subprocess.run([python, "-c", check, python.name], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def path_folders() -> list[Path]:
    return [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]


@cache
def target_pythons() -> dict[str, Path]:
    """The working interpreters of this machine by version, such as ``{"3.9": .../bin/python3.9}``."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in (f"3.{minor}" for minor in TARGET_MINORS):
        folders = [BIN, *path_folders(), *sorted(versions.glob(f"{version}.*/bin"), reverse=True)]
        candidates = [folder / f"python{version}" for folder in folders]
        for candidate in candidates:
            if candidate.exists() and runs(candidate):
                found[version] = candidate
                break
    return found


def folder_name(session: str) -> str:
    """The name of a session of nox as that of a file: ``system-plays`` for ``system(plays)``."""
    return re.sub(r"[()]+", "-", session).strip("-")


def log_of(session: str) -> Path:
    """The file that takes what a session prints when ``make test`` runs it."""
    return LOGS / f"{folder_name(session)}.log"


def reports_of(session: str) -> Path:
    """The folder of a session's JUnit reports."""
    return CACHE / "junit" / folder_name(session)


def version_of(python: object) -> str:
    """The version of an interpreter that target_pythons found."""
    return next(version for version, path in target_pythons().items() if str(path) == python)


@cache
def search_path() -> str:
    """A PATH on which the name of a Python always leads to one that runs.

    Folders holding a Python that does not run (pyenv's shims) are left out:
    ansible-test takes the first ``python3.9`` it finds for granted.
    """
    names = [f"python3.{minor}" for minor in TARGET_MINORS]
    healthy = [
        folder for folder in path_folders() if all(runs(folder / name) for name in names if (folder / name).exists())
    ]
    folders = [BIN, *(python.parent for python in target_pythons().values()), *healthy]
    return os.pathsep.join(dict.fromkeys(str(folder) for folder in folders))


def environment(**extra: str | Path) -> dict[str, str]:
    """The environment for started programs: a home of their own, no settings of the caller.

    Its home lies in .cache, so that ``~/.ansible`` and the credentials files of
    the person who runs this are neither read nor written.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not FOREIGN_VARIABLES.fullmatch(name)}
    own = {
        "HOME": HOME,
        "LC_ALL": "C.UTF-8",
        "PATH": search_path(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    return kept | {name: str(value) for name, value in (own | extra).items()}


def fresh_folder(path: Path) -> Path:
    """The folder, empty."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path
