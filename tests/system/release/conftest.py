# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import project
import pytest
import workspace
from checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """The files of this checkout, committed to a repository of their own, with a change to release."""
    folder = workspace.refresh(tmp_path / "checkout")
    # .gitignore has it as a folder, which a link is not.
    with (folder / ".git" / "info" / "exclude").open("a", encoding="utf-8") as exclude:
        exclude.write("/.venv\n")
    (folder / ".venv").symlink_to(project.ROOT / ".venv")
    made = Checkout(folder)
    made.write("changelogs/fragments/trial.yml", "---\nminor_changes:\n  - a change for a trial.\n")
    made.commit()
    return made
