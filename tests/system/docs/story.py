# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does what a document tells its reader to do, in its order, in one folder and one shell's worth of state.

Files are written where they are shown, commands are run when they are shown, and the lines printed below a command must be
among those that it prints, in their order; ``...`` stands for anything. A command fails only where ``fatal:`` is printed
below it. Tasks are run together, in the end.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
import typing as t
from pathlib import Path

import project
import yaml
from snippets import Snippet

# Commands that need what is not here, and what that is.
NOT_HERE = {
    r"pip install .*": "a package index, which is asked only when .venv is made",
    r"make \w+( .*)?": "they run this test or a whole session of their own",
    r"ansible-galaxy collection install --force git\+https://.*": "GitHub",
    r"ansible-galaxy collection install awx\.awx": "Galaxy; tests/system/awx takes the real awx.awx from PyPI",
    r"ansible-builder build .*": "podman or docker; the image's definition is checked by `ansible-builder create`",
    r"podman push .*": "podman and a registry",
    r"export CONTROLLER_HOST=.*": "an AWX server",
    r"ansible-playbook (setup|remove)\.yml .*": "an AWX server; tests/system/awx runs it against a stand-in",
    r"awx import .*": "an AWX server; tests/system/awx runs it against a stand-in",
}
RUN_HERE = (
    "ansible-playbook",
    "ansible-inventory",
    "ansible-galaxy",
    "ansible-doc",
    "ansible-builder",
    "mkdir",
    "cp",
    "python",
)
# It goes on until the document ends.
SERVICE = re.compile(r"slb-emulator( |$)")
START_TIMEOUT = 60.0  # seconds, which ends what would hang

TASKS_PLAY = """
- hosts: localhost
  gather_facts: false
  tasks: []
"""


class Command(t.NamedTuple):
    """A line behind the prompt, with those that continue it, and what is printed below it."""

    line: str
    output: list[str]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)

    @property
    def why_not_here(self) -> str | None:
        return next((why for pattern, why in NOT_HERE.items() if re.fullmatch(pattern, self.line)), None)


def commands(snippet: Snippet) -> list[Command]:
    """The commands of a console snippet."""
    found: list[Command] = []
    for line in snippet.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append(Command(" ".join(line[2:].split()), []))
        elif line:
            assert found, f"{snippet.place}: no command before {line!r}"
            found[-1].output.append(line)
    return found


def program(name: str) -> list[str]:
    """How a program is started: one of .venv so that it works below a path with a space."""
    installed = project.BIN / name
    return [str(project.PYTHON), str(installed)] if installed.exists() and name != "python" else [name]


class Story:
    """One reader. ``replaced``: texts of the documents, such as ports, and what stands for them here."""

    def __init__(self, folder: Path, environment: dict[str, str], replaced: dict[str, str]) -> None:
        self._folder = folder
        self._at_first = dict(environment)
        # The region is for the document to say; only tasks that are shown alone find it set.
        self._environment = {name: value for name, value in environment.items() if name != "ALICLOUD_REGION"}
        self._replaced = replaced
        self._tasks: dict[str, list[t.Any]] = {}
        self._services: list[subprocess.Popen[str]] = []
        self._texts: list[str] = []
        self._files: set[str] = set()

    def tell(self, snippets: t.Iterable[Snippet]) -> None:
        """Do all that the snippets say. Raises AssertionError with the place of the one that does not hold."""
        for snippet in snippets:
            text = self._here(snippet.text)
            if snippet.kind == "file":
                self._write(snippet.argument, text)
            elif snippet.kind == "tasks":
                self._tasks.setdefault(snippet.argument, []).extend(yaml.safe_load(text))
            elif snippet.kind == "console":
                for command in commands(snippet._replace(text=text)):
                    self._obey(command, snippet.place)
        self._environment = {**self._at_first, **self._environment}
        for name, tasks in self._tasks.items():
            self._play(name, tasks)

    def unused(self) -> set[str]:
        """Files that no command and no other file names; those below a folder count by its name."""
        return {name for name in self._files if not any(Path(name).parts[0] in text for text in self._texts)}

    def close(self) -> None:
        for service in self._services:
            service.terminate()
            service.communicate(timeout=10)

    def _here(self, text: str) -> str:
        for said, meant in self._replaced.items():
            text = text.replace(said, meant)
        return text

    def _write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._files.add(name)
        self._texts.append(text)

    def _play(self, name: str, tasks: list[t.Any]) -> None:
        """Run tasks behind those of the last play of a file, or of an empty play where there is no name."""
        plays = yaml.safe_load((self._folder / name).read_text(encoding="utf-8") if name else TASKS_PLAY)
        plays[-1]["tasks"] = [*plays[-1].get("tasks", []), *tasks]
        self._write("tasks.yml", yaml.safe_dump(plays, sort_keys=False))
        self._obey(Command("ansible-playbook tasks.yml", []), f"the tasks that go with {name or 'no playbook'}")

    def _obey(self, command: Command, place: str) -> None:
        self._texts.append(command.line)
        if command.why_not_here:
            return
        name, *arguments = [part for word in command.words for part in self._expanded(word)]
        if name == "export":
            self._export(arguments, place)
        elif name == "unset":
            self._unset(arguments)
        elif name == "cd":
            self._folder = self._folder / arguments[0]
        elif SERVICE.match(command.line):
            self._serve([*program(name), *arguments], command.output, place)
        else:
            assert name in RUN_HERE, f"{place}: nothing says whether `{command.line}` can be run here"
            self._run([*program(name), *arguments], command, place)

    def _expanded(self, word: str) -> list[str]:
        """What a shell makes of a word: the home folder of a tilde, the files of an asterisk."""
        if word == "~" or word.startswith("~/"):
            return [self._environment["HOME"] + word[1:]]
        files = sorted(self._folder.glob(word)) if "*" in word else []
        return [str(file) for file in files] or [word]

    def _unset(self, names: list[str]) -> None:
        """Forget variables; without a variable for the endpoint it is the emulator's again, as for any document."""
        for name in names:
            self._environment[name] = self._at_first[name]

    def _export(self, assignments: list[str], place: str) -> None:
        for name, value in (assignment.split("=", 1) for assignment in assignments):
            if value != "...":
                self._environment[name] = value
            assert name in self._environment, f"{place}: {name} is nothing that the collection reads"

    def _run(self, words: list[str], command: Command, place: str) -> None:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        fails = any(line.lstrip().startswith("fatal:") for line in command.output)
        assert bool(done.returncode) == fails, f"{place}: {command.line}\n{done.stdout}"
        printed = iter(_squeezed(done.stdout.splitlines()))
        for line in _squeezed(command.output):
            pattern = re.compile(".*".join(map(re.escape, line.split("..."))))
            assert any(map(pattern.fullmatch, printed)), f"{place}: it does not print {line!r}, but\n{done.stdout}"

    def _serve(self, words: list[str], output: list[str], place: str) -> None:
        """Start a program that goes on, and wait until it has printed what the document says."""
        service = subprocess.Popen(
            words,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._services.append(service)
        assert service.stdout
        watchdog = threading.Timer(START_TIMEOUT, service.kill)
        watchdog.start()
        for line in output:
            printed = service.stdout.readline().rstrip("\n")
            assert printed == line, f"{place}: it prints {printed!r} and not {line!r}"
        watchdog.cancel()


def _squeezed(lines: list[str]) -> list[str]:
    """Lines without spaces at their ends and the rows of asterisks behind a headline of Ansible."""
    found = [re.sub(r" \*+$", "", " ".join(line.split())) for line in lines]
    return [line for line in found if line and line != "..."]
