# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""README.md lists what is there, and the versions that are tested."""

from __future__ import annotations

import re

import ansible_core
import project
import pytest

README = (project.ROOT / "README.md").read_text(encoding="utf-8")
CONTENT = [
    *(project.ROOT / "plugins" / "modules").glob("slb_*.py"),
    *(project.ROOT / "plugins" / "inventory").glob("*.py"),
    *(project.ROOT / "roles").glob("*"),
    *(project.ROOT / "playbooks").glob("*.yml"),
]
GUIDES = list((project.ROOT / "docs" / "docsite" / "rst").glob("*.rst"))


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## )", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found.group(1)


@pytest.mark.parametrize("name", sorted({path.stem for path in CONTENT}))
def test_included_content_has_a_row_for_each_plugin_role_and_playbook(name: str) -> None:
    assert re.search(rf"^\| \[?`{name}`", section("Included content"), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(path.name for path in GUIDES))
def test_included_content_links_to_each_guide(name: str) -> None:
    assert f"(docs/docsite/rst/{name})" in section("Included content")


def test_tested_with_has_the_lines_of_ansible_core_that_are_supported() -> None:
    rows = re.findall(r"^\| (2\.[\d., ]+) \| (3\.\d+) to (3\.\d+) \|$", section("Tested with"), re.MULTILINE)
    named = {line: (first, last) for lines, first, last in rows for line in lines.split(", ")}
    assert named == {line.name: (line.pythons[0], line.pythons[-1]) for line in ansible_core.SUPPORTED}
