# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What README.md shows: what must work, and what a tool has measured."""

from __future__ import annotations

import re

import project

README = project.ROOT / "README.md"
MARK = "<!-- file: first.yml -->"


def first_playbook() -> str:
    """The YAML block that follows the mark."""
    text = README.read_text(encoding="utf-8")
    found = re.search(re.escape(MARK) + r"\s*```ya?ml\n(.*?)```", text, re.DOTALL)
    if not found:
        raise ValueError(f"README.md has no YAML block after {MARK}")
    return found.group(1)


def replace(name: str, content: str) -> None:
    """Put the content between the comments ``name: begin`` and ``name: end``, each on a line of its own."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = README.read_text(encoding="utf-8")
    before, found, rest = text.partition(f"{begin}\n")
    _old, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise ValueError(f"README.md has no {begin} with {end} after it")
    README.write_text(f"{before}{begin}\n{content}\n{end}{after}", encoding="utf-8")
