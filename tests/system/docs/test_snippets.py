# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every snippet of the guides and of the two README files does what the text says, with the built collection alone."""

from __future__ import annotations

import json
import re
import shutil
import typing as t
from pathlib import Path

import project
import pytest
from emulator_process import EmulatorProcess
from snippets import Snippet, snippets
from story import NOT_HERE, Command, Story, commands
from warm_ansible import SETTINGS

ROOT = project.ROOT
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst"))
DOCUMENTS = [README, ROOT / "roles" / "rolling_update" / "README.md", *GUIDES]
ALL = [snippet for document in DOCUMENTS for snippet in snippets(document)]
COMMANDS = [command for snippet in ALL if snippet.kind == "console" for command in commands(snippet)]

PROFILE = {
    "name": "production",
    "mode": "AK",
    "access_key_id": "rehearsal",
    "access_key_secret": "rehearsal-secret",
}
LOAD_BALANCERS = ("lb-example", "lb-bp1qjwo61pqz3ahltv0mw", "lb-bp1b6c719dfa08exfuca5")
# The documents that set weights on these. README.md and the first drain start an emulator of their own.
WRITING = {
    "roles/rolling_update/README.md",
    "docs/docsite/rst/inventory_guide.rst",
    "docs/docsite/rst/moving_from_ali_slb_server_guide.rst",
    "docs/docsite/rst/rolling_updates_guide.rst",
    "docs/docsite/rst/server_groups_guide.rst",
    "docs/docsite/rst/what_weights_cannot_do_guide.rst",
}
# What they leave out of traffic; all others put back what they take out.
LEFT_OUT = {
    "docs/docsite/rst/what_weights_cannot_do_guide.rst": {"i-bp1c3zrr37ablp8ujo7v"},
}
# Where the documents speak of the web service on a host.
WEB_PORTS = ("127.0.0.1:8080", "rolling_update_port: 8080", "state: drained\n        port: 8080")
WITHOUT_WAITING = {"rolling_update_ramp_pause: 60": "rolling_update_ramp_pause: 0"}


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.fixture
def story(
    tmp_path: Path,
    collections: Path,
    slb: EmulatorProcess,
    web_port: int,
    free_port: int,
    request: pytest.FixtureRequest,
) -> t.Iterator[Story]:
    """A reader with a folder, the collection, credentials in the environment and hosts on this machine.

    The reader of README.md is in a clone, and installs another collection in place of the one that is there.
    """
    folder, home = tmp_path / "folder", tmp_path / "home"
    (home / ".ansible").mkdir(parents=True)
    (home / ".aliyun").mkdir()
    (home / ".aliyun" / "config.json").write_text(json.dumps({"profiles": [PROFILE]}), encoding="utf-8")
    if request.getfixturevalue("document") == README:
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", "output"))
        shutil.copytree(collections, home / ".ansible" / "collections")
    else:
        folder.mkdir()
        (home / ".ansible" / "collections").symlink_to(collections)
    of_this_machine: dict[str, str | Path] = {
        "ANSIBLE_CONFIG": SETTINGS,
        "ANSIBLE_TRANSPORT": "local",
        "ANSIBLE_PYTHON_INTERPRETER": project.PYTHON,
        "ANSIBLE_PIPELINING": "true",
    }
    environment = project.environment(HOME=home, **slb.connection(), **of_this_machine)
    # Members of vServer groups keep their ports.
    here = {text: text.replace("8080", str(web_port)) for text in WEB_PORTS}
    reader = Story(folder, environment, {**here, "8088": str(free_port), **WITHOUT_WAITING})
    yield reader
    reader.close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_a_reader_does_what_the_document_says(document: Path, story: Story, slb: EmulatorProcess) -> None:
    story.tell(snippets(document))
    assert not story.unused(), "files that nothing uses"
    assert ("SetBackendServers" in slb.actions()) == (name_of(document) in WRITING)
    out = {server for name in LOAD_BALANCERS for server, weight in slb.weights(name).items() if weight == 0}
    assert out == LEFT_OUT.get(name_of(document), set())


@pytest.mark.parametrize("snippet", ALL, ids=lambda snippet: f"{name_of(snippet.document)}:{snippet.line}")
def test_a_snippet_says_what_it_is(snippet: Snippet) -> None:
    assert snippet.kind, "mark it as a file, as tasks or as shown (see snippets.py)"
    assert snippet.kind != "shown" or snippet.argument, "say why it is only shown"


def test_no_reason_outlives_its_command() -> None:
    unused = [pattern for pattern in NOT_HERE if not any(re.fullmatch(pattern, command.line) for command in COMMANDS)]
    assert not unused


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.words[0] == "make"], ids=str)
def test_a_target_of_make_exists(command: Command) -> None:
    assert re.search(rf"^{command.words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
