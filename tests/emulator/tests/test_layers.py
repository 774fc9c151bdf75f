# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which part of the package imports which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import slb_emulator

PACKAGE = Path(slb_emulator.__file__).parent
MAY_IMPORT = {
    "core": {"core"},
    "api": {"api", "core"},
    "http": {"http", "api", "core"},
    "data_plane": {"data_plane", "core"},
}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_is_below_it(part: str) -> None:
    imported = {
        (*file.relative_to(PACKAGE).parts[: -node.level], *(node.module or "").split("."))[0]
        for file in (PACKAGE / part).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    }
    assert part in imported
    assert imported <= MAY_IMPORT[part]
