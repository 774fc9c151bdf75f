# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a job template of the kit as AWX does: the same private data folder, the same injection, the same engine.

AWX makes a folder with the project, the collections of its requirements.yml, the inventory, the environment and the extra
variables, and lets ansible-runner run ``ansible-playbook`` in it, within a container. Here there is no container; all else
is by the code that AWX uses, or as AWX writes it.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import project
import yaml
from awx_plugins.interfaces._temporary_private_inject_api import inject_credential
from awx_rules import accepted_answers

HERE = Path(__file__).parent
KIT = HERE.parents[2] / "extensions" / "awx"
TIMEOUT = 120.0  # seconds that no job comes near
# A job of AWX finds the collections of the project before those of the execution environment.
COLLECTIONS = "requirements_collections"

Values = dict[str, t.Any]


def kit(name: str) -> Values:
    """A file of the kit."""
    content = yaml.safe_load((KIT / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def credential_type() -> Values:
    return t.cast(Values, kit("credential.yml")["credential_types"][0])


def job_template(name: str) -> Values:
    """A job template of the kit, by its name."""
    return next(template for template in kit("templates.yml")["job_templates"] if template["name"] == name)


class Credential:
    """A credential with the interface by which AWX's injection reads one. What a form leaves empty is an empty text."""

    def __init__(self, inputs: dict[str, str]) -> None:
        self._inputs = inputs

    def get_input_keys(self) -> list[str]:
        return list(self._inputs)

    def get_input(self, name: str, default: str = "") -> str:
        return self._inputs.get(name, default)

    def has_input(self, name: str) -> bool:
        return bool(self._inputs.get(name))


@dataclass(frozen=True)
class Injected:
    """What the credential adds to a job, and what AWX shows of it."""

    environment: dict[str, str]
    shown: dict[str, str]
    arguments: list[str]


class CannotStart(Exception):
    """AWX starts no job; the text is the explanation on the page of the job, which has no output."""


def check_before_start(inputs: dict[str, str]) -> None:
    """Raise CannotStart if the credential of the kit lacks something that its type requires."""
    missing = sorted(name for name in credential_type()["inputs"]["required"] if not inputs.get(name))
    if missing:
        name = kit("credential.yml")["credentials"][0]["name"]
        raise CannotStart(
            f"Job cannot start because Credential {name} does not provide one or more required fields "
            f"({', '.join(missing)}). Task failed pre-start check."
        )


def inject(inputs: dict[str, str], folder: Path) -> Injected:
    """Let AWX's own code inject a credential of the kit's type."""
    kind = credential_type()
    custom = SimpleNamespace(managed=False, custom_injectors=None, inputs=kind["inputs"], injectors=kind["injectors"])
    result = Injected({}, {}, [])
    inject_credential(
        t.cast(t.Any, custom),
        t.cast(t.Any, Credential(inputs)),
        t.cast(t.Any, result.environment),
        t.cast(t.Any, result.shown),
        result.arguments,
        str(folder),
    )
    return result


class _Unsafe(yaml.SafeDumper):
    """Marks every text, as AWX does with answers: nothing in them is a template."""

    def represent_data(self, data: t.Any) -> yaml.Node:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


@dataclass(frozen=True)
class Finished:
    """What AWX keeps of a job."""

    folder: Path
    status: str
    return_code: int
    output: str
    events: list[Values]

    @property
    def said(self) -> str:
        """The output as one line."""
        return " ".join(self.output.split())

    @property
    def artifacts(self) -> Values:
        """What AWX hands to the next job of a workflow: it takes it from the event of the recap, and from no other."""
        found: Values = {}
        for event in self.events:
            found = event["event_data"].get("artifact_data") or found
        return found

    @property
    def last_message(self) -> str:
        """What the last task that failed has to say."""
        results = [event["event_data"]["res"] for event in self.events if event["event"] == "runner_on_failed"]
        return str(results[-1]["msg"])

    def results(self, task: str) -> list[Values]:
        """The results of a task, oldest first, as the page of a job shows them."""
        return [
            event["event_data"]["res"]
            for event in self.events
            if event["event"] == "runner_on_ok" and event["event_data"]["task"] == task
        ]


@dataclass(frozen=True)
class Awx:
    """Where jobs are made, with the project that all of them use."""

    folder: Path
    installed: Path

    def prepare(
        self,
        template: str,
        answers: Values,
        credential: dict[str, str] | None,
        *,
        inventory: Values | None = None,
        artifacts: Values | None = None,
        extra: Values | None = None,
        check: bool = False,
        limit: str = "",
        with_collection: bool = True,
        search_path: str = "",
        python_path: Path | None = None,
    ) -> tuple[Path, list[str]]:
        """Write the private data folder of a job; returns it and the command that runs the job.

        ``credential``: None for a template without one. Raises CannotStart.
        """
        if credential is not None:
            check_before_start(credential)
        number = len(list(self.folder.iterdir())) + 1
        job = self.folder / f"awx_{number}"
        for name in ("env", "inventory", "home"):
            (job / name).mkdir(parents=True)
        shutil.copytree(KIT / "project", job / "project")
        shutil.copytree(HERE / "files" / "project", job / "project", dirs_exist_ok=True)
        if with_collection:
            (job / COLLECTIONS).symlink_to(self.installed)
        content = inventory if inventory is not None else yaml.safe_load((HERE / "files" / "inventory.yml").read_text())
        (job / "inventory" / "hosts.yml").write_text(yaml.safe_dump(content), encoding="utf-8")

        about = job_template(template)
        survey = about.get("related", {}).get("survey_spec", {"spec": []})
        variables = json.loads(about.get("extra_vars", "{}")) | accepted_answers(survey, answers)
        variables |= {"awx_job_id": number, "awx_job_template_name": template} | (artifacts or {}) | (extra or {})
        (job / "env" / "extravars").write_text(yaml.dump(variables, Dumper=_Unsafe), encoding="utf-8")

        injected = inject(credential, job) if credential is not None else Injected({}, {}, [])
        environment = injected.environment | {
            "ANSIBLE_COLLECTIONS_PATH": str(job / COLLECTIONS),
            "ANSIBLE_FORCE_COLOR": "false",
            "HOME": str(job / "home"),
            "PATH": search_path or project.search_path(),
        }
        if python_path:
            environment["PYTHONPATH"] = str(python_path)
        (job / "env" / "envvars").write_text(json.dumps(environment), encoding="utf-8")
        options = ["--check"] if check else []
        options += ["--limit", limit] if limit else []
        (job / "env" / "cmdline").write_text(" ".join([*options, *injected.arguments]), encoding="utf-8")
        command = [sys.executable, "-m", "ansible_runner", "run", str(job), "-p", about["playbook"], "--ident", "job"]
        return job, command

    def launch(self, template: str, answers: Values, credential: dict[str, str] | None, **more: t.Any) -> Finished:
        """Run a job to its end."""
        job, command = self.prepare(template, answers, credential, **more)
        with _started(command) as runner:
            runner.wait(TIMEOUT)
        return finished(job)

    def cancel(
        self, when: t.Callable[[str], bool], template: str, answers: Values, credential: dict[str, str], **more: t.Any
    ) -> Finished:
        """Start a job and, once its output is as wanted, end it as a cancelled one: SIGTERM to ansible-runner."""
        job, command = self.prepare(template, answers, credential, **more)
        with _started(command) as runner:
            deadline = time.monotonic() + TIMEOUT
            while not when(output_so_far(job)):
                assert runner.poll() is None, finished(job).output
                assert time.monotonic() < deadline, "the job never came to where it should be cancelled"
                time.sleep(0.1)
            runner.send_signal(signal.SIGTERM)
            runner.wait(TIMEOUT)
        return finished(job)


@contextmanager
def _started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """ansible-runner with an environment that has nothing of ours; whatever happens it ends with the block."""
    runner = subprocess.Popen(
        command,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield runner
    finally:
        if runner.poll() is None:
            # Told so it ends ansible-playbook, which is in a session of its own.
            runner.terminate()
            runner.wait(20)


def output_so_far(job: Path) -> str:
    output = job / "artifacts" / "job" / "stdout"
    return output.read_text(encoding="utf-8") if output.exists() else ""


def finished(job: Path) -> Finished:
    """What a job has left."""
    kept = job / "artifacts" / "job"
    files = sorted((kept / "job_events").glob("*-*.json"), key=lambda path: int(path.name.split("-", 1)[0]))
    return Finished(
        job,
        (kept / "status").read_text() if (kept / "status").exists() else "unknown",
        int((kept / "rc").read_text()) if (kept / "rc").exists() else -1,
        (kept / "stdout").read_text(encoding="utf-8"),
        [json.loads(file.read_text(encoding="utf-8")) for file in files],
    )


def kept_texts(folder: Path) -> str:
    """All that a job has left on disk, but for its environment: AWX deletes that with the folder, and shows it censored."""
    ours = (folder / "env" / "envvars", folder / "artifacts" / "job" / "command")
    files = (path for path in folder.rglob("*") if path.is_file() and path not in ours)
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
