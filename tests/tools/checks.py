# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make test``: every check that must hold before a change lands, cheap ones first.

Three lanes run side by side, on copies of the checkout (see workspace.py), for
ansible-test does not run twice in one. The whole output of each check goes to
.cache/logs; that of a failing one is shown. The last line is ``N passed, N failed``:
single tests where a tool reports them, else one per check.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import ansible_core
import ansible_test_home
import bootstrap
import chaos as campaign
import docsite
import emulator_process
import project
import readme
import tomllib
import workspace
import yaml
from emulator_process import EmulatorProcess

# The kinds of files that the artifact is made of.
ARTIFACT_TOP = {
    ".ansible-lint", ".yamllint", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "LICENSES",
    "MAINTAINERS", "MANIFEST.json", "README.md", "REUSE.toml", "SECURITY.md", "changelogs", "docs", "extensions", "meta", "playbooks",
    "plugins", "pyproject.toml", "roles", "TESTING.md", "tests",
}  # fmt: skip
ARTIFACT_FORBIDDEN = re.compile(
    r"(^|/)(__pycache__|\.[a-z_]*cache|\.venv|venv|\.git|\.ci|output)(/|$)|\.pyc$|\.tar\.gz$|^tests/(system/(awx|docs|release)|mutants|requirements|tools)/"
)

SUITES = ("awx", "chaos", "docs", "hostile", "plays", "release", "rolling", "secrets")
EMULATOR = workspace.COPY / "tests" / "emulator"

# Modules that call no API: none of the options that a group of module_defaults has is theirs.
WITHOUT_CONNECTION = {"slb_connections"}


class CheckFailed(Exception):
    """A check did not hold; the text says why."""


@dataclass
class Result:
    """What a check counted; a check whose tool counts nothing is one test."""

    passed: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.passed > 0 and self.failed == 0


