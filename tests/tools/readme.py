# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that README.md shows first."""

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
