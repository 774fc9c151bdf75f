# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links to the files of the repository lead somewhere."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import project
import pytest
import workspace
from markdown_it import MarkdownIt

DOCUMENTS = sorted(name for name in workspace.source_files() if name.suffix == ".md" and name.name != "CHANGELOG.md")


def targets(document: Path) -> t.Iterator[str]:
    """The files that a document links to, as it names them."""
    for block in MarkdownIt().parse(document.read_text(encoding="utf-8")):
        for token in block.children or []:
            place = str(token.attrGet("href") or token.attrGet("src") or "")
            if place and "://" not in place and not place.startswith("#"):
                yield place.partition("#")[0]


@pytest.mark.parametrize("name", DOCUMENTS, ids=str)
def test_links_of_a_document(name: Path) -> None:
    document = project.ROOT / name
    missing = [target for target in targets(document) if not (document.parent / target).exists()]
    assert not missing


def test_links_of_the_reference_to_guides() -> None:
    pattern = re.compile(r"https://github\.com/aliyun-community/slb/blob/main/(\S+?)[\s)>]")
    sources = [*(project.ROOT / "plugins").rglob("*.py"), *(project.ROOT / "roles").rglob("argument_specs.yml")]
    linked = {link for source in sources for link in pattern.findall(source.read_text(encoding="utf-8"))}
    assert "docs/docsite/rst/credentials_guide.rst" in linked
    assert not [link for link in linked if not (project.ROOT / link).is_file()]