@dataclass(frozen=True)
class Log:
    """The file that takes all a check has to say."""

    path: Path

    def write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")

    def attempt(self, *command: str | Path, cwd: Path = workspace.COPY, **extra: str | Path) -> tuple[int, str]:
        """Run a command; returns its exit code and its output."""
        words = [str(word) for word in command]
        self.write("$ " + " ".join(words))
        done = subprocess.run(
            words,
            cwd=cwd,
            env=project.environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        self.write(done.stdout)
        return done.returncode, done.stdout

    def run(self, *command: str | Path, cwd: Path = workspace.COPY, **extra: str | Path) -> str:
        """Run a command that must succeed; returns its output."""
        code, output = self.attempt(*command, cwd=cwd, **extra)
        if code:
            raise CheckFailed(f"exit code {code}: {' '.join(str(word) for word in command)}")
        return output


Check = Callable[[Log], Result]


def one(_output: object = None) -> Result:
    return Result(passed=1)


def require(condition: bool, sentence: str) -> None:
    if not condition:
        raise CheckFailed(sentence)


def tool(name: str) -> list[str | Path]:
    """A command of .venv, started so that it works below a path with a space."""
    return [project.PYTHON, project.BIN / name]


def existing(*names: str) -> list[str]:
    return [name for name in names if (workspace.COPY / name).exists()]


def module_names() -> list[str]:
    names = [path.stem for path in (workspace.COPY / "plugins" / "modules").glob("*.py") if path.stem != "__init__"]
    return [f"{project.collection_name()}.{name}" for name in sorted(names)]


def count_junit(files: list[Path]) -> Result:
    """Add up JUnit reports; skipped tests are no tests."""
    result = Result()
    for case in (case for file in files for case in ElementTree.parse(file).iter("testcase")):
        tags = {child.tag for child in case}
        if tags & {"failure", "error"}:
            result.failed += 1
        elif "skipped" not in tags:
            result.passed += 1
    return result


# --- style, types, licences ---------------------------------------------------------------


def ruff(log: Log) -> Result:
    cache = project.CACHE / "ruff"
    log.run(project.BIN / "ruff", "check", ".", RUFF_CACHE_DIR=cache)
    log.run(project.BIN / "ruff", "format", "--check", ".", RUFF_CACHE_DIR=cache)
    return one()


def types(log: Log) -> Result:
    """Each part in its own run: they do not know of each other."""
    package = f"ansible_collections.{project.collection_name()}"
    mypy = [*tool("mypy"), "--config-file", workspace.COPY / "pyproject.toml", "--cache-dir", project.CACHE / "mypy"]
    tests = workspace.COPY / "tests"
    for part in ("plugins", "tests.unit"):
        log.run(*mypy, "--package", f"{package}.{part}", cwd=workspace.COLLECTIONS)
    log.run(*mypy, "--package", "slb_emulator", cwd=EMULATOR / "src")
    log.run(*mypy, ".", workspace.COPY / "noxfile.py", cwd=tests / "tools")
    log.run(*mypy, ".", cwd=EMULATOR / "tests")
    shared = os.pathsep.join(map(str, (workspace.COLLECTIONS, tests / "tools", tests / "system" / "support")))
    log.run(*mypy, ".", cwd=tests / "system" / "support")
    for name in SUITES:
        log.run(*mypy, ".", cwd=tests / "system" / name, MYPYPATH=shared)
    return one()


def yaml_style(log: Log) -> Result:
    log.run(*tool("yamllint"), "--strict", ".")
    github = workspace.COPY / ".github"
    for schema, files in (("workflows", github.glob("workflows/*.yml")), ("actions", github.glob("actions/*/*.yml"))):
        log.run(*tool("check-jsonschema"), "--builtin-schema", f"vendor.github-{schema}", *files)
    return one()


def licences(log: Log) -> Result:
    return one(log.run(*tool("reuse"), "lint"))


def requirements(log: Log) -> Result:
    """ansible-test reads only its own requirements files: their lines must be those of the originals."""
    originals = requirement_lines(workspace.COPY / "tests" / "requirements" / "tests.txt")
    originals |= requirement_lines(workspace.COPY / "tests" / "requirements" / "base.txt")
    originals |= set(
        tomllib.loads((EMULATOR / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    )
    for name in existing("tests/unit/requirements.txt", "tests/integration/requirements.txt"):
        strange = requirement_lines(workspace.COPY / name) - originals
        require(not strange, f"{name} has lines that are not in meta, tests/requirements or tests/emulator: {strange}")
        log.write(f"{name}: as in the originals")
    return one()


def requirement_lines(path: Path) -> set[str]:
    """The requirements of a file and of those that it names."""
    lines = (line.strip() for line in bootstrap.read_requirements(path).splitlines())
    return {line for line in lines if line and not line.startswith("#")}


# --- documentation and changelog ----------------------------------------------------------


def lint(log: Log) -> Result:
    return one(log.run(*tool("ansible-lint"), "--offline", "--strict", ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS))


def docs(log: Log) -> Result:
    options = ["--plugin-docs", "--skip-rstcheck", "--validate-collection-refs", "self"]
    return one(log.run(*tool("antsibull-docs"), "lint-collection-docs", *options, "."))


def docs_site(log: Log) -> Result:
    """The site builds without a warning."""
    try:
        log.write(docsite.build())
    except docsite.SiteFailed as error:
        raise CheckFailed(str(error)) from error
    return one()


def docs_snippets(log: Log) -> Result:
    """What the guides and README files show works as shown."""
    return run_pytest(log, workspace.COPY / "tests" / "system" / "docs", PYTHONPATH=project.ROOT / "tests" / "tools")


def changelog(log: Log) -> Result:
    return one(log.run(*tool("antsibull-changelog"), "lint"))


# --- tests --------------------------------------------------------------------------------


def only(*default: str) -> list[str]:
    """The tests that ONLY picks: files or targets of ansible-test, else what pytest takes. Without it the default."""
    return os.environ.get("ONLY", "").split() or list(default)


def run_ansible_test(log: Log, *arguments: str, copy: Path = workspace.COPY) -> Result:
    """Run ansible-test and count what it reported."""
    reports = copy / "tests" / "output" / "junit"
    project.fresh_folder(reports)
    code, _output = log.attempt(*tool("ansible-test"), *arguments, cwd=copy)
    result = count_junit(sorted(reports.glob("*.xml")))
    if code and not result.failed:
        log.write(f"FAILED: exit code {code}: ansible-test {' '.join(arguments)}")
        result.failed = 1
    return result


def sanity(log: Log) -> Result:
    skipped = [word for test in os.environ.get("SKIP_SANITY", "").split() for word in ("--skip-test", test)]
    return run_ansible_test(log, "sanity", "--venv", "--junit", "--color", "no", *skipped, *only())


def units(log: Log) -> Result:
    """On the oldest Python; `make matrix` has all of them."""
    oldest = next(iter(project.target_pythons()))
    return run_ansible_test(log, "units", "--venv", "-v", "--color", "no", "--python", oldest, *only())


def units_plain(log: Log) -> Result:
    """On this Python, as someone runs them who does not know ansible-test."""
    return run_pytest(log, workspace.COPY, "tests/unit")


def units_everywhere(log: Log) -> Result:
    return run_ansible_test(log, "units", "--venv", "-v", "--color", "no", *only())


def run_targets(log: Log, *arguments: str) -> Result:
    options = ("--continue-on-error", "--color", "no")
    return run_ansible_test(log, "integration", *options, *arguments, copy=workspace.INTEGRATION_COPY)


def integration(log: Log) -> Result:
    """With the oldest Python of this machine where the modules run, and this one where Ansible does."""
    controller = "{}.{}".format(*sys.version_info[:2])
    oldest = next(iter(project.target_pythons()))
    hosts = ["--controller", f"origin:python=venv/{controller}", "--target", f"controller:python=venv/{oldest}"]
    return run_targets(log, *hosts, *only())


def integration_same(log: Log) -> Result:
    """With one Python for both."""
    # What follows --venv counts as a value of it when ansible-test starts itself anew.
    return run_targets(log, *only(), "--venv")


def run_pytest(log: Log, folder: Path, tests: str = ".", **extra: str | Path) -> Result:
    """Run the tests of a folder, or of one file in it, and count what pytest reported."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary, "report.xml")
        options = ["-q", "-p", "no:cacheprovider", f"--junit-xml={report}"]
        code, _output = log.attempt(*tool("pytest"), *options, *only(tests), cwd=folder, **extra)
        result = count_junit([report]) if report.exists() else Result()
    if code and not result.failed:
        log.write(f"FAILED: pytest ended with exit code {code}")
        result.failed = 1
    return result


def emulator(log: Log) -> Result:
    """The emulator's own tests; clients that others wrote must be satisfied with it."""
    return run_pytest(log, EMULATOR)


def run_campaign(log: Log, command: list[str | Path]) -> Result:
    """A campaign of make chaos.

    Always the same schedules: a failure is of the change at hand. New ones are what make chaos is for.
    """
    code, output = log.attempt(*command, PYTHONPATH=campaign.python_path())
    counted = re.search(r"^(\d+) passed, (\d+) failed", output, re.MULTILINE)
    if counted is None:
        raise CheckFailed(f"the campaign ended with exit code {code}")
    passed, failed = map(int, counted.groups())
    return Result(passed, failed)


def chaos(log: Log) -> Result:
    return run_campaign(log, campaign.command("-n", "600", "--seed", "1"))


def chaos_rolling(log: Log) -> Result:
    return run_campaign(log, campaign.rolling_command("-n", "60", "--seed", "1", "--shrink", "0"))


def concurrency(log: Log) -> Result:
    """Many processes of the module at once on a busy load balancer."""
    return run_pytest(log, campaign.FOLDER, PYTHONPATH=workspace.COLLECTIONS)


def rolling(log: Log) -> Result:
    """The proof that a roll with the role loses no request."""
    return run_pytest(
        log, workspace.COPY / "tests" / "system" / "rolling", ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS
    )


def plays(log: Log) -> Result:
    """What users' playbooks do with the role, the actions and the shipped playbooks."""
    return run_pytest(
        log, workspace.COPY / "tests" / "system" / "plays", ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS
    )


def molecule(log: Log) -> Result:
    """The scenario of the role, from create to destroy."""
    folder = workspace.COPY / "extensions"
    return one(log.run(*tool("molecule"), "test", cwd=folder, ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS))


def secrets(log: Log) -> Result:
    """Nothing that a task prints, logs or leaves has a secret in it, however it ends."""
    return run_pytest(
        log,
        workspace.COPY / "tests" / "system" / "secrets",
        PYTHONPATH=workspace.COLLECTIONS,
        ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS,
    )


def hostile(log: Log) -> Result:
    """Unusual inputs: always the same ones or, with N, N times as many and new ones."""
    return run_pytest(
        log,
        workspace.COPY / "tests" / "system" / "hostile",
        PYTHONPATH=workspace.COLLECTIONS,
        ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS,
        HYPOTHESIS_STORAGE_DIRECTORY=project.CACHE / "hypothesis",
    )


def awx(log: Log) -> Result:
    """The kit for AWX, with the programs that AWX is made of."""
    return run_pytest(log, workspace.COPY / "tests" / "system" / "awx", PYTHONPATH=project.ROOT / "tests" / "tools")


def run_release_tests(log: Log, tests: str) -> Result:
    return run_pytest(
        log, workspace.COPY / "tests" / "system" / "release", tests, PYTHONPATH=project.ROOT / "tests" / "tools"
    )


def release_refusals(log: Log) -> Result:
    return run_release_tests(log, "test_refusals.py")


def release(log: Log) -> Result:
    return run_release_tests(log, "test_release.py")


# --- the artifact -------------------------------------------------------------------------


def artifact(log: Log) -> Result:
    """Built and installed alone, the collection has what it should, and documents itself."""
    try:
        names = archive_names(workspace.build_artifact())
        installed = project.CACHE / "installed"
        workspace.install_artifact(installed)
    except subprocess.CalledProcessError as error:
        raise CheckFailed(error.output) from error
    log.write("\n".join(names))
    require_nothing_stray(names)
    collections = {"ANSIBLE_COLLECTIONS_PATH": installed}
    require(bool(module_names()), "there are no modules")
    for name in module_names():
        log.run(*tool("ansible-doc"), "--type", "module", name, cwd=installed, **collections)
    for playbook in sorted((workspace.COPY / "playbooks").glob("*.yml")):
        name = f"{project.collection_name()}.{playbook.stem}"
        log.run(*tool("ansible-playbook"), "--syntax-check", name, cwd=installed, **collections)
    action_groups(log)
    execution_environment(log, installed)
    return one()


def require_nothing_stray(names: list[str]) -> None:
    """All members of the artifact are files of the checkout, and of those that users and their tools read."""
    known = {str(name) for name in workspace.source_files()} | {"FILES.json", "MANIFEST.json"}
    stray = [
        name
        for name in names
        if name not in known or name.split("/")[0] not in ARTIFACT_TOP or ARTIFACT_FORBIDDEN.search(name)
    ]
    require(not stray, f"the artifact must not contain: {', '.join(stray)}")


def archive_names(archive: Path) -> list[str]:
    with tarfile.open(archive) as content:
        return sorted(member.name for member in content if not member.isdir())


def action_groups(log: Log) -> None:
    """Every module that calls the API must be in the group that module_defaults names."""
    runtime = yaml.safe_load((workspace.COPY / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    listed = {f"{project.collection_name()}.{name}" for name in runtime["action_groups"][project.galaxy()["name"]]}
    log.write(f"action group: {sorted(listed)}")
    expected = {name for name in module_names() if name.rpartition(".")[2] not in WITHOUT_CONNECTION}
    require(listed == expected, f"meta/runtime.yml lists {sorted(listed)}, not {sorted(expected)}")


def execution_environment(log: Log, installed: Path) -> None:
    """The example of an execution environment can be built, as far as that needs no container engine.

    And a build finds in the collection the Python packages that it needs.
    """
    example = next(installed.rglob("extensions/awx/execution-environment.yml"))
    with tempfile.TemporaryDirectory() as folder:
        log.run(*tool("ansible-builder"), "create", "--file", example, "--context", folder, cwd=installed)
        galaxy = Path(folder, "_build", "requirements.yml").read_text(encoding="utf-8")
    require(project.collection_name() in galaxy, "the execution environment lacks the collection")
    found = yaml.safe_load(log.run(*tool("ansible-builder"), "introspect", installed, cwd=installed))
    wanted = requirement_lines(workspace.COPY / "meta" / "ee-requirements.txt")
    text = str(found["python"])
    missing = [line for line in wanted if line not in text]
    require(not missing, f"ansible-builder does not find {missing}")


def importer(log: Log) -> Result:
    """Ansible Galaxy's own check; it exits with 0 also when it logged errors."""
    workspace.build_artifact()
    with tempfile.TemporaryDirectory() as folder:
        output = log.run(project.PYTHON, "-m", "galaxy_importer.main", workspace.ARTIFACT, cwd=Path(folder))
    complaints = [line for line in output.splitlines() if re.match(r"(WARNING|ERROR|CRITICAL)\b", line)]
    require(not complaints, "galaxy-importer complains:\n" + "\n".join(complaints))
    return one()


def play(log: Log, installed: Path, programs: Path) -> None:
    """Play what users play, with the collection and the Ansible of a virtual environment."""
    ansible_playbook = (programs / "python", programs / "ansible-playbook")
    with emulator_process.running() as slb:
        extra = slb.connection() | {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
        play_first_playbook(partial(log.run, *ansible_playbook, cwd=installed, **extra), installed, slb)
        play_set_weights(partial(log.run, *ansible_playbook, cwd=installed, **extra), slb)


def play_first_playbook(run: Callable[..., str], installed: Path, slb: EmulatorProcess) -> None:
    """The playbook of README.md, twice: it drains a server, then finds it drained."""
    playbook = installed / "first.yml"
    playbook.write_text(readme.first_playbook(), encoding="utf-8")
    before = slb.weights()
    run(playbook)
    require(slb.weights() != before, "the playbook of README.md changed no weight")
    require("changed=0" in run(playbook), "run again, the playbook of README.md is not idempotent")


def play_set_weights(run: Callable[..., str], slb: EmulatorProcess) -> None:
    """The shipped playbook drains a server, and restores its weight from the file that the drain leaves."""
    before = slb.weights()
    server = next(name for name, weight in before.items() if weight)
    given = {"slb_load_balancer_id": emulator_process.LOAD_BALANCER, "slb_previous_file": "previous.yml"}
    playbook = f"{project.collection_name()}.set_weights"
    run(playbook, "-e", json.dumps(given | {"slb_backend_servers": f"{server}=0"}))
    require(slb.weights() == before | {server: 0}, "set_weights did not drain the server")
    run(playbook, "-e", "@previous.yml")
    require(slb.weights() == before, "set_weights did not restore the weight")


def each_ansible_core(log: Log) -> Result:
    """The first playbooks of users on each line of ansible-core, beside nothing but the Python packages that the artifact asks for."""
    workspace.build_artifact()
    for line in ansible_core.SUPPORTED:
        with tempfile.TemporaryDirectory() as folder:
            venv, installed = Path(folder, "venv"), Path(folder, "collections")
            for command in ansible_core.installation(line, venv):
                log.run(*command)
            workspace.install_artifact(installed, venv / "bin")
            packages = installed / workspace.IN_COLLECTIONS / "meta" / "ee-requirements.txt"
            log.run(*ansible_core.pip_install(venv, "--requirement", packages))
            log.run(venv / "bin" / "python", venv / "bin" / "ansible-playbook", "--version")
            play(log, installed, venv / "bin")
    return Result(passed=len(ansible_core.SUPPORTED))


CHECKS: dict[str, tuple[str, Check]] = {
    "requirements": ("requirement files agree", requirements),
    "ruff": ("Python style", ruff),
    "yaml": ("YAML style, GitHub's workflows", yaml_style),
    "licences": ("licence headers (reuse)", licences),
    "changelog": ("changelog and fragments", changelog),
    "types": ("mypy --strict", types),
    "docs": ("module documentation", docs),
    "lint": ("ansible-lint, profile production", lint),
    "artifact": ("build, install, ansible-doc, execution environment", artifact),
    "emulator": ("the emulator against other clients", emulator),
    "chaos": ("the module's word against the truth, under faults", chaos),
    "chaos-rolling": ("rolling updates under faults and signals", chaos_rolling),
    "concurrency": ("16 processes of the module at once", concurrency),
    "rolling": ("a roll under real traffic, and without the role", rolling),
    "plays": ("playbooks with the role, and the shipped ones", plays),
    "molecule": ("the role's scenario for Molecule", molecule),
    "secrets": ("no secret in any output, log or file", secrets),
    "hostile": ("any answer, argument or file: no traceback, hang or write", hostile),
    "awx": ("job templates, workflow, import and execution environment", awx),
    "ansible-core": ("the first playbooks on each ansible-core that is supported", each_ansible_core),
    "docs-site": ("guides and reference as a site", docs_site),
    "docs-snippets": ("every snippet of the documents, run", docs_snippets),
    "importer": ("galaxy-importer", importer),
    "release-refusals": ("make release, where it must refuse", release_refusals),
    "release": ("make release of a trial version", release),
    "units-plain": ("plain pytest tests/unit", units_plain),
    "units": ("ansible-test units, oldest Python here", units),
    "units-everywhere": ("the same on every Python here", units_everywhere),
    "integration": ("ansible-test integration, modules on the oldest Python here", integration),
    "integration-same": ("the same on this Python alone", integration_same),
    "sanity": ("ansible-test sanity, every Python here", sanity),
}


# These take minutes of their own and run only when CHECKS names them.
ON_REQUEST = ("awx", "ansible-core", "release", "units-everywhere", "integration-same")
# What runs beside the rest. None of these needs the artifact or writes to what another lane reads.
OTHER_LANES = (
    # ansible-test in workspace.INTEGRATION_COPY, and what only reads a copy. The longer `rolling` takes, the more requests
    # it serves: it must not have to share the processors with more than it does here.
    ("types", "rolling", "chaos", "molecule", "secrets", "hostile", "integration"),
    # What waits for much of its time.
    ("emulator", "concurrency", "plays", "chaos-rolling", "units-plain"),
)


def perform(name: str) -> Result:
    """Run one check, say how it went, and show its log if it failed."""
    purpose, check = CHECKS[name]
    log = Log(project.LOGS / f"{name}.log")
    log.path.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        result = check(log)
        if not result.passed + result.failed:
            raise CheckFailed("it ran no test")
    except (
        CheckFailed,
        OSError,
        subprocess.SubprocessError,
        emulator_process.EmulatorProcessError,
        ansible_core.NoPython,
    ) as error:
        log.write(f"FAILED: {error}")
        result = Result(failed=1)
    result.seconds = time.monotonic() - started
    # In one piece: the other lanes print too.
    print(report(name, result, log) + line(name, result, purpose) + "\n", end="", flush=True)
    return result


def report(name: str, result: Result, log: Log) -> str:
    """The log of a check that failed; nothing for one that passed."""
    if result.ok:
        return ""
    text = log.path.read_text(encoding="utf-8") if log.path.exists() else ""
    return f"----- {name}: the log, {log.path.relative_to(project.ROOT)}\n{text}----- {name}: end of the log\n"


def line(name: str, result: Result, purpose: str) -> str:
    verdict = "ok" if result.ok else "FAILED"
    counts = f"{result.passed} passed, {result.failed} failed"
    return f"{verdict:<7}{name:<19}{result.seconds:6.1f} s  {counts:<24} {purpose}"


def selected() -> list[str]:
    """The names of the checks that CHECKS asks for, in the order of the table."""
    wanted = os.environ.get("CHECKS", "").replace(",", " ").split()
    unknown = [name for name in wanted if name not in CHECKS and name != "list"]
    if unknown or "list" in wanted:
        for name, (purpose, _check) in CHECKS.items():
            print(f"{name:<19}{purpose}{' (only when it is named)' if name in ON_REQUEST else ''}")
        sys.exit(f"There is no check named {', '.join(unknown)}." if unknown else 0)
    if only() and len(wanted) != 1:
        sys.exit("ONLY picks tests of one check; name that one in CHECKS.")
    return [name for name in CHECKS if name in (wanted or set(CHECKS) - set(ON_REQUEST))]


def perform_all(names: list[str]) -> dict[str, Result]:
    """The results in the order of the names, whichever lane they came from."""
    others = [[name for name in names if name in lane] for lane in OTHER_LANES]
    lanes = [[name for name in names if not any(name in lane for lane in others)], *others]
    with ThreadPoolExecutor(len(lanes)) as pool:
        found = {name: result for lane in pool.map(perform_lane, lanes) for name, result in lane.items()}
    return {name: found[name] for name in names}


def perform_lane(names: list[str]) -> dict[str, Result]:
    return {name: perform(name) for name in names}


def save(results: dict[str, Result]) -> None:
    """Keep the counts by check, with the version of ansible-core that they are for: `make matrix` reads them."""
    content = {
        "ansible_core": metadata.version("ansible-core"),
        "checks": {name: asdict(result) for name, result in results.items()},
    }
    (project.CACHE / project.RESULTS).write_text(json.dumps(content, indent=2), encoding="utf-8")


def main() -> int:
    names = selected()
    project.LOGS.mkdir(parents=True, exist_ok=True)
    print(f"Python on this machine: {', '.join(project.target_pythons())}", flush=True)
    for copy in (workspace.COPY, workspace.INTEGRATION_COPY):
        workspace.refresh(copy)
    ansible_test_home.prepare()
    started = time.monotonic()
    results = perform_all(names)
    save(results)
    print("\nSummary")
    for name, result in results.items():
        print(line(name, result, CHECKS[name][0]))
    failed = sum(result.failed for result in results.values())
    print(f"\nThe checks took {time.monotonic() - started:.0f} s.")
    print(f"{sum(result.passed for result in results.values())} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
