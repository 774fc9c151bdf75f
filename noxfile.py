# /// script
# dependencies = ["nox>=2025.2.9", "antsibull-nox~=1.10"]
# ///

# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be built, checked and measured: ``nox -l`` lists it, ``nox -s NAME`` does it, ``make`` names the usual ones.

The sessions of antsibull-nox.toml are those that every collection has. Of the others, those without a virtual environment of
their own run in that of nox, into which ``make setup`` puts the group ``dev`` of pyproject.toml. Where Ansible wants the path
ansible_collections/aliyun_community/slb, a session works on a copy of the checkout (tests/tools/workspace.py). Reports of
tests are in .cache/junit, by session.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import antsibull_nox
import nox

ROOT = Path(__file__).resolve().parent
TOOLS = ROOT / "tests" / "tools"
sys.path.insert(0, str(TOOLS))

import ansible_core  # noqa: E402
import project  # noqa: E402
import workspace  # noqa: E402

SUITES = ("chaos", "docs", "hostile", "plays", "rolling", "secrets")
EMULATOR = ROOT / "tests" / "emulator"
SITE = project.CACHE / "docs"

nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "uv"
# The tests forbid Python to keep what it compiles.
os.environ.update(UV_COMPILE_BYTECODE="1", UV_PYTHON_DOWNLOADS="never")
os.environ.setdefault("UV_CACHE_DIR", str(project.CACHE / "uv"))
# For antsibull-nox and reuse: a container may run this as another user than the one whose checkout it is.
os.environ.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0=str(ROOT))
antsibull_nox.load_antsibull_nox_toml()


def install(session: nox.Session, *groups: str) -> None:
    """Install the emulator and groups of pyproject.toml."""
    pyproject = nox.project.load_toml(ROOT / "pyproject.toml")
    packages = nox.project.dependency_groups(pyproject, *groups)
    session.install("--editable", f"{EMULATOR}[haproxy]", *packages)


def python(session: nox.Session, *arguments: str | Path, **variables: str | Path) -> None:
    """Run Python in the session's environment, or in that of nox if it has none, without the caller's settings."""
    has_its_own = not isinstance(session.virtualenv, nox.virtualenv.PassthroughEnv)
    if not has_its_own and not find_spec("slb_emulator"):
        session.error("This session needs the packages that `make setup` installs.")
    session.run(
        "python" if has_its_own else sys.executable,
        *arguments,
        env=project.environment(**variables),
        include_outer_env=False,
        external=not has_its_own,
    )


def copy_for(session: nox.Session) -> Path:
    """A fresh copy of the checkout as a collection."""
    return workspace.refresh(project.CACHE / "work" / project.folder_name(session.name))


