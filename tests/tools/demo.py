# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: drain a server and put it back, see at each step what reached the API, and roll under traffic.

The story is told with the built collection and the playbook that it ships, on
the emulator. Every step is compared with the emulator's own state.
SAVE=1 puts the picture of the roll into docs/images.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emulator_process
import project
import workspace
import yaml
from emulator_process import LOAD_BALANCER, EmulatorProcess

PLAYBOOK = f"{project.collection_name()}.set_weights"
COLLECTIONS = project.CACHE / "demo" / "collections"
READ, WRITE = "DescribeLoadBalancerAttribute", "SetBackendServers"
PREVIOUS = "previous.yml"
ROLLING = project.ROOT / "tests" / "system" / "rolling"
PICTURE = project.CACHE / "demo" / "rolling_update.svg"
SAVED_PICTURE = project.ROOT / "docs" / "images" / PICTURE.name


class NotAsShown(Exception):
    """A step went otherwise than the story says; the text is one sentence."""


def require(condition: bool, sentence: str) -> None:
    if not condition:
        raise NotAsShown(sentence)


@contextmanager
def started(command: list[str | Path], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program beside the block, after which it has ended: by itself, or because it was told to and could clean up."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def styled(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def heading(text: str) -> None:
    print(f"\n{styled(text, '1')}", flush=True)


def command_line(text: str) -> None:
    print(styled(f"$ {text}", "36"), flush=True)


def note(text: str) -> None:
    print(f"  {text}", flush=True)


def show(text: str) -> None:
    """Print what a command printed, without empty lines."""
    for line in text.splitlines():
        if line.strip():
            note(line)


def weight_table(weights: dict[str, int]) -> str:
    return "   ".join(f"{server}: {weight}" for server, weight in weights.items())


@dataclass(frozen=True)
class Play:
    """What came of one run of the playbook."""

    changed: int
    actions: list[str]
    output: str

    @property
    def writes(self) -> int:
        return self.actions.count(WRITE)


@dataclass(frozen=True)
class Stage:
    """The emulator and the folder that the playbook is run in."""

    slb: EmulatorProcess
    folder: Path

    def variables_file(self, name: str, content: dict[str, Any]) -> str:
        """Write and show a file with variables; returns the argument that hands it to a playbook."""
        text = yaml.safe_dump(content, sort_keys=False)
        Path(self.folder, name).write_text(text, encoding="utf-8")
        return self.show_file(name)

    def show_file(self, name: str) -> str:
        """Show a file; returns the argument that hands it to a playbook."""
        path = Path(self.folder, name)
        require(path.exists(), f"The playbook did not write {name}.")
        command_line(f"cat {name}")
        show(path.read_text(encoding="utf-8"))
        return f"@{name}"

    def play(self, variables: str, *options: str) -> Play:
        """Run the playbook as a user would, and show the command and what it prints."""
        arguments = [PLAYBOOK, "-e", variables, *options]
        words = [f'"{word}"' if "'" in word else word for word in arguments]
        command_line(f"ansible-playbook {' '.join(words)}".replace(str(self.folder), "$PWD"))
        self.slb.forget_requests()
        with started(
            [project.PYTHON, project.BIN / "ansible-playbook", *arguments],
            cwd=self.folder,
            env=project.environment(
                ANSIBLE_COLLECTIONS_PATH=COLLECTIONS,
                ANSIBLE_FORCE_COLOR="true" if sys.stdout.isatty() else "false",
                **self.slb.connection(),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            printed = process.communicate()[0]
        output = re.sub(r"\033\[[0-9;]*m", "", printed)
        show(printed)
        require(process.returncode == 0, f"The playbook ended with exit code {process.returncode}.")
        recap = re.search(r"changed=(\d+)", output)
        require(recap is not None, "The playbook printed no recap.")
        assert recap
        actions = self.slb.actions()
        note(f"requests that reached the API: {', '.join(actions)}")
        return Play(int(recap.group(1)), actions, output)

    def compare(self, expected: dict[str, int]) -> None:
        """Show the weights that the emulator has now, which must be the expected ones."""
        weights = self.slb.weights()
        note(f"weights now: {weight_table(weights)}")
        require(weights == expected, f"The weights are {weights}, not {expected}.")


def install() -> None:
    """Build the collection from this checkout and install it where only the demo finds it."""
    heading("Building the collection and installing it into .cache/demo")
    command_line("ansible-galaxy collection build")
    workspace.build_artifact()
    command_line(f"ansible-galaxy collection install {workspace.ARTIFACT.name} --offline")
    workspace.install_artifact(COLLECTIONS)


def show_start(slb: EmulatorProcess) -> dict[str, int]:
    heading("1. An emulator is up: the API of an Alibaba Cloud load balancer, on this machine only")
    for name, value in slb.connection().items():
        command_line(f"export {name}={value}")
    weights = slb.weights()
    note(f"{LOAD_BALANCER}   {weight_table(weights)}")
    require(len(weights) >= 4, "The emulator does not have the four servers of the story.")
    return weights


def drained(server: str) -> dict[str, Any]:
    """The playbook's variables that give the server the weight 0."""
    return {"slb_load_balancer_id": LOAD_BALANCER, "slb_backend_servers": [{"server_id": server, "weight": 0}]}


def drain(stage: Stage, server: str, before: dict[str, int]) -> str:
    """Returns the argument with the variables, for the next step."""
    heading(f"2. Take {server} out of traffic: its weight becomes 0")
    variables = stage.variables_file("drain.yml", drained(server))
    play = stage.play(variables, "-e", f"slb_previous_file={PREVIOUS}")
    expected = before | {server: 0}
    require(play.changed > 0, "The task that drains a server did not say that it changed something.")
    require(play.writes == 1, f"One write was expected, {play.writes} reached the API.")
    stage.compare(expected)
    return variables


def drain_again(stage: Stage, variables: str) -> None:
    heading("3. The same again: nothing differs, so nothing is written")
    weights = stage.slb.weights()
    play = stage.play(variables)
    require(play.changed == 0, "The second, equal run said that it changed something.")
    require(play.actions == [READ], f"One read was expected, not {play.actions}.")
    stage.compare(weights)


def preview(stage: Stage, server: str) -> None:
    heading(f"4. What would taking out {server} do? --check --diff tells, and writes nothing")
    weights = stage.slb.weights()
    play = stage.play(stage.variables_file("drain_another.yml", drained(server)), "--check", "--diff")
    require(play.changed > 0, "Check mode did not predict the change.")
    require(play.writes == 0, "Check mode wrote to the API.")
    old = re.search(rf"^ *-.*{server}.*\b{weights[server]}\b", play.output, re.MULTILINE)
    new = re.search(rf"^ *\+.*{server}.*\b0\b", play.output, re.MULTILINE)
    require(bool(old and new), f"The diff does not show {server} with its weight before and after.")
    stage.compare(weights)


def put_back(stage: Stage, before: dict[str, int]) -> None:
    heading("5. Put back what step 2 changed, from the file that it left")
    play = stage.play(stage.show_file(PREVIOUS))
    require(play.changed > 0, "Putting the weights back did not say that it changed something.")
    require(play.writes == 1, f"One write was expected, {play.writes} reached the API.")
    stage.compare(before)


def roll() -> None:
    heading("6. Roll a new version over six web servers under traffic, without the role and with it")
    command_line(f"python -m slb_rolling.show --picture {PICTURE.relative_to(project.ROOT)}")
    with started(
        [project.PYTHON, "-m", "slb_rolling.show", "--picture", PICTURE],
        env=project.environment(
            PYTHONPATH=ROLLING,
            ANSIBLE_COLLECTIONS_PATH=COLLECTIONS,
        ),
    ) as process:
        process.wait()
    require(process.returncode == 0, "The roll was not as it should be, see above.")
    note(f"a picture of both: {PICTURE.relative_to(project.ROOT)}")
    if os.environ.get("SAVE"):
        SAVED_PICTURE.parent.mkdir(exist_ok=True)
        shutil.copy(PICTURE, SAVED_PICTURE)


def main() -> int:
    # So that a terminated demo ends what it has started, as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    try:
        install()
        with tempfile.TemporaryDirectory(prefix="slb-demo-") as folder, emulator_process.running() as slb:
            stage = Stage(slb, Path(folder))
            before = show_start(slb)
            first, second, *_others = before
            variables = drain(stage, first, before)
            drain_again(stage, variables)
            preview(stage, second)
            put_back(stage, before)
        roll()
    except NotAsShown as error:
        print(styled(f"\nNot as shown: {error}", "31"), file=sys.stderr)
        return 1
    except emulator_process.EmulatorProcessError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{error.output}\nNot as shown: {error}", file=sys.stderr)
        return 1
    heading("All steps were as shown.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