def run_pytest(session: nox.Session, tests: str, **variables: str | Path) -> None:
    """Run tests, in the copy of the checkout. What follows ``--`` goes to pytest."""
    report = project.fresh_folder(project.reports_of(session.name)) / "pytest.xml"
    copy = copy_for(session)
    session.chdir(copy)
    options = ["-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *session.posargs]
    python(session, "-m", "pytest", *options, tests, ANSIBLE_COLLECTIONS_PATH=copy.parents[2], **variables)


# --- tests --------------------------------------------------------------------------------


@nox.session(venv_backend="none", default=False)
def unit(session: nox.Session) -> None:
    """Run the unit tests with plain pytest; options of pytest may follow."""
    run_pytest(session, "tests/unit")


@nox.session(venv_backend="none", default=False)
def emulator(session: nox.Session) -> None:
    """Run the emulator's own tests, with clients that others wrote."""
    run_pytest(session, "tests/emulator/tests")


@nox.session(venv_backend="none", default=False)
@nox.parametrize("suite", SUITES, ids=SUITES)
def system(session: nox.Session, suite: str) -> None:
    """Prove what TESTING.md promises, with playbooks and processes on the emulator."""
    run_pytest(session, f"tests/system/{suite}", HYPOTHESIS_STORAGE_DIRECTORY=project.CACHE / "hypothesis")


@nox.session(default=False)
def awx(session: nox.Session) -> None:
    """Test the kit for AWX with the programs that AWX is made of; ten minutes and more."""
    install(session, "awx")
    run_pytest(session, "tests/system/awx")


def run_campaign(session: nox.Session, copy: Path, *program: str | Path) -> None:
    paths = os.pathsep.join(map(str, (copy.parents[2], copy / "tests" / "system" / "support")))
    session.chdir(copy / "tests" / "system" / "chaos")
    python(session, *program, "--keep", project.CACHE / "chaos", *session.posargs, PYTHONPATH=paths)


@nox.session(venv_backend="none", default=False)
def chaos(session: nox.Session) -> None:
    """Look for lies of the module under faults: -- -n 20000 --seed 7, or -- --schedule FILE."""
    run_campaign(session, copy_for(session), "campaign.py")


@nox.session(name="chaos-rolling", venv_backend="none", default=False)
def chaos_rolling(session: nox.Session) -> None:
    """Look for lies of rolling updates under faults and signals: -- -n 2000 --seed 7."""
    copy = copy_for(session)
    run_campaign(session, copy, "-m", "rolling.campaign", "--collections", copy.parents[2])


# --- ansible-test, on each line of ansible-core -----------------------------------------------


def ansible_test(session: nox.Session, line: ansible_core.Line, kind: str) -> None:
    # pip fetches the wheel of itself that ansible-test wants.
    session.install("--upgrade", line.requirement, "pip")
    python(session, TOOLS / "ansible_test_home.py")
    found = project.fresh_folder(project.reports_of(session.name))
    copy = copy_for(session)
    session.chdir(copy)
    try:
        python(session, Path(session.bin, "ansible-test"), kind, "--color", "no", *options(session, line, kind))
    finally:
        for report in (copy / "tests" / "output" / "junit").glob("*.xml"):
            shutil.copy(report, found)
    if not any(found.iterdir()):
        session.error("ansible-test has reported no test.")


def options(session: nox.Session, line: ansible_core.Line, kind: str) -> list[str]:
    """What ansible-test is told. Units and modules in playbooks run on the oldest Python here, in place of all of them."""
    oldest, own = next(iter(project.target_pythons())), project.version_of(session.python)
    if kind == "sanity":
        skipped = [word for name in line.skip_sanity for word in ("--skip-test", name)]
        return ["--venv", "--junit", *skipped, *session.posargs]
    if kind == "units":
        # Options may choose another Python, and `--python default` all of them.
        return ["--venv", "-v", "--python", oldest, *session.posargs]
    hosts = ["--controller", f"origin:python=venv/{own}", "--target", f"controller:python=venv/{oldest}"]
    return ["--continue-on-error", *hosts, *session.posargs]


def add_ansible_test(line: ansible_core.Line) -> None:
    """The sessions of a line of ansible-core, on the newest Python here that it runs on."""
    versions = ansible_core.pythons(line)
    for kind in ("sanity", "units", "integration") if versions else ():
        run = functools.partial(ansible_test, line=line, kind=kind)
        run.__doc__ = f"Run ansible-test {kind} of ansible-core {line.name}, without containers."
        nox.session(
            name=f"ansible-test-{kind}-{line.name}",
            python=str(project.target_pythons()[versions[-1]]),
            tags=["matrix" if line.supported else "unreleased"],
            default=False,
        )(run)


for each in ansible_core.LINES:
    add_ansible_test(each)


# --- documentation, types, changelog ----------------------------------------------------------


@nox.session(venv_backend="none", default=False)
def docs(session: nox.Session) -> None:
    """Build the site of guides and reference in .cache/docs/html; a warning is a failure."""
    project.fresh_folder(SITE)
    copy = copy_for(session)
    sources, rst = copy / "docs" / "docsite", SITE / "rst"
    # antsibull-docs refuses a folder that others may write to.
    rst.mkdir(mode=0o755)
    reference: list[str | Path] = [
        "collection",
        "--use-current",
        "--squash-hierarchy",
        "--fail-on-error",
        "--dest-dir",
        rst,
    ]
    path = {"ANSIBLE_COLLECTIONS_PATH": str(copy.parents[2])}
    python(session, project.BIN / "antsibull-docs", *reference, project.collection_name(), **path)
    # It takes the texts of the guides alone.
    shutil.copytree(copy / "docs" / "images", rst / "images")
    sphinx: list[str | Path] = [
        "-m",
        "sphinx",
        "--builder",
        "html",
        "--fail-on-warning",
        "--keep-going",
        "--quiet",
        "--conf-dir",
        sources,
    ]
    python(session, *sphinx, "--doctree-dir", SITE / "doctrees", rst, SITE / "html", **path)
    session.log(f"The site starts at {SITE / 'html' / 'index.html'}")


@nox.session(name="typing", venv_backend="none", default=False)
def typing(session: nox.Session) -> None:
    """Run mypy --strict over all Python files, once for each part: the parts cannot import each other."""
    copy = copy_for(session)
    tests, collections = copy / "tests", copy.parents[2]
    shared = os.pathsep.join(map(str, (collections, tests / "tools", tests / "system" / "support")))
    mypy: list[str | Path] = [
        "-m",
        "mypy",
        "--config-file",
        copy / "pyproject.toml",
        "--cache-dir",
        project.CACHE / "mypy",
    ]
    package = f"ansible_collections.{project.collection_name()}"
    parts = [
        *((collections, ["--package", f"{package}.{name}"]) for name in ("plugins", "tests.unit")),
        (tests / "emulator" / "src", ["--package", "slb_emulator"]),
        (tests / "tools", [".", str(copy / "noxfile.py")]),
        (tests / "emulator" / "tests", ["."]),
        *((tests / "system" / name, ["."]) for name in ("awx", "support", *SUITES)),
    ]
    for folder, what in parts:
        with session.chdir(folder):
            python(session, *mypy, *what, MYPYPATH=shared if "system" in folder.parts else "")


@nox.session(venv_backend="none", default=False)
def changelog(session: nox.Session) -> None:
    """Check the changelog and its fragments, or do what follows ``--``, such as ``release``."""
    python(session, project.BIN / "antsibull-changelog", *(session.posargs or ["lint"]))


# --- to look at, and to measure ---------------------------------------------------------------


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show what the collection does, on an emulator on this machine."""
    install(session, "demo")
    session.run("python", TOOLS / "demo.py")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what a task costs; with SAVE=1 in the environment docs/benchmarks.md is written, too."""
    install(session, "demo")
    session.run("python", TOOLS / "bench.py")


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """See whether the unit tests notice wrong code; hours. Files may follow: -- _plan _client."""
    install(session, "mutants")
    session.run("python", TOOLS / "mutants.py", *session.posargs)


@nox.session(venv_backend="none", default=False)
def gate(session: nox.Session) -> None:
    """Run what must hold before a change lands, side by side; the last line counts."""
    python(session, TOOLS / "gate.py", *session.posargs)


if __name__ == "__main__":
    nox.main()
